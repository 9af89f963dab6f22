//! Records of repartition topics, which are nobody's once they are processed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use connectors::kafka::{KafkaBroker, KafkaConfig};
use topology::broker::{Broker, BrokerError, TopicPartition};
use topology::serde::Utf8;
use topology::{Partitioning, StoreBuilder, StreamThread, TopologyBuilder};

use crate::faulty::{Call, Fault, Faulty};
use crate::numbering::{Numberer, PARTITIONS, PATIENCE, config, make_topics, open, send};
use crate::services::OwnKafka;

/// As many offsets of a topic are gone, over all its partitions.
fn removed(broker: &Arc<dyn Broker>, topic: &str) -> i64 {
    (0..PARTITIONS).map(|p| broker.watermarks(&TopicPartition::new(topic, p)).unwrap().0).sum()
}

/// The broker refuses to the first `refusals` times that it is asked.
fn removes_what_was_processed(broker: &Arc<dyn Broker>, refusals: usize) {
    let refused = Arc::new(AtomicUsize::new(0));
    let faulty: Arc<dyn Broker> = Arc::new(Faulty::new(broker, {
        let refused = Arc::clone(&refused);
        Arc::new(move |_, call| {
            let refuse = call == Call::DeleteRecords && refused.load(Ordering::SeqCst) < refusals;
            refuse.then(|| {
                refused.fetch_add(1, Ordering::SeqCst);
                Fault::Before(BrokerError::Fatal("not now".to_owned()))
            })
        })
    }));

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
    let mut thread = StreamThread::standalone(&topology, &config, &faulty, 0).unwrap();
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
    // With each ten records those are committed that came before them.
    for attempt in 0..=refusals {
        let before = 100 + 10 * attempt;
        now.fetch_add(30_000, Ordering::SeqCst);
        send(broker, before, 10);
        run_until("it is refused, or they are removed", &|t| {
            let gone = removed(broker, repartition) >= before as i64;
            let tried = if attempt < refusals { refused.load(Ordering::SeqCst) > attempt && !gone } else { gone };
            tried && t.metrics().counts().processed == 2 * (before as u64 + 10)
        });
    }
    assert_eq!((removed(broker, "input"), removed(broker, "output")), (0, 0), "others are left alone");
    thread.close().unwrap();
}

#[test]
fn should_remove_repartition_records_that_were_processed() {
    let dir = tempfile::tempdir().unwrap();
    removes_what_was_processed(&open(dir.path(), None), 0);
}

#[test]
fn should_go_on_when_repartition_records_cannot_be_removed_and_remove_them_later() {
    let dir = tempfile::tempdir().unwrap();
    removes_what_was_processed(&open(dir.path(), None), 2);
}

#[test]
fn should_remove_repartition_records_that_were_processed_on_the_real_kafka() {
    let kafka = OwnKafka::new(&[]);
    let broker: Arc<dyn Broker> = KafkaBroker::open(KafkaConfig::new(kafka.bootstrap())).unwrap();
    make_topics(&broker, &["input", "output"]);
    removes_what_was_processed(&broker, 0);
}
