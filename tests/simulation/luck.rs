//! What goes wrong when: the hooks of engine and broker ask here, and tell here what they have processed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connectors::embedded::{FaultAction, FaultHook, FaultPoint};
use topology::broker::TopicPartition;
use topology::{Crash, Step, Steps, TaskId, Work};

use crate::coverage::{Coverage, LOST_ANSWER, LOST_COMMIT};

/// Something that a task has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Processed {
    pub(crate) task: TaskId,
    pub(crate) work: Done,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    /// A record, by its partition and offset.
    Record(TopicPartition, i64),
    /// A punctuation, by its number, at that time. No offset says whether it has landed, so the broker does.
    Punctuation { which: usize, time: i64, landed: bool },
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(partition, offset) => write!(f, "{partition}@{offset}"),
            Self::Punctuation { which, time, .. } => write!(f, "punctuation {which} at {time}"),
        }
    }
}

/// Shared by the world and its hooks.
#[derive(Debug, Default)]
pub(crate) struct Luck {
    /// Crash when this step is reached for the so many-th time from now.
    pub(crate) crash: Option<(Step, u32)>,
    /// Let the so many-th commit from now fail; true: after it has landed.
    pub(crate) fault: Option<(bool, u32)>,
    /// A commit has failed: what was processed and did not land is processed again.
    pub(crate) suspect: bool,
    /// Processed since the last commit, as far as known.
    pub(crate) attempt: Vec<Processed>,
    pub(crate) coverage: Coverage,
}

/// A handle on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedLuck(Arc<Mutex<Luck>>);

impl SharedLuck {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Luck> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the engine.
    pub(crate) fn steps(&self) -> Steps {
        let (hook, observer) = (self.clone(), self.clone());
        Steps::hooked(Arc::new(move |step| hook.lock().reach(step))).observed(Arc::new(move |task, work| {
            let work = match work {
                Work::Record(partition, offset) => Done::Record(partition.clone(), offset),
                Work::Punctuation(which, time) => Done::Punctuation { which, time, landed: false },
            };
            observer.lock().attempt.push(Processed { task: task.clone(), work });
        }))
    }

    /// For the broker.
    pub(crate) fn faults(&self) -> FaultHook {
        let luck = self.clone();
        Arc::new(move |point| luck.lock().fault_at(point))
    }
}

impl Luck {
    fn reach(&mut self, step: Step) -> Result<(), Crash> {
        match &mut self.crash {
            Some((planned, left)) if *planned == step => {
                *left = left.saturating_sub(1);
                if *left > 0 {
                    return Ok(());
                }
                self.crash = None;
                self.coverage.count(Coverage::crash(step));
                Err(Crash(step))
            }
            _ => Ok(()),
        }
    }

    fn fault_at(&mut self, point: FaultPoint<'_>) -> FaultAction {
        if let FaultPoint::AfterWrite { transactional_id: Some(_) } = point {
            for done in &mut self.attempt {
                if let Done::Punctuation { landed, .. } = &mut done.work {
                    *landed = true;
                }
            }
        }
        let (after, what) = match point {
            FaultPoint::BeforeWrite { transactional_id: Some(_) } => (false, LOST_COMMIT),
            FaultPoint::AfterWrite { transactional_id: Some(_) } => (true, LOST_ANSWER),
            _ => return FaultAction::Proceed,
        };
        match &mut self.fault {
            Some((planned, left)) if *planned == after => {
                *left = left.saturating_sub(1);
                if *left > 0 {
                    return FaultAction::Proceed;
                }
                self.fault = None;
                self.suspect = true;
                self.coverage.count(what);
                FaultAction::Fail
            }
            _ => FaultAction::Proceed,
        }
    }
}
