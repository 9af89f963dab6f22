//! Opening, damage, wiping, new and dropped stores, failing steps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use state::{NO_STREAM_TIME, OpenReport, StateError, StateMemory, StoreId, StoreSpec, StoreStep, TaskState};

const TICKETS: StoreId = StoreId(0);

struct Home {
    _parent: tempfile::TempDir,
    dir: PathBuf,
}

impl Home {
    fn new() -> Self {
        let parent = tempfile::tempdir().expect("a directory");
        let dir = parent.path().join("task-0_1");
        Self { _parent: parent, dir }
    }

    fn try_open(&self, specs: &[StoreSpec]) -> Result<(TaskState, OpenReport), StateError> {
        TaskState::open(&self.dir, specs, &StateMemory::new(4 << 20, 4 << 20))
    }

    fn open(&self, specs: &[StoreSpec]) -> TaskState {
        let (state, report) = self.try_open(specs).expect("open");
        assert_eq!(report, OpenReport::default());
        state
    }

    /// A closed database with a thousand entries in two files of tables.
    fn filled(&self) {
        let mut state = self.open(&tickets());
        for number in 0..1_000u32 {
            state.put(TICKETS, &number.to_be_bytes(), &[7; 100]);
            if number % 500 == 499 {
                state.commit(&[(TICKETS, i64::from(number) + 1)]).expect("commit");
                state.flush().expect("flush");
            }
        }
    }

    fn files(&self, part: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dir).expect("the directory").map(|entry| entry.expect("an entry").path());
        entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(part))).collect()
    }
}

fn tickets() -> [StoreSpec; 1] {
    [StoreSpec::new("tickets")]
}

fn get(state: &TaskState, store: StoreId, key: &[u8]) -> Option<Vec<u8>> {
    state.get(store, key, |value| value.map(<[u8]>::to_vec)).expect("get")
}

/// Damages a database, and expects it set aside with its files, reported, and a working empty one in its place.
fn should_be_set_aside(damage: impl Fn(&Home)) {
    let home = Home::new();
    home.filled();
    damage(&home);
    let (mut state, report) = home.try_open(&tickets()).expect("open");
    let aside = report.set_aside.expect("set aside");
    assert_eq!(aside, home.dir.with_file_name("task-0_1.corrupt-1"));
    assert!(fs::read_dir(&aside).expect("kept").count() > 0);
    assert!(report.reason.is_some_and(|reason| !reason.is_empty()));
    assert_eq!(state.checkpoint(TICKETS).expect("checkpoint"), None);
    assert_eq!(state.physical_len(TICKETS).expect("len"), 0);
    state.put(TICKETS, b"a", b"1");
    state.commit(&[(TICKETS, 1)]).expect("commit");
    assert_eq!(get(&state, TICKETS, b"a").as_deref(), Some(&b"1"[..]));
}

fn truncate(path: &Path, len: u64) {
    fs::OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(len)).expect("truncates");
}

#[test]
fn should_set_aside_a_database_with_a_damaged_table() {
    should_be_set_aside(|home| {
        for table in home.files(".sst") {
            let len = fs::metadata(&table).expect("a table").len() as usize;
            fs::write(&table, vec![0xa5; len]).expect("damages");
        }
    });
}

/// It is no part of a store, and read before any is.
#[test]
fn should_set_aside_a_database_whose_stream_time_cannot_be_read() {
    let home = Home::new();
    let specs = [StoreSpec::new("memory").expiring(1_000)];
    let mut state = home.open(&specs);
    state.set_stream_time(5_000);
    state.put(StoreId(0), b"a", b"1");
    state.commit(&[(StoreId(0), 1)]).expect("commit");
    state.flush().expect("flush");
    drop(state);
    for table in home.files(".sst") {
        let mut bytes = fs::read(&table).expect("a table");
        // Tables begin with data; index and filter, which are read with the table, stay whole.
        bytes[..16].iter_mut().for_each(|byte| *byte ^= 0xff);
        fs::write(&table, bytes).expect("damages");
    }
    let (state, report) = home.try_open(&specs).expect("open");
    assert!(report.set_aside.is_some() && report.reason.is_some_and(|reason| reason.contains("Corruption")));
    assert_eq!((state.checkpoint(StoreId(0)).expect("checkpoint"), state.stream_time()), (None, NO_STREAM_TIME));
}

#[test]
fn should_set_aside_a_database_with_a_missing_table() {
    should_be_set_aside(|home| fs::remove_file(&home.files(".sst")[0]).expect("removes"));
}

