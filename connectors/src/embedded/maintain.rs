//! Removing old records: by age, on request, and for compacted topics those that a later record of the same key replaces.
//!
//! Offsets never start anew: the low watermark and the next offset are remembered when batches go, also the last.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rocksdb::WriteBatch;
use topology::RecordBatch;
use topology::broker::{BrokerError, Cleanup};

use super::partition::Partition;
use super::{Core, compaction, layout};

/// Wakes the housekeeper, and stops it.
#[derive(Default)]
pub(super) struct Housekeeping {
    /// Held by whoever removes or rewrites old records, so that no two do.
    pub(super) turn: Mutex<()>,
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Housekeeping {
    pub(super) fn stop(&self) {
        *self.stopped.lock() = true;
        self.changed.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.lock()
    }

    /// False once it is time to stop.
    fn wait(&self, interval: Duration) -> bool {
        let deadline = Instant::now() + interval;
        let mut stopped = self.stopped.lock();
        while !*stopped {
            if self.changed.wait_until(&mut stopped, deadline).timed_out() {
                break;
            }
        }
        !*stopped
    }
}

/// The housekeeper's thread.
pub(super) fn run(core: &Core) {
    while core.housekeeping.wait(core.config.maintain_interval) {
        if let Err(error) = maintain(core, (core.config.clock)()) {
            tracing::warn!(%error, "old records could not be removed; trying again later");
        }
    }
}

/// One round over all partitions. `now_ms` is the time by which ages are measured.
pub(super) fn maintain(core: &Core, now_ms: i64) -> Result<(), BrokerError> {
    for topic in core.topics.all() {
        let (compact, retention_ms) = match topic.cleanup() {
            Cleanup::Retain { retention_ms } => (false, Some(retention_ms)),
            Cleanup::Compact => (true, None),
            Cleanup::CompactAndRetain { retention_ms } => (true, Some(retention_ms)),
            _ => (false, None),
        };
        for partition in &topic.partitions {
            if core.housekeeping.is_stopped() {
                return Ok(());
            }
            let _turn = core.housekeeping.turn.lock();
            if let Some(retention_ms) = retention_ms {
                retain(core, partition, now_ms.saturating_sub(retention_ms))?;
            }
            if compact {
                compaction::compact(core, partition, now_ms)?;
            }
        }
    }
    let _turn = core.housekeeping.turn.lock();
    core.store.collect_garbage(&core.config)
}

/// Removes what lies below an offset.
pub(super) fn delete_records(core: &Core, partition: &Partition, before_offset: i64) -> Result<(), BrokerError> {
    let _turn = core.housekeeping.turn.lock();
    let (low, high) = (partition.low(), partition.high());
    if before_offset < 0 || before_offset > high {
        let partition = partition.name.clone();
        return Err(BrokerError::OffsetOutOfRange { partition, offset: before_offset, low, high });
    }
    remove_below(core, partition, before_offset)
}

/// Removes the batches at the log's start of which no record is as young as `oldest_ms`.
fn retain(core: &Core, partition: &Partition, oldest_ms: i64) -> Result<(), BrokerError> {
    let mut keep_from = partition.low();
    core.store.scan(partition.id, keep_from, |batch| {
        if batch.iter().any(|r| r.timestamp >= oldest_ms) || core.housekeeping.is_stopped() {
            return Ok(ControlFlow::Break(()));
        }
        keep_from = batch.next_offset();
        Ok(ControlFlow::Continue(()))
    })?;
    // A batch may be on the disk a moment before it is shown.
    remove_below(core, partition, keep_from.min(partition.high()))
}

fn remove_below(core: &Core, partition: &Partition, low: i64) -> Result<(), BrokerError> {
    if low <= partition.low() {
        return Ok(());
    }
    // Whole batches only; the one that holds the new start stays, and readers skip what is below.
    let mut end = low;
    core.store.scan(partition.id, low, |batch: RecordBatch| {
        end = end.min(batch.base_offset());
        Ok(ControlFlow::Break(()))
    })?;
    let mut batch = WriteBatch::default();
    let watermarks = layout::encode_pair(low, partition.high());
    batch.put_cf(core.store.meta()?, layout::pair_key(b'W', partition.id), watermarks);
    batch.delete_range_cf(core.store.log()?, layout::log_key(partition.id, 0), layout::log_key(partition.id, end));
    // First out of sight, then gone: a reader must not take the hole for the log.
    partition.raise_low(low);
    core.store.write(batch, &core.config)?;
    partition.forget_below(end);
    core.store.reclaim(partition.id, end)
}
