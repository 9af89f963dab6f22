//! The token bucket of each caller.

use api::Readiness;
use axum::body::Body;
use axum::http::{Method, Request};
use connectors::rate_limit::Rate;
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn should_refuse_more_requests_than_a_callers_bucket_has_and_say_when_the_next_one_is_taken() {
    let rate = Rate { per_second: 1, burst: 2 };
    let world = World::limited(|_| {}, Readiness::Ready, Some(rate));
    let get = async |who: &str| world.get(who, "/projects/WEB").await;
    for remaining in ["1", "0"] {
        let reply = get("ada").await;
        assert_eq!((reply.status.as_u16(), reply.header("ratelimit-remaining")), (200, remaining));
        assert_eq!(reply.header("ratelimit-limit"), "2");
    }
    let refused = get("ada").await;
    refused.problem(429, "rate_limited");
    assert_eq!((refused.header("retry-after"), refused.header("ratelimit-remaining")), ("1", "0"));
    assert_eq!(refused.header("ratelimit-reset"), "2");
    assert!(!refused.header("x-request-id").is_empty(), "it is an answer like any other");
    assert_eq!(get("bob").await.status.as_u16(), 200, "everybody has a bucket of their own");
    let written = world.send("ada", Method::POST, "/projects/WEB/tickets", json!({ "title": "x" })).await;
    written.problem(429, "rate_limited");
    assert!(world.log.sent().is_empty());
}

#[tokio::test]
async fn should_count_pages_as_requests_of_whoever_looks_at_them() {
    let world = World::limited(|_| {}, Readiness::Ready, Some(Rate { per_second: 1, burst: 1 }));
    assert_eq!(world.get("ada", "/projects/WEB").await.header("ratelimit-remaining"), "0");
    let cookie = format!("syncroboard_session={}", world.token("ada"));
    let page = Request::get("/p/WEB").header("cookie", cookie).body(Body::empty()).unwrap();
    world.request(page).await.problem(429, "rate_limited");
}

/// Whoever watches over the process may send a token along that is also used for other things.
#[tokio::test]
async fn should_tell_how_it_is_without_limit() {
    let world = World::limited(|_| {}, Readiness::Ready, Some(Rate { per_second: 1, burst: 1 }));
    assert_eq!(world.get("ada", "/projects/WEB").await.header("ratelimit-remaining"), "0");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(world.get("ada", path).await.status.as_u16(), 200, "{path}");
    }
}
