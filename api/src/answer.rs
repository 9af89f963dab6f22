//! Successful answers: a resource with its version, its place and the consistency token.

use axum::Json;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemas::CommandAccepted;
use serde::Serialize;

use crate::submit::mark_sequence;

/// A response being put together.
pub(crate) struct Answer(Response);

impl Answer {
    /// 200 with a resource.
    pub(crate) fn ok(body: impl Serialize) -> Self {
        Self(Json(body).into_response())
    }

    /// 201 with a resource and where it is.
    pub(crate) fn created(body: impl Serialize, location: &str) -> Self {
        Self((StatusCode::CREATED, Json(body)).into_response()).with(LOCATION, location)
    }

    /// 202 with what will be, and where.
    pub(crate) fn accepted(body: impl Serialize, location: &str) -> Self {
        Self((StatusCode::ACCEPTED, Json(body)).into_response()).with(LOCATION, location)
    }

    /// 204.
    pub(crate) fn no_content() -> Self {
        Self(StatusCode::NO_CONTENT.into_response())
    }

    /// Sets the version as `ETag`.
    pub(crate) fn version(self, version: i64) -> Self {
        self.with(ETAG, &format!("\"{version}\""))
    }

    /// Sets the consistency token of the write that this answers.
    pub(crate) fn after(mut self, accepted: &CommandAccepted) -> Self {
        mark_sequence(&mut self.0, accepted);
        self
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.0
    }
}
