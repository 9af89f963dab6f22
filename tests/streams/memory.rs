//! The pipeline's command memory where an installation from before has a changelog of it, and once that is gone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use processors::{COMMAND_MEMORY, PENDING_COMMANDS, PipelineConfig, pipeline, topic_specs};
use schemas::topics::{COMMAND_OUTCOMES, TICKET_COMMANDS};
use schemas::{AddMember, CommandAccepted, CreateProject, CreateTicket, Outcome, TicketCommand, frame, ids};
use topology::broker::{Broker, Cleanup, Reader, TopicPartition, TopicSpec, partition_for_key};
use topology::{BatchBuilder, Headers, Inspection, StreamThread, StreamsConfig, ThreadState};
use uuid::Uuid;

use crate::numbering::config;

const PARTITIONS: u32 = 4;
const CHANGELOG: &str = "app-command-memory-changelog";
const QUESTIONS: &str = "app-user-lookup-requests-repartition";
const OWNER: Uuid = Uuid::from_u128(1);

type Row = (Vec<u8>, Vec<u8>);

fn open(dir: &Path, with_changelog: bool) -> Arc<dyn Broker> {
    let mut config = EmbeddedConfig::new(dir.join("log"));
    config.sync = SyncMode::Os;
    let broker: Arc<dyn Broker> = EmbeddedBroker::open(config).unwrap();
    broker.create_topics(&topic_specs(PARTITIONS)).unwrap();
    if with_changelog {
        let cleanup = Cleanup::CompactAndRetain { retention_ms: i64::MAX };
        let spec = TopicSpec { name: CHANGELOG.into(), partitions: PARTITIONS, cleanup, log_append_time: false };
        broker.create_topics(&[spec]).unwrap();
    }
    broker
}

fn settings(dir: &Path) -> StreamsConfig {
    config(dir, "a", 1)
}

fn run(broker: &Arc<dyn Broker>, dir: &Path) {
    run_with(broker, &settings(dir));
}

/// Steps until nothing is left to do, then stops in order.
pub(crate) fn run_with(broker: &Arc<dyn Broker>, settings: &StreamsConfig) {
    let topology = pipeline(&PipelineConfig::default()).unwrap();
    let mut thread = StreamThread::standalone(&topology, settings, broker, 0).unwrap();
    let mut idle = 0;
    while idle < 3 {
        let round = thread.run_once(Duration::ZERO).unwrap();
        idle = if round.idle() && thread.state() == ThreadState::Running { idle + 1 } else { 0 };
    }
    thread.close().unwrap();
}

pub(crate) fn project(n: usize) -> (String, Uuid) {
    let key = format!("SYNC{n}");
    let id = ids::project_id(&key);
    (key, id)
}

/// The partition of a project's commands, outcomes and memory.
fn of(project_id: Uuid) -> u32 {
    partition_for_key(project_id.to_string().as_bytes(), PARTITIONS)
}

/// Writes records in one transaction.
fn write(broker: &Arc<dyn Broker>, topic: &str, rows: &BTreeMap<u32, Vec<Row>>) {
    let mut producer = broker.transactional_producer("test").unwrap();
    producer.begin().unwrap();
    for (partition, rows) in rows {
        let mut batch = BatchBuilder::new();
        rows.iter().for_each(|(key, value)| batch.push(now(), Some(key), Some(value), &Headers::new()));
        producer.send(&TopicPartition::new(topic, *partition), batch.finish()).unwrap();
    }
    producer.commit().unwrap();
}

fn now() -> i64 {
    topology::system_clock()()
}

pub(crate) fn send(broker: &Arc<dyn Broker>, commands: &[TicketCommand]) {
    let mut rows: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
    for command in commands {
        let (mut value, project_id) = (Vec::new(), command.project_id());
        command.encode(&mut value).unwrap();
        rows.entry(of(project_id)).or_default().push((project_id.to_string().into_bytes(), value));
    }
    write(broker, TICKET_COMMANDS, &rows);
}

pub(crate) fn create_project(n: usize) -> TicketCommand {
    let (key, project_id) = project(n);
    let command_id = Uuid::from_u128(100 + n as u128);
    CreateProject { command_id, actor_id: OWNER, project_id, name: key.clone(), key, ..CreateProject::default() }.into()
}

