//! Faults put in on purpose, one at a time, to show that the simulation finds them. Behind the feature `injected-bugs`.

use std::sync::atomic::{AtomicU8, Ordering};

/// A fault that can be switched on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Bug {
    /// The changelog offset is written before the data that it covers, in a batch of its own.
    CheckpointAheadOfData = 1,
    /// Undoing a record leaves its deletes in place.
    RollbackForgetsDeletes = 2,
}

static ACTIVE: AtomicU8 = AtomicU8::new(0);

/// Switches this fault on for the whole process, and any other off.
pub fn set(bug: Option<Bug>) {
    ACTIVE.store(bug.map_or(0, |bug| bug as u8), Ordering::SeqCst);
}

pub(crate) fn is(bug: Bug) -> bool {
    ACTIVE.load(Ordering::Relaxed) == bug as u8
}
