//! What is counted with: one writer, any reader, no lock. A count costs what adding to a plain number costs.
//!
//! Each instrument belongs to one thread, which alone writes it. So an addition is a load and a store, not a locked
//! read-modify-write; whoever reads sees each number as it was a moment ago, and never half of one.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    #[inline]
    pub(crate) fn set(&self, n: i64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the buckets of work on a thread, in microseconds; one more bucket has no bound.
pub(crate) const WORK_US: [u64; 13] =
    [100, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 10_000_000];
/// Upper bounds of the buckets of end-to-end latencies, in microseconds: from a lone command to a long backlog.
pub(crate) const END_TO_END_US: [u64; 14] = [
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    60_000_000,
    600_000_000,
    3_600_000_000,
];

/// A distribution of durations over fixed buckets.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds_us: &'static [u64],
    buckets: Box<[Counter]>,
    sum_us: Counter,
}

impl Histogram {
    pub(crate) fn new(bounds_us: &'static [u64]) -> Self {
        Self {
            bounds_us,
            buckets: (0..=bounds_us.len()).map(|_| Counter::default()).collect(),
            sum_us: Counter::default(),
        }
    }

    pub(crate) fn observe(&self, took: Duration) {
        self.observe_many(micros(took), 1);
    }

    /// Adds so many observations of the same duration.
    pub(crate) fn observe_many(&self, us: u64, count: u64) {
        self.buckets[self.bounds_us.partition_point(|bound| *bound < us)].add(count);
        self.sum_us.add(us.saturating_mul(count));
    }

    pub(crate) fn read(&self) -> Distribution {
        let mut sum = 0;
        let cumulative = self.buckets.iter().map(|bucket| {
            sum += bucket.get();
            sum
        });
        let bounds = self.bounds_us.iter().map(|us| *us as f64 / 1e6).chain([f64::INFINITY]);
        Distribution { buckets: bounds.zip(cumulative).collect(), sum_s: self.sum_us.get() as f64 / 1e6 }
    }
}

/// What a histogram held at a moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Distribution {
    /// Upper bound in seconds, infinity for the last one, and how many observations were at most that: cumulative.
    pub buckets: Vec<(f64, u64)>,
    /// Sum of all observations, in seconds.
    pub sum_s: f64,
}

impl Distribution {
    /// How many observations there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, count)| *count)
    }
}

/// How often something was done, and how long one time in [`Sampled::EVERY`] of it took: two readings of the clock for
/// each would cost more than the thing itself.
#[derive(Debug, Default)]
pub(crate) struct Sampled {
    done: Counter,
    samples: Counter,
    sum_ns: Counter,
}

impl Sampled {
    pub(crate) const EVERY: u64 = 256;

    /// Counts one more; the time, if this one is to be measured. The first one is.
    #[inline]
    pub(crate) fn begin(&self) -> Option<Instant> {
        let n = self.done.get();
        self.done.add(1);
        n.is_multiple_of(Self::EVERY).then(Instant::now)
    }

    #[inline]
    pub(crate) fn end(&self, begun: Option<Instant>) {
        if let Some(begun) = begun {
            self.samples.add(1);
            self.sum_ns.add(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// For what is rare enough to be measured each time.
    pub(crate) fn observe(&self, took: Duration) {
        self.done.add(1);
        self.samples.add(1);
        self.sum_ns.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn read(&self) -> Timing {
        Timing { done: self.done.get(), samples: self.samples.get(), sum_s: self.sum_ns.get() as f64 / 1e9 }
    }
}

/// How often something was done and how long that took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timing {
    /// How often.
    pub done: u64,
    /// How many of these were measured.
    pub samples: u64,
    /// How long the measured ones took in all, in seconds.
    pub sum_s: f64,
}

pub(crate) fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_put_a_duration_into_the_bucket_that_it_does_not_exceed() {
        let histogram = Histogram::new(&WORK_US);
        for us in [1, 100, 101, 10_000_000, 10_000_001] {
            histogram.observe(Duration::from_micros(us));
        }
        let read = histogram.read();
        let counts: Vec<_> = read.buckets.iter().map(|(_, n)| *n).collect();
        assert_eq!(counts, [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5], "100 µs, 500 µs, ..., 10 s, more");
        assert_eq!(read.count(), 5);
        assert!((read.sum_s - 20.000_203).abs() < 1e-9, "{}", read.sum_s);
    }

    #[test]
    fn should_count_each_and_measure_the_first_and_then_one_in_so_many() {
        let sampled = Sampled::default();
        for _ in 0..=Sampled::EVERY * 2 {
            let begun = sampled.begin();
            sampled.end(begun);
        }
        let read = sampled.read();
        assert_eq!((read.done, read.samples), (Sampled::EVERY * 2 + 1, 3));
    }
}
