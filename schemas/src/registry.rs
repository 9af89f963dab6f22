//! Who knows the schemas: a trait, and the registry that is embedded in the code.
//!
//! Ids are given once and for ever. Commands count from 1, events from 101, outcomes from 201, internal records from
//! 301, assignments from 351, notifications from 371, webhooks from 381, mails from 391, state from 401. Each version of a schema has an id of its own: a new version takes the next free one of its
//! range, and the one that it replaces goes to [`REPLACED`], so that what it wrote stays readable.
//!
//! A registry of its own gives ids of its own: there the ids in the code are only what a build calls its schemas by, in
//! state stores and on the topics that are the application's alone. What others read carries the registry's ids.

use std::sync::LazyLock;
use std::time::Duration;

use crate::assignment::{
    AssignmentDeclined, AssignmentProposed, PoolMemberChanged, PoolProjectChanged, PoolProjectLeft, PoolTicketChanged,
};
use crate::command::{
    AddMember, AssignTicket, CommentTicket, ConfigureAssignment, ConfigureWorkflow, CreateProject, CreateTicket,
    DeactivateUser, DeleteTicket, EditTicket, ImportTicket, MoveTicket, ReactivateUser, ReadNotifications,
    RegisterUser, RemoveMember, UnassignTicket, UnwatchTicket, UpdateMember, UpdatePreferences, UpdateProject,
    WatchTicket,
};
use crate::event::{
    ProjectCreated, ProjectMemberAdded, ProjectMemberRemoved, ProjectMemberUpdated, ProjectUpdated, TicketAssigned,
    TicketCommented, TicketCreated, TicketDeleted, TicketStatusUpdated, TicketUnassigned, TicketUpdated,
    TicketWatchAdded, TicketWatchRemoved, UserCreated, UserUpdated,
};
use crate::internal::{
    PoolLookupReplied, PoolLookupRequested, PoolMoved, UserActivityTold, UserLookupReplied, UserLookupRequested,
};
use crate::mail::{GatheredState, MailFailed, MailRequested, MailSent, OutgoingMailState};
use crate::notification::{
    FanOutContinued, FanOutRestState, FanOutTicketState, FanOutWatcherState, InboxState, NotificationCreated,
    NotificationIntended, NotificationsRead, ReadingTold,
};
use crate::outcome::{CommandAccepted, CommandFailed, CommandRejected};
use crate::published::{Published, WriterSchema};
use crate::record::Record;
use crate::state::{
    CommentState, ExternalState, HandleState, MemberState, PoolGroupState, PoolLoadState, PoolMembershipState,
    PoolProjectState, PoolState, PoolTicketState, ProjectCounters, ProjectState, TicketState, UserState, WatcherState,
};
use crate::webhook::{DeliveryFailed, DeliverySucceeded, KeptDeliveryState, OutgoingDeliveryState, ReplayRequested};

