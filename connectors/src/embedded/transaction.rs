//! Transactions: gathered in the producer, appended by the log writer in one piece. Nothing uncommitted is ever in the log, so every
//! read is `read_committed` and an abort is nothing but forgetting.

use std::sync::Arc;

use topology::RecordBatch;
use topology::broker::{BrokerError, GroupMetadata, TopicPartition, TransactionalProducer};

use super::Core;
use super::group::Group;
use super::partition::Partition;
use super::queue::Fence;
use super::signal::{Answer, question};

/// The offset after the last record written, for each partition.
pub(super) type Ends = Vec<(TopicPartition, i64)>;

/// A transaction on its way to the log.
pub(super) struct Transaction {
    pub(super) transactional_id: Arc<str>,
    pub(super) epoch: i64,
    pub(super) content: Content,
    pub(super) answer: Answer<Ends>,
}

/// What a transaction writes.
#[derive(Default)]
pub(super) struct Content {
    pub(super) batches: Vec<Unplaced>,
    pub(super) offsets: Vec<GroupOffsets>,
}

/// A batch that has no place in the log yet.
pub(super) struct Unplaced {
    pub(super) partition: Arc<Partition>,
    pub(super) log_append_time: bool,
    pub(super) batch: RecordBatch,
}

/// Offsets that a member of a group commits.
pub(super) struct GroupOffsets {
    pub(super) group: Arc<Group>,
    pub(super) metadata: GroupMetadata,
    pub(super) offsets: Vec<(Arc<Partition>, i64)>,
}

pub(super) struct EmbeddedTransactionalProducer {
    core: Arc<Core>,
    transactional_id: Arc<str>,
    epoch: i64,
    open: Option<Open>,
    /// Why this producer is at its end.
    finished: Option<BrokerError>,
}

#[derive(Default)]
struct Open {
    content: Content,
    /// A batch was refused: the rest must not be committed without it.
    refused: Option<String>,
}

impl EmbeddedTransactionalProducer {
    /// Fences the earlier producers of that id: when this returns, what they had open has landed or never will.
    pub(super) fn new(core: Arc<Core>, transactional_id: &str) -> Result<Self, BrokerError> {
        core.store.check_writable()?;
        let transactional_id: Arc<str> = transactional_id.into();
        let (answer, pending) = question();
        core.queue.fence(Fence { transactional_id: Arc::clone(&transactional_id), answer });
        let epoch = pending.wait()?;
        Ok(Self { core, transactional_id, epoch, open: None, finished: None })
    }

    fn open(&mut self) -> Result<&mut Open, BrokerError> {
        if let Some(why) = &self.finished {
            return Err(why.clone());
        }
        self.open.as_mut().ok_or_else(|| BrokerError::Fatal("no transaction is open".into()))
    }

    fn check_batch(&self, name: &TopicPartition, batch: &RecordBatch) -> Result<Unplaced, BrokerError> {
        let (topic, partition) = self.core.topics.place(name)?;
        // A record cannot be larger than its batch; so most batches need no look at their records.
        if batch.bytes().len() > self.core.config.max_record_bytes {
            for r in batch {
                self.core.check_size(name, r.content_bytes())?;
            }
        }
        Ok(Unplaced { partition, log_append_time: topic.log_append_time(), batch: batch.clone() })
    }
}

impl TransactionalProducer for EmbeddedTransactionalProducer {
    fn begin(&mut self) -> Result<(), BrokerError> {
        if let Some(why) = &self.finished {
            return Err(why.clone());
        }
        if self.open.is_some() {
            return Err(BrokerError::Fatal("a transaction is open already".into()));
        }
        self.core.store.check_writable()?;
        self.open = Some(Open::default());
        Ok(())
    }

    fn send(&mut self, partition: &TopicPartition, batch: RecordBatch) -> Result<(), BrokerError> {
        self.open()?;
        let checked = self.check_batch(partition, &batch);
        let open = self.open()?;
        match checked {
            Ok(unplaced) if unplaced.batch.is_empty() => Ok(()),
            Ok(unplaced) => {
                open.content.batches.push(unplaced);
                Ok(())
            }
            Err(why) => {
                open.refused.get_or_insert_with(|| why.to_string());
                Err(why)
            }
        }
    }

    fn send_offsets(&mut self, offsets: &[(TopicPartition, i64)], group: &GroupMetadata) -> Result<(), BrokerError> {
        self.open()?;
        let placed = offsets.iter().map(|(name, offset)| Ok((self.core.topics.partition(name)?, *offset)));
        let placed: Vec<_> = placed.collect::<Result<_, BrokerError>>()?;
        let offsets =
            GroupOffsets { group: self.core.groups.group(&group.group), metadata: group.clone(), offsets: placed };
        self.open()?.content.offsets.push(offsets);
        Ok(())
    }

    fn commit(&mut self) -> Result<Ends, BrokerError> {
        self.open()?;
        let Some(Open { content, refused }) = self.open.take() else { return Ok(Vec::new()) };
        if let Some(why) = refused {
            // Still open: only an abort ends it, as with Kafka.
            self.open = Some(Open { content: Content::default(), refused: Some(why.clone()) });
            return Err(BrokerError::Abortable(why));
        }
        let (answer, pending) = question();
        let (transactional_id, epoch) = (Arc::clone(&self.transactional_id), self.epoch);
        self.core.queue.commit(Transaction { transactional_id, epoch, content, answer });
        pending.wait().inspect_err(|why| self.finished = Some(why.clone()))
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        self.open()?;
        self.open = None;
        Ok(())
    }
}
