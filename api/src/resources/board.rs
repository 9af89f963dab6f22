//! `/projects/{id}/board`.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::etag;
use crate::extract::{Path, Reader};
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
    let mut response = Response::new(Body::from(board.body().clone()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let tag = HeaderValue::try_from(format!("\"{}\"", board.sequence())).map_err(Problem::internal)?;
    response.headers_mut().insert(ETAG, tag);
    Ok(etag::conditional(&headers, response))
}
