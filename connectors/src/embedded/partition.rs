//! One partition in memory: its watermarks, its newest batches, and who waits for more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use topology::RecordBatch;
use topology::broker::TopicPartition;

use super::layout::PartitionId;
use super::signal::Signal;

pub(super) struct Partition {
    pub(super) id: PartitionId,
    pub(super) name: TopicPartition,
    low: AtomicI64,
    high: AtomicI64,
    tail: Mutex<Tail>,
}

struct Tail {
    /// The newest batches, without a gap up to the high watermark; as many as the cache has room for.
    batches: VecDeque<RecordBatch>,
    waiting: Vec<Arc<Signal>>,
}

impl Partition {
    pub(super) fn new(id: PartitionId, name: TopicPartition, low: i64, high: i64) -> Self {
        let tail = Tail { batches: VecDeque::new(), waiting: Vec::new() };
        Self { id, name, low: AtomicI64::new(low), high: AtomicI64::new(high), tail: Mutex::new(tail) }
    }

    /// First offset there is.
    pub(super) fn low(&self) -> i64 {
        self.low.load(Ordering::Acquire)
    }

    /// Offset of the next record to be written.
    pub(super) fn high(&self) -> i64 {
        self.high.load(Ordering::Acquire)
    }

    /// Shows batches that are now durable to readers and wakes those who wait. Only the log writer calls this.
    pub(super) fn publish(&self, batch: RecordBatch) {
        let mut tail = self.tail.lock();
        self.high.store(batch.next_offset(), Ordering::Release);
        tail.batches.push_back(batch);
        for signal in &tail.waiting {
            signal.notify();
        }
    }

    /// Drops the oldest batch of the tail from memory.
    pub(super) fn evict_one(&self) {
        self.tail.lock().batches.pop_front();
    }

    /// Raises the low watermark: what lies below has been removed.
    pub(super) fn raise_low(&self, low: i64) {
        self.low.fetch_max(low, Ordering::AcqRel);
    }

    /// Replaces what memory has below an offset by nothing, as the log has been rewritten there.
    pub(super) fn forget_below(&self, offset: i64) {
        // Emptied, not removed: the cache's accounts count one eviction for each batch that was published.
        for batch in self.tail.lock().batches.iter_mut().filter(|b| b.base_offset() < offset) {
            *batch = RecordBatch::clone(batch).starting_at(i64::MAX);
        }
    }

    /// The batches in memory from the one that holds `offset` on, as long as `see` returns true; false if it is not in memory.
    pub(super) fn tail_from(&self, offset: i64, mut see: impl FnMut(&RecordBatch) -> bool) -> bool {
        let tail = self.tail.lock();
        let at = tail.batches.partition_point(|b| b.next_offset() <= offset);
        match tail.batches.get(at) {
            Some(first) if first.base_offset() <= offset && !first.is_empty() => {
                for batch in tail.batches.range(at..) {
                    if batch.is_empty() || !see(batch) {
                        break;
                    }
                }
                true
            }
            _ => false,
        }
    }

    /// `signal` is notified of every batch from now on.
    pub(super) fn watch(&self, signal: &Arc<Signal>) {
        self.tail.lock().waiting.push(Arc::clone(signal));
    }

    /// `signal` is notified no more.
    pub(super) fn unwatch(&self, signal: &Arc<Signal>) {
        let mut tail = self.tail.lock();
        if let Some(at) = tail.waiting.iter().position(|s| Arc::ptr_eq(s, signal)) {
            tail.waiting.swap_remove(at);
        }
    }
}
