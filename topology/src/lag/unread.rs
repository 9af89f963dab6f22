//! The first record that a group has not consumed yet: its time says how far behind the group is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::broker::{Broker, BrokerError, TopicPartition};

/// What there is from an offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// A record of this time, in milliseconds since the Unix epoch.
    Since(i64),
    /// No record up to the end: markers of transactions, aborted or compacted records.
    Nothing,
    /// Nothing that could be read in time; the records of an open transaction cannot.
    Unreadable,
}

/// Looks from each of these offsets to the end that goes with it. Takes up to `patience`, less if all can be told.
pub(super) fn first_unread(
    broker: &dyn Broker,
    wanted: &[(TopicPartition, i64, i64)],
    patience: Duration,
) -> Result<BTreeMap<TopicPartition, Unread>, BrokerError> {
    let mut open: BTreeMap<TopicPartition, (i64, i64)> =
        wanted.iter().map(|(p, from, end)| (p.clone(), (*from, *end))).collect();
    let mut found = BTreeMap::new();
    if open.is_empty() {
        return Ok(found);
    }
    let mut reader = broker.reader()?;
    let deadline = Instant::now() + patience;
    let mut progress = false;
    while !open.is_empty() {
        // Those that are told already go on filling the reader's buffers; they are let go of when they get in the way.
        if !progress {
            reader.assign(&open.iter().map(|(p, (from, _))| (p.clone(), *from)).collect::<Vec<_>>())?;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        progress = false;
        for piece in reader.poll(left)? {
            let Some((from, end)) = open.get_mut(&piece.partition) else { continue };
            progress = true;
            let next = piece.batch.next_offset();
            let told = match piece.batch.iter().find(|record| record.offset >= *from) {
                Some(record) if record.offset < *end => Some(Unread::Since(record.timestamp)),
                Some(_) => Some(Unread::Nothing),
                None if next >= *end => Some(Unread::Nothing),
                None => None,
            };
            *from = next.max(*from);
            if let Some(told) = told {
                open.remove(&piece.partition);
                found.insert(piece.partition, told);
            }
        }
    }
    found.extend(open.into_keys().map(|partition| (partition, Unread::Unreadable)));
    Ok(found)
}
