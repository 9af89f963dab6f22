//! `/commands/{id}`.

use std::time::Duration;

use axum::http::Method;
use connectors::gateway::GatewayError;
use schemas::{CommandAccepted, CommandFailed, Outcome};
use serde_json::json;
use topology::trace::Trace;
use uuid::Uuid;

use crate::support::{Answer, World, rejected, web};

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
    let accepted = CommandAccepted { command_id: id, project_id: Some(web()), ..CommandAccepted::default() };
    let path = format!("/commands/{id}");
    let asked = world.get("ada", &path);
    // Runs once the question above has not found it and waits.
    let decided = async { world.model.tables().outcomes.push(Outcome::Accepted(accepted)) };
    let (reply, ()) = tokio::join!(asked, decided);
    assert_eq!(reply.json()["status"], "accepted");
}

#[tokio::test]
async fn should_answer_202_at_once_to_those_who_prefer_it() {
    let world = World::new();
    let headers = [("prefer", "respond-async")];
    let body = json!({ "title": "x" });
    let reply = world.send_with("ada", Method::POST, "/projects/WEB/tickets", body, &headers).await;
    assert_eq!(reply.status.as_u16(), 202);
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
    world.log.decide(|command| Answer::Outcome(crate::support::accepted(command, 9)));
    let reply = world.send("ada", Method::POST, "/projects/WEB/tickets", json!({ "title": "x" })).await;
    assert_eq!(reply.status.as_u16(), 202);
    assert_eq!(reply.json()["status"], "accepted");
    assert_eq!(reply.json()["result"]["code"], "WEB-9");
    assert_eq!(reply.header("syncroboard-sequence"), format!("{}:8", web()));
}

#[tokio::test]
async fn should_make_the_same_command_of_the_same_idempotency_key() {
    let world = World::new();
    world.log.decide(|command| Answer::Outcome(rejected(command, "title_empty", &[])));
    let headers = [("idempotency-key", "order 66")];
    for (who, body) in [("ada", "x"), ("ada", "x"), ("bob", "x")] {
        let body = json!({ "title": body });
        world.send_with(who, Method::POST, "/projects/WEB/tickets", body, &headers).await;
    }
    let ids: Vec<Uuid> = world.log.sent().iter().map(schemas::TicketCommand::command_id).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2], "another person's key is another key");
}

#[tokio::test]
async fn should_notice_a_key_that_was_used_for_another_kind_of_request() {
    let world = World::new();
    world.ticket(1, "one");
    world.log.decide(|command| match crate::support::accepted(command, 1) {
        Outcome::Accepted(mut first) => {
            first.command_type = "CreateTicket".to_owned();
            Answer::Outcome(Outcome::Accepted(first))
        }
        other => Answer::Outcome(other),
    });
    let headers = [("idempotency-key", "1")];
    let reply = world.send_with("ada", Method::DELETE, "/tickets/WEB-1", json!(null), &headers).await;
    reply.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn should_show_outcomes_but_nothing_of_a_project_one_cannot_see() {
    let world = World::new();
    let (accepted, failed) = (Uuid::from_u128(1), Uuid::from_u128(2));
    world.model.tables().outcomes = vec![
        Outcome::Accepted(CommandAccepted {
            command_id: accepted,
            project_id: Some(web()),
            ..CommandAccepted::default()
        }),
        Outcome::Failed(CommandFailed {
            command_id: failed,
            reason: "stack trace".to_owned(),
            ..CommandFailed::default()
        }),
    ];
    let reply = world.get("bob", &format!("/commands/{accepted}")).await;
    assert_eq!(reply.json()["status"], "accepted");
    world.get("eve", &format!("/commands/{accepted}")).await.problem(404, "command_not_found");
    let reply = world.get("bob", &format!("/commands/{failed}")).await;
    assert_eq!(reply.json(), json!({ "commandId": failed, "status": "failed" }));
    world.get("bob", "/commands/not-an-id").await.problem(404, "command_not_found");
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
