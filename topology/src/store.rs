//! Typed state stores: serdes and a cache of decoded values over `state`'s bytes.

use std::any::Any;
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use ahash::AHashMap;
use state::{StoreId, StoreSpec, TaskState};

use crate::batch::{HeadersRef, RecordRef};
use crate::broker::TopicName;
use crate::errors::ProcessingError;
use crate::metrics::StoreMetrics;
use crate::output_log::{OutputLog, Said};
use crate::processor::Context;
use crate::serde::{Deserialized, Serde};

/// What a store's key must be.
pub trait StoreKey: Hash + Eq + Clone + Send + 'static {}

impl<K: Hash + Eq + Clone + Send + 'static> StoreKey for K {}

/// Declares a key-value store.
pub struct StoreBuilder<K, V> {
    pub(crate) name: String,
    pub(crate) persistent: bool,
    pub(crate) logged: bool,
    pub(crate) retention_ms: Option<i64>,
    pub(crate) changelog: Option<String>,
    pub(crate) output: Option<OutputLog>,
    cache_entries: usize,
    key: Arc<dyn Serde<K>>,
    value: Arc<dyn Serde<V>>,
}

impl<K: StoreKey, V: Send + Sync + 'static> StoreBuilder<K, V> {
    /// A store in RocksDB with a changelog. Keys are ordered by their serialised bytes.
    pub fn persistent(name: impl Into<String>, key: impl Serde<K> + 'static, value: impl Serde<V> + 'static) -> Self {
        Self {
            name: name.into(),
            persistent: true,
            logged: true,
            retention_ms: None,
            changelog: None,
            output: None,
            cache_entries: 0,
            key: Arc::new(key),
            value: Arc::new(value),
        }
    }

    /// A store in memory, filled from its changelog at start.
    pub fn in_memory(name: impl Into<String>, key: impl Serde<K> + 'static, value: impl Serde<V> + 'static) -> Self {
        Self { persistent: false, ..Self::persistent(name, key, value) }
    }

    /// Keeps up to so many decoded values in memory, the ones used last.
    #[must_use]
    pub fn cached(mut self, entries: usize) -> Self {
        self.cache_entries = entries;
        self
    }

    /// Entries vanish when stream time has passed their last write by so many milliseconds. A write counts from the
    /// timestamp of the record that it was made for, so that a replay after a crash, which may not have seen as much of
    /// the stream yet, writes the same. Such a store is not cached.
    #[must_use]
    pub fn expiring(mut self, retention_ms: i64) -> Self {
        self.retention_ms = Some(retention_ms);
        self
    }

    /// Shares the changelog `<application>-<name>-changelog` with the other stores of its sub-topology that name it, in the place of
    /// one of its own: a commit costs by the partition that it touches. For persistent stores that do not expire. An application
    /// that has changelogs of the stores' own already goes on with them.
    #[must_use]
    pub fn changelog(mut self, name: impl Into<String>) -> Self {
        self.changelog = Some(name.into());
        self
    }

    /// Restored from a topic that its sub-topology writes to, in the place of a changelog: for a store that holds what that topic says
    /// anyway. `entry` tells what a record there says of the store: a value, that the key is gone (`None`), or nothing of it. Whoever
    /// writes to the store sends such a record for each write, of the same timestamp, in the work on the same record; the order of the
    /// records of a key is that of its writes. Expiry needs no record.
    ///
    /// The sub-topology's sinks must write to the partition of the task's own number ([`crate::Partitioning::SamePartition`]). Others may write
    /// to the topic too, as long as `entry` makes nothing of what they write. A record that `entry` calls bad is left out, and logged; one that cannot be read
    /// yet holds up the restore. The topic may not be compacted, as its keys are others, and must keep records a day longer than the store
    /// does. An application that has a changelog of the store's own already goes on with that ([`crate::superseded_changelogs`]).
    #[must_use]
    pub fn restored_from(
        mut self,
        topic: impl Into<TopicName>,
        entry: impl Fn(&RecordRef<'_>) -> Deserialized<Option<(K, Option<V>)>> + Send + Sync + 'static,
    ) -> Self {
        let (key, value) = (self.key.clone(), self.value.clone());
        let read = move |subject: &str, record: &RecordRef<'_>, key_out: &mut Vec<u8>, value_out: &mut Vec<u8>| {
            let (k, v) = match entry(record) {
                Deserialized::Value(Some(entry)) => entry,
                Deserialized::Value(None) => return Said::Nothing,
                Deserialized::Bad(why) => return Said::Bad(why),
                Deserialized::NotYet(why) => return Said::NotYet(why),
            };
            let written = key.serialize(subject, &k, key_out);
            match written.and_then(|_| v.as_ref().map_or(Ok(false), |v| value.serialize(subject, v, value_out))) {
                Ok(true) => Said::Put,
                Ok(false) => Said::Delete,
                Err(error) => Said::Bad(error.0),
            }
        };
        self.output = Some(OutputLog { topic: topic.into(), read: Arc::new(read) });
        self
    }

    /// Without a changelog: what it holds is lost with the disk, and is only as good as a cache.
    #[must_use]
    pub fn without_changelog(mut self) -> Self {
        self.logged = false;
        self
    }

    pub(crate) fn spec(&self) -> StoreSpec {
        StoreSpec {
            name: self.name.clone(),
            persistent: self.persistent,
            logged: self.logged,
            retention_ms: self.retention_ms,
            restored_from: None,
        }
    }

    pub(crate) fn instantiate(&self, id: StoreId, changelog: &str, metrics: &Arc<StoreMetrics>) -> Box<dyn AnyStore> {
        let cache_entries = if self.retention_ms.is_some() { 0 } else { self.cache_entries };
        Box::new(TypedStore {
            id,
            topic: changelog.to_owned(),
            key: self.key.clone(),
            value: self.value.clone(),
            cache: Cache::new(cache_entries),
            key_bytes: Vec::new(),
            value_bytes: Vec::new(),
            metrics: metrics.clone(),
        })
    }
}

