//! What librdkafka does inside a commit, seen from outside: on a mock cluster, which can answer with any error. It proves nothing
//! about exactly-once; that is for the real Kafka.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::sync::Arc;

use connectors::kafka::{KafkaBroker, KafkaConfig};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka_sys::types::{RDKafkaApiKey, RDKafkaRespErr};
use topology::broker::{Broker, BrokerError, TopicPartition, TransactionalProducer};
use topology::{BatchBuilder, Headers};

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
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("out", 1, 1).unwrap();
        let mut config = KafkaConfig::new(cluster.bootstrap_servers());
        config.properties = properties.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let broker = KafkaBroker::open(config).unwrap();
        Self { cluster, broker, to: TopicPartition::new("out", 0) }
    }

    fn producer(&self) -> Box<dyn TransactionalProducer> {
        self.broker.transactional_producer("tx").unwrap()
    }

    /// A transaction with a record in it, up to the commit.
    fn transaction(&self, producer: &mut dyn TransactionalProducer) {
        let mut batch = BatchBuilder::new();
        batch.push(1, None, Some(b"v"), &Headers::new());
        producer.begin().unwrap();
        producer.send(&self.to, batch.finish()).unwrap();
    }
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
fn should_tell_a_fenced_producer_from_a_suspect_one() {
    let scene = Scene::new();
    let mut producer = scene.producer();
    scene.transaction(producer.as_mut());
    scene.cluster.request_errors(RDKafkaApiKey::EndTxn, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_PRODUCER_FENCED]);
    let committed = producer.commit();
    assert!(matches!(committed, Err(BrokerError::Fenced(_))), "{committed:?}");
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
