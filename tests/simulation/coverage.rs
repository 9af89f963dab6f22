//! What happened how often, over all seeds: a kind of mishap that never came proves nothing about itself.

use std::collections::BTreeMap;
use std::fmt;

use topology::Step;

/// Mishaps by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Coverage(BTreeMap<String, u64>);

pub(crate) const LOST_COMMIT: &str = "commit fails, not landed";
pub(crate) const LOST_ANSWER: &str = "commit fails, landed";
pub(crate) const TOLD: &str = "somebody was notified";
pub(crate) const DIGEST: &str = "somebody got a digest";
pub(crate) const CLOSED: &str = "closed in order";
/// No mishap, but what many of them are to happen to.
pub(crate) const MOVED: &str = "project moved to another pool";
pub(crate) const ARCHIVED: &str = "project archived, and one no more";
pub(crate) const OWN_WORKFLOW: &str = "workflow of its own, and a move after";
pub(crate) const DEACTIVATED: &str = "membership of somebody deactivated";
pub(crate) const WIPED: &str = "state directory deleted";

impl Coverage {
    pub(crate) fn crash(step: Step) -> String {
        format!("crash at {step:?}")
    }

    pub(crate) fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (what, n) in &other.0 {
            *self.0.entry(what.clone()).or_default() += n;
        }
    }

    /// The kinds of mishap that never came.
    pub(crate) fn missing(&self) -> Vec<String> {
        let others =
            [LOST_COMMIT, LOST_ANSWER, TOLD, DIGEST, MOVED, ARCHIVED, OWN_WORKFLOW, DEACTIVATED, CLOSED, WIPED]
                .map(str::to_owned);
        let all = Step::ALL.into_iter().map(Self::crash).chain(others);
        all.filter(|what| !self.0.contains_key(what)).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, n)| writeln!(f, "{n:>8}  {what}"))
    }
}
