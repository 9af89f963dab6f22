//! What is counted of one stream thread.

use std::sync::Arc;

use crate::metrics::instruments::{Counter, Distribution, Gauge, Histogram, WORK_US};
use crate::stream_thread::ThreadState;

/// A thread's instruments, written by itself.
#[derive(Debug)]
pub(crate) struct ThreadMetrics {
    pub(crate) name: Arc<str>,
    pub(crate) started_ms: i64,
    state: Gauge,
    pub(crate) poll: Histogram,
    pub(crate) poll_records: Counter,
    pub(crate) process: Histogram,
    pub(crate) processed: Counter,
    pub(crate) dropped: Counter,
    pub(crate) punctuate: Histogram,
    pub(crate) commit: Histogram,
    pub(crate) created: Counter,
    pub(crate) closed: Counter,
    pub(crate) assigned: Counter,
    pub(crate) revoked: Counter,
    pub(crate) lost: Counter,
    pub(crate) aborts: Counter,
    pub(crate) producers_replaced: Counter,
    pub(crate) restored: Counter,
    /// Offsets a second, as last measured.
    pub(crate) restore_rate: Gauge,
    pub(crate) cpu_us: Counter,
}

const STARTING: i64 = 0;
const RESTORING: i64 = 1;
const RUNNING: i64 = 2;
const ENDED: i64 = 3;
const FAILED: i64 = 4;

/// What a thread's instruments held at a moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ThreadSnapshot {
    /// Its name as a member of the group.
    pub name: Arc<str>,
    /// When it started, in milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// What it is doing; `None` once it has ended.
    pub state: Option<ThreadState>,
    /// Whether it ended with an error.
    pub failed: bool,
    /// Polls, the wait for records included.
    pub poll: Distribution,
    /// Records fetched.
    pub poll_records: u64,
    /// Rounds of processing, of up to 1,000 records a task each.
    pub process: Distribution,
    /// Records processed, those that were dropped included.
    pub processed: u64,
    /// Records that went to an exception handler, which resumed.
    pub dropped: u64,
    /// Rounds of punctuations, where any was due.
    pub punctuate: Distribution,
    /// Commits that ended well: changelogs and offsets sent, the transaction committed, the stores written.
    pub commit: Distribution,
    /// Tasks that it got.
    pub created: u64,
    /// Tasks that it gave up.
    pub closed: u64,
    /// Rebalances that gave it partitions.
    pub assigned: u64,
    /// Rebalances that took partitions from it.
    pub revoked: u64,
    /// Rebalances that had taken partitions from it before it knew.
    pub lost: u64,
    /// Transactions given up.
    pub aborts: u64,
    /// Producers made in the place of one that could no longer be trusted.
    pub producers_replaced: u64,
    /// Changelog offsets restored.
    pub restored: u64,
    /// CPU time in seconds, where the system tells.
    pub cpu_s: f64,
}

impl ThreadMetrics {
    pub(crate) fn new(name: &str, started_ms: i64) -> Self {
        let work = || Histogram::new(&WORK_US);
        Self {
            name: name.into(),
            started_ms,
            state: Gauge::default(),
            poll: work(),
            poll_records: Counter::default(),
            process: work(),
            processed: Counter::default(),
            dropped: Counter::default(),
            punctuate: work(),
            commit: work(),
            created: Counter::default(),
            closed: Counter::default(),
            assigned: Counter::default(),
            revoked: Counter::default(),
            lost: Counter::default(),
            aborts: Counter::default(),
            producers_replaced: Counter::default(),
            restored: Counter::default(),
            restore_rate: Gauge::default(),
            cpu_us: Counter::default(),
        }
    }

    pub(crate) fn is(&self, state: ThreadState) {
        self.state.set(match state {
            ThreadState::Starting => STARTING,
            ThreadState::Restoring => RESTORING,
            ThreadState::Running => RUNNING,
        });
    }

    pub(crate) fn ended(&self, failed: bool) {
        self.state.set(if failed { FAILED } else { ENDED });
    }

    pub(crate) fn read(&self) -> ThreadSnapshot {
        ThreadSnapshot {
            name: self.name.clone(),
            started_ms: self.started_ms,
            state: match self.state.get() {
                STARTING => Some(ThreadState::Starting),
                RESTORING => Some(ThreadState::Restoring),
                RUNNING => Some(ThreadState::Running),
                _ => None,
            },
            failed: self.state.get() == FAILED,
            poll: self.poll.read(),
            poll_records: self.poll_records.get(),
            process: self.process.read(),
            processed: self.processed.get(),
            dropped: self.dropped.get(),
            punctuate: self.punctuate.read(),
            commit: self.commit.read(),
            created: self.created.get(),
            closed: self.closed.get(),
            assigned: self.assigned.get(),
            revoked: self.revoked.get(),
            lost: self.lost.get(),
            aborts: self.aborts.get(),
            producers_replaced: self.producers_replaced.get(),
            restored: self.restored.get(),
            cpu_s: self.cpu_us.get() as f64 / 1e6,
        }
    }
}
