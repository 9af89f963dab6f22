//! A reader of chosen partitions, outside any group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode as Code;
use topology::broker::{BrokerError, Fetched, Reader, TopicPartition, Waker};

use super::config::KafkaConfig;
use super::context::LogContext;
use super::errors;
use super::intake::{Intake, News};
use super::native::{Queue, QueueError};
use super::patience::Kept;
use super::silence;
use super::topics::{self, Topics};

pub(super) struct KafkaReader {
    // Before the consumer, so that it is dropped before it.
    queue: Arc<Queue>,
    consumer: Kept<BaseConsumer<LogContext>>,
    config: KafkaConfig,
    topics: Arc<Topics>,
    intake: Intake,
    /// The next offset of each partition, as far as is known.
    positions: BTreeMap<TopicPartition, i64>,
}

impl KafkaReader {
    pub(super) fn open(config: &KafkaConfig, topics: Arc<Topics>) -> Result<Self, BrokerError> {
        let consumer = config.reading("reader", true).create_with_context(LogContext::default());
        let consumer: BaseConsumer<_> = consumer.map_err(|e| errors::from_error(&e, "Kafka reader"))?;
        let queue = Queue::of(&consumer).ok_or_else(|| BrokerError::Fatal("a consumer without a queue".to_owned()))?;
        let (intake, positions) = (Intake::default(), BTreeMap::new());
        let (queue, consumer, config) = (Arc::new(queue), Kept::new(consumer), config.clone());
        Ok(Self { queue, consumer, config, topics, intake, positions })
    }

    fn error(&self, error: QueueError) -> Result<(), BrokerError> {
        match (error.code, error.partition) {
            (Code::AutoOffsetReset | Code::OffsetOutOfRange, Some(partition)) => {
                let (low, high) = self.topics.watermarks(&partition)?;
                let offset = self.positions.get(&partition).copied().unwrap_or_default();
                Err(BrokerError::OffsetOutOfRange { partition, offset, low, high })
            }
            (code, _) if errors::is_passing(code) || errors::is_unknown(code) => {
                // librdkafka tries again by itself; an unknown topic was there when it was assigned.
                tracing::debug!("reader: {}", error.message);
                Ok(())
            }
            (code, _) => Err(errors::from_code(code, format_args!("reading: {}", error.message))),
        }
    }
}

impl Reader for KafkaReader {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        partitions.iter().try_for_each(|(p, _)| self.topics.check(p))?;
        let list = topics::list(partitions.iter().map(|(p, offset)| (p, Offset::Offset(*offset))))?;
        self.consumer.assign(&list).map_err(|e| errors::from_error(&e, "assigning partitions"))?;
        self.intake.clear();
        self.positions = partitions.iter().cloned().collect();
        Ok(())
    }

    fn poll(&mut self, timeout: Duration) -> Result<Vec<Fetched>, BrokerError> {
        if let Some(News::Error(error)) = self.intake.fill(&self.queue, timeout) {
            self.error(error)?;
        }
        if self.intake.take_silence() {
            silence::revive(self.consumer.client(), &self.config);
        }
        let Self { intake, positions, .. } = self;
        let fetched = intake.take(|p| positions.contains_key(p));
        for piece in &fetched {
            positions.insert(piece.partition.clone(), piece.batch.next_offset());
        }
        Ok(fetched)
    }

    fn waker(&self) -> Waker {
        let queue = Arc::downgrade(&self.queue);
        Arc::new(move || {
            if let Some(queue) = queue.upgrade() {
                queue.wake();
            }
        })
    }
}
