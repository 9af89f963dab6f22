//! Successful answers: a resource with its version, its place and the consistency token.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemas::CommandAccepted;
use serde::Serialize;

use crate::etag;
use crate::problem::Problem;
use crate::submit::mark_sequence;

/// A response being put together.
pub(crate) struct Answer(Response);

impl Answer {
    /// 200 with a resource.
    pub(crate) fn ok(body: impl Serialize) -> Self {
        Self(Json(body).into_response())
    }

    /// 200 with a resource that has versions, and its `ETag`.
    pub(crate) fn versioned(body: impl Serialize, version: i64) -> Result<Self, Problem> {
        let body = serde_json::to_vec(&body).map_err(Problem::internal)?;
        let tag = etag::of_version(version, &body);
        Ok(Self(([(CONTENT_TYPE, "application/json")], body).into_response()).with(ETAG, &tag))
    }

    /// 200 with a resource that has a tag of its own.
    pub(crate) fn tagged(body: impl Serialize, tag: impl std::fmt::Display) -> Self {
        Self::ok(body).with(ETAG, &format!("\"{tag}\""))
    }

    /// 201 with a resource and where it is.
    pub(crate) fn created(body: impl Serialize, location: &str) -> Self {
        Self::ok(body).made(location)
    }

    /// 202 with what will be, and where.
    pub(crate) fn accepted(body: impl Serialize, location: &str) -> Self {
        Self((StatusCode::ACCEPTED, Json(body)).into_response()).with(LOCATION, location)
    }

    /// 204.
    pub(crate) fn no_content() -> Self {
        Self(StatusCode::NO_CONTENT.into_response())
    }

    /// The same as 201, and where it is.
    pub(crate) fn made(mut self, location: &str) -> Self {
        *self.0.status_mut() = StatusCode::CREATED;
        self.with(LOCATION, location)
    }

    /// 304 in the place of what the request has already.
    pub(crate) fn unless_seen(self, request: &HeaderMap) -> Self {
        Self(etag::conditional(request, self.0))
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
