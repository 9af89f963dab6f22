//! A broker that fails where a test says so, before or after it did what was asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use topology::RecordBatch;
use topology::broker::{
    Broker, BrokerError, Consumer, GroupMetadata, Producer, Reader, TopicName, TopicPartition, TopicSpec,
    TransactionalProducer,
};

/// What is asked of it, or of one of its transactional producers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Begin,
    Send,
    Commit,
    DeleteRecords,
}

/// How it fails.
pub(crate) enum Fault {
    /// Nothing was done.
    Before(BrokerError),
    /// All was done, but nobody learns of it.
    After(BrokerError),
}

/// Decides about the nth call, from 0.
pub(crate) type Hook = Arc<dyn Fn(usize, Call) -> Option<Fault> + Send + Sync>;

pub(crate) struct Faulty {
    inner: Arc<dyn Broker>,
    faults: Faults,
}

#[derive(Clone)]
struct Faults {
    hook: Hook,
    calls: Arc<AtomicUsize>,
}

impl Faults {
    fn around<T>(&self, call: Call, act: impl FnOnce() -> Result<T, BrokerError>) -> Result<T, BrokerError> {
        match (self.hook)(self.calls.fetch_add(1, Ordering::Relaxed), call) {
            None => act(),
            Some(Fault::Before(error)) => Err(error),
            Some(Fault::After(error)) => act().and(Err(error)),
        }
    }
}

impl Faulty {
    pub(crate) fn new(inner: &Arc<dyn Broker>, hook: Hook) -> Self {
        Self { inner: Arc::clone(inner), faults: Faults { hook, calls: Arc::default() } }
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.faults.calls.load(Ordering::Relaxed)
    }
}

impl Broker for Faulty {
    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), BrokerError> {
        self.inner.create_topics(topics)
    }
    fn alter_topics(&self, topics: &[TopicSpec]) -> Result<(), BrokerError> {
        self.inner.alter_topics(topics)
    }
    fn topics(&self) -> Result<BTreeMap<TopicName, u32>, BrokerError> {
        self.inner.topics()
    }
    fn describe_topics(&self, topics: &[TopicName]) -> Result<Vec<Option<TopicSpec>>, BrokerError> {
        self.inner.describe_topics(topics)
    }
    fn groups(&self) -> Result<Vec<String>, BrokerError> {
        self.inner.groups()
    }
    fn watermarks(&self, partition: &TopicPartition) -> Result<(i64, i64), BrokerError> {
        self.inner.watermarks(partition)
    }
    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, BrokerError> {
        self.inner.committed(group, partitions)
    }
    fn delete_records(&self, partition: &TopicPartition, before_offset: i64) -> Result<(), BrokerError> {
        self.faults.around(Call::DeleteRecords, || self.inner.delete_records(partition, before_offset))
    }
    fn consumer(&self, group: &str, client_id: &str) -> Result<Box<dyn Consumer>, BrokerError> {
        self.inner.consumer(group, client_id)
    }
    fn reader(&self) -> Result<Box<dyn Reader>, BrokerError> {
        self.inner.reader()
    }
    fn transactional_producer(&self, transactional_id: &str) -> Result<Box<dyn TransactionalProducer>, BrokerError> {
        let inner = self.faults.around(Call::Open, || self.inner.transactional_producer(transactional_id))?;
        Ok(Box::new(FaultyProducer { inner, faults: self.faults.clone() }))
    }
    fn producer(&self) -> Result<Arc<dyn Producer>, BrokerError> {
        self.inner.producer()
    }
}

struct FaultyProducer {
    inner: Box<dyn TransactionalProducer>,
    faults: Faults,
}

impl TransactionalProducer for FaultyProducer {
    fn begin(&mut self) -> Result<(), BrokerError> {
        self.faults.around(Call::Begin, || self.inner.begin())
    }
    fn send(&mut self, partition: &TopicPartition, batch: RecordBatch) -> Result<(), BrokerError> {
        self.faults.around(Call::Send, || self.inner.send(partition, batch))
    }
    fn send_offsets(&mut self, offsets: &[(TopicPartition, i64)], group: &GroupMetadata) -> Result<(), BrokerError> {
        self.inner.send_offsets(offsets, group)
    }
    fn commit(&mut self) -> Result<Vec<(TopicPartition, i64)>, BrokerError> {
        self.faults.around(Call::Commit, || self.inner.commit())
    }
    fn abort(&mut self) -> Result<(), BrokerError> {
        self.inner.abort()
    }
}
