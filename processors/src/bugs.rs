//! Bugs put in on purpose, for the simulation to find. Compiled only with the feature `injected-bugs`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};

use uuid::Uuid;

use crate::view::{Fault, ProjectStateMut, ProjectView};

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// A project's last number is kept in the processor, where an aborted transaction does not take it back.
    SequenceOutsideStore = 1,
    /// The answer that AddMember gets with the user's lookup is not remembered.
    MemoryForgottenOnReply = 2,
    /// A pool keeps the tickets of a project that has left, and with them its members' loads.
    LoadKeptOnLeaving = 3,
    /// The command memory is restored from repetitions of answers as well.
    RepetitionRemembered = 4,
}

static ACTIVE: AtomicU8 = AtomicU8::new(0);

/// Turns a bug on for the whole process, or all off.
pub fn set(bug: Option<Bug>) {
    ACTIVE.store(bug.map_or(0, |bug| bug as u8), Ordering::SeqCst);
}

pub(crate) fn is(bug: Bug) -> bool {
    ACTIVE.load(Ordering::SeqCst) == bug as u8
}

/// Where [`Bug::SequenceOutsideStore`] keeps numbers.
#[derive(Debug, Default)]
pub(crate) struct Numbers(HashMap<Uuid, i64>);

impl Numbers {
    pub(crate) fn before(&self, state: &mut impl ProjectStateMut, project_id: Uuid) -> Result<(), Fault> {
        if !is(Bug::SequenceOutsideStore) {
            return Ok(());
        }
        let mut counters = state.counters()?;
        match self.0.get(&project_id) {
            Some(kept) if *kept > counters.last_number => {
                counters.last_number = *kept;
                state.put_counters(counters)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn after(&mut self, state: &impl ProjectView, project_id: Uuid) -> Result<(), Fault> {
        if is(Bug::SequenceOutsideStore) {
            self.0.insert(project_id, state.counters()?.last_number);
        }
        Ok(())
    }
}
