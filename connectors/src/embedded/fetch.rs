//! Reading: from memory if the batch is among the newest, else from RocksDB.

use std::ops::ControlFlow;
use std::sync::Arc;

use topology::broker::{BrokerError, Fetched, TopicPartition};
use topology::{BatchBuilder, RecordBatch};

use super::partition::Partition;
use super::signal::Signal;
use super::store::Store;

/// One poll brings no more than this, give or take a batch, however many partitions there are.
const POLL_BYTES: usize = 8 << 20;
/// Small neighbours are handed over as one batch up to this size: a log of single records is not read one poll a record.
const MERGE_BYTES: usize = 64 << 10;

/// The partitions that one consumer or reader reads, and how far it is in each.
pub(super) struct Fetcher {
    signal: Arc<Signal>,
    entries: Vec<Entry>,
    /// Where the next poll begins, so that a busy partition does not starve the others.
    turn: usize,
}

struct Entry {
    partition: Arc<Partition>,
    /// `None`: where the group's committed offset says, to be asked when reading starts.
    position: Option<i64>,
    paused: bool,
}

impl Fetcher {
    pub(super) fn new() -> Self {
        Self { signal: Arc::default(), entries: Vec::new(), turn: 0 }
    }

    /// Notified when a partition that is read gets records.
    pub(super) fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    pub(super) fn add(&mut self, partition: Arc<Partition>, position: Option<i64>) {
        partition.watch(&self.signal);
        self.entries.push(Entry { partition, position, paused: false });
    }

    pub(super) fn remove(&mut self, partition: &Arc<Partition>) {
        if let Some(at) = self.entries.iter().position(|e| e.partition.id == partition.id) {
            self.entries.remove(at).partition.unwatch(&self.signal);
        }
    }

    /// Removes all partitions and returns which they were.
    pub(super) fn clear(&mut self) -> Vec<TopicPartition> {
        let gone = self.entries.drain(..).map(|e| {
            e.partition.unwatch(&self.signal);
            e.partition.name.clone()
        });
        gone.collect()
    }

    pub(super) fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.entry(partition)?.position = Some(offset);
        Ok(())
    }

    pub(super) fn set_paused(&mut self, partition: &TopicPartition, paused: bool) -> Result<(), BrokerError> {
        self.entry(partition)?.paused = paused;
        Ok(())
    }

    /// What there is now, at most one batch a partition. `start` says where to begin in a partition that has no position
    /// yet; `None` if that is not known at the moment.
    pub(super) fn fetch(
        &mut self,
        store: &Store,
        start: impl Fn(&Partition) -> Option<i64>,
    ) -> Result<Vec<Fetched>, BrokerError> {
        let mut fetched = Vec::new();
        let mut bytes = 0;
        let count = self.entries.len();
        for i in 0..count {
            let at = (self.turn + i) % count;
            let entry = &mut self.entries[at];
            if entry.paused {
                continue;
            }
            if entry.position.is_none() {
                entry.position = start(&entry.partition);
            }
            let Some(position) = entry.position else { continue };
            let Some(batch) = read(store, &entry.partition, position)? else { continue };
            entry.position = Some(batch.next_offset());
            bytes += batch.bytes().len();
            fetched.push(Fetched { partition: entry.partition.name.clone(), batch });
            if bytes >= POLL_BYTES {
                self.turn = at + 1;
                break;
            }
        }
        Ok(fetched)
    }

    fn entry(&mut self, partition: &TopicPartition) -> Result<&mut Entry, BrokerError> {
        let found = self.entries.iter_mut().find(|e| e.partition.name == *partition);
        found.ok_or_else(|| BrokerError::Fatal(format!("{partition} is not assigned to this consumer")))
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The records from `position` on, as one batch; `None` at the end of the log.
fn read(store: &Store, partition: &Partition, position: i64) -> Result<Option<RecordBatch>, BrokerError> {
    if position == partition.high() {
        return Ok(None);
    }
    check_range(partition, position)?;
    let mut picked = Picked::default();
    let in_memory = partition.tail_from(position, |batch| picked.take(batch));
    if !in_memory {
        store.scan(partition.id, position, |batch| {
            Ok(if picked.take(&batch) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
    }
    // It may have been removed under our eyes; then what was found may begin too late.
    check_range(partition, position)?;
    let batch = picked.into_batch().map(|b| if b.base_offset() < position { b.starting_at(position) } else { b });
    match batch {
        Some(batch) => Ok(Some(batch)),
        None => Err(BrokerError::corrupt(format!("{}: nothing is stored at offset {position}", partition.name))),
    }
}

fn check_range(partition: &Partition, offset: i64) -> Result<(), BrokerError> {
    let (low, high) = (partition.low(), partition.high());
    if (low..=high).contains(&offset) {
        return Ok(());
    }
    Err(BrokerError::OffsetOutOfRange { partition: partition.name.clone(), offset, low, high })
}

/// Neighbouring batches, as many as are worth handing over as one.
#[derive(Default)]
struct Picked {
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Picked {
    /// Takes a batch if it is the first or still fits; true if another may.
    fn take(&mut self, batch: &RecordBatch) -> bool {
        let size = batch.bytes().len();
        if !self.batches.is_empty() && self.bytes + size > MERGE_BYTES {
            return false;
        }
        self.batches.push(batch.clone());
        self.bytes += size;
        self.bytes < MERGE_BYTES
    }

    fn into_batch(mut self) -> Option<RecordBatch> {
        if self.batches.len() < 2 {
            return self.batches.pop();
        }
        let (first, last) = (self.batches.first()?, self.batches.last()?);
        let (base, next) = (first.base_offset(), last.next_offset());
        let mut merged = BatchBuilder::new();
        for r in self.batches.iter().flat_map(RecordBatch::iter) {
            merged.push_at(r.offset - base, r.timestamp, r.key, r.value, &r.headers);
        }
        Some(merged.finish().placed_at(base, None).covering(next))
    }
}