/// A processor's handle on one of its stores, asked for in [`crate::Processor::init`].
pub struct Store<K, V> {
    index: usize,
    types: PhantomData<fn(K, V)>,
}

impl<K, V> Clone for Store<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Store<K, V> {}

impl<K, V> std::fmt::Debug for Store<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.index)
    }
}

impl<K: StoreKey, V: Send + Sync + 'static> Store<K, V> {
    pub(crate) const fn new(index: usize) -> Self {
        Self { index, types: PhantomData }
    }

    /// The value of a key, as the processor last wrote it, committed or not.
    pub fn get(&self, ctx: &mut Context<'_>, key: &K) -> Result<Option<Arc<V>>, ProcessingError> {
        let (store, state) = self.open(ctx)?;
        if let Some(value) = store.cache.get(key) {
            return Ok(Some(value));
        }
        let begun = store.metrics.get.begin();
        store.encode_key(key)?;
        let decoded = state.get(store.id, &store.key_bytes, |bytes| bytes.map(|b| store.decode_value(b)))?;
        store.metrics.get.end(begun);
        let Some(value) = decoded.transpose()?.map(Arc::new) else { return Ok(None) };
        store.cache.insert(key, &value);
        Ok(Some(value))
    }

    /// True if there is a value, without decoding it.
    pub fn contains(&self, ctx: &mut Context<'_>, key: &K) -> Result<bool, ProcessingError> {
        let (store, state) = self.open(ctx)?;
        let begun = store.metrics.get.begin();
        store.encode_key(key)?;
        let found = state.get(store.id, &store.key_bytes, |bytes| bytes.is_some())?;
        store.metrics.get.end(begun);
        Ok(found)
    }

    /// Sets the value of a key; visible at once to this task, to others and after a crash once committed.
    pub fn put(&self, ctx: &mut Context<'_>, key: &K, value: V) -> Result<(), ProcessingError> {
        let timestamp = ctx.timestamp();
        let (store, state) = self.open(ctx)?;
        let begun = store.metrics.put.begin();
        store.encode_key(key)?;
        store.value_bytes.clear();
        store.value.serialize(&store.topic, &value, &mut store.value_bytes).map_err(|e| bad(&store.topic, &e.0))?;
        state.put_at(store.id, &store.key_bytes, &store.value_bytes, timestamp);
        store.metrics.put.end(begun);
        if store.cache.enabled() {
            store.cache.insert(key, &Arc::new(value));
        }
        Ok(())
    }

    /// Removes a key.
    pub fn delete(&self, ctx: &mut Context<'_>, key: &K) -> Result<(), ProcessingError> {
        let (store, state) = self.open(ctx)?;
        store.encode_key(key)?;
        state.delete(store.id, &store.key_bytes);
        store.cache.remove(key);
        Ok(())
    }

    /// Entries whose serialised key begins with `prefix`, in the order of the bytes, until `each` breaks.
    pub fn prefix_scan(
        &self,
        ctx: &mut Context<'_>,
        prefix: &[u8],
        each: impl FnMut(&[u8], V) -> ControlFlow<()>,
    ) -> Result<(), ProcessingError> {
        self.prefix_scan_after(ctx, prefix, Bound::Included(prefix), each)
    }

    /// As [`Self::prefix_scan`], but from a bound on: what lies before it costs nothing, not even where it was deleted.
    pub fn prefix_scan_after(
        &self,
        ctx: &mut Context<'_>,
        prefix: &[u8],
        from: Bound<&[u8]>,
        mut each: impl FnMut(&[u8], V) -> ControlFlow<()>,
    ) -> Result<(), ProcessingError> {
        let (store, state) = self.open(ctx)?;
        let mut failed = None;
        state.prefix_after(store.id, prefix, from, &mut |key, value| match store.decode_value(value) {
            Ok(value) => each(key, value),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    fn open<'c>(
        &self,
        ctx: &'c mut Context<'_>,
    ) -> Result<(&'c mut TypedStore<K, V>, &'c mut TaskState), ProcessingError> {
        let (stores, state) = ctx.state();
        stores
            .get_mut(self.index)
            .and_then(|s| s.as_any().downcast_mut())
            .map(|store| (store, state))
            .ok_or_else(|| ProcessingError::record("store_handle", "a store's handle was used in another topology"))
    }
}

fn bad(store: &str, why: &str) -> ProcessingError {
    ProcessingError::record("store_serde", format!("{store}: {why}"))
}

pub(crate) trait AnyStore: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    /// Forgets decoded values; called when writes were taken back.
    fn forget(&mut self);
}

