//! `/commands/{id}`.

use std::time::Duration;

use axum::http::Method;
use connectors::gateway::GatewayError;
use schemas::{CommandAccepted, CommandFailed, Outcome};
use serde_json::json;
use topology::trace::Trace;
use uuid::Uuid;

use crate::support::{Answer, World, accepted, rejected, web};

#[tokio::test]
async fn should_answer_202_after_the_deadline_and_say_where_to_look() {
    let world = World::with(|limits| limits.outcome_wait = Duration::from_millis(30));
    world.ticket(1, "one");
    world.log.decide(|_| Answer::Silence);
    let reply = world.send("ada", Method::PATCH, "/tickets/WEB-1", json!({ "title": "x" })).await;
    assert_eq!(reply.status.as_u16(), 202);
    let id = world.log.only().command_id();
    assert_eq!(reply.header("location"), format!("/commands/{id}"));
    assert_eq!(reply.json(), json!({ "commandId": id, "status": "pending" }));
    world.get("ada", &format!("/commands/{id}")).await.problem(404, "command_not_found");
    world.log.set_pending(id);
    assert_eq!(world.get("ada", &format!("/commands/{id}")).await.json()["status"], "pending");
}

#[tokio::test]
async fn should_look_a_moment_longer_for_the_outcome_of_a_command_that_another_process_took() {
    let world = World::with(|limits| limits.command_wait = Duration::from_mins(1));
    let id = Uuid::from_u128(1);
    let outcome = CommandAccepted { command_id: id, project_id: Some(web()), ..CommandAccepted::default() };
    let path = format!("/commands/{id}");
    let asked = world.get("ada", &path);
    // Runs once the question above has not found it and waits.
    let decided = async { world.model.tables().outcomes.push(Outcome::Accepted(outcome)) };
    let (reply, ()) = tokio::join!(asked, decided);
    assert_eq!(reply.json()["status"], "accepted");
}

#[tokio::test]
async fn should_promise_nothing_before_the_log_has_the_command() {
    let world = World::with(|limits| limits.outcome_wait = Duration::from_millis(30));
    world.log.decide(|_| Answer::Nothing);
    let reply = world.send("ada", Method::POST, "/projects/WEB/tickets", json!({ "title": "x" })).await;
    reply.problem(503, "unavailable");
    assert_eq!(reply.header("retry-after"), "1");
    world.log.decide(|_| Answer::Refused(GatewayError::Closed("disk of broker 7 is full".to_owned())));
    let reply = world.send("ada", Method::POST, "/projects/WEB/tickets", json!({ "title": "x" })).await;
    reply.problem(503, "unavailable");
    assert!(!reply.text.contains("disk"), "the cause is for the log only: {}", reply.text);
}

#[tokio::test]
async fn should_answer_202_with_the_ids_when_only_the_read_model_is_late() {
    let world = World::new();
    world.model.lagging.store(true, std::sync::atomic::Ordering::SeqCst);
    world.log.decide(|command| Answer::Outcome(accepted(command, 9)));
    let reply = world.send("ada", Method::POST, "/projects/WEB/tickets", json!({ "title": "x" })).await;
    assert_eq!(reply.status.as_u16(), 202);
    assert_eq!(reply.json()["status"], "accepted");
    assert_eq!(reply.json()["result"]["code"], "WEB-9");
    assert_eq!(reply.header("syncroboard-sequence"), format!("{}:8", web()));
}

#[tokio::test]
async fn should_tell_of_a_command_that_failed_but_not_why() {
    let world = World::new();
    let id = Uuid::from_u128(2);
    let failed = CommandFailed { command_id: id, reason: "stack trace".to_owned(), ..CommandFailed::default() };
    world.model.tables().outcomes.push(Outcome::Failed(failed));
    let reply = world.get("bob", &format!("/commands/{id}")).await;
    assert_eq!(reply.json(), json!({ "commandId": id, "status": "failed" }));
}

#[tokio::test]
async fn should_hand_the_callers_trace_on_with_a_command_and_ignore_one_that_is_malformed() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let world = World::new();
    let headers = [("traceparent", PARENT), ("tracestate", "vendor=1")];
    let (path, body) = ("/projects/WEB/tickets", json!({ "title": "x" }));
    world.log.decide(|command| Answer::Outcome(rejected(command, "key_taken", &[])));
    world.send_with("ada", Method::POST, path, body.clone(), &headers).await;
    let headers = headers.map(|(name, value)| (name, Some(value.as_bytes())));
    assert_eq!(world.log.trace(), Trace::of(headers.into_iter()));
    let malformed = [("traceparent", &PARENT[1..]), ("tracestate", "vendor=1")];
    world.send_with("ada", Method::POST, path, body, &malformed).await;
    assert_eq!((world.log.trace(), world.log.sent().len()), (Trace::none(), 2));
}
