//! The browser's session: the token in a cookie that only the read-only pages look at.

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::sync::Arc;

use super::token::Identity;
use crate::state::AppState;

/// Name of the cookie.
pub(crate) const SESSION_COOKIE: &str = "syncroboard_session";

/// Who looks at a page; none if there is no valid cookie, or they are deactivated.
#[derive(Debug, Clone)]
pub(crate) struct Visitor(pub(crate) Option<Arc<Identity>>);

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let cookies = parts.headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
        let token = cookies
            .flat_map(|header| header.split(';'))
            .find_map(|pair| pair.trim().strip_prefix(SESSION_COOKIE)?.strip_prefix('='));
        let Some(identity) = token.and_then(|token| state.verified(token).ok()) else { return Ok(Self(None)) };
        let deactivated = state.is_deactivated(identity.user_id).await;
        Ok(Self((!deactivated).then_some(identity)))
    }
}

/// The `Set-Cookie` that keeps `token` for the pages; `secure` if the page came over TLS. Lives as long as the browser.
pub(crate) fn session_cookie(token: &str, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}")).ok()
}
