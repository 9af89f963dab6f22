//! The steps of a stream thread's work at which a test may let it crash.

use std::sync::Arc;

use crate::broker::TopicPartition;
use crate::record::TaskId;

/// A step; the hook is called when it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Step {
    /// A record is about to be processed.
    BeforeProcess,
    /// A record was processed; its writes are in the overlay, its outputs in the buffers.
    AfterProcess,
    /// A batch is about to be handed to the producer.
    BeforeProduce,
    /// A batch was handed over.
    AfterProduce,
    /// Consumed offsets are about to join the transaction.
    BeforeOffsets,
    /// They have joined it.
    AfterOffsets,
    /// The transaction is about to be committed.
    BeforeCommit,
    /// The broker has committed it; the stores have not got it yet.
    AfterCommit,
    /// A task's stores are about to be written.
    BeforeStoreWrite,
    /// A task's stores were written.
    AfterStoreWrite,
    /// A piece of changelog is about to be restored.
    BeforeRestore,
    /// A piece of changelog was restored.
    AfterRestore,
}

impl Step {
    /// Every step, for tests that must reach them all.
    pub const ALL: [Self; 12] = [
        Self::BeforeProcess,
        Self::AfterProcess,
        Self::BeforeProduce,
        Self::AfterProduce,
        Self::BeforeOffsets,
        Self::AfterOffsets,
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::BeforeStoreWrite,
        Self::AfterStoreWrite,
        Self::BeforeRestore,
        Self::AfterRestore,
    ];
}

/// A simulated crash: the thread stops where it is and cleans nothing up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("simulated crash at {0:?}")]
pub struct Crash(pub Step);

/// Called at each step; an error is a crash.
pub type StepHook = Arc<dyn Fn(Step) -> Result<(), Crash> + Send + Sync>;

/// What a task has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work<'a> {
    /// Processed a record: its partition and offset.
    Record(&'a TopicPartition, i64),
    /// Run a punctuation: which one of the task's, counted from 0, and the time by its clock.
    Punctuation(usize, i64),
}

/// Told of all that a task has done. In this order a [`crate::TestDriver`] can do it again.
pub type Observer = Arc<dyn Fn(&TaskId, Work<'_>) + Send + Sync>;

/// An optional hook and an optional observer; each costs one branch where there is none.
#[derive(Clone, Default)]
pub struct Steps {
    hook: Option<StepHook>,
    observer: Option<Observer>,
}

impl Steps {
    /// With a hook.
    #[must_use]
    pub fn hooked(hook: StepHook) -> Self {
        Self { hook: Some(hook), observer: None }
    }

    /// With an observer as well.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    #[inline]
    pub(crate) fn reach(&self, step: Step) -> Result<(), Crash> {
        match &self.hook {
            None => Ok(()),
            Some(hook) => hook(step),
        }
    }

    #[inline]
    pub(crate) fn done(&self, task: &TaskId, work: Work<'_>) {
        if let Some(observer) = &self.observer {
            observer(task, work);
        }
    }
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.hook.is_some() { "Steps(hooked)" } else { "Steps(none)" })
    }
}
