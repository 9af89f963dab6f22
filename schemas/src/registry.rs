//! Who knows the schemas: a trait, and the registry that is embedded in the code.
//!
//! Ids are given once and for ever. Commands count from 1, events from 101, outcomes from 201, internal records from
//! 301, state from 401. Each version of a schema has an id of its own: a new version takes the next free one of its
//! range, and the one that it replaces goes to [`REPLACED`], so that what it wrote stays readable.

use std::sync::{Arc, LazyLock};

use crate::command::{
    AddMember, AssignTicket, CommentTicket, CreateProject, CreateTicket, DeleteTicket, EditTicket, ImportTicket,
    MoveTicket, RegisterUser, RemoveMember, UnassignTicket, UpdateMember, UpdateProject,
};
use crate::event::{
    ProjectCreated, ProjectMemberAdded, ProjectMemberRemoved, ProjectMemberUpdated, ProjectUpdated, TicketAssigned,
    TicketCommented, TicketCreated, TicketDeleted, TicketStatusUpdated, TicketUnassigned, TicketUpdated, UserCreated,
};
use crate::internal::{UserLookupReplied, UserLookupRequested};
use crate::outcome::{CommandAccepted, CommandFailed, CommandRejected};
use crate::published::{Published, WriterSchema};
use crate::record::Record;
use crate::state::{
    CommentState, ExternalState, HandleState, MemberState, ProjectCounters, ProjectState, TicketState, UserState,
};

/// What a registry answers when it is asked for an id.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// The schema.
    Known(Arc<WriterSchema>),
    /// There is no such schema: a record with this id is bad.
    Unknown,
    /// It could not be found out, for this reason: a record with this id has to wait.
    Unreachable(String),
}

/// Knows schemas by id. Asked for each record, so an implementation keeps what it has learnt.
pub trait SchemaRegistry: Send + Sync {
    /// The schema that was published as `id`.
    fn schema(&self, id: u32) -> Lookup;

    /// Publishes the schema `avsc` under `subject` and answers its id; the same schema gets the same id again.
    ///
    /// # Errors
    /// The registry refuses the schema or cannot be reached.
    fn register(&self, subject: &str, avsc: &str) -> Result<u32, RegisterError>;
}

/// Why a schema was not registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The registry refuses the schema.
    #[error("the schema for {subject} is refused: {reason}")]
    Refused {
        /// Subject that it was to be registered under.
        subject: String,
        /// Why.
        reason: String,
    },
    /// The registry cannot be reached: it can be tried again.
    #[error("the schema for {subject} could not be registered: {reason}")]
    Unreachable {
        /// Subject that it was to be registered under.
        subject: String,
        /// What went wrong.
        reason: String,
    },
}

/// The registry in the code: it knows the schemas of this build and those that they replaced.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbeddedRegistry;

impl SchemaRegistry for EmbeddedRegistry {
    fn schema(&self, id: u32) -> Lookup {
        match published(id).map(Published::writer) {
            Some(Ok(writer)) => Lookup::Known(Arc::clone(writer)),
            Some(Err(_)) | None => Lookup::Unknown,
        }
    }

    fn register(&self, subject: &str, avsc: &str) -> Result<u32, RegisterError> {
        let refused = |reason: &str| RegisterError::Refused { subject: subject.to_owned(), reason: reason.to_owned() };
        let wanted: serde_json::Value = serde_json::from_str(avsc).map_err(|error| refused(&error.to_string()))?;
        all()
            .iter()
            .find(|known| serde_json::from_str::<serde_json::Value>(known.avsc()).is_ok_and(|known| known == wanted))
            .map(|known| known.id())
            .ok_or_else(|| refused("the embedded registry has only the schemas of its build"))
    }
}

/// The schema of this build that is published as `id`.
#[must_use]
pub fn published(id: u32) -> Option<&'static Published> {
    BY_ID.get(id as usize).copied().flatten()
}

/// All schemas of this build, those that were replaced last.
#[must_use]
pub fn all() -> Vec<&'static Published> {
    current().into_iter().chain(&REPLACED).collect()
}

/// Versions that are no longer written. They are kept readable for ever.
static REPLACED: [Published; 0] = [];

/// Schemas by their id, which are small numbers: looking one up is indexing.
static BY_ID: LazyLock<Vec<Option<&'static Published>>> = LazyLock::new(|| {
    let mut by_id = Vec::new();
    for schema in all() {
        let index = schema.id() as usize;
        if by_id.len() <= index {
            by_id.resize(index + 1, None);
        }
        by_id[index] = Some(schema);
    }
    by_id
});

/// The schemas that this build writes.
fn current() -> [&'static Published; 40] {
    [
        CreateProject::published(),
        UpdateProject::published(),
        AddMember::published(),
        UpdateMember::published(),
        RemoveMember::published(),
        CreateTicket::published(),
        ImportTicket::published(),
        EditTicket::published(),
        MoveTicket::published(),
        AssignTicket::published(),
        UnassignTicket::published(),
        CommentTicket::published(),
        DeleteTicket::published(),
        RegisterUser::published(),
        ProjectCreated::published(),
        ProjectUpdated::published(),
        ProjectMemberAdded::published(),
        ProjectMemberUpdated::published(),
        ProjectMemberRemoved::published(),
        TicketCreated::published(),
        TicketUpdated::published(),
        TicketStatusUpdated::published(),
        TicketAssigned::published(),
        TicketUnassigned::published(),
        TicketCommented::published(),
        TicketDeleted::published(),
        UserCreated::published(),
        CommandAccepted::published(),
        CommandRejected::published(),
        CommandFailed::published(),
        UserLookupRequested::published(),
        UserLookupReplied::published(),
        ProjectState::published(),
        ProjectCounters::published(),
        MemberState::published(),
        HandleState::published(),
        TicketState::published(),
        ExternalState::published(),
        CommentState::published(),
        UserState::published(),
    ]
}
