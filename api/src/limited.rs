//! The token bucket of each caller: `RateLimit-Limit`, `-Remaining` and `-Reset` on every answer, and 429 with `Retry-After` when it is empty.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use connectors::rate_limit::Grant;

use crate::auth::{Caller, Visitor};
use crate::problem::Problem;
use crate::state::AppState;

pub(crate) const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
pub(crate) const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
pub(crate) const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// What watches over this process asks here, whatever token it sends along: it must not be taken for dead because somebody is busy.
const NEVER: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Whoever has no valid token is turned away by the handler, which costs nothing.
pub(crate) async fn limited(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Some(limiter) = state.rate_limiter().filter(|_| !NEVER.contains(&request.uri().path())) else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    // Pages know people by their cookie.
    let identity = match Caller::from_request_parts(&mut parts, &state).await {
        Ok(Caller(identity)) => Some(identity),
        Err(_) => {
            let Ok(Visitor(identity)) = Visitor::from_request_parts(&mut parts, &state).await;
            identity
        }
    };
    let request = Request::from_parts(parts, body);
    let Some(identity) = identity else { return next.run(request).await };
    let grant = limiter.take(identity.user_id).await;
    let mut response = if grant.allowed {
        next.run(request).await
    } else {
        Problem::rate_limited(seconds(grant.retry_after)).into_response()
    };
    say(&mut response, &grant);
    response
}

fn say(response: &mut Response, grant: &Grant) {
    let headers = response.headers_mut();
    headers.insert(LIMIT, HeaderValue::from(grant.limit));
    headers.insert(REMAINING, HeaderValue::from(grant.remaining));
    headers.insert(RESET, HeaderValue::from(seconds(grant.full_in)));
}

/// Whole ones, rounded up.
fn seconds(time: std::time::Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
