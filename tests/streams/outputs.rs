//! Stores that are restored from what their sub-topology writes out anyway, and applications that have changelogs of them already.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use topology::broker::{Broker, Cleanup, Reader, TopicPartition, TopicSpec};
use topology::serde::{Deserialized, Utf8};
use topology::{
    BatchBuilder, Context, Headers, InitContext, Inspection, Output, Partitioning, ProcessingError, Processor, Record,
    RecordRef, Step, Steps, Store, StoreBuilder, StreamThread, ThreadState, Topology, TopologyBuilder, TopologyError,
    superseded_changelogs,
};

use crate::numbering::{KEYS, PARTITIONS, config, open, send};

/// Answers each key once, and says so again whenever it is asked again.
struct Teller(Option<(Output<String, String>, Store<String, String>)>);

impl Processor for Teller {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.0 = Some((ctx.output("out")?, ctx.store("first")?));
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, r: Record<String, String>) -> Result<(), ProcessingError> {
        let (out, first) = self.0.unwrap();
        let answer = match first.get(ctx, &r.key)? {
            Some(known) => format!("again {known}"),
            None => {
                first.put(ctx, &r.key, r.value.clone())?;
                r.value.clone()
            }
        };
        ctx.forward(out, Record::new(r.key, answer, r.timestamp));
        Ok(())
    }
}

/// First answers are entries, repetitions are not.
fn first_answers(record: &RecordRef<'_>) -> Deserialized<Option<(String, Option<String>)>> {
    let text = |bytes: Option<&[u8]>| bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    let (Some(key), Some(value)) = (text(record.key), text(record.value)) else {
        return Deserialized::Bad("no text".to_owned());
    };
    Deserialized::Value((!value.starts_with("again ")).then_some((key, Some(value))))
}

fn store() -> StoreBuilder<String, String> {
    StoreBuilder::persistent("first", Utf8, Utf8)
}

fn from_output() -> StoreBuilder<String, String> {
    store().restored_from("output", first_answers)
}

fn teller_with(store: StoreBuilder<String, String>, partitioning: Partitioning) -> TopologyBuilder {
    TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .processor("tell", || Teller(None), &["in"], &["first"])
        .store(store)
        .sink("out", "output", Utf8, Utf8, partitioning, &["tell"])
}

fn teller() -> Topology {
    teller_with(from_output(), Partitioning::SamePartition).build().unwrap()
}

/// The version before: the same store, with a changelog of its own.
fn teller_of_old() -> Topology {
    teller_with(store(), Partitioning::SamePartition).build().unwrap()
}

/// Steps until all is restored and processed, then stops in order; answers how many offsets were restored.
fn run(topology: &Topology, broker: &Arc<dyn Broker>, dir: &Path) -> u64 {
    let mut thread = StreamThread::standalone(topology, &config(dir, "a", 1), broker, 0).unwrap();
    while thread.state() != ThreadState::Running || !thread.run_once(Duration::ZERO).unwrap().idle() {
        thread.run_once(Duration::ZERO).unwrap();
    }
    let restored = thread.metrics().counts().restored;
    thread.close().unwrap();
    restored
}

/// Steps until it crashes at this step, for the so manieth time that it is reached.
fn crash(topology: &Topology, broker: &Arc<dyn Broker>, dir: &Path, at: Step, nth: usize) {
    let reached = Arc::new(AtomicUsize::new(0));
    let mut config = config(dir, "a", 1);
    config.steps = Steps::hooked(Arc::new(move |step| {
        let crashes = step == at && reached.fetch_add(1, Ordering::SeqCst) + 1 == nth;
        if crashes { Err(topology::Crash(step)) } else { Ok(()) }
    }));
    let mut thread = StreamThread::standalone(topology, &config, broker, 0).unwrap();
    while thread.run_once(Duration::ZERO).is_ok() {}
}

fn entries(topology: &Topology, broker: &Arc<dyn Broker>, dir: &Path) -> BTreeMap<String, String> {
    let inspection = Inspection::open(topology, &config(dir, "a", 1), &**broker).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut entries = BTreeMap::new();
    inspection.entries("first", &mut |key, value| drop(entries.insert(text(key), text(value)))).unwrap();
    entries
}

