//! Time-ordered expiry: exact for readers, lazy on disk, and never ahead of what is committed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::ops::{Bound, ControlFlow};

use state::{NO_STREAM_TIME, StateMemory, StoreId, StoreSpec, TaskState};

const MEMORY: StoreId = StoreId(0);
const RETENTION_MS: i64 = 1_000;

/// The same test on both backends.
fn on_both(test: impl Fn(TaskState)) {
    test(TaskState::in_memory(&specs()));
    let dir = tempfile::tempdir().expect("a directory");
    test(open(dir.path()));
}

fn open(dir: &std::path::Path) -> TaskState {
    TaskState::open(dir, &specs(), &StateMemory::new(4 << 20, 4 << 20)).expect("open").0
}

fn specs() -> [StoreSpec; 1] {
    [StoreSpec::new("command-memory").expiring(RETENTION_MS)]
}

fn get(state: &TaskState, key: &[u8]) -> Option<Vec<u8>> {
    let got = state.get(MEMORY, key, |value| value.map(<[u8]>::to_vec)).expect("get");
    let mut scanned = None;
    let mut visit = |_: &[u8], value: &[u8]| {
        scanned = Some(value.to_vec());
        ControlFlow::Continue(())
    };
    state.range(MEMORY, Bound::Included(key), Bound::Included(key), &mut visit).expect("range");
    assert_eq!(got, scanned, "get and range disagree");
    got
}

#[test]
fn should_hide_an_entry_from_the_very_millisecond_of_its_expiry() {
    on_both(|mut state| {
        state.set_stream_time(5_000);
        state.put(MEMORY, b"a", b"1");
        assert_eq!(get(&state, b"a").as_deref(), Some(&b"1"[..]));
        state.commit(&[]).expect("commit");
        state.set_stream_time(5_000 + RETENTION_MS - 1);
        assert_eq!(get(&state, b"a").as_deref(), Some(&b"1"[..]));
        state.set_stream_time(5_000 + RETENTION_MS);
        assert_eq!(get(&state, b"a"), None);
    });
}

#[test]
fn should_hide_uncommitted_entries_as_well() {
    on_both(|mut state| {
        state.put_at(MEMORY, b"a", b"1", 10);
        assert_eq!(get(&state, b"a").as_deref(), Some(&b"1"[..]), "nothing expires before the first record");
        state.set_stream_time(10 + RETENTION_MS);
        assert_eq!(get(&state, b"a"), None);
    });
}

#[test]
fn should_start_the_retention_anew_when_a_key_is_written_again() {
    on_both(|mut state| {
        state.set_stream_time(0);
        state.put(MEMORY, b"a", b"1");
        state.commit(&[]).expect("commit");
        state.set_stream_time(900);
        state.put(MEMORY, b"a", b"2");
        state.commit(&[]).expect("commit");
        state.set_stream_time(1_500);
        state.commit(&[]).expect("commit");
        state.compact(MEMORY).expect("compact");
        assert_eq!(get(&state, b"a").as_deref(), Some(&b"2"[..]));
    });
}

#[test]
fn should_remove_physically_only_what_has_expired_at_committed_stream_time() {
    on_both(|mut state| {
        for second in 0..10 {
            state.set_stream_time(second * 1_000);
            state.put(MEMORY, &[second as u8], b"value");
        }
        state.put_at(MEMORY, b"late", b"value", 100_000);
        state.commit(&[]).expect("commit");
        state.compact(MEMORY).expect("compact");
        // Stream time 9000: 0..=8000 have expired; 9000 and the late one have not.
        assert_eq!(state.physical_len(MEMORY).expect("len"), 2);
    });
}

#[test]
fn should_expire_nothing_for_a_transaction_that_was_aborted() {
    on_both(|mut state| {
        state.set_stream_time(0);
        state.put(MEMORY, b"a", b"1");
        state.commit(&[]).expect("commit");
        state.set_stream_time(1_000_000);
        assert_eq!(get(&state, b"a"), None);
        state.compact(MEMORY).expect("compact");
        state.abort();
        state.compact(MEMORY).expect("compact");
        assert_eq!(state.stream_time(), 0);
        assert_eq!(get(&state, b"a").as_deref(), Some(&b"1"[..]));
    });
}

#[test]
fn should_never_move_stream_time_back() {
    let mut state = TaskState::in_memory(&specs());
    assert_eq!(state.stream_time(), NO_STREAM_TIME);
    state.set_stream_time(7);
    state.set_stream_time(3);
    assert_eq!(state.stream_time(), 7);
}

#[test]
fn should_keep_the_records_timestamp_when_restoring() {
    on_both(|mut state| {
        let records = [(&b"old"[..], Some(&b"1"[..]), 0), (b"new", Some(b"2"), 1_500), (b"gone", None, 1_400)];
        let records = records.map(|(key, value, timestamp)| (MEMORY, key, value, timestamp));
        state.restore(records.into_iter(), &[(MEMORY, 3)]).expect("restore");
        assert_eq!(state.stream_time(), 1_500);
        assert_eq!(get(&state, b"old"), None, "expired at the stream time that the changelog itself reaches");
        assert_eq!(get(&state, b"new").as_deref(), Some(&b"2"[..]));
        state.set_stream_time(2_500);
        assert_eq!(get(&state, b"new"), None);
    });
}

#[test]
fn should_hand_out_changes_with_the_timestamp_of_the_write_and_the_bare_value() {
    on_both(|mut state| {
        state.set_stream_time(40);
        state.put(MEMORY, b"a", b"1");
        state.set_stream_time(41);
        state.delete(MEMORY, b"b");
        let mut changes = Vec::new();
        state.changes(MEMORY, &mut |key, value, at| changes.push((key.to_vec(), value.map(<[u8]>::to_vec), at)));
        assert_eq!(changes, [(b"a".to_vec(), Some(b"1".to_vec()), 40), (b"b".to_vec(), None, 41)]);
    });
}

#[test]
fn should_remember_stream_time_over_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut state = open(dir.path());
    state.set_stream_time(5_000);
    state.put(MEMORY, b"a", b"1");
    state.commit(&[(MEMORY, 1)]).expect("commit");
    state.set_stream_time(9_000);
    state.flush().expect("flush");
    drop(state);
    let state = open(dir.path());
    assert_eq!(state.stream_time(), 5_000, "the committed one");
    assert_eq!(get(&state, b"a").as_deref(), Some(&b"1"[..]));
}
