//! Random operations on a [`TaskState`] against a model that is obviously right, on both backends, with crashes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use proptest::prelude::*;
use state::{StateMemory, StoreId, StoreSpec, TaskState};

/// What the stores hold and which changelog offsets they have reached.
type Snapshot = ([Map; STORES], [i64; STORES]);
type Map = BTreeMap<Vec<u8>, Vec<u8>>;

const STORES: usize = 2;

#[derive(Clone, Debug)]
enum Op {
    Put(usize, u8, u8),
    Delete(usize, u8),
    Begin,
    Rollback,
    Commit,
    Abort,
    Flush,
    Crash,
    Restore(usize, u8, Option<u8>),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (0..STORES, 0..24u8, any::<u8>()).prop_map(|(store, key, value)| Op::Put(store, key, value)),
        6 => (0..STORES, 0..24u8).prop_map(|(store, key)| Op::Delete(store, key)),
        5 => Just(Op::Begin),
        3 => Just(Op::Rollback),
        3 => Just(Op::Commit),
        1 => Just(Op::Abort),
        1 => Just(Op::Flush),
        1 => Just(Op::Crash),
        1 => (0..STORES, 0..24u8, any::<Option<u8>>()).prop_map(|(store, key, value)| Op::Restore(store, key, value)),
    ]
}

/// Keys of several lengths, some a prefix of another, with 0xff in them.
fn key(number: u8) -> Vec<u8> {
    match number % 4 {
        0 => vec![number],
        1 => vec![number - 1, 0],
        2 => vec![0xff, number],
        _ => vec![0xff; 1 + usize::from(number / 4)],
    }
}

fn value(number: u8) -> Vec<u8> {
    vec![number; usize::from(number % 40)]
}

#[derive(Clone, Default)]
struct Model {
    /// Uncommitted on top of committed.
    now: [Map; STORES],
    record: Option<[Map; STORES]>,
    committed: [Map; STORES],
    offset: [i64; STORES],
    /// What is on disk for sure: contents and offsets, as they were at each offset.
    history: Vec<Snapshot>,
}

fn contents(state: &TaskState, store: StoreId, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    state.range(store, from, to, &mut visit).expect("range");
    found
}

fn all(state: &TaskState, store: StoreId) -> Map {
    let found = contents(state, store, Bound::Unbounded, Bound::Unbounded);
    assert!(found.is_sorted(), "not in key order: {found:?}");
    found.into_iter().collect()
}

fn check(state: &TaskState, model: &Model) {
    for store in 0..STORES {
        let id = StoreId(store);
        let now = &model.now[store];
        assert_eq!(&all(state, id), now, "scan of store {store}");
        for number in 0..24 {
            let key = key(number);
            let got = state.get(id, &key, |value| value.map(<[u8]>::to_vec)).expect("get");
            assert_eq!(got.as_ref(), now.get(&key), "get of {key:?}");
        }
        let mut replayed = model.committed[store].clone();
        state.changes(id, &mut |key, value, _| {
            match value {
                Some(value) => replayed.insert(key.to_vec(), value.to_vec()),
                None => replayed.remove(key),
            };
        });
        assert_eq!(
            &replayed, now,
            "changes of store {store} do not lead from the committed contents to the present ones"
        );
        let (low, high) = (key(5), key(14));
        let expected: Vec<_> = now.range(low.clone()..high.clone()).map(|(k, v)| (k.clone(), v.clone())).collect();
        assert_eq!(contents(state, id, Bound::Included(&low), Bound::Excluded(&high)), expected);
        let expected: Vec<_> = now
            .range((Bound::Excluded(low.clone()), Bound::Included(high.clone())))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        assert_eq!(contents(state, id, Bound::Excluded(&low), Bound::Included(&high)), expected);
        for prefix in [&b""[..], &[0xff], &[0xff, 0xff], &[4], &[4, 0], &[200]] {
            let mut found = Vec::new();
            let mut visit = |key: &[u8], _: &[u8]| {
                found.push(key.to_vec());
                ControlFlow::Continue(())
            };
            state.prefix(id, prefix, &mut visit).expect("prefix");
            let expected: Vec<_> = now.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
            assert_eq!(found, expected, "prefix {prefix:?}");
        }
    }
}

