//! How a cache has done, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the process began, and how the server is, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheStats {
    /// Look-ups that were answered with a board.
    pub hits: u64,
    /// Look-ups for which there was none.
    pub misses: u64,
    /// Look-ups for which the cache could not be asked.
    pub aways: u64,
    /// Fills that were taken.
    pub filled: u64,
    /// Fills that came too late and were refused.
    pub refused: u64,
    /// The server behind the cache; none if it is in the process.
    pub remote: Option<Remote>,
}

/// How a server is, as its last calls went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Remote {
    /// Whether the last call was answered, or none was made yet.
    pub up: bool,
    /// Whether calls are held back after failures.
    pub breaker_open: bool,
    /// Calls that failed or took too long.
    pub failures: u64,
    /// Calls that were sent.
    pub calls: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    aways: AtomicU64,
    filled: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    pub(crate) fn looked_up(&self, found: &super::Lookup) {
        let counter = match found {
            super::Lookup::Hit(_) => &self.hits,
            super::Lookup::Miss(_) => &self.misses,
            super::Lookup::Away => &self.aways,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn filled(&self, taken: bool) {
        let counter = if taken { &self.filled } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self, remote: Option<Remote>) -> CacheStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            hits: count(&self.hits),
            misses: count(&self.misses),
            aways: count(&self.aways),
            filled: count(&self.filled),
            refused: count(&self.refused),
            remote,
        }
    }
}
