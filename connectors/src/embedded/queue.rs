//! What waits to be written, and the producer without transactions, which writes straight into it.
//!
//! Records that wait for the same partition share a batch from the start: merging costs nothing, and the more wait, the fewer and larger
//! the batches that are stored.

use std::sync::Arc;
use std::thread::{self, ThreadId};

use ahash::AHashMap;
use parking_lot::{Condvar, Mutex};
use topology::BatchBuilder;
use topology::broker::{BrokerError, Delivery, NewRecord, Producer, TopicPartition, Written};

use super::Core;
use super::layout::PartitionId;
use super::partition::Partition;
use super::signal::Answer;
use super::transaction::Transaction;

/// A batch that has grown to this is stored as it is, and another is begun: it is the unit of reading.
const BATCH_BYTES: usize = 256 << 10;

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    room: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Waiting,
    /// The batch that still grows, by partition: an index into `waiting.produced`.
    growing: AHashMap<PartitionId, usize>,
    bytes: usize,
    closed: bool,
    writer: Option<ThreadId>,
}

/// Everything that waits, handed to the writer at once.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) fences: Vec<Fence>,
    pub(super) transactions: Vec<Transaction>,
    pub(super) produced: Vec<Produced>,
}

/// A new producer takes over a transactional id; answered with its epoch.
pub(super) struct Fence {
    pub(super) transactional_id: Arc<str>,
    pub(super) answer: Answer<i64>,
}

/// Records of one partition, without transaction.
pub(super) struct Produced {
    pub(super) partition: Arc<Partition>,
    pub(super) log_append_time: bool,
    pub(super) batch: BatchBuilder,
    pub(super) deliveries: Vec<Pending>,
}

/// Whoever is to be told what became of a record. Dropped, it tells that the broker is closed.
pub(super) struct Pending {
    timestamp: i64,
    delivery: Option<Delivery>,
}

impl Pending {
    pub(super) fn done(mut self, offset: i64, append_time: Option<i64>) {
        let timestamp = append_time.unwrap_or(self.timestamp);
        if let Some(delivery) = self.delivery.take() {
            delivery(Ok(Written { offset, timestamp }));
        }
    }

    pub(super) fn failed(mut self, why: BrokerError) {
        if let Some(delivery) = self.delivery.take() {
            delivery(Err(why));
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(delivery) = self.delivery.take() {
            delivery(Err(closed()));
        }
    }
}

impl Queue {
    pub(super) fn fence(&self, fence: Fence) {
        self.push(|waiting| waiting.fences.push(fence));
    }

    pub(super) fn commit(&self, transaction: Transaction) {
        self.push(|waiting| waiting.transactions.push(transaction));
    }

    /// Everything that waits, as soon as there is something; `None` once the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Waiting> {
        let mut state = self.state.lock();
        state.writer = Some(thread::current().id());
        loop {
            if !state.waiting.is_empty() {
                state.growing.clear();
                state.bytes = 0;
                self.room.notify_all();
                return Some(std::mem::take(&mut state.waiting));
            }
            if state.closed {
                return None;
            }
            self.work.wait(&mut state);
        }
    }

    /// Takes no more; what waits is still written.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.work.notify_one();
        self.room.notify_all();
    }

    /// The writer has gone: whoever waits is told.
    pub(super) fn abandon(&self) {
        self.close();
        let waiting = std::mem::take(&mut self.state.lock().waiting);
        drop(waiting);
    }

    // What is refused is dropped, and by that answered, outside the lock.
    fn push(&self, add: impl FnOnce(&mut Waiting)) {
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            return;
        }
        add(&mut state.waiting);
        drop(state);
        self.work.notify_one();
    }

    fn produce(
        &self,
        core: &Core,
        name: &TopicPartition,
        r: NewRecord<'_>,
        delivery: Delivery,
    ) -> Result<(), BrokerError> {
        let (topic, partition) = core.topics.place(name)?;
        let log_append_time = topic.log_append_time();
        let mut state = self.state.lock();
        // The writer's own thread, in a delivery, must not wait for itself.
        while state.bytes >= core.config.max_pending_bytes
            && !state.closed
            && state.writer != Some(thread::current().id())
        {
            self.room.wait(&mut state);
        }
        if state.closed {
            return Err(closed());
        }
        let State { waiting, growing, bytes, .. } = &mut *state;
        let at = *growing.entry(partition.id).or_insert_with(|| {
            let batch = BatchBuilder::new();
            waiting.produced.push(Produced { partition, log_append_time, batch, deliveries: Vec::new() });
            waiting.produced.len() - 1
        });
        let Some(produced) = waiting.produced.get_mut(at) else {
            return Err(BrokerError::Fatal("the queue of the log writer is inconsistent".into()));
        };
        let before = produced.batch.len_bytes();
        produced.batch.push(r.timestamp, r.key, r.value, r.headers);
        produced.deliveries.push(Pending { timestamp: r.timestamp, delivery: Some(delivery) });
        let after = produced.batch.len_bytes();
        *bytes += after - before;
        if after >= BATCH_BYTES {
            growing.remove(&produced.partition.id);
        }
        drop(state);
        self.work.notify_one();
        Ok(())
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.fences.is_empty() && self.transactions.is_empty() && self.produced.is_empty()
    }
}

/// The producer without transactions. Waits for room when too much waits to be written.
pub(super) struct EmbeddedProducer {
    pub(super) core: Arc<Core>,
}

impl Producer for EmbeddedProducer {
    fn send(&self, partition: &TopicPartition, record: NewRecord<'_>, delivery: Delivery) -> Result<(), BrokerError> {
        self.core.check_size(partition, record.content_bytes())?;
        self.core.store.check_writable()?;
        self.core.queue.produce(&self.core, partition, record, delivery)
    }
}

fn closed() -> BrokerError {
    BrokerError::Closed("the broker is closed".into())
}
