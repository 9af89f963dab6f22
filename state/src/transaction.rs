//! The transaction scope of a task's state, and its life from restore to close.

use crate::expiry::horizon;
use crate::rocks::Rocks;
use crate::task_state::{Backend, Store};
use crate::{StateError, StoreId, StoreStep, TaskState, VisitChange};

/// Bytes that RocksDB's write batch adds to an entry, at most: kind, column family, two lengths.
const BATCH_ENTRY_BYTES: usize = 16;

impl TaskState {
    /// Whether the open transaction has written anything.
    #[must_use]
    pub fn dirty(&self) -> bool {
        self.stores.iter().any(|store| !store.overlay.is_empty())
    }

    /// Bytes that the open transaction holds in memory, overwritten values included.
    #[must_use]
    pub fn dirty_bytes(&self) -> usize {
        self.stores.iter().map(|store| store.overlay.bytes()).sum()
    }

    /// Visits every key written since the last commit with its newest value (`None`: deleted) and the timestamp of that
    /// write (0 in stores that do not expire), in first-write order. This is what belongs into the changelog.
    pub fn changes(&self, store: StoreId, each: &mut VisitChange<'_>) {
        for (key, change) in self.stores[store.0].overlay.changes() {
            each(key, change.value, change.timestamp);
        }
    }

    /// Makes the open transaction permanent: its writes, the changelog offsets that they reach (the next one to restore
    /// from) and stream time, in one batch over all stores. To be called after the changelog itself has been committed.
    ///
    /// # Errors
    /// [`StateError::Io`] if the write failed. Nothing was written then, and the transaction stays open: try again or stop.
    pub fn commit(&mut self, checkpoints: &[(StoreId, i64)]) -> Result<(), StateError> {
        self.step(StoreStep::BeforeCommitWrite)?;
        if let Some(rocks) = &self.rocks {
            self.commit_persistent(rocks, checkpoints)?;
        }
        for store in &mut self.stores {
            if let Backend::Memory { entries, .. } = &mut store.backend {
                store.overlay.stored().for_each(|(key, stored)| entries.write(key, stored));
            }
            store.overlay.clear();
        }
        for &(id, next_offset) in checkpoints {
            if let Backend::Memory { checkpoint, .. } = &mut self.stores[id.0].backend {
                *checkpoint = Some(next_offset);
            }
        }
        self.committed_stream_time = self.stream_time;
        self.expire();
        self.step(StoreStep::AfterCommitWrite)
    }

    /// Drops the open transaction: its writes, and how far it had moved stream time.
    pub fn abort(&mut self) {
        for store in &mut self.stores {
            store.overlay.clear();
        }
        self.stream_time = self.committed_stream_time;
    }

