//! `POST /verify`: has the server hold its stream threads and compare stores and read model with the event log.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::extract::Reader;
use crate::outcome_view::Verified;
use crate::problem::Problem;
use crate::state::AppState;

/// For administrators. The answer begins at once and ends when the work has: `{ differences: [..] }`, or `{ error }` if it
/// could not be done; it may take longer than a request otherwise may.
pub(crate) async fn create(State(state): State<AppState>, reader: Reader) -> Result<Response, Problem> {
    if !reader.identity.admin {
        return Err(Problem::forbidden("forbidden", "only an administrator may have the server verify itself"));
    }
    let verification = state.verify();
    let body = stream::once(async move {
        let answer = match verification.await {
            Ok(differences) => Verified::Differences(differences),
            Err(error) => Verified::Error(error),
        };
        serde_json::to_string(&answer)
    });
    Ok(([(CONTENT_TYPE, "application/json")], Body::from_stream(body)).into_response())
}
