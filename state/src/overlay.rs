//! The uncommitted writes of one store: an arena of bytes, an entry per key, an index, and what is needed to undo a record.
//!
//! A put appends to the arena and allocates nothing once the buffers have grown; they are reused from one transaction to
//! the next. Entries stay in first-write order, which is the order in which the changelog gets them.

use std::cell::{Ref, RefCell};
use std::ops::Bound;

use ahash::RandomState;

use crate::expiry::STAMP_BYTES;
use crate::key_index::KeyIndex;
use crate::sorted_view::SortedView;

/// The newest uncommitted write of one key.
pub(crate) struct Change<'a> {
    /// `None`: deleted.
    pub(crate) value: Option<&'a [u8]>,
    /// Timestamp of the write; 0 in stores that do not expire.
    pub(crate) timestamp: i64,
}

/// The uncommitted writes of one store.
pub(crate) struct Overlay {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    index: KeyIndex,
    sorted: RefCell<SortedView>,
    savepoint: Option<Savepoint>,
    undo: Vec<Undo>,
    hasher: RandomState,
    /// Whether values are stored behind their timestamp, as expiring stores want them.
    stamped: bool,
}

#[derive(Copy, Clone)]
struct Span {
    start: usize,
    len: usize,
}

struct Entry {
    hash: u64,
    key: Span,
    value: Option<Span>,
    timestamp: i64,
}

struct Savepoint {
    entries: usize,
    arena: usize,
}

struct Undo {
    entry: usize,
    value: Option<Span>,
    timestamp: i64,
}

/// Arena kept from one transaction to the next, at most.
const MAX_IDLE_BYTES: usize = 8 << 20;
const MAX_IDLE_ENTRIES: usize = 1 << 16;

impl Overlay {
    pub(crate) fn new(stamped: bool) -> Self {
        Self {
            arena: Vec::new(),
            entries: Vec::new(),
            index: KeyIndex::default(),
            sorted: RefCell::default(),
            savepoint: None,
            undo: Vec::new(),
            hasher: RandomState::new(),
            stamped,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.arena.len()
    }

    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<Change<'_>> {
        if self.entries.is_empty() {
            return None;
        }
        self.find(self.hasher.hash_one(key), key).map(|number| self.change(number))
    }

    /// Puts (`Some`) or deletes (`None`).
    pub(crate) fn write(&mut self, key: &[u8], value: Option<&[u8]>, timestamp: i64) {
        let hash = self.hasher.hash_one(key);
        if let Some(number) = self.find(hash, key) {
            let value = value.map(|value| self.append_value(value, timestamp));
            let entry = &mut self.entries[number];
            if self.savepoint.as_ref().is_some_and(|savepoint| number < savepoint.entries) {
                self.undo.push(Undo { entry: number, value: entry.value, timestamp: entry.timestamp });
            }
            entry.value = value;
            entry.timestamp = timestamp;
        } else {
            let key = self.append(key);
            let value = value.map(|value| self.append_value(value, timestamp));
            self.entries.push(Entry { hash, key, value, timestamp });
            self.index.push(self.entries.iter().map(|entry| entry.hash));
        }
    }

    pub(crate) fn begin_record(&mut self) {
        self.undo.clear();
        self.savepoint = Some(Savepoint { entries: self.entries.len(), arena: self.arena.len() });
    }

    /// Undoes every write since the last [`begin_record`](Self::begin_record); nothing if there was none.
    pub(crate) fn rollback_record(&mut self) {
        let Some(savepoint) = &self.savepoint else { return };
        #[cfg(feature = "injected-bugs")]
        let forgotten = self.deletes_to_forget(savepoint.entries);
        while let Some(undo) = self.undo.pop() {
            let entry = &mut self.entries[undo.entry];
            entry.value = undo.value;
            entry.timestamp = undo.timestamp;
        }
        while self.entries.len() > savepoint.entries {
            if let Some(entry) = self.entries.pop() {
                self.index.pop(entry.hash, self.entries.len());
            }
        }
        self.arena.truncate(savepoint.arena);
        self.sorted.get_mut().truncate(savepoint.entries);
        #[cfg(feature = "injected-bugs")]
        for (key, timestamp) in forgotten {
            self.write(&key, None, timestamp);
        }
    }

