//! The broker on Apache Kafka, through librdkafka.
//!
//! - A consumer is a `BaseConsumer` on the thread that works; its queue is read here, a batch at a time, so that a poll costs one
//!   copy of each record into its batch and nothing else.
//! - A rebalance is told to the engine and takes effect with the engine's next poll, so that it can commit in between.
//! - A transactional producer is disposable: after any commit that failed, or that librdkafka tried again inside, it is dropped,
//!   and a new one of the same id settles what is open. Its deliveries are served by a thread of their own.
//!
//! | file | what is in it |
//! |---|---|
//! | `config` | from the engine's and the user's settings to librdkafka's |
//! | `topics` | metadata and administration |
//! | `consumer`, `reader`, `intake` | the way out |
//! | `transaction`, `producer` | the way in |
//! | `native` | the unsafe calls |
//! | `patience` | calls that may last for ever, made on threads of their own |
//! | `errors`, `context` | error codes, log lines |

mod config;
mod consumer;
mod context;
mod errors;
mod intake;
mod native;
mod patience;
mod producer;
mod reader;
mod silence;
mod topics;
mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::message::{Header, OwnedHeaders};
use topology::broker::{
    Broker, BrokerError, Consumer, Producer, Reader, TopicName, TopicPartition, TopicSpec, TransactionalProducer,
};

pub use self::config::{GroupProtocol, KafkaConfig, MAX_RECORD_BYTES};

use self::consumer::KafkaConsumer;
use self::producer::KafkaProducer;
use self::reader::KafkaReader;
use self::topics::Topics;
use self::transaction::KafkaTransactionalProducer;

/// Apache Kafka as the engine's broker.
pub struct KafkaBroker {
    config: KafkaConfig,
    topics: Arc<Topics>,
}

impl KafkaBroker {
    /// Makes the clients; they connect when they are first used. Fails if a property is not librdkafka's.
    pub fn open(config: KafkaConfig) -> Result<Arc<dyn Broker>, BrokerError> {
        let topics = Arc::new(Topics::open(&config)?);
        Ok(Arc::new(Self { config, topics }))
    }
}

impl Broker for KafkaBroker {
    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), BrokerError> {
        self.topics.create(topics)
    }

    fn alter_topics(&self, topics: &[TopicSpec]) -> Result<(), BrokerError> {
        self.topics.alter(topics)
    }

    fn cluster_id(&self) -> Result<Option<String>, BrokerError> {
        self.topics.cluster_id()
    }

    fn servers(&self, timeout: Duration) -> Result<usize, BrokerError> {
        self.topics.servers(timeout)
    }

    fn topics(&self) -> Result<BTreeMap<TopicName, u32>, BrokerError> {
        self.topics.all()
    }

    fn describe_topics(&self, topics: &[TopicName]) -> Result<Vec<Option<TopicSpec>>, BrokerError> {
        self.topics.describe(topics)
    }

    fn groups(&self) -> Result<Vec<String>, BrokerError> {
        self.topics.groups()
    }

    fn members(&self, group: &str) -> Result<Option<usize>, BrokerError> {
        self.topics.members(group)
    }

    fn has_members(&self, group: &str) -> Result<bool, BrokerError> {
        self.topics.has_members(group)
    }

    fn watermarks(&self, partition: &TopicPartition) -> Result<(i64, i64), BrokerError> {
        self.topics.watermarks(partition)
    }

    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, BrokerError> {
        self.topics.committed(group, partitions)
    }

    fn delete_records(&self, partition: &TopicPartition, before_offset: i64) -> Result<(), BrokerError> {
        self.topics.delete_records(partition, before_offset)
    }

    fn consumer(&self, group: &str, client_id: &str) -> Result<Box<dyn Consumer>, BrokerError> {
        Ok(Box::new(KafkaConsumer::open(&self.config, Arc::clone(&self.topics), group, client_id)?))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, BrokerError> {
        Ok(Box::new(KafkaReader::open(&self.config, Arc::clone(&self.topics))?))
    }

    fn transactional_producer(&self, transactional_id: &str) -> Result<Box<dyn TransactionalProducer>, BrokerError> {
        Ok(Box::new(KafkaTransactionalProducer::open(&self.config, Arc::clone(&self.topics), transactional_id)?))
    }

    fn producer(&self) -> Result<Arc<dyn Producer>, BrokerError> {
        Ok(Arc::new(KafkaProducer::open(&self.config, Arc::clone(&self.topics))?))
    }
}

impl std::fmt::Debug for KafkaBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaBroker").field("config", &self.config).finish_non_exhaustive()
    }
}

/// librdkafka's headers; none where there are none.
fn headers<'a>(headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) -> Option<OwnedHeaders> {
    headers.fold(None, |all, (key, value)| Some(all.unwrap_or_else(OwnedHeaders::new).insert(Header { key, value })))
}
