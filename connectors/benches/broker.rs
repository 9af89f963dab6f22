//! What a commit costs: 1,000 records of 400 bytes over 4 partitions a transaction, by sync mode. Reported per record.
//! `send` is the stream thread's part; `commit` is that and the wait for the log writer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::time::{Duration, Instant};

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use topology::broker::{Broker, Cleanup, TopicPartition, TopicSpec};
use topology::{BatchBuilder, Headers};

const RECORDS: u32 = 1_000;
const PARTITIONS: u32 = 4;

fn commit(c: &mut Criterion) {
    let mut group = c.benchmark_group("broker");
    group.throughput(Throughput::Elements(RECORDS.into())).sample_size(20);
    for (name, sync, whole) in
        [("send/os", SyncMode::Os, false), ("commit/os", SyncMode::Os, true), ("commit/commit", SyncMode::Commit, true)]
    {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut config = EmbeddedConfig::new(dir.path());
        config.sync = sync;
        let broker = EmbeddedBroker::open(config).expect("the broker opens");
        let spec =
            TopicSpec { name: "t".into(), partitions: PARTITIONS, cleanup: Cleanup::Keep, log_append_time: false };
        broker.create_topics(&[spec]).expect("the topic is made");
        let partitions: Vec<_> = (0..PARTITIONS).map(|n| TopicPartition::new("t", n)).collect();
        let mut producer = broker.transactional_producer("tx").expect("a producer");
        let (value, none) = ([b'v'; 364], Headers::new());
        let mut builders: Vec<_> = partitions.iter().map(|_| BatchBuilder::new()).collect();
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                let mut spent = Duration::ZERO;
                for _ in 0..rounds {
                    let start = Instant::now();
                    producer.begin().expect("begun");
                    for n in 0..RECORDS / PARTITIONS {
                        for builder in &mut builders {
                            builder.push(n.into(), Some(&[b'k'; 36]), Some(&value), &none);
                        }
                    }
                    for (partition, builder) in partitions.iter().zip(&mut builders) {
                        producer.send(partition, builder.finish()).expect("sent");
                    }
                    if whole {
                        producer.commit().expect("committed");
                        spent += start.elapsed();
                    } else {
                        spent += start.elapsed();
                        producer.abort().expect("aborted");
                    }
                }
                spent
            });
        });
    }
    group.finish();
}

criterion_group!(benches, commit);
criterion_main!(benches);
