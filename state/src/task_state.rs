//! All state stores of one task.

use std::ops::Bound;
use std::path::{Path, PathBuf};

use crate::expiry::{NO_STREAM_TIME, horizon, visible};
use crate::memory_store::MemoryStore;
use crate::merge::{Reading, merge};
use crate::overlay::Overlay;
use crate::rocks::{Family, Rocks};
use crate::set_aside::{damage_without_current, set_aside};
use crate::{StateError, StateMemory, StepHook, StoreId, StoreSpec, StoreStep, Visit};

/// The stores of one task, with the writes of the open transaction laid over what is committed.
///
/// Reads see the open transaction. Nothing of it reaches a backend before [`commit`](Self::commit).
pub struct TaskState {
    pub(crate) specs: Vec<StoreSpec>,
    pub(crate) stores: Vec<Store>,
    pub(crate) rocks: Option<Rocks>,
    pub(crate) stream_time: i64,
    pub(crate) committed_stream_time: i64,
    pub(crate) hook: Option<StepHook>,
}

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenReport {
    /// Where a database that could not be read was moved to. The stores are empty and have to be restored.
    pub set_aside: Option<PathBuf>,
    /// Why it was.
    pub reason: Option<String>,
}

/// How large a store is, without what the open transaction has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreSize {
    /// Entries; in RocksDB an estimate, which counts an overwritten one until it is compacted away.
    pub entries: u64,
    /// Tables on disk, in bytes.
    pub disk_bytes: u64,
    /// Memtables, or all of a store that is kept in memory, in bytes.
    pub memory_bytes: u64,
}

pub(crate) struct Store {
    pub(crate) overlay: Overlay,
    pub(crate) backend: Backend,
    pub(crate) retention_ms: Option<i64>,
}

pub(crate) enum Backend {
    Rocks(Family),
    Memory { entries: MemoryStore, checkpoint: Option<i64> },
}

impl TaskState {
    /// Opens the database in `dir`, creating it if it is missing. Stores that are new start empty, stores that no spec
    /// names any more are dropped.
    ///
    /// # Errors
    /// [`StateError::Locked`] if the directory is in use, [`StateError::Io`] if it cannot be read or written,
    /// [`StateError::DuplicateStore`]. Damage is no error: the database is set aside, reported, and replaced by an empty one.
    pub fn open(dir: &Path, specs: &[StoreSpec], memory: &StateMemory) -> Result<(Self, OpenReport), StateError> {
        for (number, spec) in specs.iter().enumerate() {
            if specs[..number].iter().any(|other| other.name == spec.name) {
                return Err(StateError::DuplicateStore(spec.name.clone()));
            }
        }
        let mut state = Self::build(specs, |spec| spec.persistent);
        let mut report = OpenReport::default();
        let families: Vec<&Family> = state.stores.iter().filter_map(Store::family).collect();
        if families.is_empty() {
            return Ok((state, report));
        }
        // What it has reached is read at once, so that damage there shows here too.
        let open = || {
            let rocks = Rocks::open(dir, &families, memory)?;
            let stream_time = rocks.stream_time()?.unwrap_or(NO_STREAM_TIME);
            Ok((rocks, stream_time))
        };
        let opened = match damage_without_current(dir) {
            Some(message) => Err(StateError::Corrupt { store: "*".to_owned(), path: dir.to_owned(), message }),
            None => open(),
        };
        let (rocks, stream_time) = match opened {
            Err(StateError::Corrupt { message, .. }) => {
                report.set_aside = Some(set_aside(dir)?);
                report.reason = Some(message);
                open()?
            }
            opened => opened?,
        };
        state.rocks = Some(rocks);
        state.stream_time = stream_time;
        state.committed_stream_time = stream_time;
        state.expire();
        Ok((state, report))
    }

    /// Everything in memory, whatever the specs say.
    #[must_use]
    pub fn in_memory(specs: &[StoreSpec]) -> Self {
        Self::build(specs, |_| false)
    }

    /// The store of this name.
    #[must_use]
    pub fn store_id(&self, name: &str) -> Option<StoreId> {
        self.specs.iter().position(|spec| spec.name == name).map(StoreId)
    }

    /// What the task was opened with; [`StoreId`] is an index into it.
    #[must_use]
    pub fn specs(&self) -> &[StoreSpec] {
        &self.specs
    }

    /// Hands the value of `key`, or `None`, to `read`, without copying it.
    ///
    /// # Errors
    /// [`StateError::Io`] and [`StateError::Corrupt`] if the database cannot be read.
    #[inline]
    pub fn get<R>(&self, store: StoreId, key: &[u8], read: impl FnOnce(Option<&[u8]>) -> R) -> Result<R, StateError> {
        let store = &self.stores[store.0];
        let Reading { stamped, horizon } = store.reading(self.stream_time);
        if let Some(change) = store.overlay.get(key) {
            let expired = stamped && change.timestamp <= horizon;
            return Ok(read(change.value.filter(|_| !expired)));
        }
        match (&store.backend, &self.rocks) {
            (Backend::Rocks(family), Some(rocks)) => {
                let stored = rocks.get(family, key)?;
                Ok(read(stored.as_deref().and_then(|stored| visible(stored, stamped, horizon))))
            }
            (Backend::Memory { entries, .. }, _) => {
                Ok(read(entries.get(key).and_then(|stored| visible(stored, stamped, horizon))))
            }
            (Backend::Rocks(_), None) => Ok(read(None)),
        }
    }