#[test]
fn should_set_aside_a_database_with_garbage_in_current() {
    should_be_set_aside(|home| fs::write(home.dir.join("CURRENT"), b"\0garbage").expect("damages"));
}

#[test]
fn should_set_aside_a_database_without_current() {
    should_be_set_aside(|home| fs::remove_file(home.dir.join("CURRENT")).expect("removes"));
}

#[test]
fn should_set_aside_a_database_with_an_empty_manifest() {
    should_be_set_aside(|home| home.files("MANIFEST").iter().for_each(|path| truncate(path, 0)));
}

/// A manifest cut anywhere leads to an older state with the offsets of that time, or to being set aside; never to data
/// that the checkpoint does not match.
#[test]
fn should_stay_consistent_however_the_manifest_is_truncated() {
    for cut in (1..20).map(|n| n * 25) {
        let home = Home::new();
        home.filled();
        for path in home.files("MANIFEST") {
            let len = fs::metadata(&path).expect("a manifest").len();
            truncate(&path, len.saturating_sub(cut));
        }
        let (state, _) = home.try_open(&tickets()).expect("open");
        let reached = state.checkpoint(TICKETS).expect("checkpoint").unwrap_or(0);
        assert_eq!(state.physical_len(TICKETS).expect("len") as i64, reached, "cut by {cut}");
    }
}

#[test]
fn should_find_a_free_name_for_every_database_set_aside() {
    let home = Home::new();
    for n in 1..=3 {
        home.filled();
        fs::write(home.dir.join("CURRENT"), b"x").expect("damages");
        let (_, report) = home.try_open(&tickets()).expect("open");
        let expected = home.dir.with_file_name(format!("task-0_1.corrupt-{n}"));
        assert_eq!(report.set_aside, Some(expected));
        fs::remove_dir_all(&home.dir).expect("removes");
    }
}

#[test]
fn should_refuse_a_directory_that_is_in_use_and_leave_it_alone() {
    let home = Home::new();
    let mut first = home.open(&tickets());
    assert!(matches!(home.try_open(&tickets()), Err(StateError::Locked { .. })));
    first.put(TICKETS, b"a", b"1");
    first.commit(&[(TICKETS, 1)]).expect("commit");
    assert_eq!(get(&first, TICKETS, b"a").as_deref(), Some(&b"1"[..]));
}

#[test]
fn should_refuse_two_stores_of_one_name() {
    let home = Home::new();
    let twice = [StoreSpec::new("tickets"), StoreSpec::new("tickets").volatile()];
    assert!(matches!(home.try_open(&twice), Err(StateError::DuplicateStore(name)) if name == "tickets"));
}

#[test]
fn should_wipe_one_store_for_good_and_leave_the_others() {
    let home = Home::new();
    let specs = [StoreSpec::new("tickets"), StoreSpec::new("projects")];
    let mut state = home.open(&specs);
    for store in [StoreId(0), StoreId(1)] {
        state.put(store, b"a", b"1");
        state.put(store, b"b", b"2");
    }
    state.commit(&[(StoreId(0), 9), (StoreId(1), 9)]).expect("commit");
    state.wipe(StoreId(0)).expect("wipe");
    state.put(StoreId(0), b"b", b"3");
    state.commit(&[]).expect("commit");
    drop(state);
    let state = home.open(&specs);
    assert_eq!(state.checkpoint(StoreId(0)).expect("checkpoint"), None);
    assert_eq!(state.physical_len(StoreId(0)).expect("len"), 0, "what came after the wipe was not flushed");
    assert_eq!(state.checkpoint(StoreId(1)).expect("checkpoint"), Some(9));
    assert_eq!(get(&state, StoreId(1), b"b").as_deref(), Some(&b"2"[..]));
}

#[test]
fn should_start_a_new_store_empty_and_forget_one_that_is_dropped() {
    let home = Home::new();
    home.filled();
    let both = [StoreSpec::new("projects"), StoreSpec::new("tickets")];
    let state = home.open(&both);
    assert_eq!(state.checkpoint(StoreId(0)).expect("checkpoint"), None);
    assert_eq!(state.checkpoint(StoreId(1)).expect("checkpoint"), Some(1_000));
    assert_eq!(state.physical_len(StoreId(1)).expect("len"), 1_000);
    drop(state);
    drop(home.open(&both[..1]));
    let state = home.open(&both);
    assert_eq!(state.checkpoint(StoreId(1)).expect("checkpoint"), None, "it must be restored from the beginning");
    assert_eq!(state.physical_len(StoreId(1)).expect("len"), 0);
}

