//! The command gateway against a real log, with a hand that plays the pipeline.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use connectors::gateway::{CommandGateway, GatewayError};
use schemas::{CreateTicket, EmbeddedRegistry, Outcome, ReplayRequested, TicketCommand, WebhookCommand, ids, topics};
use support::*;
use topology::broker::{TopicPartition, partition_for_key};
use topology::trace::{SpanContext, TRACEPARENT_HEADER, Trace};
use uuid::Uuid;

fn command(n: u128) -> TicketCommand {
    CreateTicket {
        command_id: Uuid::from_u128(n),
        project_id: ids::project_id("WEB"),
        title: n.to_string(),
        ..CreateTicket::default()
    }
    .into()
}

fn partition() -> u32 {
    partition_for_key(ids::project_id("WEB").to_string().as_bytes(), PARTITIONS)
}

/// The titles of the commands on the log, in order.
fn titles(log: &Log, count: usize) -> Vec<String> {
    let mut reader = log.broker.reader().expect("a reader");
    reader.assign(&[(TopicPartition::new(topics::TICKET_COMMANDS, partition()), 0)]).expect("assigned");
    let mut titles = Vec::new();
    while titles.len() < count {
        for fetched in reader.poll(Duration::from_secs(30)).expect("a poll") {
            for record in &fetched.batch {
                assert_eq!(record.key, Some(ids::project_id("WEB").to_string().as_bytes()));
                match TicketCommand::decode(record.value.expect("a value")).expect("a command") {
                    TicketCommand::CreateTicket(command) => titles.push(command.title),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    titles
}

#[tokio::test]
async fn should_hand_over_what_webhooks_are_to_do_by_the_owners_id_and_wait_for_nothing_more() {
    let log = Log::new();
    let gateway = CommandGateway::open(&log.broker, Arc::new(EmbeddedRegistry)).expect("opened");
    let owner_id = ids::project_id("WEB");
    let command = WebhookCommand::from(ReplayRequested {
        event_id: Uuid::from_u128(1),
        owner_id,
        delivery_id: Uuid::from_u128(2),
        ..ReplayRequested::default()
    });
    gateway.submit_webhook(&command, &Trace::none()).await.expect("submitted");
    assert_eq!(gateway.in_flight(), 0, "it has no outcome");
    let mut reader = log.broker.reader().expect("a reader");
    reader.assign(&[(TopicPartition::new(topics::WEBHOOK_COMMANDS, partition()), 0)]).expect("assigned");
    let fetched = reader.poll(Duration::from_secs(30)).expect("a poll");
    let record = fetched[0].batch.iter().next().expect("a record");
    assert_eq!(record.key, Some(owner_id.to_string().as_bytes()));
    assert_eq!(WebhookCommand::decode(record.value.expect("a value")).expect("a command"), command);
    gateway.close();
}

#[tokio::test]
async fn should_bring_each_command_its_outcome() {
    let log = Log::new();
    let gateway = CommandGateway::open(&log.broker, Arc::new(EmbeddedRegistry)).expect("opened");
    let mut first = gateway.submit(&command(1)).await.expect("submitted");
    let mut second = gateway.submit(&command(2)).await.expect("submitted");
    assert!(gateway.is_pending(Uuid::from_u128(1)));
    let me = gateway.reply_to();
    log.answer(me, accepted(2), partition());
    log.answer(me, accepted(99), partition());
    log.answer(me, accepted(1), partition());
    assert_eq!(first.outcome().await.expect("an outcome"), Outcome::from(accepted(1)));
    assert_eq!(second.outcome().await.expect("an outcome"), Outcome::from(accepted(2)));
    assert_eq!(gateway.in_flight(), 0);
}

#[tokio::test]
async fn should_write_the_trace_of_a_command_beside_who_waits_for_it() {
    let log = Log::new();
    let gateway = CommandGateway::open(&log.broker, Arc::new(EmbeddedRegistry)).expect("opened");
    let mut trace = Trace::none();
    gateway.send(&command(1), &trace, None).expect("taken");
    trace.move_to(SpanContext::new(7, 8, false));
    gateway.send(&command(2), &trace, None).expect("taken").durable().await.expect("durable");
    assert_eq!(titles(&log, 2), ["1", "2"]);
    let mut reader = log.broker.reader().expect("a reader");
    reader.assign(&[(TopicPartition::new(topics::TICKET_COMMANDS, partition()), 0)]).expect("assigned");
    let mut headers = Vec::new();
    while headers.len() < 2 {
        let fetched = reader.poll(Duration::from_secs(30)).expect("a poll");
        headers.extend(fetched.iter().flat_map(|fetched| &fetched.batch).map(|record| record.headers.to_owned()));
    }
    assert!(headers.iter().all(|headers| headers.last(topics::REPLY_TO_HEADER) == Some(gateway.reply_to())));
    assert_eq!(headers[0].last(TRACEPARENT_HEADER), None);
    let parent = b"00-00000000000000000000000000000007-0000000000000008-00";
    assert_eq!(headers[1].last(TRACEPARENT_HEADER), Some(&parent[..]), "it goes on, sampled or not");
}

#[tokio::test]
async fn should_keep_the_order_of_commands_sent_without_waiting() {
    let log = Log::new();
    let gateway = CommandGateway::open(&log.broker, Arc::new(EmbeddedRegistry)).expect("opened");
    let mut sent: Vec<_> =
        (0..5_000).map(|n| gateway.send(&command(n), &Trace::none(), None).expect("taken")).collect();
    for submitted in &mut sent {
        submitted.durable().await.expect("durable");
    }
    assert_eq!(titles(&log, 5_000), (0..5_000).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn should_answer_a_repeat_with_the_outcome_marked_duplicate() {
    let log = Log::new();
    let gateway = CommandGateway::open(&log.broker, Arc::new(EmbeddedRegistry)).expect("opened");
    let mut first = gateway.submit(&command(1)).await.expect("submitted");
    let mut repeat = gateway.submit(&command(1)).await.expect("submitted");
    log.answer(gateway.reply_to(), accepted(1), partition());
    log.answer(gateway.reply_to(), Outcome::from(accepted(1)).with_duplicate(true), partition());
    assert!(!first.outcome().await.expect("an outcome").duplicate());
    assert!(repeat.outcome().await.expect("an outcome").duplicate());
}

#[tokio::test]
async fn should_leave_to_another_gateway_what_that_one_is_told() {
    let log = Log::new();
    let [one, other] = [(); 2].map(|()| CommandGateway::open(&log.broker, Arc::new(EmbeddedRegistry)).expect("opened"));
    assert_ne!(one.reply_to(), other.reply_to());
    // A client that repeated itself at another process: each gets the answer to what it sent.
    let mut first = one.submit(&command(1)).await.expect("submitted");
    let mut again = other.submit(&command(1)).await.expect("submitted");
    log.outcome(accepted(1), partition());
    log.answer(b"a third", accepted(1), partition());
    // Not even looked at.
    log.answer_with(b"a third", Uuid::from_u128(1), b"nobody can read this", partition());
    log.answer(other.reply_to(), Outcome::from(accepted(1)).with_duplicate(true), partition());
    assert!(again.outcome().await.expect("an outcome").duplicate());
    assert!(one.is_pending(Uuid::from_u128(1)), "no outcome of its own has come");
    log.answer(one.reply_to(), accepted(1), partition());
    assert!(!first.outcome().await.expect("an outcome").duplicate());
}

#[tokio::test]
async fn should_say_in_each_command_who_waits_and_what_tells_it_from_others() {
    let log = Log::new();
    let gateway = CommandGateway::open(&log.broker, Arc::new(EmbeddedRegistry)).expect("opened");
    gateway.send(&command(1), &Trace::none(), Some(-2)).expect("taken").durable().await.expect("durable");
    let mut reader = log.broker.reader().expect("a reader");
    reader.assign(&[(TopicPartition::new(topics::TICKET_COMMANDS, partition()), 0)]).expect("assigned");
    let fetched = reader.poll(Duration::from_secs(30)).expect("a poll");
    let record = fetched[0].batch.iter().next().expect("the command");
    assert_eq!(record.headers.last(topics::REPLY_TO_HEADER), Some(gateway.reply_to()));
    assert_eq!(record.headers.last(topics::FINGERPRINT_HEADER), Some(&b"fffffffffffffffe"[..]));
}

#[tokio::test]
async fn should_not_hear_outcomes_from_before_it_was_opened() {
    let log = Log::new();
    log.outcome(accepted(1), partition());
    let gateway = CommandGateway::open(&log.broker, Arc::new(EmbeddedRegistry)).expect("opened");
    let mut submitted = gateway.submit(&command(1)).await.expect("submitted");
    log.answer(gateway.reply_to(), Outcome::from(accepted(1)).with_duplicate(true), partition());
    assert!(submitted.outcome().await.expect("an outcome").duplicate());
}

#[tokio::test]
async fn should_refuse_a_command_that_is_too_large_and_forget_it() {
    let log = Log::new();
    let gateway = CommandGateway::open(&log.broker, Arc::new(EmbeddedRegistry)).expect("opened");
    let large: TicketCommand =
        CreateTicket { command_id: Uuid::from_u128(1), description: "x".repeat(2 << 20), ..CreateTicket::default() }
            .into();
    let refused = gateway.submit(&large).await.map(|_| ());
    assert!(matches!(refused, Err(GatewayError::TooLarge { .. })), "{refused:?}");
    assert!(!gateway.is_pending(Uuid::from_u128(1)));
}

#[tokio::test]
async fn should_tell_those_who_wait_when_it_goes() {
    let log = Log::new();
    let gateway = CommandGateway::open(&log.broker, Arc::new(EmbeddedRegistry)).expect("opened");
    let mut submitted = gateway.submit(&command(1)).await.expect("submitted");
    drop(gateway);
    assert!(matches!(submitted.outcome().await, Err(GatewayError::Closed(_))));
}
