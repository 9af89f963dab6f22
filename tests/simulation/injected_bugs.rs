//! Shows that the simulation would notice: bugs put in on purpose, each found by name, and nothing found without them.

use std::collections::BTreeMap;

use crate::seeds;

/// A bug that is not found in so many seeds is not found.
const SEEDS: u64 = 100;

type Switch = fn(bool);

const BUGS: [(&str, Switch); 10] = [
    ("StoresBeforeCommit", |on| topology::bugs::set(on.then_some(topology::bugs::Bug::StoresBeforeCommit))),
    ("OffsetsNotCommitted", |on| topology::bugs::set(on.then_some(topology::bugs::Bug::OffsetsNotCommitted))),
    ("OffsetsOutsideTransaction", |on| {
        topology::bugs::set(on.then_some(topology::bugs::Bug::OffsetsOutsideTransaction));
    }),
    ("OutputTailLeftOut", |on| topology::bugs::set(on.then_some(topology::bugs::Bug::OutputTailLeftOut))),
    ("RepetitionRemembered", |on| processors::bugs::set(on.then_some(processors::bugs::Bug::RepetitionRemembered))),
    ("CheckpointAheadOfData", |on| state::bugs::set(on.then_some(state::bugs::Bug::CheckpointAheadOfData))),
    ("RollbackForgetsDeletes", |on| state::bugs::set(on.then_some(state::bugs::Bug::RollbackForgetsDeletes))),
    ("SequenceOutsideStore", |on| processors::bugs::set(on.then_some(processors::bugs::Bug::SequenceOutsideStore))),
    ("LoadKeptOnLeaving", |on| processors::bugs::set(on.then_some(processors::bugs::Bug::LoadKeptOnLeaving))),
    ("MemoryForgottenOnReply", |on| processors::bugs::set(on.then_some(processors::bugs::Bug::MemoryForgottenOnReply))),
];

/// One test for all: a bug is on for the whole process.
#[test]
fn should_find_each_bug_that_is_put_in_and_none_without() {
    let mut found = BTreeMap::new();
    for (name, switch) in BUGS {
        switch(true);
        let seed = (0..SEEDS).find_map(|seed| Some((seed, seeds::one(seed).err()?)));
        switch(false);
        match &seed {
            Some((seed, why)) => println!("{name}: found by seed {seed}: {why}"),
            None => println!("{name}: not found in {SEEDS} seeds"),
        }
        found.insert(name, seed.map(|(seed, _)| seed));
    }
    let missed: Vec<_> = found.iter().filter(|(_, seed)| seed.is_none()).collect();
    assert!(missed.is_empty(), "not found in {SEEDS} seeds: {missed:?}");
    let last = found.values().flatten().max().map_or(0, |seed| seed + 1);
    let without = seeds::run(0..last);
    assert!(without.failures.is_empty(), "found without any bug: {}", without.failures.join("\n"));
}
