//! The steps of a stream thread's work at which a test may let it crash.

use std::sync::Arc;

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

/// An optional hook; costs one branch where there is none.
#[derive(Clone, Default)]
pub struct Steps(Option<StepHook>);

impl Steps {
    /// With a hook.
    #[must_use]
    pub fn hooked(hook: StepHook) -> Self {
        Self(Some(hook))
    }

    #[inline]
    pub(crate) fn reach(&self, step: Step) -> Result<(), Crash> {
        match &self.0 {
            None => Ok(()),
            Some(hook) => hook(step),
        }
    }
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Steps(hooked)" } else { "Steps(none)" })
    }
}
