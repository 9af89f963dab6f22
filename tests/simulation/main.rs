//! The simulation: real stream threads on the real pipeline, the embedded broker and RocksDB, with random commands and a
//! crash possible at every step. What is left afterwards must equal what a run without any crash makes of the same
//! commands in the same recorded order.
//!
//! Everything follows from one seed. `SIMULATION_SEED=7 cargo test --test simulation` replays seed 7 and prints its course,
//! `SIMULATION_SEEDS=10000` runs so many instead of 200. docs/testing.md tells more.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of it is a test")]
#![cfg_attr(feature = "injected-bugs", allow(dead_code, reason = "what only the plain run uses"))]

mod commands;
mod compare;
mod coverage;
mod luck;
mod news;
mod oracle;
#[path = "../../processors/tests/assignment/oracle.rs"]
mod pools;
mod records;
mod reference;
#[cfg(not(feature = "injected-bugs"))]
mod regressions;
mod seed;
mod seeds;
mod world;

#[cfg(feature = "injected-bugs")]
mod injected_bugs;

/// Partitions of every topic.
pub(crate) const PARTITIONS: u32 = 2;

#[cfg(not(feature = "injected-bugs"))]
#[test]
fn should_end_like_a_run_without_crashes_whatever_the_seed() {
    let replay = std::env::var("SIMULATION_SEED").ok().map(|n| n.parse::<u64>().expect("SIMULATION_SEED is a number"));
    if let Some(seed) = replay {
        let report = seed::run(seed, true).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        println!("{report}");
        return;
    }
    let count = std::env::var("SIMULATION_SEEDS").map_or(200, |n| n.parse().expect("SIMULATION_SEEDS is a number"));
    let result = seeds::run(0..count);
    println!("{}", result.coverage);
    assert!(result.failures.is_empty(), "{}", result.failures.join("\n"));
    if count >= 100 {
        let missing = result.coverage.missing();
        assert!(missing.is_empty(), "never reached in {count} seeds: {missing:?}");
    }
}

#[cfg(not(feature = "injected-bugs"))]
#[test]
fn should_take_the_same_course_when_a_seed_is_run_again() {
    for seed in 1_000_000..1_000_003 {
        let first = seed::run(seed, false).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        let second = seed::run(seed, false).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        assert_eq!(first.course, second.course, "seed {seed}");
    }
}
