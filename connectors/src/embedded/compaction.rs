//! Compaction: of the records with one key the last is kept, at its offset.
//!
//! Works in passes of bounded memory: a pass reads not yet compacted records into a map from key to latest offset until the map is
//! full, then rewrites the log from its start to where the map reaches, leaving out what the map replaces. The last batch is never
//! touched: it tells, after a restart, where the log ends.

use std::ops::ControlFlow;

use ahash::AHashMap;
use rocksdb::WriteBatch;
use topology::broker::BrokerError;
use topology::{BatchBuilder, RecordBatch, RecordRef};

use super::layout;
use super::partition::Partition;
use super::{Core, store::Store};

/// Surviving records of neighbouring batches are put together up to this size.
const BATCH_BYTES: usize = 256 << 10;
/// One write replaces batches of about so many bytes.
const WRITE_BYTES: usize = 4 << 20;
/// What an entry of the map costs apart from its key.
const ENTRY_BYTES: usize = 48;

/// Compacts a partition if enough has been added since the last time.
pub(super) fn compact(core: &Core, partition: &Partition, now_ms: i64) -> Result<(), BrokerError> {
    let Some(mut progress) = Progress::load(&core.store, partition)? else { return Ok(()) };
    let added = u64::try_from(progress.end - progress.compacted_to).unwrap_or_default();
    // As much again as is left of the compacted part: so each record is rewritten a constant number of times.
    if added < core.config.compact_min_records.max(progress.kept.cast_unsigned()).max(1) {
        return Ok(());
    }
    while progress.compacted_to < progress.end && !core.housekeeping.is_stopped() {
        pass(core, partition, now_ms, &mut progress)?;
    }
    core.store.reclaim(partition.id, progress.compacted_to)
}

struct Progress {
    /// Below this offset each key occurs once.
    compacted_to: i64,
    /// Records left below it.
    kept: i64,
    /// The last batch's base offset.
    end: i64,
}

impl Progress {
    fn load(store: &Store, partition: &Partition) -> Result<Option<Self>, BrokerError> {
        let (mut compacted_to, mut kept) = (0, 0);
        let key = layout::pair_key(b'C', partition.id);
        if let Some(value) = store.get_meta(&key)? {
            (compacted_to, kept) =
                layout::decode_pair(&value).ok_or_else(|| BrokerError::corrupt("the progress of a compaction"))?;
        }
        let end = store.last_base_offset(partition.id)?;
        Ok(end.map(|end| Self { compacted_to: compacted_to.max(partition.low()), kept, end }))
    }
}

fn pass(core: &Core, partition: &Partition, now_ms: i64, progress: &mut Progress) -> Result<(), BrokerError> {
    let (latest, reach) = latest_offsets(core, partition, progress)?;
    let tombstones_before =
        now_ms.saturating_sub(i64::try_from(core.config.tombstone_retention.as_millis()).unwrap_or(i64::MAX));
    let keep = |r: &RecordRef<'_>| match r.key {
        None => true,
        Some(_) if r.value.is_none() && r.timestamp < tombstones_before => false,
        Some(key) => latest.get(key).is_none_or(|&offset| offset <= r.offset),
    };
    let mut rewrite = Rewrite::new(core, partition);
    core.store.scan(partition.id, partition.low(), |batch| {
        if batch.base_offset() >= reach || core.housekeeping.is_stopped() {
            return Ok(ControlFlow::Break(()));
        }
        rewrite.take(&batch, keep)?;
        Ok(ControlFlow::Continue(()))
    })?;
    if core.housekeeping.is_stopped() {
        // What has been written so far is sound; the progress is not, so the next time starts this pass again.
        return rewrite.finish(None).map(|_| ());
    }
    progress.kept = rewrite.finish(Some(reach))?;
    progress.compacted_to = reach;
    partition.forget_below(reach);
    Ok(())
}

