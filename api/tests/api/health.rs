//! `/healthz` and `/readyz` where something is missing.

use std::sync::Arc;

use api::{Monitoring, Readiness};
use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt;

use crate::support::{Reply, World};

async fn anonymous(world: &World, path: &str) -> Reply {
    world.request(Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn should_tell_alive_from_ready() {
    let world = World::build(|_| {}, Readiness::NotReady("3 of 4 tasks have their state".to_owned()));
    assert_eq!(anonymous(&world, "/healthz").await.status.as_u16(), 200);
    let problem = anonymous(&world, "/readyz").await.problem(503, "not_ready");
    assert_eq!(problem["detail"], "3 of 4 tasks have their state");
    assert_eq!(anonymous(&World::new(), "/readyz").await.status.as_u16(), 200);
}

#[tokio::test]
async fn should_be_asked_alone_by_a_process_that_serves_nothing_else() {
    let metrics = prometheus::Registry::new();
    let counter = prometheus::IntCounter::new("things_total", "Things").unwrap();
    metrics.register(Box::new(counter)).unwrap();
    let readiness = Arc::new(|| Readiness::NotReady("2 of 4 tasks restore".to_owned()));
    let router = Monitoring { metrics, readiness }.router();
    for (path, status, part) in [
        ("/healthz", 200, "ok"),
        ("/readyz", 503, "2 of 4 tasks restore"),
        ("/metrics", 200, "things_total 0"),
        ("/projects", 404, ""),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains(part), "{path}: {text}");
    }
}
