//! What is counted of one task, its source partitions and its stores.

use std::sync::Arc;

use crate::broker::TopicPartition;
use crate::metrics::EngineMetrics;
use crate::metrics::ThreadMetrics;
use crate::metrics::instruments::{Counter, Distribution, END_TO_END_US, Gauge, Histogram, Sampled, Timing};
use crate::record::TaskId;

/// A task's instruments, written by the thread that runs it.
#[derive(Debug)]
pub(crate) struct TaskMetrics {
    pub(crate) id: TaskId,
    pub(crate) thread: Arc<ThreadMetrics>,
    pub(crate) processed: Counter,
    pub(crate) dropped: Counter,
    pub(crate) lateness_ms: Counter,
    pub(crate) active_us: Counter,
    pub(crate) buffered: Gauge,
    /// 1 once it has its state.
    pub(crate) ready: Gauge,
    pub(crate) end_to_end: Histogram,
    pub(crate) flush: Sampled,
    pub(crate) inputs: Vec<InputMetrics>,
    pub(crate) stores: Vec<Arc<StoreMetrics>>,
}

/// A source partition's.
#[derive(Debug)]
pub(crate) struct InputMetrics {
    pub(crate) partition: TopicPartition,
    /// Timestamp of the first record that waits; [`NOTHING_WAITS`] if none does.
    pub(crate) head: Gauge,
}

/// Stands for "no record waits".
pub(crate) const NOTHING_WAITS: i64 = i64::MIN;

/// A store's.
#[derive(Debug, Default)]
pub(crate) struct StoreMetrics {
    pub(crate) name: String,
    pub(crate) get: Sampled,
    pub(crate) put: Sampled,
    pub(crate) restored: Counter,
    pub(crate) restore_remaining: Gauge,
    pub(crate) entries: Gauge,
    pub(crate) disk_bytes: Gauge,
    pub(crate) memory_bytes: Gauge,
}

/// What a task's instruments held at a moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TaskSnapshot {
    /// The task.
    pub id: TaskId,
    /// The thread that runs it.
    pub thread: Arc<str>,
    /// Records processed, those that were dropped included.
    pub processed: u64,
    /// Records that went to an exception handler, which resumed.
    pub dropped: u64,
    /// By how much records were older than the newest before them, in seconds, over all records processed.
    pub lateness_s: f64,
    /// Time that the thread spent on processing this task's records, in seconds.
    pub active_s: f64,
    /// Records that were fetched and wait to be processed.
    pub buffered: i64,
    /// From a record's timestamp to the end of the commit that it was part of.
    pub end_to_end: Distribution,
    /// Writes of committed changes to the stores.
    pub flush: Timing,
    /// Its source partitions.
    pub inputs: Vec<InputSnapshot>,
    /// Its stores.
    pub stores: Vec<StoreSnapshot>,
}

/// What is known of a source partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputSnapshot {
    /// The partition.
    pub partition: TopicPartition,
    /// Timestamp of the first record that waits to be processed, if any does.
    pub head_timestamp: Option<i64>,
}

impl InputSnapshot {
    /// For whoever tells it by hand.
    #[must_use]
    pub const fn new(partition: TopicPartition, head_timestamp: Option<i64>) -> Self {
        Self { partition, head_timestamp }
    }
}

/// What a store's instruments held at a moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StoreSnapshot {
    /// The store.
    pub name: String,
    /// Reads that its cache of decoded values did not answer, decoding included; sampled.
    pub get: Timing,
    /// Writes, encoding included, into the open transaction; sampled.
    pub put: Timing,
    /// Changelog offsets restored.
    pub restored: u64,
    /// Changelog offsets still to restore.
    pub restore_remaining: i64,
    /// Committed entries, estimated.
    pub entries: i64,
    /// Size of its tables on disk, in bytes.
    pub disk_bytes: i64,
    /// What it holds in memory, in bytes.
    pub memory_bytes: i64,
}

impl TaskMetrics {
    pub(crate) fn new(
        id: TaskId,
        thread: Arc<ThreadMetrics>,
        sources: Vec<TopicPartition>,
        stores: Vec<String>,
    ) -> Self {
        let input = |partition| {
            let head = Gauge::default();
            head.set(NOTHING_WAITS);
            InputMetrics { partition, head }
        };
        Self {
            id,
            thread,
            processed: Counter::default(),
            dropped: Counter::default(),
            lateness_ms: Counter::default(),
            active_us: Counter::default(),
            buffered: Gauge::default(),
            ready: Gauge::default(),
            end_to_end: Histogram::new(&END_TO_END_US),
            flush: Sampled::default(),
            inputs: sources.into_iter().map(input).collect(),
            stores: stores.into_iter().map(|name| Arc::new(StoreMetrics { name, ..StoreMetrics::default() })).collect(),
        }
    }

