//! What the rules see of a project's state, and how that state changes.
//!
//! The rules are the same over the stores of a task ([`crate::stores`]) and over a model in memory ([`crate::model`]).
//! A view is of one project.

use std::sync::Arc;

use schemas::{CommentState, ExternalState, MemberState, ProjectCounters, ProjectState, TicketState, WatcherState};
use topology::ProcessingError;
use uuid::Uuid;

use crate::rejection::Rejection;

/// State could not be read, or contradicts itself: no fault of the command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// What is stored does not fit the event log, or itself.
    #[error("{0}")]
    Contradiction(String),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] ProcessingError),
}

impl From<Fault> for ProcessingError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Contradiction(what) => Self::record("contradiction", what),
            Fault::Store(error) => error,
        }
    }
}

/// Why there is no decision that changes anything.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The rules refuse the command: an answer.
    #[error("{0}")]
    Rejected(Rejection),
    /// The state could not be read: no answer.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// Reads the state of one project.
pub trait ProjectView {
    /// The project, if it exists.
    fn project(&self) -> Result<Option<Arc<ProjectState>>, Fault>;

    /// Its counters; zeros before the first event.
    fn counters(&self) -> Result<ProjectCounters, Fault>;

    /// A membership.
    fn member(&self, user_id: Uuid) -> Result<Option<Arc<MemberState>>, Fault>;

    /// True if a member has that handle.
    fn handle_taken(&self, handle: &str) -> Result<bool, Fault>;

    /// The ticket of that number.
    fn ticket(&self, number: i64) -> Result<Option<Arc<TicketState>>, Fault>;

    /// The ticket that an external reference became; stays when the ticket is deleted.
    fn external(&self, source: &str, id: &str) -> Result<Option<ExternalState>, Fault>;

    /// The ticket of the lowest number that is in one of these states, and the state. Looks at one after the other.
    fn first_ticket_in(&self, statuses: &[&str]) -> Result<Option<(i64, String)>, Fault>;

    /// A comment of a ticket.
    fn comment(&self, number: i64, comment_id: Uuid) -> Result<Option<CommentState>, Fault>;

    /// Somebody who watches a ticket.
    fn watcher(&self, number: i64, user_id: Uuid) -> Result<Option<WatcherState>, Fault>;
}

/// Changes the state of one project. Only [`crate::evolve`] calls this.
pub trait ProjectStateMut: ProjectView {
    /// The project, to be changed and put back.
    fn take_project(&mut self) -> Result<Option<ProjectState>, Fault>;

    /// Puts the project.
    fn put_project(&mut self, project: ProjectState) -> Result<(), Fault>;

    /// Puts the counters.
    fn put_counters(&mut self, counters: ProjectCounters) -> Result<(), Fault>;

    /// Puts a membership.
    fn put_member(&mut self, user_id: Uuid, member: MemberState) -> Result<(), Fault>;

    /// Removes a membership.
    fn remove_member(&mut self, user_id: Uuid) -> Result<(), Fault>;

    /// Gives a handle to a member.
    fn put_handle(&mut self, handle: &str, user_id: Uuid) -> Result<(), Fault>;

    /// Frees a handle.
    fn remove_handle(&mut self, handle: &str) -> Result<(), Fault>;

    /// A ticket, to be changed and put back.
    fn take_ticket(&mut self, number: i64) -> Result<Option<TicketState>, Fault>;

    /// Puts a ticket.
    fn put_ticket(&mut self, number: i64, ticket: TicketState) -> Result<(), Fault>;

    /// Removes a ticket, its comments and its watchers.
    fn remove_ticket(&mut self, number: i64) -> Result<(), Fault>;

    /// Puts an external reference.
    fn put_external(&mut self, source: &str, id: &str, external: ExternalState) -> Result<(), Fault>;

    /// Puts a comment.
    fn put_comment(&mut self, number: i64, comment_id: Uuid, comment: CommentState) -> Result<(), Fault>;

    /// Puts somebody who watches a ticket.
    fn put_watcher(&mut self, number: i64, user_id: Uuid, watcher: WatcherState) -> Result<(), Fault>;

    /// Removes somebody who watches a ticket.
    fn remove_watcher(&mut self, number: i64, user_id: Uuid) -> Result<(), Fault>;
}
