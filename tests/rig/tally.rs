//! How often each kind of fault was drawn, and how often it took effect.

use std::collections::BTreeMap;

/// Counts of one kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) drawn: usize,
    pub(crate) effective: usize,
}

/// Counts of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) kinds: BTreeMap<String, Count>,
    /// SIGKILLs, by what was killed.
    pub(crate) kills: BTreeMap<String, usize>,
}

impl Tally {
    pub(crate) fn drawn(&mut self, kind: &str) {
        self.kinds.entry(kind.to_owned()).or_default().drawn += 1;
    }

    pub(crate) fn took_effect(&mut self, kind: &str) {
        self.kinds.entry(kind.to_owned()).or_default().effective += 1;
    }

    pub(crate) fn killed(&mut self, what: &str) {
        *self.kills.entry(what.to_owned()).or_default() += 1;
    }

    pub(crate) fn kills(&self) -> usize {
        self.kills.values().sum()
    }

    /// Kinds that were drawn and never took effect.
    pub(crate) fn without_effect(&self) -> Vec<&str> {
        self.kinds.iter().filter(|(_, count)| count.effective == 0).map(|(kind, _)| kind.as_str()).collect()
    }
}

#[test]
fn should_name_kinds_that_never_took_effect() {
    let mut tally = Tally::default();
    for kind in ["one", "two", "two"] {
        tally.drawn(kind);
    }
    tally.took_effect("two");
    tally.killed("worker");
    assert_eq!((tally.without_effect(), tally.kills()), (vec!["one"], 1));
}
