//! What goes wrong beside a resource: faults of the parts.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use crate::support::{Answer, World};

#[tokio::test]
async fn should_keep_faults_of_the_parts_to_the_log() {
    let world = World::new();
    world.model.down.store(true, Ordering::SeqCst);
    let reply = world.get("ada", "/projects").await;
    reply.problem(503, "unavailable");
    assert!(!reply.text.contains("secret.db"));
    world.model.down.store(false, Ordering::SeqCst);
    world.log.decide(|_| Answer::Panic);
    let reply = world.send("ada", Method::POST, "/projects/WEB/tickets", json!({ "title": "x" })).await;
    reply.problem(500, "internal");
    assert!(!reply.text.contains("inside"));
}

#[tokio::test]
async fn should_say_of_webhooks_that_their_database_is_away_and_not_where_it_is() {
    let world = World::new();
    world.model.tables().members[0].role = "maintainer".to_owned();
    let id = uuid::Uuid::nil();
    for (method, path) in [
        (Method::GET, "/webhooks".to_owned()),
        (Method::POST, "/webhooks".to_owned()),
        (Method::GET, "/projects/WEB/webhooks".to_owned()),
        (Method::DELETE, format!("/webhooks/{id}")),
        (Method::POST, format!("/webhooks/{id}/secret")),
        (Method::GET, format!("/webhooks/{id}/deliveries")),
        (Method::GET, format!("/webhooks/{id}/deliveries/{id}")),
        (Method::POST, format!("/webhooks/{id}/deliveries/{id}/replay")),
    ] {
        let given = method == Method::POST && path == "/webhooks";
        let body = if given { json!({ "url": "https://example.org/" }) } else { serde_json::Value::Null };
        let reply = world.send("ada", method, &path, body).await;
        reply.problem(503, "unavailable");
        assert_eq!(reply.header("retry-after"), "1", "{path}");
        assert!(!reply.text.contains("10.0.0.7"), "{}", reply.text);
    }
}

#[tokio::test]
async fn should_end_a_request_that_takes_too_long() {
    let world = World::with(|limits| {
        limits.request = Duration::from_millis(30);
        limits.outcome_wait = Duration::from_mins(1);
    });
    let reply = world.send("ada", Method::POST, "/projects/WEB/tickets", json!({ "title": "x" })).await;
    reply.problem(504, "timeout");
}
