//! What a look at a group brings.

use serde::Serialize;

use super::burrow::Status;
use super::window::Trend;

/// How a whole group does, from good to bad; Burrow's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GroupStatus {
    /// All partitions are well.
    Ok,
    /// Of some partitions too little was seen to judge their lag; the others are well.
    NoData,
    /// Some partition is consumed too slowly.
    Warn,
    /// Some partition is stopped, stalled or rewound.
    Err,
    /// The broker knows no such group, and no topic was named for it.
    NotFound,
}

impl GroupStatus {
    /// The name that people and JSON see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::NoData => "NO_DATA",
            Self::Warn => "WARN",
            Self::Err => "ERR",
            Self::NotFound => "NOT_FOUND",
        }
    }
}

/// A group at a moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupLag {
    /// The group.
    pub group: String,
    /// The worst of its partitions.
    pub status: GroupStatus,
    /// How many members it has; `None` if the broker does not say.
    pub members: Option<usize>,
    /// The sum over all partitions.
    pub lag: i64,
    /// That of the partition that is furthest behind.
    pub seconds_behind: Option<f64>,
    /// The worst first.
    pub partitions: Vec<PartitionLag>,
}

/// A group on one partition at a moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// By Burrow's rules.
    pub status: Status,
    /// The committed offset, of the next record to consume; `None` if nothing was ever committed.
    pub committed: Option<i64>,
    /// The first offset that is still there.
    pub start: i64,
    /// The high watermark: the offset of the next record to be written.
    pub end: i64,
    /// Offsets from the committed one to the end, never negative; from the start if nothing was ever committed. 0 if no
    /// record is left between: nothing but the markers that end transactions, say, or what was removed.
    pub lag: i64,
    /// The age of the first record that is not consumed yet; 0 if there is none, `None` if it could not be read, as those
    /// of an open transaction cannot.
    pub seconds_behind: Option<f64>,
    /// Offsets that were removed from the log after the committed one: their records were never consumed.
    pub removed: i64,
    /// Where the lag is going.
    pub trend: Trend,
    /// By how much the lag changes per second; `None` until there are two looks.
    pub lag_change_per_second: Option<f64>,
}

impl GroupLag {
    pub(super) fn new(group: &str, members: Option<usize>, known: bool, mut partitions: Vec<PartitionLag>) -> Self {
        partitions.sort_by(|a, b| {
            let severity = |p: &PartitionLag| (std::cmp::Reverse(p.status), std::cmp::Reverse(p.lag));
            severity(a).cmp(&severity(b)).then_with(|| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)))
        });
        let status = match partitions.first().map(|worst| worst.status) {
            None if known => GroupStatus::Ok,
            None => GroupStatus::NotFound,
            Some(Status::Ok) => GroupStatus::Ok,
            Some(Status::NoData) => GroupStatus::NoData,
            Some(Status::Warn) => GroupStatus::Warn,
            Some(Status::Stop | Status::Stall | Status::Rewind) => GroupStatus::Err,
        };
        let unreadable = partitions.iter().any(|p| p.seconds_behind.is_none());
        let furthest = partitions.iter().filter_map(|p| p.seconds_behind).fold(0.0, f64::max);
        Self {
            group: group.to_owned(),
            status,
            members,
            lag: partitions.iter().map(|p| p.lag).sum(),
            seconds_behind: (!unreadable || furthest > 0.0).then_some(furthest),
            partitions,
        }
    }
}
