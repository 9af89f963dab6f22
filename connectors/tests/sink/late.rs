//! A broker whose group gives a sink its partitions in two parts: those of the tickets' events are told by the poll after the one
//! that brought the first records.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemas::topics;
use topology::broker::{
    Broker, BrokerError, Consumer, GroupMetadata, Polled, Producer, Reader, TopicName, TopicPartition, TopicSpec,
    TransactionalProducer, Waker,
};

pub(crate) struct Late(pub(crate) Arc<dyn Broker>);

struct LateConsumer {
    inner: Box<dyn Consumer>,
    untold: Option<Polled>,
    has_read: bool,
}

impl Consumer for LateConsumer {
    fn poll(&mut self, timeout: Duration) -> Result<Polled, BrokerError> {
        if self.has_read
            && let Some(untold) = self.untold.take()
        {
            return Ok(untold);
        }
        match self.inner.poll(timeout)? {
            Polled::Assigned(partitions) => {
                let (now, later) =
                    partitions.into_iter().partition(|partition| &*partition.topic != topics::TICKET_EVENTS);
                self.untold = Some(Polled::Assigned(later));
                Ok(Polled::Assigned(now))
            }
            polled => {
                self.has_read |= matches!(polled, Polled::Batches(_));
                Ok(polled)
            }
        }
    }
    fn subscribe(&mut self, topics: &[TopicName]) -> Result<(), BrokerError> {
        self.inner.subscribe(topics)
    }
    fn waker(&self) -> Waker {
        self.inner.waker()
    }
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.inner.pause(partitions)
    }
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.inner.resume(partitions)
    }
    fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.inner.seek(partition, offset)
    }
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, BrokerError> {
        self.inner.committed(partitions)
    }
    fn commit(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.inner.commit(offsets)
    }
    fn group_metadata(&self) -> GroupMetadata {
        self.inner.group_metadata()
    }
    fn leave(&mut self) -> Result<(), BrokerError> {
        self.inner.leave()
    }
}

impl Broker for Late {
    fn consumer(&self, group: &str, client_id: &str) -> Result<Box<dyn Consumer>, BrokerError> {
        let inner = self.0.consumer(group, client_id)?;
        Ok(Box::new(LateConsumer { inner, untold: None, has_read: false }))
    }
    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), BrokerError> {
        self.0.create_topics(topics)
    }
    fn alter_topics(&self, topics: &[TopicSpec]) -> Result<(), BrokerError> {
        self.0.alter_topics(topics)
    }
    fn topics(&self) -> Result<BTreeMap<TopicName, u32>, BrokerError> {
        self.0.topics()
    }
    fn describe_topics(&self, topics: &[TopicName]) -> Result<Vec<Option<TopicSpec>>, BrokerError> {
        self.0.describe_topics(topics)
    }
    fn groups(&self) -> Result<Vec<String>, BrokerError> {
        self.0.groups()
    }
    fn watermarks(&self, partition: &TopicPartition) -> Result<(i64, i64), BrokerError> {
        self.0.watermarks(partition)
    }
    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, BrokerError> {
        self.0.committed(group, partitions)
    }
    fn delete_records(&self, partition: &TopicPartition, before_offset: i64) -> Result<(), BrokerError> {
        self.0.delete_records(partition, before_offset)
    }
    fn reader(&self) -> Result<Box<dyn Reader>, BrokerError> {
        self.0.reader()
    }
    fn transactional_producer(&self, transactional_id: &str) -> Result<Box<dyn TransactionalProducer>, BrokerError> {
        self.0.transactional_producer(transactional_id)
    }
    fn producer(&self) -> Result<Arc<dyn Producer>, BrokerError> {
        self.0.producer()
    }
}
