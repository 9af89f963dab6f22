//! A breaker: after a few failures in a row nobody waits any more, but for one caller in each period.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Breaker {
    begin: Instant,
    period_us: u64,
    failures_to_open: u32,
    /// When the next caller is let through, in microseconds since the beginning; 0: everyone is.
    open_until_us: AtomicU64,
    failures: AtomicU32,
}

impl Breaker {
    pub(super) fn new(failures_to_open: u32, period: Duration) -> Self {
        Self {
            begin: Instant::now(),
            period_us: u64::try_from(period.as_micros()).unwrap_or(u64::MAX).max(1),
            failures_to_open: failures_to_open.max(1),
            open_until_us: AtomicU64::new(0),
            failures: AtomicU32::new(0),
        }
    }

    /// Whether to try. While it is open, the first to ask after a period is let through and the next waits for another:
    /// so nothing has to be given back if that one is cancelled.
    pub(super) fn lets_through(&self) -> bool {
        let until = self.open_until_us.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = self.now_us();
        let next = now.saturating_add(self.period_us);
        now >= until && self.open_until_us.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open_until_us.load(Ordering::Relaxed) != 0
    }

    /// Says whether this closed it.
    pub(super) fn succeeded(&self) -> bool {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        self.is_open() && self.open_until_us.swap(0, Ordering::Relaxed) != 0
    }

    /// Says whether this opened it.
    pub(super) fn failed(&self) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < self.failures_to_open {
            return false;
        }
        let until = self.now_us().saturating_add(self.period_us);
        self.open_until_us.compare_exchange(0, until, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_open_after_failures_in_a_row_and_close_after_one_success() {
        let breaker = Breaker::new(3, Duration::from_hours(1));
        assert!(!breaker.failed() && !breaker.failed() && !breaker.succeeded());
        assert!(!breaker.failed() && !breaker.failed());
        assert!(breaker.lets_through());
        assert!(breaker.failed(), "the third in a row");
        assert!(breaker.is_open() && !breaker.lets_through() && !breaker.failed());
        assert!(breaker.succeeded() && breaker.lets_through() && !breaker.is_open());
    }

    #[test]
    fn should_let_one_through_in_each_period() {
        let mut breaker = Breaker::new(1, Duration::from_hours(1));
        assert!(breaker.failed());
        // As if the hour were over.
        breaker.begin = breaker.begin.checked_sub(Duration::from_secs(1)).expect("the machine is up for a second");
        breaker.open_until_us.store(1, Ordering::Relaxed);
        assert!(breaker.lets_through());
        assert!(!breaker.lets_through(), "the next has to wait again");
    }
}