    pub(crate) fn read(&self) -> TaskSnapshot {
        let input = |i: &InputMetrics| InputSnapshot {
            partition: i.partition.clone(),
            head_timestamp: Some(i.head.get()).filter(|head| *head != NOTHING_WAITS),
        };
        TaskSnapshot {
            id: self.id.clone(),
            thread: self.thread.name.clone(),
            processed: self.processed.get(),
            dropped: self.dropped.get(),
            lateness_s: self.lateness_ms.get() as f64 / 1e3,
            active_s: self.active_us.get() as f64 / 1e6,
            buffered: self.buffered.get(),
            end_to_end: self.end_to_end.read(),
            flush: self.flush.read(),
            inputs: self.inputs.iter().map(input).collect(),
            stores: self.stores.iter().map(|s| s.read()).collect(),
        }
    }
}

impl StoreMetrics {
    fn read(&self) -> StoreSnapshot {
        StoreSnapshot {
            name: self.name.clone(),
            get: self.get.read(),
            put: self.put.read(),
            restored: self.restored.get(),
            restore_remaining: self.restore_remaining.get(),
            entries: self.entries.get(),
            disk_bytes: self.disk_bytes.get(),
            memory_bytes: self.memory_bytes.get(),
        }
    }
}

/// A task's instruments while there is the task: they are shown from its making to its end.
#[derive(Debug)]
pub(crate) struct Shown {
    engine: Arc<EngineMetrics>,
    task: Arc<TaskMetrics>,
}

impl Shown {
    pub(crate) fn new(engine: Arc<EngineMetrics>, task: TaskMetrics) -> Self {
        let task = Arc::new(task);
        engine.show(&task);
        Self { engine, task }
    }
}

impl std::ops::Deref for Shown {
    type Target = Arc<TaskMetrics>;

    fn deref(&self) -> &Arc<TaskMetrics> {
        &self.task
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.engine.hide(&self.task);
    }
}

/// Timestamps of the records of an open transaction, by the millisecond: records come in the order of time, so that
/// neighbours share one. What a commit needs to tell how old each record has become, without a clock read for any.
#[derive(Debug, Default)]
pub(crate) struct Ages(Vec<(i64, u64)>);

impl Ages {
    /// More changes of the millisecond than this within a transaction are not told apart.
    const MOST: usize = 1_024;

    #[inline]
    pub(crate) fn processed(&mut self, timestamp: i64) {
        let full = self.0.len() >= Self::MOST;
        match self.0.last_mut() {
            Some((last, count)) if *last == timestamp || full => *count += 1,
            _ => self.0.push((timestamp, 1)),
        }
    }

    /// The transaction was committed at `now`.
    pub(crate) fn committed(&mut self, now: i64, to: &Histogram) {
        for (timestamp, count) in self.0.drain(..) {
            let ms = now.saturating_sub(timestamp).max(0).cast_unsigned();
            to.observe_many(ms.saturating_mul(1_000), count);
        }
    }

    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_tell_the_age_of_each_record_at_the_commit_and_none_of_what_was_given_up() {
        let (mut ages, to) = (Ages::default(), Histogram::new(&END_TO_END_US));
        ages.processed(5);
        ages.forget();
        for timestamp in [1_000, 1_000, 1_000, 990, 2_000] {
            ages.processed(timestamp);
        }
        ages.committed(1_004, &to);
        let read = to.read();
        assert_eq!(read.buckets[0], (0.005, 4), "4 ms three times, and one from the future is not younger than now");
        assert_eq!(read.buckets[2], (0.025, 5), "14 ms");
        ages.committed(9_999, &to);
        assert_eq!(to.read(), read, "each is told once");
    }

    #[test]
    fn should_stay_within_its_bound_whatever_the_timestamps_are() {
        let (mut ages, to) = (Ages::default(), Histogram::new(&END_TO_END_US));
        for timestamp in 0..10_000 {
            ages.processed(timestamp);
        }
        assert_eq!(ages.0.len(), Ages::MOST);
        ages.committed(10_000, &to);
        assert_eq!(to.read().count(), 10_000);
    }
}