/// Of each partition, key and value.
fn outputs(broker: &Arc<dyn Broker>) -> Vec<(u32, String, String)> {
    let mut reader: Box<dyn Reader> = broker.reader().unwrap();
    let partitions: Vec<_> = (0..PARTITIONS).map(|p| (TopicPartition::new("output", p), 0)).collect();
    let mut left: BTreeMap<_, _> = partitions
        .iter()
        .map(|(p, _)| (p.clone(), broker.watermarks(p).unwrap().1))
        .filter(|(_, end)| *end > 0)
        .collect();
    reader.assign(&partitions).unwrap();
    let mut read = Vec::new();
    while !left.is_empty() {
        for piece in reader.poll(Duration::from_secs(10)).unwrap() {
            let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
            read.extend(piece.batch.iter().map(|r| (piece.partition.partition, text(r.key), text(r.value))));
            if left.get(&piece.partition).is_some_and(|end| piece.batch.next_offset() >= *end) {
                left.remove(&piece.partition);
            }
        }
    }
    read
}

/// Each key was answered once, whatever happened, and every repetition has that answer.
fn answered_once(broker: &Arc<dyn Broker>, keys: usize) {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for (_, key, value) in outputs(broker) {
        match value.strip_prefix("again ") {
            Some(again) => assert_eq!(first.get(&key).map(String::as_str), Some(again), "{key}"),
            None => assert_eq!(first.insert(key.clone(), value), None, "{key} is answered twice"),
        }
    }
    assert_eq!(first.len(), keys);
}

fn changelogs(broker: &Arc<dyn Broker>) -> BTreeSet<String> {
    let topics = broker.topics().unwrap();
    topics.keys().filter(|topic| topic.ends_with("-changelog")).map(ToString::to_string).collect()
}

fn delete_state(dir: &Path) {
    std::fs::remove_dir_all(dir.join("state-a")).unwrap();
}

#[test]
fn should_restore_a_store_from_nothing_but_what_a_sink_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    send(&broker, 0, 3 * KEYS);
    run(&teller(), &broker, dir.path());
    assert!(changelogs(&broker).is_empty(), "{:?}", changelogs(&broker));
    let before = entries(&teller(), &broker, dir.path());
    assert_eq!((before.len(), &*before["key-1"]), (KEYS, "1"));
    delete_state(dir.path());
    send(&broker, 3 * KEYS, KEYS);
    run(&teller(), &broker, dir.path());
    assert_eq!(entries(&teller(), &broker, dir.path()), before);
    answered_once(&broker, KEYS);
}

#[test]
fn should_restore_nothing_that_a_checkpoint_covers() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    send(&broker, 0, 3 * KEYS);
    run(&teller(), &broker, dir.path());
    assert_eq!(run(&teller(), &broker, dir.path()), 0);
}

/// What others write into the topic, also in between, is nothing of the store.
#[test]
fn should_pass_over_what_others_write_to_the_topic() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let other = |key: &str, value: &[u8]| {
        let mut producer = broker.transactional_producer("another").unwrap();
        producer.begin().unwrap();
        (0..PARTITIONS).for_each(|p| producer.send(&TopicPartition::new("output", p), batch_of(key, value)).unwrap());
        producer.commit().unwrap();
    };
    send(&broker, 0, KEYS);
    run(&teller(), &broker, dir.path());
    other("key-1", b"again and again");
    let mut producer = broker.transactional_producer("another").unwrap();
    producer.begin().unwrap();
    producer.send(&TopicPartition::new("output", 0), batch_of("key-2", b"never")).unwrap();
    producer.abort().unwrap();
    let before = entries(&teller(), &broker, dir.path());
    send(&broker, KEYS, KEYS);
    run(&teller(), &broker, dir.path());
    delete_state(dir.path());
    run(&teller(), &broker, dir.path());
    assert_eq!(entries(&teller(), &broker, dir.path()), before, "what was aborted is nothing either");
}

fn batch_of(key: &str, value: &[u8]) -> topology::RecordBatch {
    let mut batch = BatchBuilder::new();
    batch.push(1, Some(key.as_bytes()), Some(value), &Headers::new());
    batch.finish()
}

#[test]
fn should_answer_once_wherever_it_crashes_with_its_state_and_without() {
    let steps = [
        Step::AfterProcess,
        Step::AfterProduce,
        Step::AfterOffsets,
        Step::BeforeCommit,
        Step::AfterCommit,
        Step::BeforeStoreWrite,
        Step::AfterStoreWrite,
        Step::BeforeRestore,
        Step::AfterRestore,
    ];
    for (at, keeps_state) in steps.into_iter().flat_map(|step| [(step, true), (step, false)]) {
        let dir = tempfile::tempdir().unwrap();
        let broker = open(dir.path(), None);
        send(&broker, 0, KEYS / 2);
        run(&teller(), &broker, dir.path());
        send(&broker, 0, KEYS);
        // A restore needs something to restore.
        if matches!(at, Step::BeforeRestore | Step::AfterRestore) {
            delete_state(dir.path());
        }
        crash(&teller(), &broker, dir.path(), at, 1);
        if !keeps_state {
            delete_state(dir.path());
        }
        send(&broker, 0, KEYS);
        run(&teller(), &broker, dir.path());
        answered_once(&broker, KEYS);
        let found = entries(&teller(), &broker, dir.path());
        assert_eq!(found.len(), KEYS, "after a crash at {at:?}, state kept: {keeps_state}");
    }
}

