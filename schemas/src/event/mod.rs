//! Events: what happened, in one order per project. They are kept for ever and the only source of truth.

mod project;
mod ticket;
mod user;

pub use project::{ProjectCreated, ProjectMemberAdded, ProjectMemberRemoved, ProjectMemberUpdated, ProjectUpdated};
pub use ticket::{
    TicketAssigned, TicketCommented, TicketCreated, TicketDeleted, TicketStatusUpdated, TicketUnassigned,
    TicketUpdated, TicketWatchAdded, TicketWatchRemoved,
};
pub use user::{Preferences, UserCreated, UserEvent, UserUpdated};

use uuid::Uuid;

use crate::record::record_enum;

/// What the events of this version say in their `source`.
pub const SOURCE: &str = "syncroboard";

/// Every name that a ticket event can have: see [`TicketEvent::event_name`].
pub const EVENT_NAMES: [&str; 14] = [
    "project.created",
    "project.updated",
    "project.member.added",
    "project.member.updated",
    "project.member.removed",
    "ticket.created",
    "ticket.updated",
    "ticket.status.updated",
    "ticket.assigned",
    "ticket.unassigned",
    "ticket.watch.added",
    "ticket.watch.removed",
    "ticket.commented",
    "ticket.deleted",
];

record_enum! {
    /// A record of `ticket.events`, whose key is the id of the project.
    TicketEvent {
        /// A project was made.
        ProjectCreated(ProjectCreated),
        /// A project changed.
        ProjectUpdated(ProjectUpdated),
        /// A user became a member.
        ProjectMemberAdded(ProjectMemberAdded),
        /// A membership changed.
        ProjectMemberUpdated(ProjectMemberUpdated),
        /// A membership ended.
        ProjectMemberRemoved(ProjectMemberRemoved),
        /// A ticket was made, or imported.
        TicketCreated(TicketCreated),
        /// What a ticket says changed.
        TicketUpdated(TicketUpdated),
        /// A ticket moved in the workflow.
        TicketStatusUpdated(TicketStatusUpdated),
        /// A ticket was given to a member.
        TicketAssigned(TicketAssigned),
        /// A ticket was taken from its assignee.
        TicketUnassigned(TicketUnassigned),
        /// A member began to watch a ticket.
        TicketWatchAdded(TicketWatchAdded),
        /// A member stopped watching a ticket.
        TicketWatchRemoved(TicketWatchRemoved),
        /// A comment was added.
        TicketCommented(TicketCommented),
        /// A ticket was deleted.
        TicketDeleted(TicketDeleted),
    }
    get {
        /// Id of the event.
        event_id: Uuid,
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// Id of the command that made the event.
        causation_id: Uuid,
        /// When the event was made, in milliseconds since 1970-01-01T00:00Z (stream time).
        published_at: i64,
        /// Id of the project.
        project_id: Uuid,
        /// Position in the project's own order of events, from 1 without gaps.
        sequence: i64,
    }
}

impl TicketEvent {
    /// Name of the event for those outside, such as `ticket.created`. These names do not change.
    #[must_use]
    pub fn event_name(&self) -> &'static str {
        match self {
            Self::ProjectCreated(_) => "project.created",
            Self::ProjectUpdated(_) => "project.updated",
            Self::ProjectMemberAdded(_) => "project.member.added",
            Self::ProjectMemberUpdated(_) => "project.member.updated",
            Self::ProjectMemberRemoved(_) => "project.member.removed",
            Self::TicketCreated(_) => "ticket.created",
            Self::TicketUpdated(_) => "ticket.updated",
            Self::TicketStatusUpdated(_) => "ticket.status.updated",
            Self::TicketAssigned(_) => "ticket.assigned",
            Self::TicketUnassigned(_) => "ticket.unassigned",
            Self::TicketWatchAdded(_) => "ticket.watch.added",
            Self::TicketWatchRemoved(_) => "ticket.watch.removed",
            Self::TicketCommented(_) => "ticket.commented",
            Self::TicketDeleted(_) => "ticket.deleted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EVENT_NAMES;

    #[test]
    fn should_list_the_name_of_every_event() {
        let named = include_str!("mod.rs").lines().filter_map(|line| {
            let (_, name) = line.trim().strip_prefix("Self::")?.split_once("(_) => \"")?;
            name.strip_suffix("\",")
        });
        assert_eq!(named.collect::<Vec<_>>(), EVENT_NAMES);
    }
}
