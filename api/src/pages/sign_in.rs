//! Signing in to the pages: a token, handed over once, becomes a cookie.

use axum::extract::State;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use minijinja::context;

use super::Visit;
use crate::auth::{SESSION_COOKIE, session_cookie};
use crate::state::AppState;

/// The page that asks for a token; `refused` says what was wrong with the last one.
pub(super) fn page(state: &AppState, refused: Option<&str>) -> Response {
    let values = context! { refused => refused.unwrap_or_default(), visitor => "" };
    state.templates().render(StatusCode::UNAUTHORIZED, "sign_in.html", values)
}

/// Keeps a good token in the cookie and goes on to the same path without it, so that it stays out of history and links.
pub(super) fn exchange(visit: &Visit, token: &str) -> Response {
    if let Err(error) = visit.state.verified(token) {
        return page(&visit.state, Some(&error.to_string()));
    }
    let (Some(cookie), Ok(path)) =
        (session_cookie(token, visit.secure), HeaderValue::from_str(same_origin(&visit.path)))
    else {
        return page(&visit.state, Some("the token cannot be kept in a cookie"));
    };
    (StatusCode::SEE_OTHER, [(LOCATION, path), (SET_COOKIE, cookie)]).into_response()
}

/// A path that begins with two slashes would lead to another host.
fn same_origin(path: &str) -> &str {
    if path.starts_with("//") || !path.starts_with('/') { "/" } else { path }
}

/// Forgets the cookie.
pub(crate) async fn sign_out(State(state): State<AppState>) -> Response {
    let mut response = page(&state, None);
    let gone = format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    if let Ok(cookie) = HeaderValue::from_str(&gone) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    *response.status_mut() = StatusCode::OK;
    response
}
