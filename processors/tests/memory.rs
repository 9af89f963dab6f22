//! The command memory, restored from `command.outcomes`: byte by byte what it was, whoever else writes there, under whatever ids.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::driver::*;
use common::*;
use processors::{COMMAND_MEMORY, COMMAND_MEMORY_MS, PENDING_COMMANDS, PipelineConfig, USER_COMMAND_MEMORY, pipeline};
use schemas::topics::{COMMAND_OUTCOMES, FINGERPRINT_HEADER, TICKET_COMMANDS};
use schemas::{CommandAccepted, Lookup, Outcome, Record, SchemaRegistry, TicketCommand, WriterSchema, frame};
use topology::broker::{TopicPartition, partition_for_key};
use topology::{Headers, TestDriver};
use uuid::Uuid;

const OLD_CHANGELOG: &str = "test-command-memory-changelog";
const QUESTIONS: &str = "test-user-lookup-requests-repartition";

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

fn memory(driver: &TestDriver) -> Entries {
    driver.store_entries(COMMAND_MEMORY).unwrap()
}

/// All kinds of outcomes: accepted, rejected, repeated, failed, after a question, and of commands about users.
fn all_kinds(driver: &mut TestDriver) {
    send(driver, with_id(create_project(OWNER, |_| {}), 1), AT);
    register(driver, 2, "new@example.org");
    register(driver, 2, "new@example.org");
    send(driver, with_id(create(OWNER, |_| {}), 3), AT + 1);
    send(driver, with_id(edit(OWNER, |c| c.number = 9), 4), AT + 2);
    send(driver, with_id(create(OWNER, |_| {}), 3), AT + 3);
    send(driver, with_id(add_member(OWNER, |_| {}), 5), AT + 4);
    let misrouted = bytes(&with_id(create(OWNER, |_| {}), 6));
    let key = project_id().to_string();
    let wrong = (partition_for_key(key.as_bytes(), PARTITIONS) + 1) % PARTITIONS;
    let none = Headers::new();
    driver.pipe_to(TICKET_COMMANDS, wrong, Some(key.as_bytes()), Some(&misrouted), AT + 5, &none).unwrap();
    let codes: Vec<String> = outcomes(driver).iter().map(|o| format!("{} {}", code(o), o.duplicate())).collect();
    for kind in ["accepted false", "accepted true", "ticket_not_found false", "failed false"] {
        assert!(codes.iter().any(|found| found == kind), "{kind}: {codes:?}");
    }
}

#[test]
fn should_be_the_same_after_it_was_restored_from_the_outcomes_alone() {
    let mut driver = driver();
    all_kinds(&mut driver);
    let before = memory(&driver);
    let remembered: Vec<_> = before.keys().map(|key| Uuid::from_slice(key).unwrap().as_u128()).collect();
    assert_eq!(remembered, [1, 3, 4, 5], "neither what failed nor what is about users");
    assert!(driver.all(OLD_CHANGELOG).is_empty());
    let users = driver.store_entries(USER_COMMAND_MEMORY).unwrap();
    assert_eq!(users.len(), 1);
    for _ in 0..2 {
        driver.restart().unwrap();
        assert_eq!(memory(&driver), before);
        assert_eq!(driver.store_entries(USER_COMMAND_MEMORY).unwrap(), users);
    }
    send(&mut driver, with_id(create(OWNER, |_| {}), 3), AT + 9);
    let answers = outcomes(&mut driver);
    assert_eq!((answers.len(), answers[0].duplicate()), (1, true));
}

/// It is repeated until the seven days are over, counted from the first answer, whatever was restored in between.
#[test]
fn should_forget_after_seven_days_as_if_it_had_not_been_restored() {
    let answers = |restarts: bool| {
        let mut driver = with_project();
        for (n, after) in [0, COMMAND_MEMORY_MS - 1, COMMAND_MEMORY_MS + 1].into_iter().enumerate() {
            send(&mut driver, with_id(create(OWNER, |_| {}), 2), AT + after);
            send(&mut driver, with_id(create(OWNER, |_| {}), 10 + n as u128), AT + after);
            if restarts {
                driver.restart().unwrap();
            }
        }
        outcomes(&mut driver).iter().map(|o| (o.command_id(), o.duplicate())).collect::<Vec<_>>()
    };
    assert_eq!(answers(true), answers(false));
    let of_two: Vec<bool> = answers(true).iter().filter(|(id, _)| id.as_u128() == 2).map(|(_, again)| *again).collect();
    assert_eq!(of_two, [false, true, false]);
}

