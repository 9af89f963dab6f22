//! What goes wrong before or beside a resource: bodies, paths, limits, faults of the parts.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{Answer, World};

#[tokio::test]
async fn should_say_where_a_body_is_wrong() {
    let world = World::new();
    let post = async |body: &str| {
        let request = Request::post("/projects/WEB/tickets")
            .header("authorization", format!("Bearer {}", world.token("ada")))
            .header("content-type", "application/json; charset=utf-8");
        world.request(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let problem = post("{\"title\": \"x\",\n  oops}").await.problem(400, "json_invalid");
    assert!(problem["detail"].as_str().unwrap().contains("line 2 column 3"), "{problem}");
    post("[]").await.problem(400, "json_invalid");
    post("\"x").await.problem(400, "json_invalid");
    let problem = post("{\"titel\": \"x\", \"title\": \"y\"}").await.problem(422, "field_unknown");
    assert_eq!(problem["field"], "titel");
    let problem = post("{\"title\": 7}").await.problem(422, "field_invalid");
    assert_eq!((&problem["field"], &problem["detail"]), (&json!("title"), &json!("`title` must be a string")));
    post("").await.problem(422, "field_missing");
    assert!(world.log.sent().is_empty());
}

#[tokio::test]
async fn should_take_json_only_and_not_too_much_of_it() {
    let world = World::with(|limits| limits.body_bytes = 100);
    let post = async |kind: &str, body: String| {
        let request = Request::post("/projects/WEB/tickets")
            .header("authorization", format!("Bearer {}", world.token("ada")))
            .header("content-type", kind);
        world.request(request.body(Body::from(body)).unwrap()).await
    };
    post("text/plain", "{}".to_owned()).await.problem(415, "media_type");
    post("application/json", json!({ "title": "x".repeat(100) }).to_string()).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn should_answer_problems_for_paths_and_methods_that_are_not_there() {
    let world = World::new();
    world.get("ada", "/no/such/thing").await.problem(404, "not_found");
    let reply = world.send("ada", Method::DELETE, "/projects", Value::Null).await;
    reply.problem(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), "GET,HEAD,POST");
}

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
async fn should_end_a_request_that_takes_too_long() {
    let world = World::with(|limits| {
        limits.request = Duration::from_millis(30);
        limits.outcome_wait = Duration::from_mins(1);
    });
    let reply = world.send("ada", Method::POST, "/projects/WEB/tickets", json!({ "title": "x" })).await;
    reply.problem(504, "timeout");
}

#[tokio::test]
async fn should_send_careful_headers_and_an_id_with_everything() {
    let world = World::new();
    for path in ["/projects", "/no/such/thing", "/healthz"] {
        let reply = world.get("ada", path).await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("x-request-id").len(), 36);
    }
    let headers = [("x-request-id", "mine-1")];
    let reply = world.send_with("ada", Method::GET, "/projects", Value::Null, &headers).await;
    assert_eq!(reply.header("x-request-id"), "mine-1");
}
