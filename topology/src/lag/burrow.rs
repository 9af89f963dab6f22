//! Burrow's rules: from the commits of a group on one partition to a status.
//!
//! Source: linkedin/Burrow, `core/internal/evaluator/caching.go` (`calculatePartitionStatus`), with an allowed lag of 0.
//! Two things differ. Without a commit to judge by the answer is [`Status::NoData`], where Burrow says OK. And "slow" is
//! said only of [`COMMITS_FOR_WARN`] commits or more: that the lag of two random looks did not fall is a coin's toss.

use serde::Serialize;

/// So many commits must be seen before lag that never falls is called slow.
const COMMITS_FOR_WARN: usize = 5;

/// How a group does on a partition, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Nothing is left to consume, or the lag is being worked off.
    Ok,
    /// There is lag, and too little was seen to judge it.
    NoData,
    /// Offsets advance, but the lag never falls: the consumer is too slow.
    Warn,
    /// Nobody has committed for longer than the commits before spanned.
    Stop,
    /// Somebody is there, but does not advance.
    Stall,
    /// The committed offset went back, and has not come up to where it was.
    Rewind,
}

impl Status {
    /// The name that people and JSON see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::NoData => "NO_DATA",
            Self::Warn => "WARN",
            Self::Stop => "STOP",
            Self::Stall => "STALL",
            Self::Rewind => "REWIND",
        }
    }
}

/// One commit of a group on a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The committed offset.
    pub offset: i64,
    /// How many offsets were left then.
    pub lag: i64,
}

/// The status of a partition with `lag` offsets left at `now_ms`, given the commits of a while, the oldest first, and
/// ends of the partition that were seen in the same while.
#[must_use]
pub fn evaluate(commits: &[Commit], ends: &[i64], lag: i64, now_ms: i64) -> Status {
    if lag <= 0 {
        return Status::Ok;
    }
    let (Some(first), Some(last)) = (commits.first(), commits.last()) else { return Status::NoData };
    let silent_ms = now_ms - last.at_ms;
    // Who had consumed all a moment ago has not stopped, but had nothing to commit.
    let had_all = ends.iter().any(|end| *end <= last.offset);
    if silent_ms > last.at_ms - first.at_ms && !had_all {
        return Status::Stop;
    }
    // Before the rule on zero lag: a consumer without lag that suddenly starts anew has zero lag in its past.
    if is_rewound(commits) {
        return Status::Rewind;
    }
    if commits.iter().any(|c| c.lag <= 0) {
        return Status::Ok;
    }
    if commits.iter().all(|c| c.offset == first.offset) {
        return Status::Stall;
    }
    if commits.len() >= COMMITS_FOR_WARN && commits.windows(2).all(|pair| pair[1].lag >= pair[0].lag) {
        return Status::Warn;
    }
    Status::Ok
}

/// True if the offset went back, and no later commit reached what was committed before.
fn is_rewound(commits: &[Commit]) -> bool {
    let back = commits.windows(2).position(|pair| pair[1].offset < pair[0].offset);
    back.is_some_and(|before| commits[before + 1..].iter().all(|c| c.offset < commits[before].offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows written by hand: (seconds, offset, end) of each commit, ends seen beside, end and seconds now, and what an
    /// operator would call it.
    type Case = (&'static str, &'static [(i64, i64, i64)], &'static [i64], (i64, i64), Status);

    const CASES: [Case; 16] = [
        ("nothing was ever committed", &[], &[9], (9, 9), Status::NoData),
        ("never committed, and nothing there", &[], &[0], (0, 9), Status::Ok),
        ("all consumed, however long ago", &[(0, 5, 5)], &[5, 5], (5, 900), Status::Ok),
        ("keeps up", &[(0, 1, 3), (1, 3, 4), (2, 4, 6), (3, 5, 6)], &[3, 4, 6, 6], (6, 3), Status::Ok),
        ("one commit long ago, and lag", &[(0, 5, 9)], &[9, 9], (9, 9), Status::Stop),
        ("silent for longer than it committed", &[(0, 5, 9), (2, 6, 9)], &[9, 9], (9, 5), Status::Stop),
        ("silent for just as long as it committed", &[(0, 5, 9), (2, 6, 9)], &[9, 9], (9, 4), Status::Ok),
        ("silent, but had it all a moment ago", &[(0, 5, 5), (2, 9, 9)], &[5, 9], (10, 60), Status::Ok),
        ("silent, and had it all once", &[(0, 5, 5), (2, 9, 12)], &[12, 12], (14, 60), Status::Stop),
        ("commits without advancing", &[(0, 5, 9), (1, 5, 9), (2, 5, 9)], &[9, 9, 9], (9, 2), Status::Stall),
        ("advanced once, late", &[(0, 5, 9), (1, 5, 9), (2, 6, 9)], &[9, 9, 9], (9, 2), Status::Ok),
        (
            "advances, falls behind",
            &[(0, 1, 5), (1, 2, 8), (2, 3, 9), (3, 4, 11), (4, 5, 12)],
            &[5, 8, 9, 11, 12],
            (12, 4),
            Status::Warn,
        ),
        (
            "advances, falls behind, but too few commits to say so",
            &[(0, 1, 5), (1, 2, 8), (2, 3, 9), (3, 4, 11)],
            &[5, 8, 9, 11],
            (11, 3),
            Status::Ok,
        ),
        ("went back", &[(0, 8, 9), (1, 2, 9), (2, 4, 9)], &[9, 9, 9], (9, 2), Status::Rewind),
        ("went back without lag before", &[(0, 9, 9), (1, 0, 9), (2, 1, 9)], &[9, 9, 9], (9, 2), Status::Rewind),
        ("went back a little and is there again", &[(0, 7, 9), (1, 5, 9), (2, 7, 9)], &[9, 9, 9], (9, 2), Status::Ok),
    ];

    #[test]
    fn should_judge_windows_as_a_person_would() {
        for (what, commits, ends, (end, now), expected) in CASES {
            let commits: Vec<_> = commits
                .iter()
                .map(|(at, offset, end)| Commit { at_ms: at * 1_000, offset: *offset, lag: end - offset })
                .collect();
            let lag = end - commits.last().map_or(0, |c| c.offset);
            assert_eq!(evaluate(&commits, ends, lag, now * 1_000), expected, "{what}");
        }
    }

    #[test]
    fn should_never_call_a_partition_without_lag_anything_but_ok() {
        for (what, commits, ends, (_, now), _) in CASES {
            let commits: Vec<_> =
                commits.iter().map(|(at, offset, _)| Commit { at_ms: *at, offset: *offset, lag: 1 }).collect();
            assert_eq!(evaluate(&commits, ends, 0, now * 1_000), Status::Ok, "{what}");
        }
    }

    #[test]
    fn should_print_the_name_that_is_serialised() {
        for status in [Status::Ok, Status::NoData, Status::Warn, Status::Stop, Status::Stall, Status::Rewind] {
            assert_eq!(serde_json::to_value(status).ok(), Some(status.name().into()));
        }
    }
}
