//! Stream threads on the embedded broker: several of them, coming and going, and commits whose outcome nobody knows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, FaultAction, FaultPoint, SyncMode};
use topology::broker::{Broker, Cleanup, NewRecord, TopicPartition, TopicSpec, partition_for_key};
use topology::serde::Utf8;
use topology::{
    Context, Headers, InitContext, Output, Partitioning, ProcessingError, Processor, Record, State, Store,
    StoreBuilder, Streams, StreamsConfig, Topology, TopologyBuilder, TopologyError,
};

const PARTITIONS: u32 = 4;
const KEYS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers the records of each key from 1.
struct Numberer(Option<(Output<String, String>, Store<String, String>)>);

impl Processor for Numberer {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.0 = Some((ctx.output("out")?, ctx.store("numbers")?));
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, r: Record<String, String>) -> Result<(), ProcessingError> {
        let (out, numbers) = self.0.unwrap();
        let n = numbers.get(ctx, &r.key)?.map_or(0, |n| n.parse::<u32>().unwrap()) + 1;
        numbers.put(ctx, &r.key, n.to_string())?;
        ctx.forward(out, Record::new(r.key, format!("{n}:{}", r.value), r.timestamp));
        Ok(())
    }
}

fn numberer() -> Topology {
    TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .processor("number", || Numberer(None), &["in"], &["numbers"])
        .store(StoreBuilder::persistent("numbers", Utf8, Utf8).cached(10))
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["number"])
        .build()
        .unwrap()
}

fn open(dir: &Path, fault: Option<Arc<dyn Fn(FaultPoint<'_>) -> FaultAction + Send + Sync>>) -> Arc<dyn Broker> {
    let mut config = EmbeddedConfig::new(dir.join("log"));
    config.sync = SyncMode::Os;
    config.fault = fault;
    let broker: Arc<dyn Broker> = EmbeddedBroker::open(config).unwrap();
    let topic = |name: &str| TopicSpec {
        name: name.into(),
        partitions: PARTITIONS,
        cleanup: Cleanup::Keep,
        log_append_time: false,
    };
    broker.create_topics(&[topic("input"), topic("output")]).unwrap();
    broker
}

/// Sends `count` records round robin over the keys, from the given number on.
fn send(broker: &Arc<dyn Broker>, from: usize, count: usize) {
    let producer = broker.producer().unwrap();
    for n in from..from + count {
        let key = format!("key-{}", n % KEYS);
        let partition = TopicPartition::new("input", partition_for_key(key.as_bytes(), PARTITIONS));
        let value = n.to_string();
        let record = NewRecord {
            timestamp: 1,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &Headers::new(),
        };
        producer.send(&partition, record, Box::new(|written| assert!(written.is_ok()))).unwrap();
    }
}

/// Reads `count` outputs, as they come, and checks that each key's are numbered in the order sent.
fn check(broker: &Arc<dyn Broker>, count: usize) {
    let mut reader = broker.reader().unwrap();
    let all: Vec<_> = (0..PARTITIONS).map(|p| (TopicPartition::new("output", p), 0)).collect();
    reader.assign(&all).unwrap();
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut read = 0;
    while read < count {
        let fetched = reader.poll(PATIENCE).unwrap();
        assert!(!fetched.is_empty(), "{read} of {count} outputs came");
        for record in fetched.iter().flat_map(|f| f.batch.iter()) {
            let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
            by_key.entry(text(record.key)).or_default().push(text(record.value));
            read += 1;
        }
    }
    assert_eq!(read, count, "nothing twice");
    for (key, values) in by_key {
        let k: usize = key.trim_start_matches("key-").parse().unwrap();
        let expected: Vec<_> = (0..values.len()).map(|i| format!("{}:{}", i + 1, k + i * KEYS)).collect();
        assert_eq!(values, expected, "{key}");
    }
}

fn config(dir: &Path, instance: &str, threads: usize) -> StreamsConfig {
    let mut config = StreamsConfig::new("app", dir.join(format!("state-{instance}")));
    instance.clone_into(&mut config.instance_id);
    config.threads = threads;
    config.commit_interval_ms = 10;
    config
}

fn start(broker: &Arc<dyn Broker>, config: &StreamsConfig) -> Streams {
    let streams = Streams::start(&numberer(), config, broker).unwrap();
    assert!(streams.wait_for(State::Running, PATIENCE), "{:?}", streams.state());
    streams
}

#[test]
fn should_number_on_without_loss_while_instances_with_several_threads_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let first = start(&broker, &config(dir.path(), "a", 2));
    send(&broker, 0, 4_000);
    let second = start(&broker, &config(dir.path(), "b", 2));
    send(&broker, 4_000, 4_000);
    first.close().unwrap();
    send(&broker, 8_000, 4_000);
    let third = start(&broker, &config(dir.path(), "a", 1));
    send(&broker, 12_000, 4_000);
    check(&broker, 16_000);
    second.close().unwrap();
    third.close().unwrap();
}

