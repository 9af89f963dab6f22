//! Bugs put in on purpose in the real binary, each with the fault that brings it to light: the checker finds it, and finds nothing in
//! the same scene without it.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use schemas::topics::{COMMAND_OUTCOMES, TICKET_COMMANDS, USER_COMMANDS, USER_EVENTS};
use schemas::{RegisterUser, UserCommand, ids};
use topology::Headers;
use topology::broker::{Broker, NewRecord, TopicPartition, partition_for_key};
use uuid::Uuid;

use crate::PARTITIONS;
use crate::checker::{Finding, Law};
use crate::proxy::{Action, Rule};
use crate::scene::{PATIENCE, PROBE, Scene, finds, finds_nothing, runs, until};
use crate::site::{Site, settings};
use crate::support::Server;
use crate::wire::{Request, api};

/// In so many commits of a worker there is one with what it was sent.
const MOST_COMMITS: usize = 5;
/// How long what was written may be on its way to Kafka.
const DELIVERED: Duration = Duration::from_secs(5);

fn partitions(topic: &str) -> Vec<TopicPartition> {
    (0..PARTITIONS).map(|p| TopicPartition::new(topic, p)).collect()
}

/// Offsets of a topic, ends of transactions among them.
fn written(broker: &dyn Broker, topic: &str) -> i64 {
    partitions(topic).iter().map(|partition| broker.watermarks(partition).unwrap().1).sum()
}

/// Found twice: on the disk as soon as it is killed, and in what comes of it.
fn stores_before_the_transaction(bug: Option<&'static str>) -> [Vec<Finding>; 2] {
    let mut scene = Scene::new(bug);
    scene.prepared();
    scene.killed("worker:BeforeCommit", |_| {});
    let midway = scene.midway();
    [midway, scene.finished()]
}

#[test]
fn should_find_stores_that_are_written_before_the_transaction() {
    let [midway, end] = stores_before_the_transaction(Some("StoresBeforeCommit"));
    finds(&midway, Law::Stored);
    finds(&end, Law::Decided);
    stores_before_the_transaction(None).iter().for_each(|found| finds_nothing(found));
}

fn offsets_outside_the_transaction(bug: Option<&'static str>) -> Vec<Finding> {
    let mut scene = Scene::new(bug);
    scene.prepared();
    let commands = partitions(TICKET_COMMANDS);
    let committed = |scene: &Scene| scene.site.broker().committed("syncroboard", &commands).unwrap();
    let before = committed(&scene);
    scene.killed("worker:BeforeCommit", |scene| {
        // Without the bug they are in the open transaction, and nobody is told of any until it has ended.
        if bug.is_some() {
            until("no offset is committed", || committed(scene) != before);
        }
    });
    scene.finished()
}

#[test]
fn should_find_offsets_that_are_committed_before_the_transaction() {
    finds(&offsets_outside_the_transaction(Some("OffsetsOutsideTransaction")), Law::Decided);
    finds_nothing(&offsets_outside_the_transaction(None));
}

fn offsets_left_out(bug: Option<&'static str>) -> Vec<Finding> {
    let mut scene = Scene::new(bug);
    scene.prepared();
    scene.killed("worker:AfterCommit", |_| {});
    scene.finished()
}

#[test]
fn should_find_offsets_that_are_not_committed() {
    finds(&offsets_left_out(Some("OffsetsNotCommitted")), Law::Decided);
    finds_nothing(&offsets_left_out(None));
}

/// The one that was killed has left a transaction open, which only its own id can end before its time is up.
fn transactional_id_of_a_start(bug: Option<&'static str>) -> Vec<Finding> {
    let mut scene = Scene::new(bug);
    scene.prepared();
    scene.killed("worker:BeforeCommit", |_| {});
    let mut next = scene.faulty(&[], None);
    if bug.is_none() {
        runs(&mut next);
        scene.is_consumed();
        next.stop();
        return scene.in_the_end();
    }
    assert!(!next.says("state=RUNNING", Duration::from_secs(10)), "nothing hangs");
    next.kill();
    scene.found(|at| (at.at_rest, at.probe) = (false, Some(PROBE)))
}

#[test]
fn should_find_transactions_that_hang_because_each_start_has_an_id_of_its_own() {
    let found = transactional_id_of_a_start(Some("TransactionalIdPerStart"));
    finds(&found, Law::Probe);
    finds_nothing(&transactional_id_of_a_start(None));
}

/// Registrations each of which lies on one partition, and leads to a mail on the other.
fn strangers() -> Vec<(TopicPartition, String, Vec<u8>)> {
    let mut all = Vec::new();
    for email in (0..80).map(|n| format!("stranger{n}@example.org")) {
        let actor_id = ids::user_id(&email);
        let partition = partition_for_key(email.as_bytes(), PARTITIONS);
        if partition == partition_for_key(actor_id.to_string().as_bytes(), PARTITIONS) {
            continue;
        }
        let (command_id, name) = (Uuid::new_v4(), email.clone());
        let (user_key, address) = (email.clone(), Some(email.clone()));
        let command = RegisterUser { command_id, actor_id, user_key, email: address, name, ..RegisterUser::default() };
        let mut value = Vec::new();
        UserCommand::from(command).encode(&mut value).unwrap();
        all.push((TopicPartition::new(USER_COMMANDS, partition), email, value));
    }
    all
}

