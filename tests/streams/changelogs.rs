//! One changelog for all stores of a sub-topology, and applications that have one a store already.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use topology::broker::{Broker, Reader, TopicPartition};
use topology::serde::Utf8;
use topology::{
    Context, InitContext, Inspection, ProcessingError, Processor, Record, Store, StoreBuilder, StreamThread,
    ThreadState, Topology, TopologyBuilder, TopologyError,
};

use crate::numbering::{KEYS, PARTITIONS, config, open, send};

/// Writes each record's value, with the store's name, to all of its stores under one key; every fifth it deletes in the first.
struct Keeper {
    names: &'static [&'static str],
    stores: Vec<Store<String, String>>,
}

impl Processor for Keeper {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.stores = self.names.iter().map(|name| ctx.store(name)).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, r: Record<String, String>) -> Result<(), ProcessingError> {
        for (name, store) in self.names.iter().zip(&self.stores) {
            store.put(ctx, &r.key, format!("{name} {}", r.value))?;
        }
        if r.value.ends_with('5') { self.stores[0].delete(ctx, &r.key) } else { Ok(()) }
    }
}

/// What the stores share.
const CHANGELOG: &str = "kept";

/// With all of these stores, of which those are in RocksDB and do not expire, and share a changelog or not.
fn keeper(names: &'static [&'static str], persistent: &[&str], shared: bool) -> TopologyBuilder {
    let processor = move || Keeper { names, stores: Vec::new() };
    let builder =
        TopologyBuilder::new().source("in", ["input"], Utf8, Utf8).processor("keep", processor, &["in"], names);
    let declare = |builder: TopologyBuilder, name: &&str| {
        let store = StoreBuilder::persistent(*name, Utf8, Utf8);
        builder.store(if shared { store.changelog(CHANGELOG) } else { store })
    };
    persistent.iter().fold(builder, declare)
}

fn shared(names: &'static [&'static str]) -> Topology {
    keeper(names, names, true).build().unwrap()
}

/// Steps until everything is restored, and processed.
fn run(topology: &Topology, broker: &Arc<dyn Broker>, dir: &Path) -> StreamThread {
    let mut thread = StreamThread::standalone(topology, &config(dir, "a", 1), broker, 0).unwrap();
    while thread.state() != ThreadState::Running || !thread.run_once(Duration::ZERO).unwrap().idle() {
        thread.run_once(Duration::ZERO).unwrap();
    }
    thread
}

/// As [`run`], then stopped in order.
fn run_to_the_end(topology: &Topology, broker: &Arc<dyn Broker>, dir: &Path) -> u64 {
    let thread = run(topology, broker, dir);
    let restored = thread.metrics().counts().restored;
    thread.close().unwrap();
    restored
}

/// What a store holds.
fn entries(topology: &Topology, broker: &Arc<dyn Broker>, dir: &Path, store: &str) -> BTreeMap<String, String> {
    let inspection = Inspection::open(topology, &config(dir, "a", 1), &**broker).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut entries = BTreeMap::new();
    inspection.entries(store, &mut |key, value| drop(entries.insert(text(key), text(value)))).unwrap();
    entries
}

fn all_entries(topology: &Topology, broker: &Arc<dyn Broker>, dir: &Path, stores: &[&str]) -> Vec<usize> {
    stores.iter().map(|store| entries(topology, broker, dir, store).len()).collect()
}

fn changelogs(broker: &Arc<dyn Broker>) -> BTreeSet<String> {
    let topics = broker.topics().unwrap();
    topics.keys().filter(|topic| topic.ends_with("-changelog")).map(ToString::to_string).collect()
}

fn delete_state(dir: &Path) {
    std::fs::remove_dir_all(dir.join("state-a")).unwrap();
}

/// Keys of a topic's records.
fn keys(broker: &Arc<dyn Broker>, topic: &str) -> BTreeSet<String> {
    let mut reader: Box<dyn Reader> = broker.reader().unwrap();
    let partitions = (0..PARTITIONS).map(|p| TopicPartition::new(topic, p));
    let ends: BTreeMap<_, _> = partitions.map(|p| (p.clone(), broker.watermarks(&p).unwrap().1)).collect();
    reader.assign(&ends.keys().map(|p| (p.clone(), 0)).collect::<Vec<_>>()).unwrap();
    let mut left: i64 = ends.values().sum();
    let mut keys = BTreeSet::new();
    while left > 0 {
        for record in reader.poll(Duration::from_secs(10)).unwrap().iter().flat_map(|f| f.batch.iter()) {
            keys.insert(String::from_utf8(record.key.unwrap().to_vec()).unwrap());
            left -= 1;
        }
    }
    keys
}

