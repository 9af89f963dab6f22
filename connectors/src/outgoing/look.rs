//! How long a look for what is due may take.

use std::time::Duration;

/// How often to look for what is due, at most, in milliseconds.
pub(crate) const LOOK_EVERY_MS: i64 = 200;

/// Nothing is begun, or waited for, when that of all tasks together has taken so long since the last commit: who is slow may not
/// hold it up.
const TAKES: Duration = Duration::from_secs(1);

/// The look at hand, which all tasks of a process have together, and what it has taken.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// Its time, which is the same for all of them.
    at: i64,
    spent: Duration,
}

impl Look {
    /// How much longer the look may take.
    pub(crate) fn left(&self, now: i64) -> Duration {
        if self.at == now { TAKES.saturating_sub(self.spent) } else { TAKES }
    }

    /// It took so long.
    pub(crate) fn took(&mut self, now: i64, spent: Duration) {
        self.spent = if self.at == now { self.spent + spent } else { spent };
        self.at = now;
    }
}
