//! The RocksDB backend: one database for a task, a column family for each persistent store, checkpoints in the default one.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rocksdb::properties::{ESTIMATE_NUM_KEYS, SIZE_ALL_MEM_TABLES, TOTAL_SST_FILES_SIZE};
use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DB, DBPinnableSlice, DBRawIterator, FlushOptions, IteratorMode, Options,
    ReadOptions, WriteBatch, WriteOptions,
};

use crate::merge::Cursor;
use crate::set_aside::{classify, classify_write, file_error};
use crate::{StateError, StateMemory, StoreSize, StoreSpec, rocks_options};

const STREAM_TIME_KEY: &[u8] = b"stream-time";
const CHECKPOINT_PREFIX: &str = "checkpoint.";

/// One task's database.
pub(crate) struct Rocks {
    db: DB,
    path: PathBuf,
    /// Names of all column families, the default one included.
    families: Vec<String>,
    memory: StateMemory,
    reading: ReadOptions,
    writing: WriteOptions,
}

/// Where a store lives in the database.
pub(crate) struct Family {
    /// Name of the column family.
    name: String,
    /// Name of the store, for errors.
    store: String,
    checkpoint_key: Vec<u8>,
    /// For expiring stores: the newest timestamp that compaction may remove.
    horizon: Option<Arc<AtomicI64>>,
}

impl Family {
    pub(crate) fn of(spec: &StoreSpec) -> Self {
        let name = spec.family();
        Self {
            checkpoint_key: checkpoint_key(&name),
            name,
            store: spec.name.clone(),
            horizon: spec.retention_ms.map(|_| Arc::new(AtomicI64::new(i64::MIN))),
        }
    }

    /// Lets compaction remove what is at or before `horizon`, which must be committed.
    pub(crate) fn expire_to(&self, horizon: i64) {
        if let Some(shared) = &self.horizon {
            shared.fetch_max(horizon, Ordering::Relaxed);
        }
    }

    fn options(&self, memory: &StateMemory) -> Options {
        rocks_options::family(memory, self.horizon.clone())
    }
}

impl Rocks {
    /// Opens or creates the database and brings its column families in line with `families`.
    pub(crate) fn open(path: &Path, families: &[&Family], memory: &StateMemory) -> Result<Self, StateError> {
        fs::create_dir_all(path).map_err(|error| file_error(path, &error))?;
        let fault = |error| classify("*", path, error);
        let options = rocks_options::database(memory).map_err(fault)?;
        let existing: BTreeSet<String> = if path.join("CURRENT").exists() {
            DB::list_cf(&options, path).map_err(fault)?.into_iter().collect()
        } else {
            BTreeSet::new()
        };
        let wanted: BTreeSet<&str> = families.iter().map(|family| family.name.as_str()).collect();
        let obsolete: Vec<&String> =
            existing.iter().filter(|name| *name != "default" && !wanted.contains(name.as_str())).collect();

        let mut descriptors = vec![ColumnFamilyDescriptor::new("default", rocks_options::family(memory, None))];
        descriptors.extend(obsolete.iter().map(|name| ColumnFamilyDescriptor::new(*name, Options::default())));
        descriptors.extend(families.iter().map(|family| {
            let options = family.options(memory);
            ColumnFamilyDescriptor::new(&family.name, options)
        }));
        let db = DB::open_cf_descriptors(&options, path, descriptors).map_err(fault)?;
        let mut writing = WriteOptions::default();
        writing.disable_wal(true);
        let mut rocks = Self {
            db,
            path: path.to_owned(),
            families: existing.iter().map(String::as_str).chain(wanted).chain(["default"]).map(str::to_owned).collect(),
            memory: memory.clone(),
            reading: ReadOptions::default(),
            writing,
        };
        rocks.families.sort_unstable();
        rocks.families.dedup();
        rocks.drop_obsolete(&obsolete)?;
        Ok(rocks)
    }