#[test]
fn should_restore_each_store_what_is_its_own_of_a_changelog_that_they_share() {
    const STORES: [&str; 4] = ["persistent", "other", "expiring", "volatile"];
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let topology = keeper(&STORES, &STORES[..2], true)
        .store(StoreBuilder::persistent("expiring", Utf8, Utf8).expiring(1_000_000))
        .store(StoreBuilder::in_memory("volatile", Utf8, Utf8));
    let topology = topology.build().unwrap();
    send(&broker, 0, 5 * KEYS);
    run_to_the_end(&topology, &broker, dir.path());
    let expected = ["app-expiring-changelog", "app-kept-changelog", "app-volatile-changelog"];
    assert_eq!(changelogs(&broker), expected.map(str::to_owned).into());
    let keys = keys(&broker, "app-kept-changelog");
    assert!(keys.contains("persistent:key-1") && keys.contains("other:key-1"), "{keys:?}");
    assert_eq!(keys.len(), 2 * KEYS, "each store has a key once");
    let all = || STORES.map(|store| entries(&topology, &broker, dir.path(), store));
    let before = all();
    assert_eq!(before.each_ref().map(BTreeMap::len), [KEYS - KEYS / 10, KEYS, KEYS, KEYS]);
    assert!(before[1].values().all(|value| value.starts_with("other ")), "{:?}", before[1]);
    delete_state(dir.path());
    run_to_the_end(&topology, &broker, dir.path());
    assert_eq!(all(), before);
}

#[test]
fn should_restore_nothing_of_a_shared_changelog_that_the_stores_reach_already() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    let topology = shared(&["one", "two"]);
    send(&broker, 0, KEYS);
    run_to_the_end(&topology, &broker, dir.path());
    assert_eq!(run_to_the_end(&topology, &broker, dir.path()), 0);
}

#[test]
fn should_go_on_with_the_changelogs_by_store_that_an_application_has() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    send(&broker, 0, KEYS);
    run_to_the_end(&keeper(&["one", "two"], &["one", "two"], false).build().unwrap(), &broker, dir.path());
    let by_store: BTreeSet<String> = ["app-one-changelog", "app-two-changelog"].map(str::to_owned).into();
    assert_eq!(changelogs(&broker), by_store);
    let topology = shared(&["one", "two"]);
    send(&broker, KEYS, KEYS);
    run_to_the_end(&topology, &broker, dir.path());
    delete_state(dir.path());
    run_to_the_end(&topology, &broker, dir.path());
    assert_eq!(changelogs(&broker), by_store);
    assert_eq!(all_entries(&topology, &broker, dir.path(), &["one", "two"]), [KEYS - KEYS / 10, KEYS]);
}

/// The changelog is read from its beginning for the one that is new, and the others do not go back.
#[test]
fn should_let_stores_join_and_leave_a_changelog() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    send(&broker, 0, KEYS);
    run_to_the_end(&shared(&["one", "two"]), &broker, dir.path());
    let more = shared(&["one", "two", "three"]);
    send(&broker, KEYS, KEYS);
    run_to_the_end(&more, &broker, dir.path());
    let counts = |topology| all_entries(topology, &broker, dir.path(), &["one", "two", "three"]);
    assert_eq!(counts(&more), [KEYS - KEYS / 10, KEYS, KEYS]);
    let less = shared(&["three", "one"]);
    send(&broker, 2 * KEYS, 1);
    run_to_the_end(&less, &broker, dir.path());
    delete_state(dir.path());
    run_to_the_end(&less, &broker, dir.path());
    let three = entries(&less, &broker, dir.path(), "three");
    assert_eq!((three.len(), &*three["key-0"]), (KEYS, "three 80"));
    // It comes back, and finds what it had.
    run_to_the_end(&more, &broker, dir.path());
    assert_eq!(entries(&more, &broker, dir.path(), "two")["key-1"], "two 41");
}

#[test]
fn should_refuse_a_store_that_has_its_own_changelog_and_one_that_exists() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path(), None);
    run_to_the_end(&shared(&["one", "two"]), &broker, dir.path());
    run_to_the_end(&keeper(&["three"], &["three"], false).build().unwrap(), &broker, dir.path());
    let all = shared(&["one", "two", "three"]);
    let refused = StreamThread::standalone(&all, &config(dir.path(), "a", 1), &broker, 0).unwrap_err().to_string();
    assert!(refused.contains("store `three` has a changelog of its own, and shares the changelog `kept`"), "{refused}");
}

#[test]
fn should_refuse_changelogs_that_cannot_be_shared() {
    const STORES: [&str; 2] = ["one", "two"];
    let store = |name: &str| StoreBuilder::persistent(name, Utf8, Utf8).changelog(CHANGELOG);
    let with = |one: StoreBuilder<String, String>| {
        let refused = keeper(&STORES, &["two"], true).store(one).build();
        refused.unwrap_err().to_string()
    };
    for one in [
        store("one").expiring(1_000),
        store("one").without_changelog(),
        StoreBuilder::in_memory("one", Utf8, Utf8).changelog(CHANGELOG),
    ] {
        let error = with(one);
        assert!(error.contains("store `one` shares the changelog `kept`, but only persistent stores"), "{error}");
    }
    let error = with(store("one").changelog("two"));
    assert!(error.contains("`two`, but that is the name of a store"), "{error}");
    let error = with(store("one").changelog("a/b"));
    assert!(error.contains("changelog name `a/b` may hold only"), "{error}");
    let elsewhere = keeper(&STORES, &STORES, true)
        .source("other-in", ["output"], Utf8, Utf8)
        .processor("other", || Keeper { names: &["three"], stores: Vec::new() }, &["other-in"], &["three"])
        .store(store("three"));
    let error = elsewhere.build().unwrap_err().to_string();
    assert!(error.contains("`kept` is shared by stores of the sub-topologies `keep` and `other`"), "{error}");
}
