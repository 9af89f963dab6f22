//! How long to wait before the next attempt.

use std::time::Duration;

use uuid::Uuid;

/// How long to wait before each attempt: twice as long each time, up to the longest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pauses {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Pauses {
    /// How long until the next attempt, in milliseconds: up to a fifth more or less than twice as long as the last time, so that not
    /// all come back at once.
    pub(crate) fn after(self, id: Uuid, attempts: i32) -> i64 {
        let pause = self.doubled(u32::try_from(attempts - 1).unwrap_or_default());
        // Of the id and the attempt, as a processor draws no random numbers.
        let drawn = i64::from(id.as_bytes()[(attempts.unsigned_abs() % 16) as usize]);
        pause + pause * (drawn - 128) / 640
    }

    /// The first, doubled so many times, up to the longest; in milliseconds.
    pub(crate) fn doubled(self, times: u32) -> i64 {
        millis(self.first).saturating_mul(1 << times.min(20)).min(millis(self.longest))
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