/// A worker that stays at a commit after it has written events of users: its first ones may tell no more than how far it is.
fn held_with_events(scene: &Scene, broker: &dyn Broker) -> Server {
    let events = || written(broker, USER_EVENTS);
    for commit in 1..=MOST_COMMITS {
        let before = events();
        let mut held = scene.faulty(&["--instance", "held"], Some(&format!("worker:BeforeOffsets:{commit}")));
        assert!(held.says("state=HELD", PATIENCE), "it does not get there");
        let end = Instant::now() + DELIVERED;
        while Instant::now() < end {
            if events() > before {
                return held;
            }
        }
        held.kill();
    }
    panic!("it writes no events in {MOST_COMMITS} commits");
}

/// Two workers, one partition each: one stays before its commit, and the other goes on.
fn reading_what_is_not_committed(bug: Option<&'static str>) -> Vec<Finding> {
    let scene = Scene::new(bug);
    let mut held = scene.faulty(&["--instance", "held"], None);
    let mut other = scene.faulty(&["--instance", "other"], None);
    runs(&mut held);
    runs(&mut other);
    scene.site.wait_for_members(2);
    // Its partitions are kept for it.
    held.stop();
    let broker = scene.site.broker();
    let producer = broker.producer().unwrap();
    let mut sent = vec![0; PARTITIONS as usize];
    let (told, delivered) = channel();
    for (partition, key, value) in strangers() {
        let (key, value) = (Some(key.as_bytes()), Some(value.as_slice()));
        let record = NewRecord { timestamp: 0, key, value, headers: &Headers::new() };
        let told = told.clone();
        producer.send(&partition, record, Box::new(move |result| drop(told.send(result)))).unwrap();
        sent[partition.partition as usize] += 1;
    }
    assert!(sent.iter().all(|count| *count > 10), "{sent:?}");
    for _ in 0..sent.iter().sum() {
        delivered.recv_timeout(PATIENCE).unwrap().unwrap();
    }
    let commands = partitions(USER_COMMANDS);
    // Whatever is written from now on is of the one that is held.
    until("the other one does not go on", || {
        let reached = broker.committed("syncroboard", &commands).unwrap();
        let at_its_end = |(p, reached): (&_, &Option<i64>)| *reached == Some(broker.watermarks(p).unwrap().1);
        commands.iter().zip(&reached).any(at_its_end)
    });
    let mut held = held_with_events(&scene, &*broker);
    // Their stores are in use.
    let look = || scene.found(|at| (at.at_rest, at.state_dirs) = (false, &[]));
    let mut found = look();
    if bug.is_some() {
        let end = Instant::now() + PATIENCE;
        while found.is_empty() && Instant::now() < end {
            found = look();
        }
        return found;
    }
    held.kill();
    let mut next = scene.faulty(&["--instance", "held"], None);
    runs(&mut next);
    scene.is_consumed();
    next.stop();
    other.stop();
    found.extend(scene.in_the_end());
    found
}

#[test]
fn should_find_input_that_is_read_before_it_is_committed() {
    finds(&reading_what_is_not_committed(Some("ReadsUncommitted")), Law::Caused);
    finds_nothing(&reading_what_is_not_committed(None));
}

fn is_commit(request: &Request) -> bool {
    request.transaction.as_ref().is_some_and(|transaction| transaction.commit == Some(true))
}

/// A commit is overtaken by its own retry, and arrives while the next transaction is open, which has not got its offsets yet.
fn late_end_of_a_transaction(bug: Option<&'static str>) -> Vec<Finding> {
    let (site, proxy) = Site::proxied(settings("classic"));
    let mut scene = Scene::on(bug, site, Some(proxy));
    let mut worker = scene.faulty(&[], None);
    runs(&mut worker);
    scene.send(300);
    scene.is_consumed();
    let proxy = scene.proxy.take().unwrap();
    let rule = proxy.rule(Rule::on(api::END_TXN, Action::HoldRequest { cut: true }).when(is_commit).first(1));
    let again = proxy.rule(Rule::on(api::END_TXN, Action::HoldRequest { cut: false }).when(is_commit).first(1));
    scene.send(50);
    let (late, again) = (rule.held(PATIENCE), again.held(PATIENCE));
    let next = proxy.rule(Rule::on(api::TXN_OFFSET_COMMIT, Action::HoldRequest { cut: false }).first(1));
    let broker = scene.site.broker();
    let written = || written(&*broker, COMMAND_OUTCOMES);
    let before = written();
    scene.send(150);
    assert_eq!(again.release(PATIENCE), Some(0));
    let _open = next.held(PATIENCE);
    // More than the marks of the end of the one before.
    until("nothing of the next transaction is written", || written() > before + 10);
    // 47: the epoch is old.
    assert_eq!(late.release(PATIENCE), Some(if bug.is_some() { 0 } else { 47 }));
    worker.kill();
    drop(proxy);
    scene.finished()
}

#[test]
fn should_find_a_producer_that_goes_on_after_a_suspect_commit() {
    finds(&late_end_of_a_transaction(Some("ProducerReused")), Law::Decided);
    finds_nothing(&late_end_of_a_transaction(None));
}