    #[inline]
    pub(crate) fn get(&self, family: &Family, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, StateError> {
        let handle = self.handle(&family.name)?;
        let found = self.db.get_pinned_cf_opt(handle, key, &self.reading);
        found.map_err(|error| self.fault(&family.store, error))
    }

    /// A cursor at the first entry between the bounds.
    pub(crate) fn cursor<'a>(
        &'a self,
        family: &'a Family,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> Result<RocksCursor<'a>, StateError> {
        let mut options = ReadOptions::default();
        match to {
            Bound::Unbounded => {}
            Bound::Excluded(to) => options.set_iterate_upper_bound(to),
            Bound::Included(to) => options.set_iterate_upper_bound(just_after(to)),
        }
        let mut entries = self.db.raw_iterator_cf_opt(self.handle(&family.name)?, options);
        match from {
            Bound::Unbounded => entries.seek_to_first(),
            Bound::Included(from) => entries.seek(from),
            Bound::Excluded(from) => entries.seek(just_after(from)),
        }
        Ok(RocksCursor { rocks: self, family, entries })
    }

    pub(crate) fn batch(&self, bytes: usize) -> RocksBatch<'_> {
        RocksBatch { rocks: self, batch: WriteBatch::with_capacity_bytes(bytes) }
    }

    pub(crate) fn checkpoint(&self, family: &Family) -> Result<Option<i64>, StateError> {
        self.number(&family.checkpoint_key).map_err(|error| self.fault(&family.store, error))
    }

    pub(crate) fn stream_time(&self) -> Result<Option<i64>, StateError> {
        self.number(STREAM_TIME_KEY).map_err(|error| self.fault("*", error))
    }

    /// Empties a store and forgets its checkpoint.
    ///
    /// Both go in one batch that is on disk before anything else happens; dropping the family after that only saves the
    /// compaction, so a crash in between leaves an empty store without a checkpoint in any case.
    pub(crate) fn wipe(&mut self, family: &Family) -> Result<(), StateError> {
        let handle = self.handle(&family.name)?;
        let mut batch = self.batch(256);
        batch.batch.delete(&family.checkpoint_key);
        let mut entries = self.db.raw_iterator_cf(handle);
        entries.seek_to_last();
        if let Some(last) = entries.key() {
            batch.batch.delete_range_cf(handle, &[][..], last);
            batch.batch.delete_cf(handle, last);
        }
        entries.status().map_err(|error| self.fault(&family.store, error))?;
        drop(entries);
        batch.write()?;
        self.flush()?;
        let options = family.options(&self.memory);
        let emptied = self.db.drop_cf(&family.name).and_then(|()| self.db.create_cf(&family.name, &options));
        emptied.map_err(|error| classify(&family.store, &self.path, error))
    }

    /// Writes all memtables to disk, all families together.
    pub(crate) fn flush(&self) -> Result<(), StateError> {
        let mut options = FlushOptions::default();
        options.set_wait(true);
        // By name: a flush that is asked for takes the families that it is given and no other, also under atomic_flush.
        let all: Vec<&ColumnFamily> = self.families.iter().filter_map(|name| self.db.cf_handle(name)).collect();
        let flushed = self.db.flush_cfs_opt(&all.iter().collect::<Vec<_>>(), &options);
        flushed.map_err(|error| classify_write(&self.path, error))
    }

    /// Compacts one store down to the last level: what has expired or was deleted is gone from the disk.
    pub(crate) fn compact(&self, family: &Family) -> Result<(), StateError> {
        self.flush()?;
        self.db.compact_range_cf(self.handle(&family.name)?, None::<&[u8]>, None::<&[u8]>);
        Ok(())
    }

    /// What the database says about one store's size.
    pub(crate) fn size(&self, family: &Family) -> StoreSize {
        let Some(handle) = self.db.cf_handle(&family.name) else { return StoreSize::default() };
        let number = |property: &rocksdb::properties::PropName| {
            self.db.property_int_value_cf(handle, property).ok().flatten().unwrap_or_default()
        };
        StoreSize {
            entries: number(ESTIMATE_NUM_KEYS),
            disk_bytes: number(TOTAL_SST_FILES_SIZE),
            memory_bytes: number(SIZE_ALL_MEM_TABLES),
        }
    }

    /// Entries that are physically there, expired ones included. Walks the whole store.
    pub(crate) fn count(&self, family: &Family) -> Result<usize, StateError> {
        Ok(self.db.iterator_cf(self.handle(&family.name)?, IteratorMode::Start).count())
    }

