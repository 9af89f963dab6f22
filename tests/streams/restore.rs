//! Restoring beside tasks that are ready, and from changelogs that shrink meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use topology::broker::{Broker, NewRecord, Reader, TopicPartition};
use topology::serde::Utf8;
use topology::{
    Context, Headers, InitContext, Inspection, Output, Partitioning, ProcessingError, Processor, Record, StoreBuilder,
    StreamThread, ThreadState, Topology, TopologyBuilder, TopologyError,
};

use crate::numbering::{Numberer, config, make_topics, numberer, open};

/// More than a step restores before other tasks are looked after.
const ENTRIES: usize = 70_000;

/// Passes records on.
struct Echo(Option<Output<String, String>>);

impl Processor for Echo {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.0 = Some(ctx.output("echoed")?);
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, r: Record<String, String>) -> Result<(), ProcessingError> {
        self.0.into_iter().for_each(|out| ctx.forward(out, r.clone()));
        Ok(())
    }
}

/// One sub-topology that has much to restore, and one that has nothing.
fn two_parts() -> Topology {
    TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .processor("number", || Numberer(None), &["in"], &["numbers"])
        .store(StoreBuilder::persistent("numbers", Utf8, Utf8))
        .sink("out", "numbered", Utf8, Utf8, Partitioning::ByKey, &["number"])
        .source("echo-in", ["echo"], Utf8, Utf8)
        .processor("echo", || Echo(None), &["echo-in"], &[])
        .sink("echoed", "output", Utf8, Utf8, Partitioning::ByKey, &["echo"])
        .build()
        .unwrap()
}

fn produce(broker: &Arc<dyn Broker>, topic: &str, count: usize) {
    let producer = broker.producer().unwrap();
    let (done, written) = channel();
    for n in 0..count {
        let (key, value) = (format!("{n:08}"), "1");
        let done = done.clone();
        let record = NewRecord {
            timestamp: 1,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &Headers::new(),
        };
        let told = Box::new(move |result: Result<_, _>| done.send(result.is_ok()).unwrap());
        producer.send(&TopicPartition::new(topic, 0), record, told).unwrap();
    }
    assert!(written.iter().take(count).all(|ok| ok));
}

fn thread(topology: &Topology, broker: &Arc<dyn Broker>, dir: &Path) -> StreamThread {
    StreamThread::standalone(topology, &config(dir, "a", 1), broker, 0).unwrap()
}

fn entries(topology: &Topology, broker: &Arc<dyn Broker>, dir: &Path) -> usize {
    let inspection = Inspection::open(topology, &config(dir, "a", 1), &**broker).unwrap();
    let mut count = 0;
    inspection.entries("numbers", &mut |_, _| count += 1).unwrap();
    count
}

#[test]
fn should_process_with_tasks_that_are_ready_while_another_restores() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    make_topics(&broker, &["numbered", "echo"]);
    let topology = two_parts();
    // Once, for the internal topics.
    drop(thread(&topology, &broker, dir.path()));
    produce(&broker, "app-numbers-changelog", ENTRIES);
    let mut thread = thread(&topology, &broker, dir.path());
    while thread.metrics().restore_progress().is_none_or(|p| p.restoring != 1) {
        thread.run_once(Duration::ZERO).unwrap();
    }
    produce(&broker, "echo", 10);
    let mut reader: Box<dyn Reader> = broker.reader().unwrap();
    let all: Vec<_> = (0..4).map(|p| (TopicPartition::new("output", p), 0)).collect();
    reader.assign(&all).unwrap();
    let mut echoed = 0;
    while echoed < 10 {
        thread.run_once(Duration::ZERO).unwrap();
        echoed += reader.poll(Duration::ZERO).unwrap().iter().map(|f| f.batch.len()).sum::<usize>();
    }
    let progress = thread.metrics().restore_progress().unwrap();
    assert_eq!((progress.restoring, progress.tasks), (1, 8));
    assert!(progress.remaining > 0, "{progress}");
    assert!(progress.to_string().starts_with("1 of 8 tasks restore their stores, "), "{progress}");
    while thread.state() != ThreadState::Running {
        thread.run_once(Duration::ZERO).unwrap();
    }
    assert_eq!(thread.metrics().restore_progress(), None);
    assert_eq!(thread.metrics().counts().restored, ENTRIES as u64, "each offset once");
    thread.close().unwrap();
    assert_eq!(entries(&topology, &broker, dir.path()), ENTRIES);
}

#[test]
fn should_start_from_what_is_left_when_the_changelog_is_shortened_under_its_eyes() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let topology = numberer();
    drop(thread(&topology, &broker, dir.path()));
    produce(&broker, "app-numbers-changelog", 3 * ENTRIES);
    let mut thread = thread(&topology, &broker, dir.path());
    while thread.metrics().counts().restored == 0 {
        thread.run_once(Duration::ZERO).unwrap();
    }
    assert!(thread.metrics().counts().restored < ENTRIES as u64, "it is under way");
    broker.delete_records(&TopicPartition::new("app-numbers-changelog", 0), 2 * ENTRIES as i64).unwrap();
    while thread.state() != ThreadState::Running {
        thread.run_once(Duration::ZERO).unwrap();
    }
    thread.close().unwrap();
    assert_eq!(entries(&topology, &broker, dir.path()), ENTRIES, "what is no longer in the changelog is in no store");
}

/// As a thread does whose membership has ended, and which waits for a broker and does not know.
#[test]
fn should_wait_for_stores_that_another_thread_of_its_process_still_has() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let topology = numberer();
    drop(thread(&topology, &broker, dir.path()));
    produce(&broker, "input", 10);
    let held = Inspection::open(&topology, &config(dir.path(), "a", 1), &*broker).unwrap();
    let (clock, mut config) = (Arc::new(AtomicI64::new(0)), config(dir.path(), "a", 1));
    config.clock = {
        let clock = Arc::clone(&clock);
        Arc::new(move || clock.fetch_add(1_000, Ordering::Relaxed))
    };
    let mut thread = StreamThread::standalone(&topology, &config, &broker, 0).unwrap();
    while thread.state() == ThreadState::Starting {
        thread.run_once(Duration::ZERO).unwrap();
    }
    for _ in 0..5 {
        thread.run_once(Duration::ZERO).unwrap();
        assert_eq!((thread.state(), thread.tasks().len()), (ThreadState::Restoring, 0));
    }
    drop(held);
    while thread.state() != ThreadState::Running {
        thread.run_once(Duration::from_millis(20)).unwrap();
    }
    while thread.metrics().counts().processed < 10 {
        thread.run_once(Duration::from_millis(20)).unwrap();
    }
    thread.close().unwrap();
    assert_eq!(entries(&topology, &broker, dir.path()), 10);
}
