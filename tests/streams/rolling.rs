//! Versions that take over from one another, process by process, under load; and what cannot be changed that way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use connectors::kafka::{KafkaBroker, KafkaConfig};
use topology::broker::{Broker, Cleanup, Reader, TopicPartition, TopicSpec};
use topology::serde::Utf8;
use topology::{
    Context, InitContext, Output, Partitioning, ProcessingError, Processor, Record, State, Store, StoreBuilder,
    Streams, Topology, TopologyBuilder, TopologyError,
};

use crate::numbering::{Numberer, check, config, make_topics, numberer, open, send, send_with};
use crate::services::OwnKafka;

const PATIENCE: Duration = Duration::from_secs(60);
const PARTITIONS: u32 = 4;

/// Passes each numbered record on to a sink and to a repartition by the key's last digit, and keeps the last one.
struct Audit(Option<(Output<String, String>, Output<String, String>, Store<String, String>)>);

impl Processor for Audit {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.0 = Some((ctx.output("audit-out")?, ctx.output("by-digit")?, ctx.store("last")?));
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, r: Record<String, String>) -> Result<(), ProcessingError> {
        let (out, by_digit, last) = self.0.unwrap();
        last.put(ctx, &r.key, r.value.clone())?;
        let digit = r.key[r.key.len() - 1..].to_owned();
        ctx.forward(by_digit, Record::new(digit, r.key.clone(), r.timestamp));
        ctx.forward(out, r);
        Ok(())
    }
}

/// The numberer, and beside it what is new: an operator, a store, a topic out, a repartition with a sub-topology behind.
fn second_version() -> Topology {
    TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .processor("number", || Numberer(None), &["in"], &["numbers"])
        .store(StoreBuilder::persistent("numbers", Utf8, Utf8).cached(10))
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["number"])
        .processor("audit", || Audit(None), &["in"], &["last"])
        .store(StoreBuilder::persistent("last", Utf8, Utf8))
        .sink("audit-out", "audit", Utf8, Utf8, Partitioning::ByKey, &["audit"])
        .repartition("by-digit", Utf8, Utf8, &["audit"])
        .processor("count", || Counter(None), &["by-digit"], &["counts"])
        .store(StoreBuilder::persistent("counts", Utf8, Utf8))
        .sink("counted", "counts", Utf8, Utf8, Partitioning::ByKey, &["count"])
        .build()
        .unwrap()
}

/// Counts by key.
struct Counter(Option<(Output<String, String>, Store<String, String>)>);

impl Processor for Counter {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.0 = Some((ctx.output("counted")?, ctx.store("counts")?));
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, r: Record<String, String>) -> Result<(), ProcessingError> {
        let (out, counts) = self.0.unwrap();
        let n = counts.get(ctx, &r.key)?.map_or(0, |n| n.parse::<u32>().unwrap()) + 1;
        counts.put(ctx, &r.key, n.to_string())?;
        ctx.forward(out, Record::new(r.key, n.to_string(), r.timestamp));
        Ok(())
    }
}

/// Sends records, a hundred at a time, until it is told to stop.
struct Load {
    sent: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    sender: std::thread::JoinHandle<()>,
}

