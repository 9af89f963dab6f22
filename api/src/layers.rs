//! What happens around every request: an id, metrics, a time limit, panics, and headers that keep browsers careful.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use uuid::Uuid;

use crate::prefer::{Applied, PREFER, PREFERENCE_APPLIED};
use crate::problem::Problem;
use crate::state::AppState;
use crate::traced::Traced;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What JSON may do in a browser: nothing.
const NO_CONTENT_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// The outermost layer.
pub(crate) async fn around(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(&request);
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    if let Ok(value) = HeaderValue::from_str(&id) {
        request.headers_mut().insert(REQUEST_ID, value);
    }
    let applied = request.headers().contains_key(PREFER).then(Applied::default);
    if let Some(applied) = &applied {
        request.extensions_mut().insert(applied.clone());
    }
    let traced = Traced::begin(&state, &mut request, &id, method, &route);
    let span = traced.log_span(&id, method, &route);
    let mut response = guarded(&state, request, next).instrument(span.clone()).await;
    let took = begun.elapsed();
    state.metrics().request(&route, method, response.status().as_str(), took);
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), took_us = took.as_micros(), "answered"));
    traced.end(response.status());
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    if let Some(value) = applied.as_ref().and_then(Applied::header) {
        headers.insert(PREFERENCE_APPLIED, value.clone());
    }
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NO_CONTENT_POLICY));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The client's own id if it is short and printable, or a new one.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    given.filter(|id| (1..=128).contains(&id.len())).map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// Metrics must not grow with what clients make up.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Ends a request that takes too long, and one that panics, with a problem. Neither says more than that.
async fn guarded(state: &AppState, request: Request, next: Next) -> Response {
    let mut answer = Box::pin(next.run(request));
    let caught = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(response)) => Poll::Ready(response),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Poll::Ready(Problem::internal(format!("a handler panicked: {text}")).into_response())
        }
    });
    match tokio::time::timeout(state.limits().request, caught).await {
        Ok(response) => response,
        Err(_) => Problem::timeout().into_response(),
    }
}
