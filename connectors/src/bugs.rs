//! Bugs put in on purpose, for the checker to find. Compiled only with the feature `injected-bugs`.

use std::sync::atomic::{AtomicU8, Ordering};

/// A bug in how Kafka is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// Members of a group are given what no transaction has committed.
    ReadsUncommitted = 1,
    /// A producer goes on after a commit that librdkafka tried again inside.
    ProducerReused = 2,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Self; 2] = [Self::ReadsUncommitted, Self::ProducerReused];
}

static BUG: AtomicU8 = AtomicU8::new(0);

/// Switches a bug on, or all off.
pub fn set(bug: Option<Bug>) {
    BUG.store(bug.map_or(0, |b| b as u8), Ordering::SeqCst);
}

pub(crate) fn is(bug: Bug) -> bool {
    BUG.load(Ordering::SeqCst) == bug as u8
}
