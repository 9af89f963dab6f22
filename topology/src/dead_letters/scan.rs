//! Reading partitions up to where they end now.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::batch::RecordRef;
use crate::broker::{Broker, BrokerError, TopicPartition};

/// Calls `each` for the records of a partition from one offset (or its start, if that is later) to another, in order, until it
/// breaks.
///
/// Answers the offset up to which was read: `end`; or one after the record at which `each` broke; or less if nothing came for
/// `patience`, as while a transaction is open in the partition.
pub(super) fn scan(
    broker: &dyn Broker,
    partition: &TopicPartition,
    from: i64,
    end: i64,
    patience: Duration,
    mut each: impl FnMut(&RecordRef<'_>) -> ControlFlow<()>,
) -> Result<i64, BrokerError> {
    let (low, _) = broker.watermarks(partition)?;
    let mut next = low.max(from);
    if next >= end {
        return Ok(end);
    }
    let mut reader = broker.reader()?;
    reader.assign(&[(partition.clone(), next)])?;
    let mut deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        for piece in reader.poll(left)? {
            for record in piece.batch.iter().filter(|r| (next..end).contains(&r.offset)) {
                if each(&record).is_break() {
                    return Ok(record.offset + 1);
                }
            }
            if piece.batch.next_offset() > next {
                next = piece.batch.next_offset();
                deadline = Instant::now() + patience;
            }
        }
        if next >= end {
            return Ok(end);
        }
        if Instant::now() >= deadline {
            return Ok(next);
        }
    }
}
