//! The in-memory backend: an ordered map, with a time-ordered index beside it if the store expires.

use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;

use crate::StateError;
use crate::expiry::split;
use crate::merge::Cursor;

type Bytes = Box<[u8]>;

/// Committed contents of one store that is kept in memory.
#[derive(Default)]
pub(crate) struct MemoryStore {
    entries: BTreeMap<Bytes, Bytes>,
    /// Of all keys and what they hold.
    bytes: usize,
    /// Keys by the timestamp of a write. A key that was written again since stands here twice; the entry itself decides.
    by_time: Option<BTreeMap<i64, Vec<Bytes>>>,
}

impl MemoryStore {
    pub(crate) fn new(stamped: bool) -> Self {
        Self { entries: BTreeMap::new(), bytes: 0, by_time: stamped.then(BTreeMap::new) }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(key).map(|stored| &**stored)
    }

    pub(crate) fn write(&mut self, key: &[u8], stored: Option<&[u8]>) {
        let Some(stored) = stored else {
            self.remove(key);
            return;
        };
        if let (Some(by_time), Some((timestamp, _))) = (&mut self.by_time, split(stored)) {
            by_time.entry(timestamp).or_default().push(key.into());
        }
        match self.entries.get_mut(key) {
            Some(old) if old.len() == stored.len() => old.copy_from_slice(stored),
            Some(old) => {
                self.bytes = self.bytes - old.len() + stored.len();
                *old = stored.into();
            }
            None => {
                self.bytes += key.len() + stored.len();
                self.entries.insert(key.into(), stored.into());
            }
        }
    }

    /// Removes what has expired at `horizon`.
    pub(crate) fn purge(&mut self, horizon: i64) {
        while let Some(oldest) = self.by_time.as_mut().and_then(BTreeMap::first_entry).filter(|o| *o.key() <= horizon) {
            for key in oldest.remove() {
                let stored = self.entries.get(&key).and_then(|stored| split(stored));
                if stored.is_some_and(|(timestamp, _)| timestamp <= horizon) {
                    self.remove(&key);
                }
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(stored) = self.entries.remove(key) {
            self.bytes -= key.len() + stored.len();
        }
    }

    pub(crate) fn cursor(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> MemoryCursor<'_> {
        let mut rest =
            if is_inverted(from, to) { btree_map::Range::default() } else { self.entries.range::<[u8], _>((from, to)) };
        let current = rest.next();
        MemoryCursor { current, rest }
    }
}

/// A position in a [`MemoryStore`].
pub(crate) struct MemoryCursor<'a> {
    current: Option<(&'a Bytes, &'a Bytes)>,
    rest: btree_map::Range<'a, Bytes, Bytes>,
}

impl Cursor for MemoryCursor<'_> {
    fn current(&self) -> Option<(&[u8], &[u8])> {
        self.current.map(|(key, stored)| (&**key, &**stored))
    }

    fn advance(&mut self) {
        self.current = self.rest.next();
    }

    fn finish(&self) -> Result<(), StateError> {
        Ok(())
    }
}

/// `BTreeMap::range` panics on bounds that cross; here they mean an empty range.
fn is_inverted(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to) | Bound::Included(to)) => from >= to,
    }
}