#[test]
fn should_be_what_the_transaction_left_that_was_taken_back_and_repeated() {
    let mut driver = with_project().manual_commit();
    let ask = |driver: &mut TestDriver| {
        send(driver, with_id(create(OWNER, |_| {}), 2), AT);
        send(driver, with_id(create(OWNER, |_| {}), 2), AT + 1);
    };
    ask(&mut driver);
    driver.abort();
    driver.restart().unwrap();
    assert_eq!(memory(&driver).len(), 1, "the project's");
    driver.run().unwrap();
    driver.commit().unwrap();
    let before = memory(&driver);
    assert_eq!(before.len(), 2);
    driver.restart().unwrap();
    assert_eq!(memory(&driver), before);
    assert_eq!(numbers(&driver), [1]);
}

#[test]
fn should_keep_what_is_being_decided_apart_and_drop_it_once_it_is() {
    let mut driver = with_project();
    register(&mut driver, 2, "new@example.org");
    driver.read(COMMAND_OUTCOMES);
    let mut driver = driver.manual_commit();
    let key = project_id().to_string();
    let partition = partition_for_key(key.as_bytes(), PARTITIONS);
    let mut headers = Headers::new();
    headers.push(FINGERPRINT_HEADER, "0b");
    let add = bytes(&with_id(add_member(OWNER, |_| {}), 3));
    driver.pipe_to(TICKET_COMMANDS, partition, Some(key.as_bytes()), Some(&add), AT, &headers).unwrap();
    driver.commit().unwrap();
    let pending = |driver: &TestDriver| driver.store_entries(PENDING_COMMANDS).unwrap();
    assert_eq!((memory(&driver).len(), pending(&driver).len()), (1, 1));
    driver.restart().unwrap();
    assert_eq!((memory(&driver).len(), pending(&driver).len()), (1, 1));
    settle(&mut driver);
    assert_eq!((memory(&driver).len(), pending(&driver).len()), (2, 0));
    driver.restart().unwrap();
    assert_eq!((memory(&driver).len(), pending(&driver).len()), (2, 0));
    let answers = outcomes(&mut driver);
    assert_eq!(answers.iter().map(|o| (code(o), o.fingerprint())).collect::<Vec<_>>(), [("accepted", Some(11))]);
}

/// Its question was lost with a dead letter, say.
#[test]
fn should_ask_again_when_the_answer_to_a_question_has_not_come_for_seven_days() {
    let mut driver = with_project().manual_commit();
    let key = project_id().to_string();
    let partition = TopicPartition::new(TICKET_COMMANDS, partition_for_key(key.as_bytes(), PARTITIONS));
    let add = bytes(&with_id(add_member(OWNER, |_| {}), 3));
    let mut asked = Vec::new();
    for (offset, at) in (1..).zip([AT, AT + COMMAND_MEMORY_MS - 1, AT + COMMAND_MEMORY_MS]) {
        driver.append(&partition, Some(key.as_bytes()), Some(&add), at, &Headers::new());
        assert!(driver.process_record(&partition, offset).unwrap());
        driver.commit().unwrap();
        asked.push(driver.all(QUESTIONS).len());
    }
    assert_eq!(asked, [1, 1, 2]);
}

/// A registry with ids of its own, all higher by the same.
struct Shifted {
    by: u32,
    writers: BTreeMap<u32, WriterSchema>,
}

impl Shifted {
    fn new(by: u32) -> Arc<Self> {
        let writer = |schema: &&'static schemas::Published| {
            (schema.id() + by, WriterSchema::parse(schema.id() + by, schema.avsc()).unwrap())
        };
        Arc::new(Self { by, writers: schemas::registry::all().iter().map(writer).collect() })
    }
}

