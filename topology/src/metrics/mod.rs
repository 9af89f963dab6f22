//! What the engine counts. Numbers only; whoever exports them decides how.
//!
//! Everything is counted where it happens, by the thread that does it, into instruments of its own: no lock, no
//! allocation and no reading of the clock for a record. Threads and tasks are listed here so that they can be read.

mod instruments;
mod task;
mod thread;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use instruments::micros;
pub use instruments::{Distribution, Timing};
pub(crate) use task::{Ages, NOTHING_WAITS, Shown, StoreMetrics, TaskMetrics};
pub use task::{InputSnapshot, StoreSnapshot, TaskSnapshot};
pub(crate) use thread::ThreadMetrics;
pub use thread::ThreadSnapshot;

use crate::broker::TopicPartition;
use crate::record::TaskId;

/// The instruments of one application instance.
#[derive(Debug, Default)]
pub struct EngineMetrics {
    threads: Mutex<Vec<Arc<ThreadMetrics>>>,
    tasks: Mutex<Vec<Arc<TaskMetrics>>>,
}

/// What a thread and the tasks that it makes count with.
#[derive(Debug, Clone)]
pub(crate) struct Instruments {
    pub(crate) engine: Arc<EngineMetrics>,
    pub(crate) thread: Arc<ThreadMetrics>,
}

impl Instruments {
    /// For the thread of this name, started at `now`.
    pub(crate) fn new(engine: &Arc<EngineMetrics>, name: &str, now: i64) -> Self {
        let thread = Arc::new(ThreadMetrics::new(name, now));
        lock(&engine.threads).push(thread.clone());
        Self { engine: engine.clone(), thread }
    }

    /// For a task that reads these and has these stores, in the order of their ids.
    pub(crate) fn task(&self, id: TaskId, sources: Vec<TopicPartition>, stores: Vec<String>) -> Shown {
        Shown::new(self.engine.clone(), TaskMetrics::new(id, self.thread.clone(), sources, stores))
    }
}

/// What all threads together have done so far.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct EngineCounts {
    /// Records processed.
    pub processed: u64,
    /// Records that went to an exception handler, which resumed.
    pub failed: u64,
    /// Transactions committed.
    pub commits: u64,
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
    /// Every thread that was started.
    #[must_use]
    pub fn threads(&self) -> Vec<ThreadSnapshot> {
        lock(&self.threads).iter().map(|t| t.read()).collect()
    }

    /// Every task that there is now, restoring ones included, in the order of their names.
    #[must_use]
    pub fn tasks(&self) -> Vec<TaskSnapshot> {
        let mut tasks: Vec<_> = lock(&self.tasks).iter().map(|t| t.read()).collect();
        tasks.sort_by(|a, b| a.id.cmp(&b.id));
        tasks
    }

    /// The sums over all threads.
    #[must_use]
    pub fn counts(&self) -> EngineCounts {
        let mut counts = EngineCounts::default();
        for thread in &*lock(&self.threads) {
            counts.processed += thread.processed.get();
            counts.failed += thread.dropped.get();
            counts.commits += thread.commit.read().count();
            counts.aborts += thread.aborts.get();
            counts.restored += thread.restored.get();
            counts.cpu_us += thread.cpu_us.get();
        }
        let tasks = lock(&self.tasks);
        counts.restore_remaining = tasks.iter().flat_map(|t| &t.stores).map(|s| s.restore_remaining.get()).sum();
        counts
    }

    /// Of each thread its pace of restoring, in offsets a second, and of each of its tasks whether it is ready and how many
    /// offsets it has left.
    pub(crate) fn restoring(&self) -> Vec<(i64, Vec<(bool, i64)>)> {
        let tasks = lock(&self.tasks);
        let of = |thread: &Arc<ThreadMetrics>| {
            let mine = tasks.iter().filter(|task| Arc::ptr_eq(&task.thread, thread));
            mine.map(|t| (t.ready.get() > 0, t.stores.iter().map(|s| s.restore_remaining.get()).sum())).collect()
        };
        lock(&self.threads).iter().map(|thread| (thread.restore_rate.get(), of(thread))).collect()
    }

    fn show(&self, task: &Arc<TaskMetrics>) {
        lock(&self.tasks).push(task.clone());
    }

    fn hide(&self, task: &Arc<TaskMetrics>) {
        lock(&self.tasks).retain(|shown| !Arc::ptr_eq(shown, task));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
