//! `/projects` and `/projects/{id}`.

use axum::http::Method;
use serde_json::json;

use crate::support::{Answer, World, rejected, web};

#[tokio::test]
async fn should_answer_rejections_as_problems() {
    let world = World::new();
    for (code, status) in [("key_taken", 409), ("key_invalid", 422), ("not_a_member", 403), ("brand_new_rule", 422)] {
        world.log.decide(move |command| Answer::Outcome(rejected(command, code, &[])));
        let reply = world.send("ada", Method::POST, "/projects", json!({ "key": "W", "name": "x" })).await;
        assert_eq!(reply.problem(status, code)["detail"], format!("because of {code}"));
    }
}

#[tokio::test]
async fn should_wait_for_the_sequence_that_a_reader_has_seen() {
    let world = World::new();
    let token = format!("{}:41", web());
    let headers = [("syncroboard-sequence", token.as_str())];
    let reply = world.send_with("ada", Method::GET, "/projects/WEB", json!(null), &headers).await;
    assert_eq!(reply.status.as_u16(), 200);
    assert_eq!(world.model.tables().waits, [(web(), 41)]);
    world.model.lagging.store(true, std::sync::atomic::Ordering::SeqCst);
    let reply = world.send_with("ada", Method::GET, "/projects/WEB", json!(null), &headers).await;
    reply.problem(503, "unavailable");
}