fn apply(state: &mut TaskState, model: &mut Model, op: &Op) {
    match *op {
        Op::Put(store, k, v) => {
            state.put(StoreId(store), &key(k), &value(v));
            model.now[store].insert(key(k), value(v));
        }
        Op::Delete(store, k) => {
            state.delete(StoreId(store), &key(k));
            model.now[store].remove(&key(k));
        }
        Op::Begin => {
            state.begin_record();
            model.record = Some(model.now.clone());
        }
        Op::Rollback => {
            state.rollback_record();
            if let Some(before) = &model.record {
                model.now = before.clone();
            }
        }
        Op::Commit => {
            model.offset = model.offset.map(|offset| offset + 1);
            let reached: Vec<_> = (0..STORES).map(|store| (StoreId(store), model.offset[store])).collect();
            state.commit(&reached).expect("commit");
            assert!(!state.dirty() && state.dirty_bytes() == 0);
            model.committed = model.now.clone();
            model.record = None;
            model.history.push((model.committed.clone(), model.offset));
        }
        Op::Abort => {
            state.abort();
            model.now = model.committed.clone();
            model.record = None;
        }
        // A restore happens with no transaction open.
        Op::Restore(store, k, v) => {
            state.abort();
            model.offset[store] += 1;
            let (key, value) = (key(k), v.map(value));
            let id = StoreId(store);
            let record = (id, &key[..], value.as_deref(), 7);
            state.restore(std::iter::once(record), &[(id, model.offset[store])]).expect("restore");
            match value {
                Some(value) => model.committed[store].insert(key, value),
                None => model.committed[store].remove(&key),
            };
            model.now = model.committed.clone();
            model.record = None;
            model.history.push((model.committed.clone(), model.offset));
        }
        Op::Flush => {
            state.flush().expect("flush");
            let last = (model.committed.clone(), model.offset);
            model.history = vec![last];
        }
        Op::Crash => {}
    }
}

fn offsets(state: &TaskState) -> [i64; STORES] {
    std::array::from_fn(|store| state.checkpoint(StoreId(store)).expect("checkpoint").unwrap_or(0))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn should_agree_with_the_model_in_memory(ops in prop::collection::vec(op(), 1..120)) {
        let mut state = TaskState::in_memory(&specs());
        let mut model = Model::default();
        for op in &ops {
            apply(&mut state, &mut model, op);
            check(&state, &model);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// After a crash the store is what it was at the offsets that it claims, and nothing flushed is missing.
    #[test]
    fn should_agree_with_the_model_in_rocksdb_over_crashes(ops in prop::collection::vec(op(), 1..150)) {
        let dir = tempfile::tempdir().expect("a directory");
        let memory = StateMemory::new(4 << 20, 4 << 20);
        let open = || TaskState::open(dir.path(), &specs(), &memory).expect("open");
        let (mut state, mut model) = (open().0, Model::default());
        model.history.push(Default::default());
        for op in &ops {
            apply(&mut state, &mut model, op);
            if matches!(op, Op::Crash) {
                drop(state);
                let (reopened, report) = open();
                prop_assert_eq!(report.set_aside, None);
                state = reopened;
                let reached = offsets(&state);
                let survived = model.history.iter().find(|(_, offset)| *offset == reached);
                prop_assert!(survived.is_some(), "offsets {:?} are none of {:?}", reached, model.history);
                let (committed, offset) = survived.cloned().unwrap_or_default();
                model = Model { now: committed.clone(), record: None, committed: committed.clone(), offset,
                    history: vec![(committed, offset)] };
            }
            check(&state, &model);
        }
    }
}

#[test]
fn should_lose_on_a_crash_what_was_not_flushed_so_that_the_crash_tests_mean_something() {
    let dir = tempfile::tempdir().expect("a directory");
    let memory = StateMemory::new(4 << 20, 4 << 20);
    let (mut state, _) = TaskState::open(dir.path(), &specs(), &memory).expect("open");
    state.put(StoreId(0), b"flushed", b"1");
    state.commit(&[(StoreId(0), 1)]).expect("commit");
    state.flush().expect("flush");
    state.put(StoreId(0), b"not flushed", b"2");
    state.commit(&[(StoreId(0), 2)]).expect("commit");
    drop(state);
    let (state, _) = TaskState::open(dir.path(), &specs(), &memory).expect("open");
    assert_eq!(state.checkpoint(StoreId(0)).expect("checkpoint"), Some(1));
    assert_eq!(all(&state, StoreId(0)).into_keys().collect::<Vec<_>>(), [b"flushed".to_vec()]);
}

/// RocksDB flushes by itself here, at moments of its own and because of one store's size; all must go down together.
#[test]
fn should_keep_stores_and_checkpoints_consistent_over_flushes_that_nobody_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let memory = StateMemory::new(4 << 20, 2 << 20);
    let mut rounds = 0u32;
    for _ in 0..4 {
        let (mut state, _) = TaskState::open(dir.path(), &specs(), &memory).expect("open");
        let reached = offsets(&state);
        assert_eq!(reached[0], reached[1]);
        for (store, entries_per_round) in [(StoreId(0), 20), (StoreId(1), 1)] {
            let entries = state.physical_len(store).expect("len") as i64;
            assert_eq!(entries, reached[0] * entries_per_round, "store {store:?} at offset {}", reached[0]);
        }
        assert!(rounds == 0 || reached[0] > 0, "nothing was ever flushed");
        rounds = reached[0] as u32;
        for _ in 0..1_000 {
            for entry in 0..20 {
                state.put(StoreId(0), &(rounds * 20 + entry).to_be_bytes(), &[7; 150]);
            }
            state.put(StoreId(1), &rounds.to_be_bytes(), b"small");
            rounds += 1;
            state.commit(&[(StoreId(0), i64::from(rounds)), (StoreId(1), i64::from(rounds))]).expect("commit");
        }
    }
}

fn specs() -> [StoreSpec; STORES] {
    [StoreSpec::new("tickets"), StoreSpec::new("projects")]
}
