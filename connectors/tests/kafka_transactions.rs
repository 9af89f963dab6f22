//! What librdkafka does inside a commit, seen from outside: on a mock cluster, which can answer with any error. It proves nothing
//! about exactly-once; that is for the real Kafka.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::kafka::{KafkaBroker, KafkaConfig};
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::DefaultProducerContext;
use rdkafka_sys::types::{RDKafkaApiKey, RDKafkaRespErr};
use topology::broker::{Broker, BrokerError, GroupMetadata, TopicPartition, TransactionalProducer};
use topology::{BatchBuilder, Headers, RecordBatch};

/// How long a transaction may last.
const TRANSACTION: Duration = Duration::from_secs(2);
/// How much longer its end may take than that, on a busy machine.
const SLACK: Duration = Duration::from_secs(6);

struct Scene {
    cluster: MockCluster<'static, DefaultProducerContext>,
    broker: Arc<dyn Broker>,
    to: TopicPartition,
}

impl Scene {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(properties: &[(&str, &str)]) -> Self {
        // The group's coordinator is the other broker.
        let cluster = MockCluster::new(2).unwrap();
        cluster.create_topic("in", 1, 1).unwrap();
        cluster.create_topic("out", 1, 1).unwrap();
        cluster.partition_leader("out", 0, Some(1)).unwrap();
        cluster.coordinator(MockCoordinator::Transaction("tx".to_owned()), 1).unwrap();
        cluster.coordinator(MockCoordinator::Group("group".to_owned()), 2).unwrap();
        let mut config = KafkaConfig::new(cluster.bootstrap_servers());
        config.transaction_timeout = TRANSACTION;
        config.properties = properties.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let broker = KafkaBroker::open(config).unwrap();
        Self { cluster, broker, to: TopicPartition::new("out", 0) }
    }

    fn producer(&self) -> Box<dyn TransactionalProducer> {
        self.broker.transactional_producer("tx").unwrap()
    }

    /// A transaction with a record in it, up to the commit.
    fn transaction(&self, producer: &mut dyn TransactionalProducer) {
        producer.begin().unwrap();
        producer.send(&self.to, record()).unwrap();
    }
}

fn record() -> RecordBatch {
    let mut batch = BatchBuilder::new();
    batch.push(1, None, Some(b"v"), &Headers::new());
    batch.finish()
}

/// Offsets of a member of the group.
fn send_offsets(producer: &mut dyn TransactionalProducer) -> Result<(), BrokerError> {
    let group = GroupMetadata { group: "group".to_owned(), member: String::new(), generation: -1 };
    producer.send_offsets(&[(TopicPartition::new("in", 0), 7)], &group)
}

#[test]
fn should_trust_commits_that_were_answered_once() {
    let scene = Scene::new();
    let mut producer = scene.producer();
    for _ in 0..3 {
        scene.transaction(producer.as_mut());
        producer.commit().unwrap();
    }
}

#[test]
fn should_trust_commits_whatever_the_user_debugs() {
    let scene = Scene::with(&[("debug", "broker,topic")]);
    let mut producer = scene.producer();
    scene.transaction(producer.as_mut());
    producer.commit().unwrap();
}

#[test]
fn should_suspect_a_commit_that_librdkafka_tried_again_inside() {
    for error in [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
    ] {
        let scene = Scene::new();
        let mut producer = scene.producer();
        scene.transaction(producer.as_mut());
        scene.cluster.request_errors(RDKafkaApiKey::EndTxn, &[error]);
        let committed = producer.commit();
        assert!(matches!(committed, Err(BrokerError::Suspect(_))), "{error:?}: {committed:?}");
        // The cure: another producer of the same id.
        let mut next = scene.producer();
        scene.transaction(next.as_mut());
        next.commit().unwrap();
    }
}

#[test]
fn should_trust_aborts_that_were_answered_once_or_had_nothing_to_end() {
    let scene = Scene::new();
    let mut producer = scene.producer();
    let begun = Instant::now();
    for _ in 0..3 {
        scene.transaction(producer.as_mut());
        producer.abort().unwrap();
        producer.begin().unwrap();
        producer.abort().unwrap();
        producer.begin().unwrap();
        send_offsets(producer.as_mut()).unwrap();
        producer.abort().unwrap();
    }
    // None has waited for a line that did not come.
    assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
}