    /// Sets `key` to `value`; in an expiring store at the current stream time.
    #[inline]
    pub fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) {
        self.put_at(store, key, value, self.stream_time);
    }

    /// Sets `key` to `value` at `timestamp` (milliseconds), from which expiry counts; other stores ignore it.
    pub fn put_at(&mut self, store: StoreId, key: &[u8], value: &[u8], timestamp: i64) {
        self.stores[store.0].write(key, Some(value), timestamp);
    }

    /// Removes `key`.
    pub fn delete(&mut self, store: StoreId, key: &[u8]) {
        let timestamp = self.stream_time;
        self.stores[store.0].write(key, None, timestamp);
    }

    /// Visits the entries between the bounds in key order, until `each` breaks.
    ///
    /// # Errors
    /// As [`get`](Self::get); some entries may have been visited by then.
    pub fn range(
        &self,
        store: StoreId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        each: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        let store = &self.stores[store.0];
        let reading = store.reading(self.stream_time);
        let view = store.overlay.sorted();
        let changed = view.slice(store.overlay.positions(&view, from, to));
        match (&store.backend, &self.rocks) {
            (Backend::Rocks(family), Some(rocks)) => {
                merge(&store.overlay, changed, &mut rocks.cursor(family, from, to)?, reading, each)
            }
            (Backend::Memory { entries, .. }, _) => {
                merge(&store.overlay, changed, &mut entries.cursor(from, to), reading, each)
            }
            (Backend::Rocks(_), None) => Ok(()),
        }
    }

    /// Visits the entries whose key starts with `prefix` in key order, until `each` breaks.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn prefix(&self, store: StoreId, prefix: &[u8], each: &mut Visit<'_>) -> Result<(), StateError> {
        self.prefix_after(store, prefix, Bound::Included(prefix), each)
    }

    /// Visits those of the entries whose key starts with `prefix` that come from a bound on, until `each` breaks.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn prefix_after(
        &self,
        store: StoreId,
        prefix: &[u8],
        from: Bound<&[u8]>,
        each: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        let end = end_of_prefix(prefix);
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.range(store, from, to, each)
    }

    /// Marks the point that [`rollback_record`](Self::rollback_record) goes back to.
    #[inline]
    pub fn begin_record(&mut self) {
        for store in &mut self.stores {
            store.overlay.begin_record();
        }
    }

    /// Undoes every write since [`begin_record`](Self::begin_record). Stream time stays: the record was seen.
    pub fn rollback_record(&mut self) {
        for store in &mut self.stores {
            store.overlay.rollback_record();
        }
    }

    /// Moves stream time (milliseconds) forward; never back.
    #[inline]
    pub fn set_stream_time(&mut self, ms: i64) {
        self.stream_time = self.stream_time.max(ms);
    }

    /// Stream time: the highest seen, also over restarts as far as it was committed. [`NO_STREAM_TIME`] before the first.
    #[must_use]
    pub fn stream_time(&self) -> i64 {
        self.stream_time
    }

    /// How large a store is; cheap, and 0 where the database does not tell.
    #[must_use]
    pub fn size(&self, store: StoreId) -> StoreSize {
        match (&self.stores[store.0].backend, &self.rocks) {
            (Backend::Memory { entries, .. }, _) => {
                StoreSize { entries: entries.len() as u64, disk_bytes: 0, memory_bytes: entries.bytes() as u64 }
            }
            (Backend::Rocks(family), Some(rocks)) => rocks.size(family),
            (Backend::Rocks(_), None) => StoreSize::default(),
        }
    }

    /// Has every [`StoreStep`] call `hook`. Costs nothing while there is none.
    pub fn set_step_hook(&mut self, hook: Option<StepHook>) {
        self.hook = hook;
    }

    #[inline]
    pub(crate) fn step(&self, step: StoreStep) -> Result<(), StateError> {
        self.hook.as_ref().map_or(Ok(()), |hook| hook(step))
    }

    fn build(specs: &[StoreSpec], persistent: impl Fn(&StoreSpec) -> bool) -> Self {
        let store = |spec: &StoreSpec| {
            let stamped = spec.retention_ms.is_some();
            let backend = if persistent(spec) {
                Backend::Rocks(Family::of(spec))
            } else {
                Backend::Memory { entries: MemoryStore::new(stamped), checkpoint: None }
            };
            Store { overlay: Overlay::new(stamped), backend, retention_ms: spec.retention_ms }
        };
        Self {
            specs: specs.to_vec(),
            stores: specs.iter().map(store).collect(),
            rocks: None,
            stream_time: NO_STREAM_TIME,
            committed_stream_time: NO_STREAM_TIME,
            hook: None,
        }
    }
}

impl Store {
    pub(crate) fn family(&self) -> Option<&Family> {
        match &self.backend {
            Backend::Rocks(family) => Some(family),
            Backend::Memory { .. } => None,
        }
    }

    pub(crate) fn stamped(&self) -> bool {
        self.retention_ms.is_some()
    }

    fn reading(&self, stream_time: i64) -> Reading {
        Reading { stamped: self.stamped(), horizon: horizon(stream_time, self.retention_ms) }
    }

    #[inline]
    fn write(&mut self, key: &[u8], value: Option<&[u8]>, timestamp: i64) {
        let timestamp = if self.stamped() { timestamp } else { 0 };
        self.overlay.write(key, value, timestamp);
    }
}

/// The smallest key above all that start with `prefix`; `None` if there is no such key.
fn end_of_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}
