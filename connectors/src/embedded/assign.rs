//! The range assignor: which member gets which partitions.
//!
//! For each topic its subscribers, sorted by id, get ranges of partition numbers as equal as can be, the first ones one more. Topics
//! with equal counts and the same subscribers are cut alike, so partition n of each goes to the same member: co-partitioning.
//! Source: `org.apache.kafka.clients.consumer.RangeAssignor`.

use std::ops::Range;

/// The partition numbers of the member at `index` (by sorted id) of `members`.
pub(super) fn range(partitions: u32, members: usize, index: usize) -> Range<u32> {
    let members = u32::try_from(members.max(1)).unwrap_or(u32::MAX);
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    let (each, extra) = (partitions / members, partitions % members);
    let start = each * index + index.min(extra);
    start..start + each + u32::from(index < extra)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_hand_out_every_partition_once_and_evenly() {
        for partitions in 0..20 {
            for members in 1..8 {
                let ranges: Vec<_> = (0..members).map(|i| range(partitions, members, i)).collect();
                let all: Vec<u32> = ranges.iter().cloned().flatten().collect();
                assert_eq!(all, (0..partitions).collect::<Vec<_>>());
                let sizes = ranges.iter().map(Range::len);
                assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1, "{partitions} over {members}");
            }
        }
    }
}
