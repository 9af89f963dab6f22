//! Bugs put in on purpose, so that simulation and checker can be shown to find them. Compiled only with `injected-bugs`.

use std::sync::atomic::{AtomicU8, Ordering};

/// A bug of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// Stores are written before the broker has committed.
    StoresBeforeCommit = 1,
    /// Consumed offsets do not join the transaction.
    OffsetsNotCommitted = 2,
    /// They are committed by the consumer, before the transaction and apart from it.
    OffsetsOutsideTransaction = 3,
    /// Each start has a transactional id of its own, so that nobody ends what the one before left open.
    TransactionalIdPerStart = 4,
    /// A store that is restored from an output and is there already is taken for whole.
    OutputTailLeftOut = 5,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Self; 5] = [
        Self::StoresBeforeCommit,
        Self::OffsetsNotCommitted,
        Self::OffsetsOutsideTransaction,
        Self::TransactionalIdPerStart,
        Self::OutputTailLeftOut,
    ];
}

static BUG: AtomicU8 = AtomicU8::new(0);

/// Switches a bug on, or all off.
pub fn set(bug: Option<Bug>) {
    BUG.store(bug.map_or(0, |b| b as u8), Ordering::SeqCst);
}

pub(crate) fn is(bug: Bug) -> bool {
    BUG.load(Ordering::SeqCst) == bug as u8
}
