//! `/projects/{id}/board`.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::extract::Reader;
use crate::problem::Problem;
use crate::state::AppState;

/// The board; its `ETag` is the project's sequence. A column's `nextCursor` goes on in
/// `/projects/{id}/tickets?status=...&cursor=...`.
pub(crate) async fn read(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    reader: Reader,
) -> Result<Response, Problem> {
    let board = state.boards().read(&state, &reader, &id).await?;
    let version = format!("\"{}\"", board.sequence());
    let seen = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if seen.trim() == version {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let mut response = Response::new(Body::from(board.body().clone()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(ETAG, HeaderValue::try_from(version).map_err(Problem::internal)?);
    Ok(response)
}
