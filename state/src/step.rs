//! The steps between which a crash can be simulated.

use std::sync::Arc;

use crate::StateError;

/// A point of an operation at which a process could die.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreStep {
    /// The transaction has ended well, its writes are not in the store yet.
    BeforeCommitWrite,
    /// The writes of the transaction are in the store.
    AfterCommitWrite,
    /// A batch of changelog records is about to be written.
    BeforeRestoreWrite,
    /// A batch of changelog records has been written.
    AfterRestoreWrite,
}

/// Called at every [`StoreStep`]; an error makes the operation fail right there.
pub type StepHook = Arc<dyn Fn(StoreStep) -> Result<(), StateError> + Send + Sync>;
