//! The faults put in on purpose do what their names say, so that whoever must find them has something to find.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]
#![cfg(feature = "injected-bugs")]

use std::sync::{Arc, Mutex, PoisonError};

use state::bugs::{Bug, set};
use state::{StateError, StateMemory, StoreId, StoreSpec, StoreStep, TaskState};

const TICKETS: StoreId = StoreId(0);
/// The switch is one for the process: one test at a time.
static SWITCH: Mutex<()> = Mutex::new(());

#[test]
fn should_forget_to_undo_deletes_only_while_the_bug_is_on() {
    let _one = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    for (bug, expected) in [(None, Some(1)), (Some(Bug::RollbackForgetsDeletes), None)] {
        set(bug);
        let mut state = TaskState::in_memory(&[StoreSpec::new("tickets")]);
        state.put(TICKETS, b"a", b"1");
        state.begin_record();
        state.put(TICKETS, b"b", b"2");
        state.delete(TICKETS, b"a");
        state.rollback_record();
        set(None);
        assert_eq!(state.get(TICKETS, b"a", |value| value.map(<[u8]>::len)).expect("get"), expected);
        assert_eq!(state.get(TICKETS, b"b", |value| value.map(<[u8]>::len)).expect("get"), None);
    }
}

#[test]
fn should_write_the_checkpoint_ahead_of_the_data_only_while_the_bug_is_on() {
    let _one = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    for (bug, expected) in [(None, None), (Some(Bug::CheckpointAheadOfData), Some(5))] {
        set(bug);
        let dir = tempfile::tempdir().expect("a directory");
        let open =
            || TaskState::open(dir.path(), &[StoreSpec::new("tickets")], &StateMemory::default()).expect("open").0;
        let mut state = open();
        state.put(TICKETS, b"a", b"1");
        // The crash comes at the last moment before the data is written.
        let seen = Mutex::new(if bug.is_some() { 2 } else { 1 });
        state.set_step_hook(Some(Arc::new(move |step| {
            let mut left = seen.lock().unwrap_or_else(PoisonError::into_inner);
            *left -= 1;
            if *left == 0 { Err(StateError::SimulatedCrash(step)) } else { Ok(()) }
        })));
        let outcome = state.commit(&[(TICKETS, 5)]);
        set(None);
        assert!(matches!(outcome, Err(StateError::SimulatedCrash(StoreStep::BeforeCommitWrite))));
        drop(state);
        let state = open();
        assert_eq!(state.checkpoint(TICKETS).expect("checkpoint"), expected);
        assert_eq!(state.physical_len(TICKETS).expect("len"), 0);
    }
}