/// The latest offset of each key from where compaction stands, and how far the map reaches: a batch's start.
fn latest_offsets(
    core: &Core,
    partition: &Partition,
    progress: &Progress,
) -> Result<(AHashMap<Box<[u8]>, i64>, i64), BrokerError> {
    let mut latest: AHashMap<Box<[u8]>, i64> = AHashMap::new();
    let (mut bytes, mut reach) = (0, progress.end);
    core.store.scan(partition.id, progress.compacted_to, |batch| {
        // At least one batch a pass, or there would be no end.
        let full = bytes >= core.config.compact_map_bytes;
        if full || batch.base_offset() >= progress.end || core.housekeeping.is_stopped() {
            reach = batch.base_offset();
            return Ok(ControlFlow::Break(()));
        }
        for (key, offset) in batch.iter().filter_map(|r| r.key.map(|key| (key, r.offset))) {
            match latest.get_mut(key) {
                Some(known) => *known = offset,
                None => {
                    bytes += key.len() + ENTRY_BYTES;
                    latest.insert(key.into(), offset);
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((latest, reach))
}

/// Puts what is kept of neighbouring batches into new ones, each in the place of those that it came from.
struct Rewrite<'a> {
    core: &'a Core,
    partition: &'a Partition,
    write: WriteBatch,
    kept: i64,
    builder: BatchBuilder,
    /// The batches whose records are in the builder: their base offsets, and the offset after the last.
    sources: Vec<i64>,
    next_offset: i64,
}

impl<'a> Rewrite<'a> {
    fn new(core: &'a Core, partition: &'a Partition) -> Self {
        let (write, builder) = (WriteBatch::default(), BatchBuilder::new());
        Self { core, partition, write, kept: 0, builder, sources: Vec::new(), next_offset: 0 }
    }

    fn take(&mut self, batch: &RecordBatch, keep: impl Fn(&RecordRef<'_>) -> bool) -> Result<(), BrokerError> {
        let kept = batch.iter().filter(&keep).count();
        self.kept += i64::try_from(kept).unwrap_or(i64::MAX);
        if kept == batch.len() && batch.bytes().len() >= BATCH_BYTES / 4 {
            // Large, and nothing to gain: it stays as it lies.
            return self.place();
        }
        if self.builder.len_bytes() + batch.bytes().len() > BATCH_BYTES {
            self.place()?;
        }
        self.sources.push(batch.base_offset());
        self.next_offset = batch.next_offset();
        let base = self.sources[0];
        for r in batch.iter().filter(&keep) {
            self.builder.push_at(r.offset - base, r.timestamp, r.key, r.value, &r.headers);
        }
        Ok(())
    }

    /// Puts the gathered records in the place of their sources.
    fn place(&mut self) -> Result<(), BrokerError> {
        let Some(&base) = self.sources.first() else { return Ok(()) };
        let log = self.core.store.log()?;
        for source in self.sources.drain(..) {
            self.write.delete_cf(log, layout::log_key(self.partition.id, source));
        }
        if !self.builder.is_empty() {
            let batch = self.builder.finish().placed_at(base, None).covering(self.next_offset);
            let mut value = Vec::new();
            layout::encode_batch(&batch, &mut value);
            self.write.put_cf(log, layout::log_key(self.partition.id, base), value);
        }
        if self.write.size_in_bytes() >= WRITE_BYTES {
            self.core.store.write(std::mem::take(&mut self.write), &self.core.config)?;
        }
        Ok(())
    }

    /// Writes the rest, and how far compaction has come. Returns how many records were kept.
    fn finish(mut self, compacted_to: Option<i64>) -> Result<i64, BrokerError> {
        self.place()?;
        if let Some(reach) = compacted_to {
            let progress = layout::encode_pair(reach, self.kept);
            self.write.put_cf(self.core.store.meta()?, layout::pair_key(b'C', self.partition.id), progress);
        }
        self.core.store.write(self.write, &self.core.config)?;
        Ok(self.kept)
    }
}
