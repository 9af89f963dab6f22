//! When to leave somebody alone who takes nothing.

use std::time::Duration;

use super::Pauses;

/// Failures in a row after which somebody is left alone for a while.
const FAILURES_IN_A_ROW: u32 = 5;
/// For how long, at most.
const LONGEST: Duration = Duration::from_mins(5);

/// Leaves alone who takes nothing. It stands in memory: whoever starts anew may ask at once.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Failures in a row that say something about whoever is asked.
    failures: u32,
    /// How often in a row they were left alone.
    rests: u32,
    until: Option<i64>,
}

impl Rest {
    /// True if they are left alone for now.
    pub(crate) fn rests(&self, now: i64) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// They do what they should.
    pub(crate) fn works(&mut self) {
        *self = Self::default();
    }

    /// They failed; with `for_all` in a way that says enough already.
    pub(crate) fn fails(&mut self, for_all: bool, now: i64, first: Duration) {
        self.failures += 1;
        if for_all || self.failures >= FAILURES_IN_A_ROW {
            let rest = Pauses { first, longest: LONGEST }.doubled(self.rests);
            self.rests += 1;
            self.asks_for(now.saturating_add(rest));
        }
    }

    /// They ask to be left alone until then.
    pub(crate) fn asks_for(&mut self, until: i64) {
        self.until = self.until.max(Some(until));
    }
}