impl SchemaRegistry for Shifted {
    fn schema(&self, id: u32) -> Lookup<'_> {
        self.writers.get(&id).map_or(Lookup::Unknown, Lookup::Known)
    }

    /// As Confluent's: it has no ids for what this build does not write any more.
    fn wire_id(&self, own_id: u32) -> u32 {
        let replaced = [201, 202].contains(&own_id);
        if replaced { own_id } else { own_id + self.by }
    }

    fn wait_for(&self, _: u32, _: Duration) {}
}

fn with_ids_of(registry: &Shifted, command: &TicketCommand) -> Vec<u8> {
    let mut bytes = bytes(command);
    frame::relabel(registry, &mut bytes).unwrap();
    bytes
}

#[test]
fn should_restore_the_ids_in_the_code_from_outcomes_with_a_registrys_ids() {
    let registry = Shifted::new(1_000);
    let config = PipelineConfig { registry: registry.clone(), ..PipelineConfig::default() };
    let mut driver = TestDriver::new(&pipeline(&config).unwrap(), PARTITIONS).unwrap();
    let commands = [
        with_id(create_project(OWNER, |_| {}), 1),
        with_id(create(OWNER, |_| {}), 2),
        with_id(edit(OWNER, |c| c.number = 9), 3),
        with_id(create(OWNER, |_| {}), 2),
    ];
    for command in &commands {
        let key = project_id().to_string();
        driver.pipe(TICKET_COMMANDS, key.as_bytes(), &with_ids_of(&registry, command), AT).unwrap();
    }
    let sent = driver.read(COMMAND_OUTCOMES);
    let ids: Vec<u32> = sent.iter().map(|r| frame::schema_id(r.value.as_deref().unwrap()).unwrap()).collect();
    assert_eq!(ids, [1_204, 1_204, 1_205, 1_204]);
    let before = memory(&driver);
    assert_eq!(before.values().map(|value| frame::schema_id(value).unwrap()).collect::<Vec<_>>(), [204, 204, 205]);
    driver.restart().unwrap();
    assert_eq!(memory(&driver), before);
}

/// It was sent by an earlier version, whose id the registry alone knows, or the code.
#[test]
fn should_remember_what_an_earlier_version_answered() {
    let first =
        CommandAccepted { command_id: Uuid::from_u128(7), project_id: Some(project_id()), ..Default::default() };
    let mut written = Vec::new();
    frame::encode(&first, &mut written).unwrap();
    // The first version had all but the last field, which is none: one byte.
    written.pop();
    written[1..5].copy_from_slice(&201_u32.to_be_bytes());
    let outcome = Outcome::decode(&written).unwrap();
    let key = project_id().to_string();
    let partition = TopicPartition::new(COMMAND_OUTCOMES, partition_for_key(key.as_bytes(), PARTITIONS));
    for (by, expected_id) in [(0, 201), (1_000, CommandAccepted::SCHEMA_ID)] {
        let registry = Shifted::new(by);
        let config = PipelineConfig { registry: registry.clone(), ..PipelineConfig::default() };
        let mut driver = TestDriver::new(&pipeline(&config).unwrap(), PARTITIONS).unwrap();
        let mut sent = written.clone();
        sent[1..5].copy_from_slice(&(201 + by).to_be_bytes());
        let id = first.command_id.to_string();
        driver.append(&partition, Some(id.as_bytes()), Some(&sent), AT, &Headers::new());
        driver.restart().unwrap();
        let remembered = memory(&driver);
        let bytes = &remembered[&first.command_id.as_bytes()[..]];
        assert_eq!(frame::schema_id(bytes).unwrap(), expected_id);
        assert_eq!(Outcome::decode(bytes).unwrap(), outcome);
        if by == 0 {
            assert_eq!(*bytes, written, "the very same");
        }
    }
}

/// What a commit writes: for each command its outcome, and no entry of the memory.
#[test]
fn should_write_each_answer_once() {
    let mut driver = with_project().manual_commit();
    for n in 0..10 {
        send(&mut driver, with_id(create(OWNER, |_| {}), 100 + n), AT);
    }
    driver.commit().unwrap();
    assert_eq!(outcomes(&mut driver).len(), 10);
    assert!(driver.all(OLD_CHANGELOG).is_empty());
    assert_eq!(memory(&driver).len(), 11);
}
