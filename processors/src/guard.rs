//! The guards that many commands share. Each returns proof of what it checked, which the rest takes as an argument.

use std::sync::Arc;

use schemas::{MemberState, ProjectState, TicketCommand, TicketState};
use uuid::Uuid;

use crate::decision::{Accepted, Stamp, TicketRef, code};
use crate::rejection::{Needed, Rejection};
use crate::role::Role;
use crate::view::{Fault, ProjectView, Refused};

/// Who issued a command, about what, when: the envelope, in one piece.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Issue {
    pub(crate) command_id: Uuid,
    pub(crate) correlation_id: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) actor_id: Uuid,
    pub(crate) actor_admin: bool,
    /// Timestamp of the command's record, in milliseconds since the Unix epoch.
    pub(crate) at: i64,
}

impl Issue {
    pub(crate) fn of(command: &TicketCommand, at: i64) -> Self {
        Self {
            command_id: command.command_id(),
            correlation_id: command.correlation_id(),
            project_id: command.project_id(),
            actor_id: command.actor_id(),
            actor_admin: command.actor_admin(),
            at,
        }
    }

    pub(crate) fn stamp(&self, view: &impl ProjectView) -> Result<Stamp, Fault> {
        Stamp::new(view, self.command_id, self.correlation_id, self.project_id, self.at)
    }
}

/// Proof that the actor may act in the project.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) project: Arc<ProjectState>,
    /// The actor's role; an admin counts as an owner.
    pub(crate) role: Role,
}

/// The first five guards of every command but CreateProject: project_not_found, not_a_member,
/// actor_deactivated, insufficient_role, project_archived.
pub(crate) fn enter(view: &impl ProjectView, issue: &Issue, at_least: Role) -> Result<Entry, Refused> {
    let entry = enter_archived(view, issue, at_least)?;
    entry.is_active()?;
    Ok(entry)
}

/// The first four of them, for what may be done in an archived project too.
pub(crate) fn enter_archived(view: &impl ProjectView, issue: &Issue, at_least: Role) -> Result<Entry, Refused> {
    let project = view.project()?.ok_or(Rejection::ProjectNotFound)?;
    let role = if issue.actor_admin {
        Role::Owner
    } else {
        let member = view.member(issue.actor_id)?.ok_or(Rejection::NotAMember)?;
        if member.deactivated {
            return Err(Rejection::ActorDeactivated.into());
        }
        Role::of_stored(&member.role)
    };
    let entry = Entry { project, role };
    entry.needs(at_least)?;
    Ok(entry)
}

impl Entry {
    /// insufficient_role.
    pub(crate) fn needs(&self, at_least: Role) -> Result<(), Rejection> {
        if self.role >= at_least { Ok(()) } else { Err(Rejection::InsufficientRole { needed: Needed::Role(at_least) }) }
    }

    /// project_archived.
    pub(crate) fn is_active(&self) -> Result<(), Rejection> {
        if self.project.archived { Err(Rejection::ProjectArchived) } else { Ok(()) }
    }

    /// What the sender is told about a ticket.
    pub(crate) fn ticket_ref(&self, id: Uuid, number: i64, version: i64) -> TicketRef {
        TicketRef { id, number, code: code(&self.project.key, number), version }
    }

    /// The answer to a command that asks for what already is: accepted, no event, the version stays.
    pub(crate) fn unchanged(&self, ticket: &TicketState, number: i64) -> Accepted {
        let ticket = Some(self.ticket_ref(ticket.ticket_id, number, ticket.version));
        Accepted { ticket, ..Accepted::default() }
    }
}

/// ticket_not_found.
pub(crate) fn ticket(view: &impl ProjectView, number: i64) -> Result<Arc<TicketState>, Refused> {
    Ok(view.ticket(number)?.ok_or(Rejection::TicketNotFound { number })?)
}

/// version_conflict.
pub(crate) fn version(ticket: &TicketState, expected: Option<i64>) -> Result<(), Rejection> {
    match expected {
        Some(expected) if expected != ticket.version => {
            Err(Rejection::VersionConflict { expected, actual: ticket.version })
        }
        _ => Ok(()),
    }
}

/// assignee_not_a_member, assignee_is_viewer, assignee_deactivated.
pub(crate) fn assignee(view: &impl ProjectView, user_id: Uuid) -> Result<(), Refused> {
    if former_assignee(view, user_id)?.deactivated {
        return Err(Rejection::AssigneeDeactivated { user_id }.into());
    }
    Ok(())
}

/// The first two of them: what another system says of a ticket was so, whoever is deactivated since.
pub(crate) fn former_assignee(view: &impl ProjectView, user_id: Uuid) -> Result<Arc<MemberState>, Refused> {
    let member = view.member(user_id)?.ok_or(Rejection::AssigneeNotAMember { user_id })?;
    if Role::of_stored(&member.role) < Role::Member {
        return Err(Rejection::AssigneeIsViewer { user_id }.into());
    }
    Ok(member)
}