/// Whoever goes on with the same producer after an abort would have its next transaction ended by the first request.
#[test]
fn should_suspect_an_abort_that_librdkafka_tried_again_inside() {
    let scene = Scene::new();
    let mut producer = scene.producer();
    producer.begin().unwrap();
    send_offsets(producer.as_mut()).unwrap();
    scene.cluster.request_errors(RDKafkaApiKey::EndTxn, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT]);
    let aborted = producer.abort();
    assert!(matches!(aborted, Err(BrokerError::Suspect(_))), "{aborted:?}");
    let mut next = scene.producer();
    scene.transaction(next.as_mut());
    next.commit().unwrap();
}

#[test]
fn should_tell_a_fenced_producer_from_a_suspect_one() {
    let scene = Scene::new();
    let mut producer = scene.producer();
    scene.transaction(producer.as_mut());
    scene.cluster.request_errors(RDKafkaApiKey::EndTxn, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_PRODUCER_FENCED]);
    let committed = producer.commit();
    assert!(matches!(committed, Err(BrokerError::Fenced(_))), "{committed:?}");
}

/// Between two records librdkafka may learn that another has taken over; from then on it takes none, for whatever topic.
#[test]
fn should_call_a_producer_fenced_that_takes_no_more_records() {
    let scene = Scene::new();
    let mut producer = scene.producer();
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_PRODUCER_FENCED;
    scene.cluster.request_errors(RDKafkaApiKey::AddPartitionsToTxn, &[refused]);
    producer.begin().unwrap();
    let end = Instant::now() + SLACK;
    let sent = loop {
        let sent = producer.send(&scene.to, record());
        if sent.is_err() || Instant::now() > end {
            break sent;
        }
    };
    assert!(matches!(sent, Err(BrokerError::Fenced(_))), "{sent:?}");
    let mut next = scene.producer();
    scene.transaction(next.as_mut());
    next.commit().unwrap();
}

#[test]
fn should_say_which_topic_does_not_take_records_of_the_size_that_is_allowed() {
    let scene = Scene::new();
    let mut producer = scene.producer();
    scene.cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    scene.transaction(producer.as_mut());
    let committed = producer.commit();
    let Err(BrokerError::Fatal(why)) = committed else { panic!("{committed:?}") };
    assert!(why.contains("out-0") && why.contains("max.message.bytes"), "{why}");
    let mut next = scene.producer();
    scene.transaction(next.as_mut());
    next.commit().unwrap();
}

/// librdkafka waits for the coordinator for as long as nothing happens to any broker, whatever it was told about time.
#[test]
fn should_suspect_offsets_whose_coordinator_does_not_come_back() {
    let scene = Scene::new();
    let mut producer = scene.producer();
    scene.transaction(producer.as_mut());
    scene.cluster.broker_down(2).unwrap();
    let begun = Instant::now();
    let sent = send_offsets(producer.as_mut());
    assert!(matches!(sent, Err(BrokerError::Suspect(_))), "{sent:?}");
    assert!(producer.commit().is_err(), "committed without its offsets");
    drop(producer);
    assert!(begun.elapsed() < TRANSACTION + SLACK, "{:?}", begun.elapsed());
    scene.cluster.broker_up(2).unwrap();
    let mut next = scene.producer();
    scene.transaction(next.as_mut());
    send_offsets(next.as_mut()).unwrap();
    next.commit().unwrap();
}

#[test]
fn should_suspect_a_commit_that_is_not_answered_in_time() {
    let scene = Scene::new();
    let mut producer = scene.producer();
    scene.transaction(producer.as_mut());
    send_offsets(producer.as_mut()).unwrap();
    scene.cluster.broker_round_trip_time(1, TRANSACTION + 2 * SLACK).unwrap();
    let begun = Instant::now();
    let committed = producer.commit();
    assert!(matches!(committed, Err(BrokerError::Suspect(_) | BrokerError::Unavailable(_))), "{committed:?}");
    drop(producer);
    assert!(begun.elapsed() < TRANSACTION + SLACK, "{:?}", begun.elapsed());
}
