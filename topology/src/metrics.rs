//! What the engine counts. Counters only; whoever exports them decides how.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the commit latency's buckets, in microseconds; one more bucket has no bound.
pub const COMMIT_BUCKETS_US: [u64; 10] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];

/// Counters of one application instance; all threads add to them.
#[derive(Debug, Default)]
pub struct EngineMetrics {
    processed: AtomicU64,
    failed: AtomicU64,
    commits: AtomicU64,
    commit_us: AtomicU64,
    commit_buckets: [AtomicU64; COMMIT_BUCKETS_US.len() + 1],
    aborts: AtomicU64,
    restored: AtomicU64,
    restore_remaining: AtomicI64,
    cpu_us: AtomicU64,
}

/// What [`EngineMetrics`] held at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineCounts {
    /// Records processed.
    pub processed: u64,
    /// Records that went to an exception handler, which resumed.
    pub failed: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Time spent in committing, in microseconds.
    pub commit_us: u64,
    /// Commits by latency, not cumulative: bucket i holds those up to `COMMIT_BUCKETS_US[i]`; the last one the rest.
    pub commit_buckets: Vec<u64>,
    /// Transactions given up.
    pub aborts: u64,
    /// Changelog offsets restored.
    pub restored: u64,
    /// Changelog offsets still to restore.
    pub restore_remaining: i64,
    /// CPU time of the stream threads, in microseconds, where the system tells.
    pub cpu_us: u64,
}

impl EngineMetrics {
    /// The counters now.
    #[must_use]
    pub fn counts(&self) -> EngineCounts {
        let get = |a: &AtomicU64| a.load(Ordering::Relaxed);
        EngineCounts {
            processed: get(&self.processed),
            failed: get(&self.failed),
            commits: get(&self.commits),
            commit_us: get(&self.commit_us),
            commit_buckets: self.commit_buckets.iter().map(get).collect(),
            aborts: get(&self.aborts),
            restored: get(&self.restored),
            restore_remaining: self.restore_remaining.load(Ordering::Relaxed),
            cpu_us: get(&self.cpu_us),
        }
    }

    pub(crate) fn committed(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_us.fetch_add(us, Ordering::Relaxed);
        let bucket = COMMIT_BUCKETS_US.partition_point(|bound| *bound < us);
        self.commit_buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn aborted(&self) {
        self.aborts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn restoring(&self, remaining: i64) {
        self.restore_remaining.fetch_add(remaining, Ordering::Relaxed);
    }

    pub(crate) fn restored(&self, offsets: i64) {
        self.restored.fetch_add(offsets.max(0).cast_unsigned(), Ordering::Relaxed);
        self.restore_remaining.fetch_sub(offsets, Ordering::Relaxed);
    }

    pub(crate) fn cpu(&self, us: u64) {
        self.cpu_us.fetch_add(us, Ordering::Relaxed);
    }
}

/// A task's own counting, handed to the shared counters now and then.
#[derive(Debug)]
pub(crate) struct TaskMetrics {
    shared: Arc<EngineMetrics>,
    processed: u64,
}

impl TaskMetrics {
    const HAND_OVER: u64 = 256;

    pub(crate) const fn new(shared: Arc<EngineMetrics>) -> Self {
        Self { shared, processed: 0 }
    }

    pub(crate) fn processed(&mut self) {
        self.processed += 1;
        if self.processed >= Self::HAND_OVER {
            self.hand_over();
        }
    }

    pub(crate) fn failed(&self) {
        self.shared.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn hand_over(&mut self) {
        self.shared.processed.fetch_add(std::mem::take(&mut self.processed), Ordering::Relaxed);
    }
}

impl Drop for TaskMetrics {
    fn drop(&mut self) {
        self.hand_over();
    }
}
