//! The broker on Apache Kafka, through librdkafka.

mod config;

use std::sync::Arc;

use topology::broker::{Broker, BrokerError};

pub use self::config::{GroupProtocol, KafkaConfig};

/// Apache Kafka as the engine's broker.
#[derive(Debug)]
pub struct KafkaBroker {}

impl KafkaBroker {
    /// Connects; [`BrokerError::Unavailable`] if no broker answers.
    pub fn open(_config: KafkaConfig) -> Result<Arc<dyn Broker>, BrokerError> {
        Err(BrokerError::Fatal("Kafka is not supported yet".to_owned()))
    }
}
