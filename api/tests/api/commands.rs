//! `/commands/{id}`.

use std::time::Duration;

use axum::http::Method;
use connectors::gateway::GatewayError;
use schemas::{CommandAccepted, CommandFailed, Outcome};
use serde_json::json;
use tokio::sync::oneshot;
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

const KEYED: [(&str, &str); 1] = [("idempotency-key", "a")];

async fn keyed(world: &World, path: &str, title: &str) -> crate::support::Reply {
    world.send_with("ada", Method::POST, path, json!({ "title": title }), &KEYED).await
}

/// The outcome of a ticket's creation, as the processor would remember it.
fn remembered(command: &schemas::TicketCommand, fingerprint: Option<i64>) -> Outcome {
    let Outcome::Accepted(first) = accepted(command, 1) else { unreachable!("it is accepted") };
    Outcome::Accepted(CommandAccepted { fingerprint, ..first })
}

#[tokio::test]
async fn should_refuse_a_second_request_with_a_key_while_the_first_is_under_way() {
    let world = World::new();
    world.ticket(1, "one");
    let (let_come, comes) = oneshot::channel();
    let mut comes = Some(comes);
    world.log.decide(move |_| comes.take().map_or(Answer::Silence, Answer::Later));
    let path = "/projects/WEB/tickets";
    let first = keyed(&world, path, "one");
    let second = async {
        let refused = keyed(&world, path, "one").await;
        refused.problem(409, "request_in_flight");
        assert_eq!(refused.header("retry-after"), "1");
        let command = world.log.only();
        let_come.send(remembered(&command, world.log.fingerprint())).expect("the first waits");
        command
    };
    let (first, command) = tokio::join!(first, second);
    assert_eq!(first.status.as_u16(), 201, "{}", first.text);
    let again = Outcome::with_duplicate(remembered(&command, world.log.fingerprint()), true);
    world.log.decide(move |_| Answer::Outcome(again.clone()));
    assert_eq!(keyed(&world, path, "one").await.status.as_u16(), 201, "it is over");
}

#[tokio::test]
async fn should_refuse_the_answer_to_another_request_with_the_same_key() {
    let world = World::new();
    world.ticket(1, "one");
    let path = "/projects/WEB/tickets";
    world.log.decide(|command| Answer::Outcome(accepted(command, 1)));
    assert_eq!(keyed(&world, path, "one").await.status.as_u16(), 201);
    let first = world.log.fingerprint();
    assert!(first.is_some());
    world.log.decide(move |command| Answer::Outcome(remembered(command, first).with_duplicate(true)));
    assert_eq!(keyed(&world, path, "one").await.status.as_u16(), 201);
    keyed(&world, path, "two").await.problem(422, "idempotency_key_reused");
    keyed(&world, "/projects/WEB/tickets?x", "one").await.problem(422, "idempotency_key_reused");
    // What was decided in another project, or is of another kind, before there were fingerprints.
    let elsewhere = |kind: &'static str, project| {
        move |command: &schemas::TicketCommand| {
            let Outcome::Accepted(first) = remembered(command, None) else { unreachable!("it is accepted") };
            Answer::Outcome(Outcome::Accepted(CommandAccepted {
                command_type: kind.to_owned(),
                project_id: project,
                ..first
            }))
        }
    };
    world.log.decide(elsewhere("CreateTicket", Some(Uuid::from_u128(1))));
    keyed(&world, path, "one").await.problem(422, "idempotency_key_reused");
    world.log.decide(elsewhere("DeleteTicket", Some(web())));
    keyed(&world, path, "one").await.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn should_send_nothing_that_the_read_model_knows_to_be_another_request() {
    let world = World::new();
    world.ticket(1, "one");
    world.log.decide(|command| Answer::Outcome(accepted(command, 1)));
    keyed(&world, "/projects/WEB/tickets", "one").await;
    let (command, fingerprint) = (world.log.only(), world.log.fingerprint());
    let know = |first: Outcome| world.model.tables().outcomes = vec![first];
    let other = async || keyed(&world, "/projects/OTHER/tickets", "one").await;
    know(decided(&command, fingerprint, now_ms()));
    other().await.problem(422, "idempotency_key_reused");
    assert_eq!(world.log.sent().len(), 1);
    assert_eq!(keyed(&world, "/projects/WEB/tickets", "one").await.status.as_u16(), 201, "the same request");
    // What is decided anew by now, and where there is no answer.
    world.log.decide(|command| Answer::Outcome(rejected(command, "project_not_found", &[])));
    know(decided(&command, fingerprint, now_ms() - 8 * 24 * 3_600_000));
    other().await.problem(404, "project_not_found");
    know(Outcome::Failed(CommandFailed { command_id: command.command_id(), ..CommandFailed::default() }));
    other().await.problem(404, "project_not_found");
    know(decided(&command, fingerprint, now_ms()));
    world.model.silent.store(true, std::sync::atomic::Ordering::SeqCst);
    other().await.problem(404, "project_not_found");
}

fn decided(command: &schemas::TicketCommand, fingerprint: Option<i64>, decided_at: i64) -> Outcome {
    let Outcome::Accepted(first) = remembered(command, fingerprint) else { unreachable!("it is accepted") };
    Outcome::Accepted(CommandAccepted { decided_at, ..first })
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
