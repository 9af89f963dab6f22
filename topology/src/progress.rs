//! How far restoring is, how fast it goes and how long it may still take.

use std::fmt;

use crate::metrics::EngineMetrics;

/// How often the pace is measured anew, in milliseconds.
const MEASURE_MS: i64 = 1_000;
/// How often the log tells of it, in milliseconds.
const TELL_MS: i64 = 5_000;

/// Measures a thread's restoring.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the current measurement began; `None` while nothing is restored.
    since: Option<i64>,
    told: i64,
    offsets: u64,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    /// Offsets a second.
    pub(crate) per_second: i64,
    pub(crate) remaining: i64,
    /// Whether it is time to tell people.
    pub(crate) loud: bool,
}

impl Pace {
    /// So many more offsets were restored by `now` (in milliseconds), so many are left. Says something when there is
    /// something new to say.
    pub(crate) fn report(&mut self, now: i64, offsets: u64, remaining: i64) -> Option<Measured> {
        let Some(since) = self.since else {
            if remaining > 0 {
                *self = Self { since: Some(now), told: now, offsets };
            }
            return None;
        };
        self.offsets += offsets;
        let took = now.saturating_sub(since);
        if took < MEASURE_MS && remaining > 0 {
            return None;
        }
        let restored = i64::try_from(self.offsets).unwrap_or(i64::MAX);
        let per_second = restored.saturating_mul(1_000) / took.max(1);
        let loud = now.saturating_sub(self.told) >= TELL_MS;
        *self = Self { since: (remaining > 0).then_some(now), told: if loud { now } else { self.told }, offsets: 0 };
        Some(Measured { per_second, remaining, loud })
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} offsets left, {} a second", self.remaining, self.per_second)?;
        match seconds_left(self.remaining, self.per_second) {
            Some(seconds) => write!(f, ", about {seconds} s to go"),
            None => Ok(()),
        }
    }
}

fn seconds_left(remaining: i64, per_second: i64) -> Option<i64> {
    (per_second > 0).then(|| remaining / per_second + i64::from(remaining % per_second > 0))
}

/// How far an instance is with restoring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreProgress {
    /// Tasks that it has.
    pub tasks: usize,
    /// Those of them that do not process yet.
    pub restoring: usize,
    /// Changelog offsets still to restore.
    pub remaining: i64,
    /// How long the slowest thread may need for its own, in seconds; `None` until a pace is known.
    pub seconds_left: Option<i64>,
}

impl fmt::Display for RestoreProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} tasks restore their stores, {} offsets left", self.restoring, self.tasks, self.remaining)?;
        match self.seconds_left {
            Some(seconds) => write!(f, ", about {seconds} s to go"),
            None => Ok(()),
        }
    }
}

impl EngineMetrics {
    /// How far restoring is; `None` if every task has its state, or there is none.
    #[must_use]
    pub fn restore_progress(&self) -> Option<RestoreProgress> {
        let mut found = RestoreProgress { tasks: 0, restoring: 0, remaining: 0, seconds_left: Some(0) };
        for (rate, tasks) in self.restoring() {
            let left: i64 = tasks.iter().map(|(_, remaining)| *remaining).sum();
            found.tasks += tasks.len();
            found.restoring += tasks.iter().filter(|(ready, _)| !ready).count();
            found.remaining += left;
            let seconds = if left == 0 { Some(0) } else { seconds_left(left, rate) };
            found.seconds_left = found.seconds_left.zip(seconds).map(|(a, b)| a.max(b));
        }
        (found.restoring > 0).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_measure_the_pace_each_second_and_tell_of_it_every_five() {
        let mut pace = Pace::default();
        let mut told = Vec::new();
        let mut left = 10_000;
        for tick in 0..=24 {
            left -= 400;
            if let Some(measured) = pace.report(tick * 250, 400, left) {
                assert_eq!(measured.per_second, if told.is_empty() { 2_000 } else { 1_600 }, "the first has one more");
                told.push((tick, measured.loud));
            }
        }
        let expected = [(4, false), (8, false), (12, false), (16, false), (20, true), (24, false)];
        assert_eq!(told, expected);
        assert_eq!(pace.report(10_000, 0, 0).map(|m| m.remaining), None, "it had come to its end before");
    }

    #[test]
    fn should_say_how_long_it_may_take_and_nothing_of_that_while_nobody_knows() {
        let measured = |per_second| Measured { per_second, remaining: 1_001, loud: true }.to_string();
        assert_eq!(measured(500), "1001 offsets left, 500 a second, about 3 s to go");
        assert_eq!(measured(0), "1001 offsets left, 0 a second");
    }
}