/// What a registry answers when it is asked for an id.
#[derive(Debug, Clone)]
pub enum Lookup<'a> {
    /// The schema.
    Known(&'a WriterSchema),
    /// There is no such schema: a record with this id is bad.
    Unknown,
    /// There is one, but no record can be read with it, for this reason: a record with this id is bad.
    Unusable(&'a str),
    /// It could not be found out, for this reason: a record with this id has to wait.
    Unreachable(String),
}

/// Knows schemas by the ids that stand on the wire, and those ids for the schemas of this build.
///
/// Both are asked for each record, so both answer at once, from what is known already.
pub trait SchemaRegistry: Send + Sync {
    /// The schema that was published as `id`.
    fn schema(&self, id: u32) -> Lookup<'_>;

    /// The id that records carry on the wire which are written with the schema that the code knows as `own_id`.
    fn wire_id(&self, own_id: u32) -> u32;

    /// Waits until it is known what `id` is, or for `timeout`: for readers that have nothing else to do meanwhile.
    fn wait_for(&self, id: u32, timeout: Duration);
}

/// The registry in the code: it knows the schemas of this build and those that they replaced, by the ids in the code.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbeddedRegistry;

impl SchemaRegistry for EmbeddedRegistry {
    fn schema(&self, id: u32) -> Lookup<'_> {
        match published(id).map(Published::writer) {
            Some(Ok(writer)) => Lookup::Known(writer),
            Some(Err(_)) | None => Lookup::Unknown,
        }
    }

    fn wire_id(&self, own_id: u32) -> u32 {
        own_id
    }

    fn wait_for(&self, _id: u32, _timeout: Duration) {}
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

/// A version that was replaced: its id, its record, its number.
macro_rules! replaced {
    ($id:literal, $record:literal, $version:literal) => {
        Published::new(
            $id,
            $record,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/avro/history/", $record, ".v", $version, ".avsc")),
        )
    };
}

/// Versions that are no longer written. They are kept readable for ever.
static REPLACED: [Published; 26] = [
    replaced!(102, "ProjectUpdated", 1),
    replaced!(109, "TicketAssigned", 1),
    replaced!(110, "TicketUnassigned", 1),
    replaced!(401, "ProjectState", 1),
    replaced!(405, "TicketState", 1),
    replaced!(408, "UserState", 1),
    replaced!(430, "UserState", 2),
    replaced!(22, "UpdatePreferences", 1),
    replaced!(122, "UserUpdated", 1),
    replaced!(434, "InboxState", 1),
    replaced!(391, "MailRequested", 1),
    replaced!(435, "OutgoingMailState", 1),
    replaced!(201, "CommandAccepted", 1),
    replaced!(202, "CommandRejected", 1),
    replaced!(2, "UpdateProject", 1),
    replaced!(106, "TicketCreated", 1),
    replaced!(108, "TicketStatusUpdated", 1),
    replaced!(114, "ProjectUpdated", 2),
    replaced!(409, "ProjectState", 2),
    replaced!(410, "TicketState", 2),
    replaced!(104, "ProjectMemberUpdated", 1),
    replaced!(123, "UserUpdated", 2),
    replaced!(302, "UserLookupReplied", 1),
    replaced!(403, "MemberState", 1),
    replaced!(440, "UserState", 3),
    replaced!(441, "InboxState", 2),
];

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
fn current() -> [&'static Published; 87] {
    [
        CreateProject::published(),
        UpdateProject::published(),
        ConfigureAssignment::published(),
        ConfigureWorkflow::published(),
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
        WatchTicket::published(),
        UnwatchTicket::published(),
        DeleteTicket::published(),
        RegisterUser::published(),
        UpdatePreferences::published(),
        ReadNotifications::published(),
        DeactivateUser::published(),
        ReactivateUser::published(),
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
        TicketWatchAdded::published(),
        TicketWatchRemoved::published(),
        TicketCommented::published(),
        TicketDeleted::published(),
        UserCreated::published(),
        UserUpdated::published(),
        CommandAccepted::published(),
        CommandRejected::published(),
        CommandFailed::published(),
        UserLookupRequested::published(),
        UserLookupReplied::published(),
        UserActivityTold::published(),
        PoolTicketChanged::published(),
        PoolMemberChanged::published(),
        PoolProjectChanged::published(),
        AssignmentDeclined::published(),
        PoolProjectLeft::published(),
        PoolLookupRequested::published(),
        PoolLookupReplied::published(),
        PoolMoved::published(),
        AssignmentProposed::published(),
        NotificationIntended::published(),
        ReadingTold::published(),
        FanOutContinued::published(),
        NotificationCreated::published(),
        NotificationsRead::published(),
        MailRequested::published(),
        MailSent::published(),
        MailFailed::published(),
        OutgoingMailState::published(),
        ReplayRequested::published(),
        DeliverySucceeded::published(),
        DeliveryFailed::published(),
        OutgoingDeliveryState::published(),
        KeptDeliveryState::published(),
        ProjectState::published(),
        ProjectCounters::published(),
        MemberState::published(),
        HandleState::published(),
        TicketState::published(),
        ExternalState::published(),
        CommentState::published(),
        WatcherState::published(),
        UserState::published(),
        PoolState::published(),
        PoolProjectState::published(),
        PoolMembershipState::published(),
        PoolLoadState::published(),
        PoolTicketState::published(),
        PoolGroupState::published(),
        FanOutTicketState::published(),
        FanOutWatcherState::published(),
        FanOutRestState::published(),
        InboxState::published(),
        GatheredState::published(),
    ]
}
