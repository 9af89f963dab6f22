//! Many seeds on all cores. A seed knows nothing of the others, so their order does not matter.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::coverage::Coverage;
use crate::seed;

/// No more failures than this are told; each is a seed to replay.
const MOST_FAILURES: usize = 5;

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) coverage: Coverage,
    pub(crate) failures: Vec<String>,
}

/// Runs these seeds, until too many have failed.
pub(crate) fn run(seeds: Range<u64>) -> Outcome {
    let next = AtomicU64::new(seeds.start);
    let outcome = Mutex::new(Outcome::default());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || outcome.lock().unwrap().failures.len() >= MOST_FAILURES {
                return;
            }
            let result = one(seed);
            let mut outcome = outcome.lock().unwrap();
            match result {
                Ok(coverage) => outcome.coverage.merge(&coverage),
                Err(why) => {
                    println!("seed {seed} fails");
                    outcome.failures.push(format!("seed {seed} (SIMULATION_SEED={seed} replays it): {why}"));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    outcome.into_inner().unwrap()
}

/// Runs one seed; a panic is a failure like any other.
pub(crate) fn one(seed: u64) -> Result<Coverage, String> {
    match catch_unwind(AssertUnwindSafe(|| seed::run(seed, false))) {
        Ok(Ok(report)) => Ok(report.coverage),
        Ok(Err(why)) => Err(format!("{why:#}")),
        Err(panic) => Err(format!("panic: {:?}", panic.downcast_ref::<String>())),
    }
}
