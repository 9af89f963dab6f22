//! What becomes of assignment's proposals: the ticket and its project have gone on meanwhile, and have the last word.

use schemas::{AssignmentProposed, TicketState, ids};
use uuid::Uuid;

use crate::assignment::pool_of;
use crate::decision::{Stamp, event};
use crate::guard;
use crate::policy::Policy;
use crate::view::{Fault, ProjectView, Refused};

/// The event that a proposal leads to; none: it is declined. `at` is the timestamp of its record, in milliseconds since the
/// Unix epoch.
///
/// It counts only in the ticket's round that it was made for, so whatever was done by hand since wins, and only if it was
/// made by the pool that the project is in. Where it can be given to nobody, the ticket of whoever has left is taken from
/// them all the same.
///
/// # Errors
/// The state cannot be read.
pub fn decide_proposal(
    view: &impl ProjectView,
    proposal: &AssignmentProposed,
    at: i64,
) -> Result<Option<schemas::TicketEvent>, Fault> {
    let (Some(project), Some(ticket)) = (view.project()?, view.ticket(proposal.number)?) else { return Ok(None) };
    if pool_of(proposal.project_id, &project) != proposal.pool_id {
        return Ok(None);
    }
    if ticket.round != proposal.round || ticket.held || !ticket.is_open() {
        return Ok(None);
    }
    let stamp = stamp(view, proposal, &ticket, at)?;
    let TicketState { ticket_id, version: ticket_version, round, .. } = *ticket;
    let (number, round) = (proposal.number, round + 1);
    if let Some(assignee_id) = proposal.assignee_id
        && Policy::of_project(&project) != Policy::Manual
        && may_have(view, assignee_id)?
    {
        return Ok(Some(event!(
            &stamp,
            0,
            TicketAssigned {
                ticket_id,
                number,
                assignee_id,
                previous_assignee_id: ticket.assignee_id,
                assigned_by: Uuid::nil(),
                assigned_at: at,
                // People have edited nothing.
                ticket_version,
                automatic: true,
                round,
                reason: Some(proposal.reason.clone()),
            }
        )));
    }
    // For a ticket that somebody has, a pool proposes another only because they have left.
    Ok(ticket.assignee_id.map(|previous_assignee_id| {
        event!(
            &stamp,
            0,
            TicketUnassigned {
                ticket_id,
                number,
                previous_assignee_id,
                unassigned_by: Uuid::nil(),
                unassigned_at: at,
                ticket_version,
                automatic: true,
                round,
            }
        )
    }))
}

fn may_have(view: &impl ProjectView, assignee_id: Uuid) -> Result<bool, Fault> {
    match guard::assignee(view, assignee_id) {
        Ok(()) => Ok(true),
        Err(Refused::Rejected(_)) => Ok(false),
        Err(Refused::Fault(fault)) => Err(fault),
    }
}

fn stamp(
    view: &impl ProjectView,
    proposal: &AssignmentProposed,
    ticket: &TicketState,
    at: i64,
) -> Result<Stamp, Fault> {
    let AssignmentProposed { project_id, correlation_id, causation_id, .. } = *proposal;
    let seed = ids::assignment_id(ticket.ticket_id, ticket.round);
    Ok(Stamp { seed, ..Stamp::new(view, causation_id, correlation_id, project_id, at)? })
}