pub(crate) fn create_ticket(n: usize, command: u128) -> TicketCommand {
    let (command_id, project_id) = (Uuid::from_u128(command), project(n).1);
    let title = "It flickers".to_owned();
    CreateTicket { command_id, actor_id: OWNER, project_id, title, ..CreateTicket::default() }.into()
}

fn add_member(n: usize, command: u128) -> TicketCommand {
    let (command_id, project_id) = (Uuid::from_u128(command), project(n).1);
    let (user_key, role) = ("nobody@example.org".to_owned(), "member".to_owned());
    AddMember { command_id, actor_id: OWNER, project_id, user_key, role, ..AddMember::default() }.into()
}

/// Key and value of all that a topic has, partition by partition.
fn read(broker: &Arc<dyn Broker>, topic: &str) -> BTreeMap<u32, Vec<Row>> {
    let mut reader: Box<dyn Reader> = broker.reader().unwrap();
    let partitions = (0..PARTITIONS).map(|p| TopicPartition::new(topic, p));
    let spans: Vec<_> = partitions.map(|p| (p.clone(), broker.watermarks(&p).unwrap())).collect();
    reader.assign(&spans.iter().map(|(p, (low, _))| (p.clone(), *low)).collect::<Vec<_>>()).unwrap();
    let mut left: i64 = spans.iter().map(|(_, (low, end))| end - low).sum();
    let mut rows: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
    while left > 0 {
        for piece in reader.poll(Duration::from_secs(10)).unwrap() {
            left -= piece.batch.len() as i64;
            let row = |r: topology::RecordRef<'_>| (r.key.unwrap().to_vec(), r.value.unwrap_or_default().to_vec());
            rows.entry(piece.partition.partition).or_default().extend(piece.batch.iter().map(row));
        }
    }
    rows
}

fn count(broker: &Arc<dyn Broker>, topic: &str) -> usize {
    read(broker, topic).values().map(Vec::len).sum()
}

/// Each command's outcomes, in order: whether it is a repetition.
fn answers(broker: &Arc<dyn Broker>) -> BTreeMap<u128, Vec<bool>> {
    let mut answers: BTreeMap<u128, Vec<bool>> = BTreeMap::new();
    for (_, value) in read(broker, COMMAND_OUTCOMES).into_values().flatten() {
        let outcome = Outcome::decode(&value).unwrap();
        answers.entry(outcome.command_id().as_u128()).or_default().push(outcome.duplicate());
    }
    answers
}

fn entries(broker: &Arc<dyn Broker>, dir: &Path, store: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let topology = pipeline(&PipelineConfig::default()).unwrap();
    let inspection = Inspection::open(&topology, &settings(dir), &**broker).unwrap();
    let mut entries = BTreeMap::new();
    inspection.entries(store, &mut |key, value| drop(entries.insert(key.to_vec(), value.to_vec()))).unwrap();
    entries
}

/// What was answered, and what was being decided, stands in the changelog of the version before: the one is repeated, the other is not asked again.
#[test]
fn should_go_on_with_the_memory_of_a_version_before_and_with_what_it_was_deciding() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), true);
    let (project_id, answered, asked) = (project(1).1, Uuid::from_u128(7), Uuid::from_u128(8));
    let first = CommandAccepted { command_id: answered, project_id: Some(project_id), ..CommandAccepted::default() };
    let mut framed = Vec::new();
    frame::encode(&first, &mut framed).unwrap();
    let pending = [b"P", &11_i64.to_be_bytes()[..]].concat();
    let rows = [(answered.as_bytes().to_vec(), framed), (asked.as_bytes().to_vec(), pending)];
    write(&broker, CHANGELOG, &[(of(project_id), rows.into())].into());
    send(&broker, &[create_project(1), create_ticket(1, 7), add_member(1, 8)]);
    run(&broker, dir.path());
    assert_eq!(answers(&broker), [(7, vec![true]), (101, vec![false])].into());
    assert_eq!(broker.watermarks(&TopicPartition::new(QUESTIONS, 0)).unwrap().1, 0);
    let memory = entries(&broker, dir.path(), COMMAND_MEMORY);
    assert_eq!(memory.len(), 3);
    std::fs::remove_dir_all(dir.path().join("state-a")).unwrap();
    assert_eq!(entries(&broker, dir.path(), COMMAND_MEMORY), memory);
}