/// The commit has landed, and nobody was told: what it wrote is found in the topic.
#[test]
fn should_answer_once_when_a_commit_that_seemed_to_fail_has_landed() {
    use connectors::embedded::{FaultAction, FaultPoint};
    let dir = tempfile::tempdir().unwrap();
    let commits = Arc::new(AtomicUsize::new(0));
    let fault = {
        let commits = commits.clone();
        move |point: FaultPoint<'_>| match point {
            FaultPoint::AfterWrite { transactional_id: Some(_) } if commits.fetch_add(1, Ordering::SeqCst) < 3 => {
                FaultAction::Fail
            }
            _ => FaultAction::Proceed,
        }
    };
    let broker = open(dir.path(), Some(Arc::new(fault)));
    for from in [0, KEYS / 2, 0, KEYS] {
        send(&broker, from, KEYS);
        run(&teller(), &broker, dir.path());
    }
    assert!(commits.load(Ordering::SeqCst) > 3);
    answered_once(&broker, KEYS);
    assert_eq!(entries(&teller(), &broker, dir.path()).len(), KEYS);
}

#[test]
fn should_go_on_with_the_changelog_that_an_application_has() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    send(&broker, 0, KEYS / 2);
    run(&teller_of_old(), &broker, dir.path());
    assert_eq!(changelogs(&broker), ["app-first-changelog".to_owned()].into());
    let existing = broker.topics().unwrap();
    let superseded = superseded_changelogs(&teller(), &config(dir.path(), "a", 1), &existing).unwrap();
    assert_eq!(superseded, [("app-first-changelog".into(), "output".into())]);
    // The new version, with the state and without, and back to the old one, as while versions take over from each other.
    for (n, topology) in [teller(), teller(), teller_of_old(), teller()].iter().enumerate() {
        if n % 2 == 1 {
            delete_state(dir.path());
        }
        send(&broker, n * KEYS / 4, KEYS);
        run(topology, &broker, dir.path());
    }
    answered_once(&broker, KEYS);
    assert_eq!(entries(&teller(), &broker, dir.path()).len(), KEYS);
}

/// The old changelog was deleted while nobody ran. Here the broker is another one, to which all else was copied.
#[test]
fn should_restore_from_the_topic_once_the_old_changelog_is_deleted_whatever_the_state_directory_says() {
    for keeps_state in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let old = open(dir.path(), None);
        // More repetitions than answers, so that the old checkpoints are offsets of the topic too, but others.
        send(&old, 0, 4 * KEYS);
        run(&teller_of_old(), &old, dir.path());
        let before = entries(&teller_of_old(), &old, dir.path());
        let written = outputs(&old);
        drop(old);
        let elsewhere = tempfile::tempdir().unwrap();
        let broker = open(elsewhere.path(), None);
        let mut producer = broker.transactional_producer("copy").unwrap();
        producer.begin().unwrap();
        for (partition, key, value) in &written {
            producer.send(&TopicPartition::new("output", *partition), batch_of(key, value.as_bytes())).unwrap();
        }
        producer.commit().unwrap();
        if !keeps_state {
            delete_state(dir.path());
        }
        assert_eq!(entries(&teller(), &broker, dir.path()), before, "state kept: {keeps_state}");
        send(&broker, 0, KEYS);
        run(&teller(), &broker, dir.path());
        answered_once(&broker, KEYS);
        assert!(changelogs(&broker).is_empty());
    }
}

