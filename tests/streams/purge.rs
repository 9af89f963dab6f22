//! Records of repartition topics, which are nobody's once they are processed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use connectors::kafka::{KafkaBroker, KafkaConfig};
use topology::broker::{Broker, TopicPartition};
use topology::serde::Utf8;
use topology::{Partitioning, StoreBuilder, StreamThread, TopologyBuilder};

use crate::numbering::{Numberer, PARTITIONS, PATIENCE, config, make_topics, open, send};
use crate::services::OwnKafka;

/// As many offsets of a topic are gone, over all its partitions.
fn removed(broker: &Arc<dyn Broker>, topic: &str) -> i64 {
    (0..PARTITIONS).map(|p| broker.watermarks(&TopicPartition::new(topic, p)).unwrap().0).sum()
}

fn removes_what_was_processed(broker: &Arc<dyn Broker>) {
    let dir = tempfile::tempdir().unwrap();
    let topology = TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .repartition("again", Utf8, Utf8, &["in"])
        .processor("number", || Numberer(None), &["again"], &["numbers"])
        .store(StoreBuilder::persistent("numbers", Utf8, Utf8))
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["number"])
        .build()
        .unwrap();
    let now = Arc::new(AtomicI64::new(1_000_000));
    let mut config = config(dir.path(), "a", 1);
    config.clock = Arc::new({
        let now = Arc::clone(&now);
        move || now.load(Ordering::SeqCst)
    });
    let mut thread = StreamThread::standalone(&topology, &config, broker, 0).unwrap();
    let mut run_until = |what: &str, done: &dyn Fn(&StreamThread) -> bool| {
        let end = Instant::now() + PATIENCE;
        while !done(&thread) {
            assert!(Instant::now() < end, "{what}");
            thread.run_once(Duration::from_millis(10)).unwrap();
            now.fetch_add(1, Ordering::SeqCst);
        }
    };
    let repartition = "app-again-repartition";
    send(broker, 0, 100);
    run_until("all are processed, twice", &|t| t.metrics().counts().processed == 200);
    assert_eq!(removed(broker, repartition), 0, "it is not due yet");
    now.fetch_add(30_000, Ordering::SeqCst);
    // They are committed, and what was processed before goes with that.
    send(broker, 100, 10);
    run_until("they are removed", &|t| t.metrics().counts().processed == 220 && removed(broker, repartition) >= 100);
    assert_eq!((removed(broker, "input"), removed(broker, "output")), (0, 0), "others are left alone");
    thread.close().unwrap();
}

#[test]
fn should_remove_repartition_records_that_were_processed() {
    let dir = tempfile::tempdir().unwrap();
    removes_what_was_processed(&open(dir.path(), None));
}

#[test]
fn should_remove_repartition_records_that_were_processed_on_the_real_kafka() {
    let kafka = OwnKafka::new(&[]);
    let broker: Arc<dyn Broker> = KafkaBroker::open(KafkaConfig::new(kafka.bootstrap())).unwrap();
    make_topics(&broker, &["input", "output"]);
    removes_what_was_processed(&broker);
}