    /// The next changelog offset to restore `store` from. `None`: from the beginning, nothing is there.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn checkpoint(&self, store: StoreId) -> Result<Option<i64>, StateError> {
        match (&self.stores[store.0].backend, &self.rocks) {
            (Backend::Memory { checkpoint, .. }, _) => Ok(*checkpoint),
            (Backend::Rocks(family), Some(rocks)) => rocks.checkpoint(family),
            (Backend::Rocks(_), None) => Ok(None),
        }
    }

    /// Writes changelog records (store, key, value or `None` for a delete, timestamp in milliseconds) straight to the
    /// backends, together with the checkpoints that they reach, in one batch. The records are of stores that have a
    /// checkpoint here; the caller chooses how many make a batch.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn restore<'a>(
        &mut self,
        records: impl Iterator<Item = (StoreId, &'a [u8], Option<&'a [u8]>, i64)>,
        checkpoints: &[(StoreId, i64)],
    ) -> Result<(), StateError> {
        self.step(StoreStep::BeforeRestoreWrite)?;
        let mut stream_time = self.committed_stream_time;
        let Self { stores, rocks, .. } = self;
        let mut stamp = Vec::new();
        let persistent = checkpoints.iter().any(|(id, _)| stores[id.0].family().is_some());
        let mut batch = rocks.as_ref().filter(|_| persistent).map(|rocks| rocks.batch(0));
        let mut handles = vec![None; stores.len()];
        for &(id, next_offset) in checkpoints {
            match (&mut stores[id.0].backend, &mut batch) {
                (Backend::Memory { checkpoint, .. }, _) => *checkpoint = Some(next_offset),
                (Backend::Rocks(family), Some(batch)) => {
                    handles[id.0] = Some(batch.handle(family)?);
                    batch.checkpoint(family, next_offset);
                }
                (Backend::Rocks(_), None) => {}
            }
        }
        for (id, key, value, timestamp) in records {
            let target = &mut stores[id.0];
            let stamped = target.stamped();
            if stamped {
                stream_time = stream_time.max(timestamp);
            }
            let stored = stored_bytes(&mut stamp, stamped, value, timestamp);
            match (&mut target.backend, &mut batch, handles[id.0]) {
                (Backend::Memory { entries, .. }, ..) => entries.write(key, stored),
                (Backend::Rocks(_), Some(batch), Some(handle)) => batch.add(handle, key, stored),
                (Backend::Rocks(_), ..) => {}
            }
        }
        if let Some(mut batch) = batch {
            if stream_time > self.committed_stream_time {
                batch.stream_time(stream_time);
            }
            batch.write()?;
        }
        self.committed_stream_time = stream_time;
        self.set_stream_time(stream_time);
        self.expire();
        self.step(StoreStep::AfterRestoreWrite)
    }

    /// Empties a store and forgets its checkpoint, for when the changelog no longer reaches back to it.
    ///
    /// # Errors
    /// As [`commit`](Self::commit). After an error the task must be reopened.
    pub fn wipe(&mut self, store: StoreId) -> Result<(), StateError> {
        let Self { stores, rocks, .. } = self;
        let target = &mut stores[store.0];
        target.overlay.clear();
        let stamped = target.stamped();
        match (&mut target.backend, rocks) {
            (Backend::Memory { entries, checkpoint }, _) => {
                *entries = crate::memory_store::MemoryStore::new(stamped);
                *checkpoint = None;
                Ok(())
            }
            (Backend::Rocks(family), Some(rocks)) => rocks.wipe(family),
            (Backend::Rocks(_), None) => Ok(()),
        }
    }

    /// Brings everything committed to disk, for a graceful stop. Without it a restart restores what came after the last
    /// flush from the changelog.
    ///
    /// # Errors
    /// [`StateError::Io`]; what was on disk before stays valid.
    pub fn flush(&self) -> Result<(), StateError> {
        self.rocks.as_ref().map_or(Ok(()), Rocks::flush)
    }

    /// Rewrites one store on disk without what was deleted or has expired. For maintenance; RocksDB does this by itself.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn compact(&self, store: StoreId) -> Result<(), StateError> {
        match (&self.stores[store.0].backend, &self.rocks) {
            (Backend::Rocks(family), Some(rocks)) => rocks.compact(family),
            _ => Ok(()),
        }
    }

    /// Committed entries that take up space, expired ones that are still there included. Walks a persistent store whole.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn physical_len(&self, store: StoreId) -> Result<usize, StateError> {
        match (&self.stores[store.0].backend, &self.rocks) {
            (Backend::Memory { entries, .. }, _) => Ok(entries.len()),
            (Backend::Rocks(family), Some(rocks)) => rocks.count(family),
            (Backend::Rocks(_), None) => Ok(0),
        }
    }

    /// Lets go, physically, of what has expired at committed stream time.
    pub(crate) fn expire(&mut self) {
        for store in &mut self.stores {
            if !store.stamped() {
                continue;
            }
            let horizon = horizon(self.committed_stream_time, store.retention_ms);
            match &mut store.backend {
                Backend::Rocks(family) => family.expire_to(horizon),
                Backend::Memory { entries, .. } => entries.purge(horizon),
            }
        }
    }

    fn commit_persistent(&self, rocks: &Rocks, checkpoints: &[(StoreId, i64)]) -> Result<(), StateError> {
        let persistent = || self.stores.iter().filter_map(|store| Some((store.family()?, &store.overlay)));
        let bytes: usize = persistent().map(|(_, overlay)| overlay.bytes() + overlay.len() * BATCH_ENTRY_BYTES).sum();
        let mut batch = rocks.batch(bytes);
        #[cfg(feature = "injected-bugs")]
        if crate::bugs::is(crate::bugs::Bug::CheckpointAheadOfData) {
            let mut ahead = rocks.batch(0);
            self.add_checkpoints(&mut ahead, checkpoints);
            ahead.write()?;
            self.flush()?;
            self.step(StoreStep::BeforeCommitWrite)?;
        }
        for (family, overlay) in persistent() {
            batch.extend(family, overlay.stored())?;
        }
        self.add_checkpoints(&mut batch, checkpoints);
        if self.stream_time > self.committed_stream_time && self.stores.iter().any(Store::stamped) {
            batch.stream_time(self.stream_time);
        }
        batch.write()
    }

    fn add_checkpoints(&self, batch: &mut crate::rocks::RocksBatch<'_>, checkpoints: &[(StoreId, i64)]) {
        for &(id, next_offset) in checkpoints {
            if let Some(family) = self.stores[id.0].family() {
                batch.checkpoint(family, next_offset);
            }
        }
    }
}

/// What the backend is to hold for `value`: itself, or in expiring stores its timestamp and then itself.
fn stored_bytes<'a>(
    scratch: &'a mut Vec<u8>,
    stamped: bool,
    value: Option<&'a [u8]>,
    timestamp: i64,
) -> Option<&'a [u8]> {
    match value {
        Some(value) if stamped => {
            scratch.clear();
            scratch.extend_from_slice(&timestamp.to_be_bytes());
            scratch.extend_from_slice(value);
            Some(scratch)
        }
        value => value,
    }
}