/// The changelog was deleted while nobody ran: here the broker is another one, to which the rest was copied. The state directory is there still,
/// with its checkpoints in the changelog, or it is not.
#[test]
fn should_have_the_same_memory_once_the_old_changelog_is_gone() {
    for keeps_state in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let old = open(dir.path(), true);
        let commands: Vec<_> = (0..20).map(|n| create_ticket(1 + n % 4, 1_000 + n as u128)).collect();
        send(&old, &(1..5).map(create_project).collect::<Vec<_>>());
        send(&old, &commands);
        send(&old, &commands[..5]);
        run(&old, dir.path());
        let before = entries(&old, dir.path(), COMMAND_MEMORY);
        assert_eq!((before.len(), count(&old, CHANGELOG)), (24, 24));
        let outcomes = read(&old, COMMAND_OUTCOMES);
        let others: Vec<_> =
            old.topics().unwrap().into_keys().filter(|t| t.starts_with("app-") && **t != *CHANGELOG).collect();
        let copied: Vec<_> = others.iter().map(|topic| (topic.clone(), read(&old, topic))).collect();
        drop(old);

        let elsewhere = tempfile::tempdir().unwrap();
        let new = open(elsewhere.path(), false);
        // Once, for the internal topics.
        run(&new, elsewhere.path());
        for (topic, rows) in copied.iter().map(|(t, rows)| (&**t, rows)).chain([(COMMAND_OUTCOMES, &outcomes)]) {
            write(&new, topic, rows);
        }
        if !keeps_state {
            std::fs::remove_dir_all(dir.path().join("state-a")).unwrap();
        }
        assert_eq!(entries(&new, dir.path(), COMMAND_MEMORY), before, "state kept: {keeps_state}");
        send(&new, &commands);
        run(&new, dir.path());
        let repeated = answers(&new);
        for command in 1_000..1_020_u128 {
            let (first, again) = (&repeated[&command][..1], &repeated[&command][1..]);
            assert!(!first[0] && !again.is_empty() && again.iter().all(|again| *again), "{command}: {repeated:?}");
        }
        assert!(!new.topics().unwrap().contains_key(CHANGELOG));
        assert_eq!(entries(&new, dir.path(), PENDING_COMMANDS).len(), 0);
    }
}

/// The same commands, decided with a changelog of the memory and without.
#[test]
fn should_write_a_record_fewer_for_each_answer_and_touch_a_partition_fewer_for_each_task() {
    let written = |with_changelog: bool| {
        let dir = tempfile::tempdir().unwrap();
        let broker = open(dir.path(), with_changelog);
        let projects: Vec<_> = (0..16).map(create_project).collect();
        send(&broker, &projects);
        run(&broker, dir.path());
        let ends = |broker: &Arc<dyn Broker>| -> BTreeMap<TopicPartition, i64> {
            let topics = broker.topics().unwrap().into_iter();
            let partitions = topics.flat_map(|(t, n)| (0..n).map(move |p| TopicPartition::new(t.clone(), p)));
            partitions.map(|p| (p.clone(), broker.watermarks(&p).unwrap().1)).collect()
        };
        let before = ends(&broker);
        let commands: Vec<_> = (0..320).map(|n| create_ticket(n % 16, 1_000 + n as u128)).collect();
        send(&broker, &commands);
        run(&broker, dir.path());
        let new: Vec<i64> = ends(&broker)
            .into_iter()
            .filter(|(p, _)| &*p.topic != TICKET_COMMANDS)
            .map(|(p, end)| end - before.get(&p).copied().unwrap_or_default())
            .filter(|new| *new > 0)
            .collect();
        (new.iter().sum::<i64>(), new.len())
    };
    let (with, without) = (written(true), written(false));
    println!("320 commands: {with:?} records in partitions with a changelog of the memory, {without:?} without");
    assert_eq!((with.0 - without.0, with.1 - without.1), (320, PARTITIONS as usize));
}