    /// Column families that no spec asks for go, but their checkpoints first: a store of that name that comes back later
    /// must not believe that it is up to date.
    fn drop_obsolete(&mut self, names: &[&String]) -> Result<(), StateError> {
        if names.is_empty() {
            return Ok(());
        }
        let mut batch = self.batch(256);
        for name in names {
            batch.batch.delete(checkpoint_key(name));
        }
        batch.write()?;
        self.flush()?;
        for name in names {
            tracing::info!(store = %name, path = %self.path.display(), "dropping a store that is no longer used");
            self.db.drop_cf(name).map_err(|error| classify(name, &self.path, error))?;
        }
        Ok(())
    }

    fn number(&self, key: &[u8]) -> Result<Option<i64>, rocksdb::Error> {
        let stored = self.db.get_pinned_opt(key, &self.reading)?;
        Ok(stored.and_then(|stored| stored.first_chunk().map(|bytes| i64::from_be_bytes(*bytes))))
    }

    #[inline]
    fn handle(&self, family: &str) -> Result<&ColumnFamily, StateError> {
        self.db.cf_handle(family).ok_or_else(|| StateError::Io {
            store: family.to_owned(),
            path: self.path.clone(),
            message: "column family is missing after a failed wipe".to_owned(),
        })
    }

    fn fault(&self, store: &str, error: rocksdb::Error) -> StateError {
        classify(store, &self.path, error)
    }
}

/// Writes that reach the database together or not at all.
pub(crate) struct RocksBatch<'a> {
    rocks: &'a Rocks,
    batch: WriteBatch,
}

impl<'a> RocksBatch<'a> {
    /// Adds writes to one store: `Some` puts, `None` deletes.
    pub(crate) fn extend<'w>(
        &mut self,
        family: &Family,
        writes: impl Iterator<Item = (&'w [u8], Option<&'w [u8]>)>,
    ) -> Result<(), StateError> {
        let handle: &'a ColumnFamily = self.rocks.handle(&family.name)?;
        for (key, stored) in writes {
            self.add(handle, key, stored);
        }
        Ok(())
    }

    /// Adds one write to the store that `handle` belongs to.
    pub(crate) fn add(&mut self, handle: &ColumnFamily, key: &[u8], stored: Option<&[u8]>) {
        match stored {
            Some(stored) => self.batch.put_cf(handle, key, stored),
            None => self.batch.delete_cf(handle, key),
        }
    }

    pub(crate) fn handle(&self, family: &Family) -> Result<&'a ColumnFamily, StateError> {
        self.rocks.handle(&family.name)
    }

    pub(crate) fn checkpoint(&mut self, family: &Family, next_offset: i64) {
        self.batch.put(&family.checkpoint_key, next_offset.to_be_bytes());
    }

    pub(crate) fn stream_time(&mut self, stream_time: i64) {
        self.batch.put(STREAM_TIME_KEY, stream_time.to_be_bytes());
    }

    pub(crate) fn write(self) -> Result<(), StateError> {
        let Self { rocks, batch } = self;
        rocks.db.write_opt(batch, &rocks.writing).map_err(|error| classify_write(&rocks.path, error))
    }
}

/// A position in one store of the database.
pub(crate) struct RocksCursor<'a> {
    rocks: &'a Rocks,
    family: &'a Family,
    entries: DBRawIterator<'a>,
}

impl Cursor for RocksCursor<'_> {
    fn current(&self) -> Option<(&[u8], &[u8])> {
        self.entries.item()
    }

    fn advance(&mut self) {
        self.entries.next();
    }

    fn finish(&self) -> Result<(), StateError> {
        self.entries.status().map_err(|error| self.rocks.fault(&self.family.store, error))
    }
}

fn checkpoint_key(family: &str) -> Vec<u8> {
    format!("{CHECKPOINT_PREFIX}{family}").into_bytes()
}

/// The smallest key above `key`.
fn just_after(key: &[u8]) -> Vec<u8> {
    let mut after = Vec::with_capacity(key.len() + 1);
    after.extend_from_slice(key);
    after.push(0);
    after
}
