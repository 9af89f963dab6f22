//! The only place where the rig sleeps: until a moment that is random, or for as long as a fault lasts.

use std::ops::Range;
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

/// A random time, in milliseconds.
pub(crate) fn pause(random: &mut SmallRng, ms: Range<u64>) {
    last(Duration::from_millis(random.random_range(ms)));
}

/// As long as this.
pub(crate) fn last(time: Duration) {
    std::thread::sleep(time);
}
