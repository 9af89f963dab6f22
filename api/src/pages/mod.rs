//! The pages: rendered on the server, without script, for reading only, but for the one that unsubscribes.
//!
//! Everything people wrote is escaped by the template engine, and the Content-Security-Policy lets a browser load this
//! server's one style sheet and icon and nothing else, so that whatever slipped through could still do nothing.

pub(crate) mod assets;
pub(crate) mod board;
pub(crate) mod docs;
pub(crate) mod home;
pub(crate) mod mails;
pub(crate) mod own_mails;
pub(crate) mod sign_in;
mod templates;
mod text;
pub(crate) mod ticket;
pub(crate) mod unsubscribe;

use axum::extract::{OriginalUri, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
pub(crate) use templates::Templates;

use crate::auth::{Identity, Visitor};
use crate::problem::Problem;
use crate::state::AppState;

/// Why a page shows something else than what was asked for.
pub(crate) enum Instead {
    /// The visitor has to sign in.
    SignIn,
    /// There is no such thing, or not for this visitor.
    NotFound,
    /// Something went wrong.
    Failed(Problem),
}

impl<E> From<E> for Instead
where
    Problem: From<E>,
{
    fn from(error: E) -> Self {
        let problem = Problem::from(error);
        if problem.status() == StatusCode::NOT_FOUND { Self::NotFound } else { Self::Failed(problem) }
    }
}

/// A request for a page: who looks, and with which query.
pub(crate) struct Visit {
    pub(crate) state: AppState,
    visitor: Visitor,
    query: Vec<(String, String)>,
    path: String,
    secure: bool,
}

impl axum::extract::FromRequestParts<AppState> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        let query = Query::from_request_parts(parts, state).await.map(|Query(pairs)| pairs).unwrap_or_default();
        let OriginalUri(uri) = OriginalUri::from_request_parts(parts, state).await?;
        let secure = came_over_tls(&parts.headers);
        Ok(Self { state: state.clone(), visitor, query, path: uri.path().to_owned(), secure })
    }
}

/// A proxy says so; this server itself speaks plain HTTP.
fn came_over_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"))
}

impl Visit {
    /// The query parameter, if it is there and not empty.
    fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn identity(&self) -> Result<&Identity, Instead> {
        self.visitor.0.as_deref().ok_or(Instead::SignIn)
    }

    /// Renders a page. A token in the query is first exchanged for the cookie, on the same path without it.
    async fn page<'a, F>(&'a self, render: impl FnOnce(&'a Self) -> F) -> Response
    where
        F: Future<Output = Result<Response, Instead>> + 'a,
    {
        if let Some(token) = self.param("token") {
            return sign_in::exchange(self, token);
        }
        match render(self).await {
            Ok(response) => response,
            Err(Instead::SignIn) => sign_in::page(&self.state, None),
            Err(Instead::NotFound) => nothing_here(&self.state),
            Err(Instead::Failed(problem)) => not_now(&self.state, problem),
        }
    }
}

fn nothing_here(state: &AppState) -> Response {
    let text = "There is no such page, or it is not one that you can see.";
    state.templates().message(StatusCode::NOT_FOUND, "Nothing here", text)
}

fn not_now(state: &AppState, problem: Problem) -> Response {
    let status = problem.status();
    // Logs what the visitor does not get to see.
    drop(problem.into_response());
    state.templates().message(status, "Not now", "Something is not working. Try again in a moment.")
}
