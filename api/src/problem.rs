//! What goes wrong is answered as RFC 9457 `application/problem+json`.
//!
//! A [`Problem`] keeps apart what the client sees and what only the log sees.

use std::borrow::Cow;

use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An answer other than success. Small to return: the contents are boxed.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    status: StatusCode,
    body: Body,
    headers: HeaderMap,
    log: Option<String>,
}

/// The members of the problem document, in the order in which they are written.
#[derive(Debug, Clone, Serialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    title: Cow<'static, str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    code: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed: Vec<String>,
}

impl Problem {
    /// A problem with a stable code for programs and a title for people; the title never varies for one code.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        let code = code.into();
        let kind = format!("urn:syncroboard:problem:{code}");
        let body = Body {
            kind,
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            code,
            field: None,
            allowed: Vec::new(),
        };
        Self(Box::new(Inner { status, body, headers: HeaderMap::new(), log: None }))
    }

    /// What happened this time, for people.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.body.detail = Some(detail.into());
        self
    }

    /// The field of the request that is at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.body.field = Some(field.into());
        self
    }

    /// What would have been accepted.
    #[must_use]
    pub fn allowed(mut self, allowed: Vec<String>) -> Self {
        self.0.body.allowed = allowed;
        self
    }

    /// What only the log sees: causes, addresses, names of parts.
    #[must_use]
    pub fn log(mut self, internal: impl std::fmt::Display) -> Self {
        self.0.log = Some(internal.to_string());
        self
    }

    fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.body.code
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, "The request cannot be understood").detail(detail)
    }

    /// 401 with the challenge that RFC 6750 asks for.
    pub fn unauthorized(code: &'static str, detail: impl Into<String>) -> Self {
        let challenge = if code == "token_missing" { "Bearer" } else { "Bearer error=\"invalid_token\"" };
        Self::new(StatusCode::UNAUTHORIZED, code, "A valid bearer token is required")
            .detail(detail)
            .header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 403.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, "Not allowed").detail(detail)
    }

    /// 404 for a thing of some kind (`project`, `ticket`, ...).
    #[must_use]
    pub fn not_found(kind: &'static str, name: &str) -> Self {
        let (code, title) = match kind {
            "project" => ("project_not_found", "There is no such project"),
            "ticket" => ("ticket_not_found", "There is no such ticket"),
            "user" => ("user_unknown", "There is no such user"),
            "member" => ("member_unknown", "There is no such member"),
            "command" => ("command_not_found", "There is no such command"),
            "notification" => ("notification_not_found", "There is no such notification"),
            "webhook" => ("webhook_not_found", "There is no such webhook"),
            "delivery" => ("delivery_not_found", "There is no such delivery"),
            _ => ("not_found", "There is nothing here"),
        };
        // What was asked for is echoed, but not at any length.
        let name: String = name.chars().take(80).collect();
        Self::new(StatusCode::NOT_FOUND, code, title).detail(format!("no {kind} {name:?} that you can see"))
    }

    /// 404 for a path that no route matches.
    #[must_use]
    pub fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here")
    }

    /// 405; the router sets `Allow`.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This resource does not take that method")
    }

    /// 406: the client takes only versions of the interface that there are not.
    #[must_use]
    pub fn version_unknown(known: &str) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "version_unknown", "There is no such version of the interface")
            .detail(format!("there is {known}, which application/json is too"))
    }

    /// 409 with `Retry-After`: the first request with this `Idempotency-Key` has no answer yet.
    #[must_use]
    pub fn in_flight() -> Self {
        Self::new(StatusCode::CONFLICT, "request_in_flight", "The first request with this key is still under way")
            .detail("send it again in a moment: it is done once")
            .retry_after(1)
    }

    /// 428: who replaces the whole of something must have seen it.
    #[must_use]
    pub fn precondition_required() -> Self {
        Self::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required", "Say what is to be replaced")
            .detail("send `If-Match` with the `ETag` that GET gave, or * if whatever is there may be replaced")
    }

    /// 429 with `Retry-After`: the caller has made too many requests.
    #[must_use]
    pub fn rate_limited(retry_after_seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests")
            .detail(format!("the next one is taken in {retry_after_seconds} s"))
            .retry_after(retry_after_seconds)
    }

    /// 413.
    #[must_use]
    pub fn too_large(limit_bytes: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large")
            .detail(format!("at most {limit_bytes} bytes are taken"))
    }

    /// 415.
    #[must_use]
    pub fn media_type(detail: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", "The body has another media type").detail(detail)
    }

    /// 503: the process cannot serve requests yet.
    pub fn not_ready(missing: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "Not ready to serve requests").detail(missing)
    }

    /// 500: the command was dead-lettered.
    #[must_use]
    pub fn command_failed() -> Self {
        let title = "The command could not be processed";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "command_failed", title)
            .detail("it was set aside; an operator can let it be decided again")
    }

    /// 503 with `Retry-After`; the cause goes to the log only.
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "A part that this needs is not available")
            .detail("try again in a moment")
            .retry_after(1)
            .log(cause)
    }

    /// 504: the time for one request is over.
    #[must_use]
    pub fn timeout() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "The answer took too long")
    }

    /// 500; the cause goes to the log only.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here").log(cause)
    }

    /// The title, which is the same for every problem of one code.
    pub(crate) fn title(&self) -> &str {
        &self.0.body.title
    }

    /// The document that is sent.
    pub(crate) fn document(&self) -> serde_json::Value {
        serde_json::to_value(&self.0.body).unwrap_or_default()
    }

    /// The headers that it is sent with, beside those of every answer.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = String> {
        self.0.headers.keys().map(ToString::to_string)
    }

    /// A document as it would be sent, for tests and for lines of a bulk answer.
    #[must_use]
    pub fn detail_text(&self) -> &str {
        self.0.body.detail.as_deref().unwrap_or(&self.0.body.title)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Inner { status, body, headers, log } = *self.0;
        if let Some(log) = log {
            tracing::error!(status = status.as_u16(), code = %body.code, cause = %log, "request failed");
        }
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, json).into_response();
        response.headers_mut().extend(headers);
        let content_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}