impl Load {
    fn start(broker: &Arc<dyn Broker>) -> Self {
        let (sent, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let sender = std::thread::spawn({
            let (broker, sent, stop) = (broker.clone(), sent.clone(), stop.clone());
            let producer = broker.producer().unwrap();
            move || {
                while !stop.load(Ordering::SeqCst) {
                    send_with(&*producer, sent.load(Ordering::SeqCst), 100);
                    let all = sent.fetch_add(100, Ordering::SeqCst) + 100;
                    // So much ahead of the pipeline, that it always has work, and no more.
                    while !stop.load(Ordering::SeqCst) && all > outputs(&broker) + 3_000 {
                        std::thread::yield_now();
                    }
                }
            }
        });
        Self { sent, stop, sender }
    }

    /// Waits until the pipeline has put out so many more.
    fn run_for(&self, broker: &Arc<dyn Broker>, more: usize) {
        let until = outputs(broker) + more;
        while outputs(broker) < until {
            assert!(!self.sender.is_finished(), "the load ended");
            std::thread::yield_now();
        }
    }

    fn end(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.sender.join().unwrap();
        self.sent.load(Ordering::SeqCst)
    }
}

fn outputs(broker: &Arc<dyn Broker>) -> usize {
    (0..PARTITIONS).map(|p| broker.watermarks(&TopicPartition::new("output", p)).unwrap().1 as usize).sum()
}

fn run(broker: &Arc<dyn Broker>, topology: &Topology, dir: &std::path::Path, instance: &str) -> Streams {
    let streams = Streams::start(topology, &config(dir, instance, 2), broker).unwrap();
    assert!(streams.wait_for(State::Running, PATIENCE), "{instance}: {:?}", streams.state());
    streams
}

/// All records of a topic, key and value, until `enough` says so.
fn read_until(
    broker: &Arc<dyn Broker>,
    topic: &str,
    enough: impl Fn(&[(String, String)]) -> bool,
) -> Vec<(String, String)> {
    let mut reader: Box<dyn Reader> = broker.reader().unwrap();
    let all: Vec<_> = (0..PARTITIONS).map(|p| (TopicPartition::new(topic, p), 0)).collect();
    reader.assign(&all).unwrap();
    let mut read = Vec::new();
    while !enough(&read) {
        let fetched = reader.poll(PATIENCE).unwrap();
        assert!(!fetched.is_empty(), "{topic}: {} records came, and no more", read.len());
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        read.extend(fetched.iter().flat_map(|f| f.batch.iter()).map(|r| (text(r.key), text(r.value))));
    }
    read
}

#[test]
fn should_take_over_process_by_process_under_load_without_loss_and_back_again() {
    let dir = tempfile::tempdir().unwrap();
    take_over(&open(dir.path(), None), dir.path());
}

#[test]
fn should_take_over_process_by_process_on_the_real_kafka() {
    let dir = tempfile::tempdir().unwrap();
    let kafka = OwnKafka::new(&[]);
    let mut settings = KafkaConfig::new(kafka.bootstrap());
    // Who is replaced by a version that reads other topics is missed after this.
    settings.session_timeout = Duration::from_secs(3);
    let broker: Arc<dyn Broker> = KafkaBroker::open(settings).unwrap();
    make_topics(&broker, &["input", "output"]);
    take_over(&broker, dir.path());
}

/// Two instances of the old version are replaced, one after the other, the first one there and back.
fn take_over(broker: &Arc<dyn Broker>, dir: &Path) {
    make_topics(broker, &["audit", "counts"]);
    let (old, new) = (numberer(), second_version());
    let load = Load::start(broker);
    let a = run(broker, &old, dir, "a");
    let b = run(broker, &old, dir, "b");
    load.run_for(broker, 2_000);
    a.close().unwrap();
    let a = run(broker, &new, dir, "a");
    load.run_for(broker, 2_000);
    // What is new was not right, it seems: back, and on again.
    a.close().unwrap();
    let a = run(broker, &old, dir, "a");
    load.run_for(broker, 2_000);
    a.close().unwrap();
    let a = run(broker, &new, dir, "a");
    load.run_for(broker, 2_000);
    b.close().unwrap();
    let b = run(broker, &new, dir, "b");
    let from = load.sent.load(Ordering::SeqCst);
    load.run_for(broker, 5_000);
    let sent = load.end();
    check(broker, sent);

    // What the new version put out beside: each record at most once, and from the last take-over on every one.
    let audited = |read: &[(String, String)]| {
        let numbers: BTreeSet<usize> = read.iter().map(|(_, n)| n.parse().unwrap()).collect();
        (from..sent).all(|n| numbers.contains(&n))
    };
    let audit = read_until(broker, "audit", audited);
    let distinct: BTreeSet<_> = audit.iter().map(|(_, n)| n).collect();
    assert_eq!(distinct.len(), audit.len(), "nothing twice");
    let counted = read_until(broker, "counts", |read| read.len() >= audit.len());
    assert_eq!(counted.len(), audit.len());
    let mut by_digit: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    counted.iter().for_each(|(digit, n)| by_digit.entry(digit).or_default().push(n.parse().unwrap()));
    for (digit, counts) in by_digit {
        assert_eq!(counts, (1..=counts.len()).collect::<Vec<_>>(), "digit {digit}, over the repartition");
    }
    a.close().unwrap();
    b.close().unwrap();
}

/// The numberer, reading one topic more.
fn with_another_source() -> Topology {
    TopologyBuilder::new()
        .source("in", ["input", "more"], Utf8, Utf8)
        .processor("number", || Numberer(None), &["in"], &["numbers"])
        .store(StoreBuilder::persistent("numbers", Utf8, Utf8))
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["number"])
        .build()
        .unwrap()
}

#[test]
fn should_refuse_a_source_that_joins_others_in_flight_and_take_it_when_nobody_runs() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    make_topics(&broker, &["more"]);
    let old = run(&broker, &numberer(), dir.path(), "a");
    send(&broker, 0, 400);
    check(&broker, 400);
    let new = with_another_source();
    let error = Streams::start(&new, &config(dir.path(), "b", 1), &broker).unwrap_err().to_string();
    assert!(error.contains("sub-topology `number` reads [more] together with [input]"), "{error}");
    assert!(error.contains("Stop every instance"), "{error}");
    send(&broker, 400, 400);
    check(&broker, 800);
    old.close().unwrap();

    let first = run(&broker, &new, dir.path(), "b");
    let second = run(&broker, &new, dir.path(), "a");
    send(&broker, 800, 400);
    check(&broker, 1_200);
    first.close().unwrap();
    second.close().unwrap();
}

#[test]
fn should_refuse_another_number_of_partitions_and_another_kind_of_store_and_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let changelog = |partitions, cleanup| {
        let name = "app-numbers-changelog".into();
        broker.create_topics(&[TopicSpec { name, partitions, cleanup, log_append_time: false }]).unwrap();
    };
    changelog(4, Cleanup::CompactAndRetain { retention_ms: 1_000 });
    let error = Streams::start(&numberer(), &config(dir.path(), "a", 1), &broker).unwrap_err().to_string();
    assert!(error.contains("`app-numbers-changelog` keeps its entries, but the topic is that of one"), "{error}");
    assert!(error.contains("Give the store another name"), "{error}");

    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let changelog = TopicSpec {
        name: "app-numbers-changelog".into(),
        partitions: 3,
        cleanup: Cleanup::Compact,
        log_append_time: false,
    };
    broker.create_topics(&[changelog]).unwrap();
    let error = Streams::start(&numberer(), &config(dir.path(), "a", 1), &broker).unwrap_err().to_string();
    assert!(error.contains("`app-numbers-changelog` has 3 partitions, but 4 are needed"), "{error}");
    assert!(error.contains("start under another application id"), "{error}");
}
