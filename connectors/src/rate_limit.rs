//! How many requests a caller may make: a token bucket for each, which refills at a steady rate.
//!
//! A bucket is one number, the moment at which it is full again (the generic cell rate algorithm, ITU-T I.371): a request moves it on by the time that
//! one token takes, and is refused if it would then be further away than a whole bucket takes.
//!
//! | limiter | for |
//! |---|---|
//! | [`LocalLimiter`] | one process |
//! | [`RedisLimiter`](crate::redis::RedisLimiter) | any number of processes, which share the buckets |

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use uuid::Uuid;

use crate::read_model::BoxFuture;

/// Fewer buckets than this are not looked through for those that are full again.
const FEW: usize = 1_024;

/// How fast a bucket refills, and how much fits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens a second.
    pub per_second: u32,
    /// Tokens that a full bucket has, at least one.
    pub burst: u32,
}

impl Rate {
    /// How long one token takes, in microseconds.
    pub(crate) fn interval_us(self) -> u64 {
        (1_000_000 / u64::from(self.per_second.max(1))).max(1)
    }

    /// What comes of a request that finds the bucket full again in so many microseconds.
    pub(crate) fn grant(self, full_in_us: u64) -> Grant {
        let (interval, burst) = (self.interval_us(), u64::from(self.burst.max(1)));
        let allowed = full_in_us <= (burst - 1) * interval;
        let after = if allowed { full_in_us + interval } else { full_in_us };
        let remaining = (burst * interval).saturating_sub(after) / interval;
        Grant {
            allowed,
            limit: self.burst.max(1),
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            retry_after: if allowed {
                Duration::ZERO
            } else {
                Duration::from_micros(full_in_us.saturating_sub((burst - 1) * interval))
            },
            full_in: Duration::from_micros(after),
        }
    }
}

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Whether it may be made.
    pub allowed: bool,
    /// Tokens that a full bucket has.
    pub limit: u32,
    /// Tokens that are left.
    pub remaining: u32,
    /// When there is a token again; zero if the request may be made.
    pub retry_after: Duration,
    /// When the bucket is full again.
    pub full_in: Duration,
}

/// Takes tokens out of the callers' buckets.
pub trait RateLimiter: Send + Sync {
    /// Takes a token out of a caller's bucket, if there is one.
    fn take(&self, caller: Uuid) -> BoxFuture<'_, Grant>;
}

/// Buckets of this process.
pub struct LocalLimiter {
    rate: Rate,
    began: Instant,
    buckets: Mutex<Buckets>,
}

#[derive(Default)]
struct Buckets {
    /// When each is full again, in microseconds after the limiter began; those that are full are not here.
    full_at: HashMap<Uuid, u64>,
    /// So many buckets lead to a look for those that are full.
    sweep_at: usize,
}

impl LocalLimiter {
    /// Full buckets for everybody.
    #[must_use]
    pub fn new(rate: Rate) -> Arc<Self> {
        let buckets = Buckets { sweep_at: FEW, ..Buckets::default() };
        Arc::new(Self { rate, began: Instant::now(), buckets: Mutex::new(buckets) })
    }

    /// As [`RateLimiter::take`], at once.
    pub fn take_now(&self, caller: Uuid) -> Grant {
        self.take_at(caller, u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn take_at(&self, caller: Uuid, now: u64) -> Grant {
        let mut buckets = self.buckets.lock();
        let full_in = buckets.full_at.get(&caller).map_or(0, |full_at| full_at.saturating_sub(now));
        let grant = self.rate.grant(full_in);
        if grant.allowed {
            buckets.full_at.insert(caller, now + full_in + self.rate.interval_us());
            if buckets.full_at.len() >= buckets.sweep_at {
                buckets.full_at.retain(|_, full_at| *full_at > now);
                buckets.sweep_at = FEW.max(2 * buckets.full_at.len());
            }
        }
        grant
    }
}

impl RateLimiter for LocalLimiter {
    fn take(&self, caller: Uuid) -> BoxFuture<'_, Grant> {
        let grant = self.take_now(caller);
        Box::pin(async move { grant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn limiter() -> Arc<LocalLimiter> {
        LocalLimiter::new(Rate { per_second: 2, burst: 3 })
    }

    fn taken(limiter: &LocalLimiter, caller: u128, now: u64) -> (bool, u32) {
        let grant = limiter.take_at(Uuid::from_u128(caller), now);
        (grant.allowed, grant.remaining)
    }

    #[test]
    fn should_give_a_burst_and_then_as_much_as_refills() {
        let limiter = limiter();
        assert_eq!([0; 3].map(|now| taken(&limiter, 1, now)), [(true, 2), (true, 1), (true, 0)]);
        let refused = limiter.take_at(Uuid::from_u128(1), 0);
        assert_eq!((refused.allowed, refused.retry_after), (false, Duration::from_millis(500)));
        assert_eq!(taken(&limiter, 1, SECOND / 2 - 1), (false, 0));
        assert_eq!(taken(&limiter, 1, SECOND / 2), (true, 0));
        assert_eq!(taken(&limiter, 2, SECOND / 2), (true, 2), "everybody has a bucket of their own");
        assert_eq!(taken(&limiter, 1, 60 * SECOND), (true, 2), "a bucket does not run over");
    }

    #[test]
    fn should_say_when_the_bucket_is_full_again() {
        let limiter = limiter();
        let full_in = |now| limiter.take_at(Uuid::from_u128(1), now).full_in;
        assert_eq!([0; 4].map(full_in), [500, 1_000, 1_500, 1_500].map(Duration::from_millis));
    }

    #[test]
    fn should_forget_buckets_that_are_full() {
        let limiter = limiter();
        for caller in 0..10_000_u64 {
            assert!(limiter.take_at(Uuid::from_u128(u128::from(caller)), caller * SECOND).allowed);
        }
        assert!(limiter.buckets.lock().full_at.len() <= 2 * FEW);
    }
}
