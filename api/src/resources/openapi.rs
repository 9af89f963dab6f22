//! `/openapi.json`: the description of the API.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::openapi::openapi;

static BYTES: LazyLock<Bytes> = LazyLock::new(|| openapi().to_string().into());

/// The same for everybody.
pub(crate) async fn read() -> Response {
    ([(CONTENT_TYPE, "application/json")], BYTES.clone()).into_response()
}