    /// Drops everything and keeps the buffers.
    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        self.arena.shrink_to(MAX_IDLE_BYTES);
        self.entries.clear();
        self.entries.shrink_to(MAX_IDLE_ENTRIES);
        self.index.clear();
        self.sorted.get_mut().truncate(0);
        self.undo.clear();
        self.savepoint = None;
    }

    /// Every changed key with its newest write, in first-write order.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (&[u8], Change<'_>)> {
        self.entries.iter().enumerate().map(|(number, entry)| (self.bytes_of(entry.key), self.change(number)))
    }

    /// Every changed key with what the backend is to hold for it: in stamped stores, the timestamp and then the value.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let stamp = if self.stamped { STAMP_BYTES } else { 0 };
        self.entries.iter().map(move |entry| {
            let stored = entry.value.map(|value| &self.arena[value.start - stamp..value.start + value.len]);
            (self.bytes_of(entry.key), stored)
        })
    }

    /// Numbers of the entries in key order, brought up to date first.
    pub(crate) fn sorted(&self) -> Ref<'_, SortedView> {
        let current = self.sorted.borrow().len() == self.entries.len();
        if !current {
            // Nobody can hold a borrow here: writes need `&mut self`, and only a write makes the view stale.
            self.sorted.borrow_mut().extend_to(self.entries.len(), |number| self.key(number));
        }
        self.sorted.borrow()
    }

    /// Where in `view` the keys between the bounds stand.
    pub(crate) fn positions(&self, view: &SortedView, from: Bound<&[u8]>, to: Bound<&[u8]>) -> std::ops::Range<usize> {
        let start = match from {
            Bound::Unbounded => 0,
            Bound::Included(from) => view.position(|number| self.key(number) < from),
            Bound::Excluded(from) => view.position(|number| self.key(number) <= from),
        };
        let end = match to {
            Bound::Unbounded => view.len(),
            Bound::Included(to) => view.position(|number| self.key(number) <= to),
            Bound::Excluded(to) => view.position(|number| self.key(number) < to),
        };
        start..end.max(start)
    }

    #[inline]
    pub(crate) fn key(&self, number: usize) -> &[u8] {
        self.bytes_of(self.entries[number].key)
    }

    #[inline]
    pub(crate) fn change(&self, number: usize) -> Change<'_> {
        let entry = &self.entries[number];
        Change { value: entry.value.map(|value| self.bytes_of(value)), timestamp: entry.timestamp }
    }

    #[inline]
    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.index.find(hash, |number| self.key(number) == key)
    }

    #[inline]
    fn bytes_of(&self, span: Span) -> &[u8] {
        &self.arena[span.start..span.start + span.len]
    }

    fn append(&mut self, bytes: &[u8]) -> Span {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        Span { start, len: bytes.len() }
    }

    fn append_value(&mut self, value: &[u8], timestamp: i64) -> Span {
        if self.stamped {
            self.arena.extend_from_slice(&timestamp.to_be_bytes());
        }
        self.append(value)
    }

    #[cfg(feature = "injected-bugs")]
    fn deletes_to_forget(&self, first_new: usize) -> Vec<(Vec<u8>, i64)> {
        if !crate::bugs::is(crate::bugs::Bug::RollbackForgetsDeletes) {
            return Vec::new();
        }
        let touched = self.undo.iter().map(|undo| undo.entry).chain(first_new..self.entries.len());
        let deleted = touched.filter(|&number| self.entries[number].value.is_none());
        deleted.map(|number| (self.key(number).to_vec(), self.entries[number].timestamp)).collect()
    }
}