#[test]
fn should_start_a_store_empty_that_has_become_an_expiring_one() {
    let home = Home::new();
    home.filled();
    let state = home.open(&[StoreSpec::new("tickets").expiring(1_000)]);
    assert_eq!(state.checkpoint(TICKETS).expect("checkpoint"), None);
    assert_eq!(state.physical_len(TICKETS).expect("len"), 0);
}

#[test]
fn should_keep_a_volatile_store_in_memory_beside_persistent_ones() {
    let home = Home::new();
    let specs = [StoreSpec::new("tickets"), StoreSpec::new("cache").volatile()];
    let mut state = home.open(&specs);
    for store in [StoreId(0), StoreId(1)] {
        state.put(store, b"a", b"1");
    }
    state.commit(&[(StoreId(0), 1), (StoreId(1), 1)]).expect("commit");
    assert_eq!(state.checkpoint(StoreId(1)).expect("checkpoint"), Some(1));
    state.flush().expect("flush");
    drop(state);
    let state = home.open(&specs);
    assert_eq!(get(&state, StoreId(0), b"a").as_deref(), Some(&b"1"[..]));
    assert_eq!(get(&state, StoreId(1), b"a"), None);
    assert_eq!(state.checkpoint(StoreId(1)).expect("checkpoint"), None, "it must be restored in full");
}

#[test]
fn should_fail_at_every_step_that_the_hook_refuses_and_keep_the_transaction_before_the_write() {
    for mut state in [TaskState::in_memory(&tickets()), Home::new().open(&tickets())] {
        state.put(TICKETS, b"a", b"1");
        state.set_step_hook(Some(refuse(StoreStep::BeforeCommitWrite)));
        assert!(matches!(state.commit(&[]), Err(StateError::SimulatedCrash(StoreStep::BeforeCommitWrite))));
        assert!(state.dirty());
        assert_eq!(state.physical_len(TICKETS).expect("len"), 0);
        state.set_step_hook(Some(refuse(StoreStep::AfterCommitWrite)));
        assert!(matches!(state.commit(&[]), Err(StateError::SimulatedCrash(StoreStep::AfterCommitWrite))));
        assert!(!state.dirty());
        assert_eq!(state.physical_len(TICKETS).expect("len"), 1);
        for (step, len) in [(StoreStep::BeforeRestoreWrite, 1), (StoreStep::AfterRestoreWrite, 2)] {
            state.set_step_hook(Some(refuse(step)));
            let record = (&b"b"[..], Some(&b"2"[..]), 0);
            assert!(state.restore(TICKETS, std::iter::once(record), 5).is_err());
            assert_eq!(state.physical_len(TICKETS).expect("len"), len);
        }
        state.set_step_hook(None);
        state.commit(&[]).expect("commit");
    }
}

fn refuse(refused: StoreStep) -> state::StepHook {
    Arc::new(move |step| if step == refused { Err(StateError::SimulatedCrash(step)) } else { Ok(()) })
}

#[test]
fn should_take_over_changes_in_first_write_order_with_the_last_value() {
    let mut state = TaskState::in_memory(&tickets());
    for (key, value) in [(&b"z"[..], &b"1"[..]), (b"a", b"2"), (b"z", b"3")] {
        state.put(TICKETS, key, value);
    }
    state.delete(TICKETS, b"a");
    let mut changes = Vec::new();
    state.changes(TICKETS, &mut |key, value, _| changes.push((key.to_vec(), value.map(<[u8]>::to_vec))));
    assert_eq!(changes, [(b"z".to_vec(), Some(b"3".to_vec())), (b"a".to_vec(), None)]);
}

#[test]
fn should_undo_a_large_record_in_a_large_transaction_exactly() {
    let mut state = TaskState::in_memory(&tickets());
    for number in 0..5_000u32 {
        state.put(TICKETS, &number.to_be_bytes(), b"before");
    }
    let bytes = state.dirty_bytes();
    state.begin_record();
    for number in 4_000..20_000u32 {
        state.put(TICKETS, &number.to_be_bytes(), b"within");
        state.delete(TICKETS, &(number / 5).to_be_bytes());
    }
    state.rollback_record();
    assert_eq!(state.dirty_bytes(), bytes);
    for number in 0..20_000u32 {
        let expected = (number < 5_000).then_some(&b"before"[..]);
        assert_eq!(get(&state, TICKETS, &number.to_be_bytes()).as_deref(), expected, "key {number}");
    }
}
