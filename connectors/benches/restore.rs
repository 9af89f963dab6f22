//! How fast a store is restored: records of 150 bytes in four changelog partitions, from the start to RUNNING, by broker and
//! by number of threads. On the embedded broker, and on Apache Kafka too where `SYNCROBOARD_TEST_KAFKA` says where it is.
//! `RESTORE_RECORDS` says how many (1,000,000). Beside the rate stands what the whole process spent on a record: where the
//! machine is busy with other things, that tells more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use connectors::kafka::{KafkaBroker, KafkaConfig};
use topology::broker::{Broker, Cleanup, TopicPartition, TopicSpec};
use topology::serde::Utf8;
use topology::{
    BatchBuilder, Context, Headers, InitContext, ProcessingError, Processor, Record, State, StoreBuilder, Streams,
    StreamsConfig, Topology, TopologyBuilder, TopologyError, internal_topics,
};

const PARTITIONS: u32 = 4;
const VALUE_BYTES: usize = 114;
const BATCH: usize = 1_000;

/// Has a store, and nothing to do.
struct Idle;

impl Processor for Idle {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        ctx.store::<String, String>("entries").map(|_| ())
    }

    fn process(&mut self, _: &mut Context<'_>, _: Record<String, String>) -> Result<(), ProcessingError> {
        Ok(())
    }
}

fn topology(input: &str) -> Topology {
    TopologyBuilder::new()
        .source("in", [input], Utf8, Utf8)
        .processor("idle", || Idle, &["in"], &["entries"])
        .store(StoreBuilder::persistent("entries", Utf8, Utf8))
        .build()
        .unwrap()
}

fn fill(broker: &Arc<dyn Broker>, changelog: &str, records: usize) {
    let mut producer = broker.transactional_producer(&format!("fill-{changelog}")).unwrap();
    let value = [b'v'; VALUE_BYTES];
    let mut written = 0;
    while written < records {
        producer.begin().unwrap();
        for partition in 0..PARTITIONS {
            let mut batch = BatchBuilder::new();
            for n in written..written + BATCH {
                let key = format!("{:036}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                batch.push(1, Some(key.as_bytes()), Some(&value), &Headers::new());
            }
            producer.send(&TopicPartition::new(changelog, partition), batch.finish()).unwrap();
            written += BATCH;
        }
        producer.commit().unwrap();
    }
}

/// User and system time of all threads of this process that live, in seconds.
fn cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let ns = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    ns.sum::<u64>() as f64 / 1e9
}

fn measure(name: &str, broker: &Arc<dyn Broker>, records: usize) {
    let app = format!("restore-{}", std::process::id());
    let input = format!("{app}-input");
    let spec = TopicSpec {
        name: input.as_str().into(),
        partitions: PARTITIONS,
        cleanup: Cleanup::Keep,
        log_append_time: false,
    };
    broker.create_topics(&[spec]).unwrap();
    let topology = topology(&input);
    let dir = tempfile::tempdir().unwrap();
    let mut config = StreamsConfig::new(app.as_str(), dir.path());
    broker.create_topics(&internal_topics(&topology, &config, &broker.topics().unwrap()).unwrap()).unwrap();
    fill(broker, &format!("{app}-entries-changelog"), records);
    for threads in [1, 2] {
        for _ in 0..3 {
            config.threads = threads;
            let (begun, spent) = (Instant::now(), cpu());
            let streams = Streams::start(&topology, &config, broker).unwrap();
            assert!(streams.wait_for(State::Running, Duration::from_secs(600)), "{}", streams.state());
            let (took, cpu) = (begun.elapsed().as_secs_f64(), cpu() - spent);
            let restored = streams.metrics().counts().restored as f64;
            println!(
                "{name}, {threads} thread(s): {restored} offsets, {:.0}/s, {:.2} µs of CPU each in the whole process",
                restored / took,
                cpu * 1e6 / restored
            );
            streams.close().unwrap();
            std::fs::remove_dir_all(dir.path()).unwrap();
        }
    }
}

fn main() {
    let records =
        std::env::var("RESTORE_RECORDS").map_or(1_000_000, |n| n.parse().expect("RESTORE_RECORDS is a number"));
    let dir = tempfile::tempdir().unwrap();
    let mut config = EmbeddedConfig::new(dir.path().join("log"));
    config.sync = SyncMode::Os;
    let embedded: Arc<dyn Broker> = EmbeddedBroker::open(config).unwrap();
    measure("embedded", &embedded, records);
    if let Ok(servers) = std::env::var("SYNCROBOARD_TEST_KAFKA") {
        let kafka: Arc<dyn Broker> = KafkaBroker::open(KafkaConfig::new(servers)).unwrap();
        measure("kafka", &kafka, records);
    }
}