struct TypedStore<K, V> {
    id: StoreId,
    topic: String,
    key: Arc<dyn Serde<K>>,
    value: Arc<dyn Serde<V>>,
    cache: Cache<K, V>,
    key_bytes: Vec<u8>,
    value_bytes: Vec<u8>,
    metrics: Arc<StoreMetrics>,
}

impl<K: StoreKey, V: Send + Sync + 'static> AnyStore for TypedStore<K, V> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn forget(&mut self) {
        self.cache.clear();
    }
}

impl<K, V> TypedStore<K, V> {
    fn encode_key(&mut self, key: &K) -> Result<(), ProcessingError> {
        self.key_bytes.clear();
        self.key.serialize(&self.topic, key, &mut self.key_bytes).map(|_| ()).map_err(|e| bad(&self.topic, &e.0))
    }

    fn decode_value(&self, bytes: &[u8]) -> Result<V, ProcessingError> {
        match self.value.deserialize(&self.topic, HeadersRef::default(), Some(bytes)) {
            Deserialized::Value(value) => Ok(value),
            Deserialized::Bad(why) | Deserialized::NotYet(why) => Err(bad(&self.topic, &why)),
        }
    }
}

/// Decoded values in two generations: a hit in the old one moves to the young one; when the young one is full the old
/// one is dropped whole. Constant time, no list to maintain.
struct Cache<K, V> {
    young: AHashMap<K, Arc<V>>,
    old: AHashMap<K, Arc<V>>,
    half: usize,
}

impl<K: StoreKey, V> Cache<K, V> {
    fn new(entries: usize) -> Self {
        Self { young: AHashMap::new(), old: AHashMap::new(), half: entries.div_ceil(2) }
    }

    const fn enabled(&self) -> bool {
        self.half > 0
    }

    fn get(&mut self, key: &K) -> Option<Arc<V>> {
        if !self.enabled() {
            return None;
        }
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let value = self.old.remove(key)?;
        self.insert(key, &value);
        Some(value)
    }

    fn insert(&mut self, key: &K, value: &Arc<V>) {
        if !self.enabled() {
            return;
        }
        if self.young.len() >= self.half && !self.young.contains_key(key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key.clone(), value.clone());
    }

    fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_keep_what_is_used_and_stay_within_its_bound() {
        let mut cache = Cache::<u32, u32>::new(8);
        for i in 0..100 {
            cache.insert(&i, &Arc::new(i));
            assert_eq!(cache.get(&0).as_deref(), Some(&0), "0 is used each time, so it stays (after {i})");
            assert!(cache.young.len() + cache.old.len() <= 8);
        }
        assert!(cache.get(&50).is_none());
    }

    #[test]
    fn should_not_bring_back_an_old_value_after_a_newer_one_or_a_removal() {
        let mut cache = Cache::<u32, u32>::new(2);
        cache.insert(&1, &Arc::new(10));
        cache.insert(&2, &Arc::new(20));
        cache.insert(&1, &Arc::new(11));
        assert_eq!(cache.get(&1).as_deref(), Some(&11));
        cache.remove(&1);
        assert!(cache.get(&1).is_none());
    }
}
