//! AssignTicket and UnassignTicket, by hand.

use schemas::{AssignTicket, UnassignTicket};

use crate::decision::{Accepted, event};
use crate::guard::{self, Issue};
use crate::role::Role;
use crate::view::{ProjectView, Refused};

pub(super) fn decide(view: &impl ProjectView, issue: &Issue, command: &AssignTicket) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Member)?;
    let AssignTicket { number, assignee_id, .. } = *command;
    let ticket = guard::ticket(view, number)?;
    guard::assignee(view, assignee_id)?;
    guard::version(&ticket, command.expected_version)?;
    if ticket.assignee_id == Some(assignee_id) {
        return Ok(entry.unchanged(&ticket, number));
    }
    let ticket_version = ticket.version + 1;
    let stamp = issue.stamp(view)?;
    let events = vec![event!(
        &stamp,
        0,
        TicketAssigned {
            ticket_id: ticket.ticket_id,
            number,
            assignee_id,
            previous_assignee_id: ticket.assignee_id,
            assigned_by: issue.actor_id,
            assigned_at: issue.at,
            ticket_version,
            automatic: false,
            round: ticket.round + 1,
            reason: None,
        }
    )];
    let ticket = Some(entry.ticket_ref(ticket.ticket_id, number, ticket_version));
    Ok(Accepted { events, ticket, ..Accepted::default() })
}

pub(super) fn decide_unassign(
    view: &impl ProjectView,
    issue: &Issue,
    command: &UnassignTicket,
) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Member)?;
    let number = command.number;
    let ticket = guard::ticket(view, number)?;
    guard::version(&ticket, command.expected_version)?;
    let Some(previous_assignee_id) = ticket.assignee_id else {
        return Ok(entry.unchanged(&ticket, number));
    };
    let ticket_version = ticket.version + 1;
    let stamp = issue.stamp(view)?;
    let events = vec![event!(
        &stamp,
        0,
        TicketUnassigned {
            ticket_id: ticket.ticket_id,
            number,
            previous_assignee_id,
            unassigned_by: issue.actor_id,
            unassigned_at: issue.at,
            ticket_version,
            automatic: false,
            round: ticket.round + 1,
        }
    )];
    let ticket = Some(entry.ticket_ref(ticket.ticket_id, number, ticket_version));
    Ok(Accepted { events, ticket, ..Accepted::default() })
}