#[test]
fn should_give_the_same_result_when_commits_fail_before_or_after_they_landed() {
    let dir = tempfile::tempdir().unwrap();
    let (before, after) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (b, a) = (before.clone(), after.clone());
    let commits = AtomicUsize::new(0);
    let fault = move |point: FaultPoint<'_>| {
        let fails = match point {
            FaultPoint::BeforeWrite { transactional_id: Some(_) } => {
                let n = commits.fetch_add(1, Ordering::SeqCst);
                (n % 5 == 2).then_some(&b)
            }
            FaultPoint::AfterWrite { transactional_id: Some(_) } => {
                (commits.load(Ordering::SeqCst) % 5 == 1).then_some(&a)
            }
            _ => None,
        };
        fails.map_or(FaultAction::Proceed, |count| {
            count.fetch_add(1, Ordering::SeqCst);
            FaultAction::Fail
        })
    };
    let broker = open(dir.path(), Some(Arc::new(fault)));
    let streams = start(&broker, &config(dir.path(), "a", 1));
    for round in 0..50 {
        send(&broker, round * 200, 200);
        check(&broker, (round + 1) * 200);
    }
    assert!(
        before.load(Ordering::SeqCst) >= 3 && after.load(Ordering::SeqCst) >= 3,
        "both faults were put in: {before:?} {after:?}"
    );
    let counts = streams.metrics().counts();
    assert!(counts.aborts >= 6, "{counts:?}");
    let thread = streams.metrics().threads().remove(0);
    assert_eq!((thread.aborts, thread.producers_replaced), (counts.aborts, counts.aborts), "one producer for each");
    assert!(counts.processed > 10_000, "{} processed: what was given up was done again", counts.processed);
    let tasks = streams.metrics().tasks();
    let ages: u64 = tasks.iter().map(|t| t.end_to_end.count()).sum();
    assert!(
        (5_000..=10_000).contains(&ages),
        "{ages}: an age is told once, by the commit that is known to have landed"
    );
    streams.close().unwrap();
}

#[test]
fn should_refuse_source_topics_whose_partitions_do_not_fit_and_name_them() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let other = TopicSpec { name: "other".into(), partitions: 3, cleanup: Cleanup::Keep, log_append_time: false };
    broker.create_topics(&[other]).unwrap();
    let topology = TopologyBuilder::new()
        .source("in", ["input", "other"], Utf8, Utf8)
        .processor("number", || Numberer(None), &["in"], &["numbers"])
        .store(StoreBuilder::persistent("numbers", Utf8, Utf8))
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["number"])
        .build()
        .unwrap();
    let error = Streams::start(&topology, &config(dir.path(), "a", 1), &broker).unwrap_err().to_string();
    assert!(error.contains("`input` and `other` are read together") && error.contains("4 and 3"), "{error}");
}
