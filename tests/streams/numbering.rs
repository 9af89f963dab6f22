//! The application of these tests: it numbers the records of each key from 1, and whoever reads its output can check that.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, FaultAction, FaultPoint, SyncMode};
use topology::broker::{Broker, Cleanup, NewRecord, Producer, TopicPartition, TopicSpec, partition_for_key};
use topology::serde::Utf8;
use topology::{
    Context, Headers, InitContext, Output, Partitioning, ProcessingError, Processor, Record, State, Store,
    StoreBuilder, Streams, StreamsConfig, Topology, TopologyBuilder, TopologyError,
};

pub(crate) const PARTITIONS: u32 = 4;
pub(crate) const KEYS: usize = 40;
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers the records of each key from 1.
pub(crate) struct Numberer(pub(crate) Option<(Output<String, String>, Store<String, String>)>);

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

pub(crate) fn numberer() -> Topology {
    TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .processor("number", || Numberer(None), &["in"], &["numbers"])
        .store(StoreBuilder::persistent("numbers", Utf8, Utf8).cached(10))
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["number"])
        .build()
        .unwrap()
}

pub(crate) fn open(
    dir: &Path,
    fault: Option<Arc<dyn Fn(FaultPoint<'_>) -> FaultAction + Send + Sync>>,
) -> Arc<dyn Broker> {
    let mut config = EmbeddedConfig::new(dir.join("log"));
    config.sync = SyncMode::Os;
    config.fault = fault;
    let broker: Arc<dyn Broker> = EmbeddedBroker::open(config).unwrap();
    make_topics(&broker, &["input", "output"]);
    broker
}

pub(crate) fn make_topics(broker: &Arc<dyn Broker>, names: &[&str]) {
    let topic = |name: &&str| TopicSpec {
        name: (*name).into(),
        partitions: PARTITIONS,
        cleanup: Cleanup::Keep,
        log_append_time: false,
    };
    broker.create_topics(&names.iter().map(topic).collect::<Vec<_>>()).unwrap();
}

/// Sends `count` records round robin over the keys, from the given number on, and waits until they are in the log.
pub(crate) fn send(broker: &Arc<dyn Broker>, from: usize, count: usize) {
    send_with(&*broker.producer().unwrap(), from, count);
}

pub(crate) fn send_with(producer: &dyn Producer, from: usize, count: usize) {
    let (done, written) = channel();
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
        let done = done.clone();
        // Whoever waits may have failed already.
        let told = Box::new(move |result: Result<_, _>| drop(done.send(result.map(|_| ()))));
        producer.send(&partition, record, told).unwrap();
    }
    written.iter().take(count).for_each(Result::unwrap);
}

/// Reads `count` outputs, as they come, and checks that each key's are numbered in the order sent.
pub(crate) fn check(broker: &Arc<dyn Broker>, count: usize) {
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

pub(crate) fn config(dir: &Path, instance: &str, threads: usize) -> StreamsConfig {
    let mut config = StreamsConfig::new("app", dir.join(format!("state-{instance}")));
    instance.clone_into(&mut config.instance_id);
    config.threads = threads;
    config.commit_interval_ms = 10;
    config
}

pub(crate) fn start(broker: &Arc<dyn Broker>, config: &StreamsConfig) -> Streams {
    let streams = Streams::start(&numberer(), config, broker).unwrap();
    assert!(streams.wait_for(State::Running, PATIENCE), "{:?}", streams.state());
    streams
}