#[test]
fn should_refuse_a_topic_that_loses_what_is_restored_from_it() {
    let expiring = |retention_ms| {
        let store = from_output().expiring(retention_ms);
        teller_with(store, Partitioning::SamePartition).build().unwrap()
    };
    let day = 24 * 3_600 * 1_000;
    let kept = |retention_ms| Cleanup::Retain { retention_ms };
    let cases = [
        (teller(), Cleanup::Keep, None),
        (teller(), kept(i64::MAX), Some("must be kept for ever")),
        (teller(), Cleanup::Compact, Some("are compacted and must be kept for ever")),
        (expiring(day), Cleanup::Keep, None),
        (expiring(day), kept(2 * day), None),
        (expiring(day), kept(2 * day - 1), Some("must be kept for 2 d")),
        (expiring(day), Cleanup::Compact, Some("are compacted and must be kept for 2 d")),
    ];
    for (topology, cleanup, refused) in cases {
        let dir = tempfile::tempdir().unwrap();
        let broker = open(dir.path(), None);
        let output = TopicSpec { name: "output".into(), partitions: PARTITIONS, cleanup, log_append_time: false };
        broker.alter_topics(&[output]).unwrap();
        let started = StreamThread::standalone(&topology, &config(dir.path(), "a", 1), &broker, 0);
        match (started, refused) {
            (Ok(_), None) => {}
            (Err(error), Some(refused)) => assert!(error.to_string().contains(refused), "{error}"),
            (started, refused) => panic!("{cleanup}: {started:?}, expected {refused:?}"),
        }
    }
}

#[test]
fn should_refuse_a_topic_with_fewer_partitions() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let few = TopicSpec { name: "few".into(), partitions: 2, cleanup: Cleanup::Keep, log_append_time: false };
    broker.create_topics(&[few]).unwrap();
    let topology = TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .processor("tell", || Teller(None), &["in"], &["first"])
        .store(store().restored_from("few", first_answers))
        .sink("out", "few", Utf8, Utf8, Partitioning::SamePartition, &["tell"]);
    let topology = topology.build().unwrap();
    let error = StreamThread::standalone(&topology, &config(dir.path(), "a", 1), &broker, 0).unwrap_err().to_string();
    assert!(error.contains("restored from `few`, which has 2 partitions, but 4 are needed"), "{error}");
}

#[test]
fn should_refuse_an_output_that_others_may_write_entries_to() {
    let refused = |builder: TopologyBuilder| builder.build().unwrap_err().to_string();
    let error = refused(teller_with(from_output(), Partitioning::ByKey));
    assert!(
        error.contains("not all that sub-topology `tell` writes there lies on the task's own partition"),
        "{error}"
    );
    let error = refused(teller_with(store().restored_from("elsewhere", first_answers), Partitioning::SamePartition));
    assert!(error.contains("store `first` is restored from `elsewhere`, but not all"), "{error}");
    for store in [from_output().changelog("shared"), from_output().without_changelog()] {
        let error = refused(teller_with(store, Partitioning::SamePartition));
        assert!(error.contains("has a changelog that it shares, or is never restored"), "{error}");
    }
    let error = refused(
        teller_with(from_output(), Partitioning::SamePartition)
            .source("more", ["more"], Utf8, Utf8)
            .processor("count", || Counter(None), &["more"], &["counts"])
            .store(StoreBuilder::persistent("counts", Utf8, Utf8).restored_from("output", first_answers))
            .sink("counted", "output", Utf8, Utf8, Partitioning::SamePartition, &["count"]),
    );
    assert!(error.contains("sub-topologies `tell` and `count` are restored from `output`"), "{error}");
}

/// Asks for its handles, and does nothing.
struct Counter(Option<(Output<String, String>, Store<String, String>)>);

impl Processor for Counter {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.0 = Some((ctx.output("counted")?, ctx.store("counts")?));
        Ok(())
    }

    fn process(&mut self, _: &mut Context<'_>, _: Record<String, String>) -> Result<(), ProcessingError> {
        Ok(())
    }
}

/// A registry that cannot be reached yet, say. What is bad is left out, and holds up nothing.
#[test]
fn should_wait_for_what_cannot_be_read_yet_and_leave_out_what_is_bad() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    send(&broker, 0, KEYS);
    run(&teller(), &broker, dir.path());
    delete_state(dir.path());
    let asked = Arc::new(Mutex::new(BTreeMap::<i64, usize>::new()));
    let entry = move |record: &RecordRef<'_>| {
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(record.offset).or_default();
        *times += 1;
        match record.key {
            Some(b"key-7") => Deserialized::Bad("seven".to_owned()),
            _ if *times == 1 && record.offset == 3 => Deserialized::NotYet("nobody answers".to_owned()),
            _ => first_answers(record),
        }
    };
    let topology = teller_with(store().restored_from("output", entry), Partitioning::SamePartition).build().unwrap();
    run(&topology, &broker, dir.path());
    let found = entries(&topology, &broker, dir.path());
    assert_eq!((found.len(), found.contains_key("key-7")), (KEYS - 1, false));
}
