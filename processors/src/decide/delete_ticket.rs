//! DeleteTicket: the ticket goes, its number is never used again.

use schemas::DeleteTicket;

use crate::decision::{Accepted, event};
use crate::guard::{self, Issue};
use crate::role::Role;
use crate::view::{ProjectView, Refused};

pub(super) fn decide(view: &impl ProjectView, issue: &Issue, command: &DeleteTicket) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Maintainer)?;
    let number = command.number;
    let ticket = guard::ticket(view, number)?;
    guard::version(&ticket, command.expected_version)?;
    let stamp = issue.stamp(view)?;
    let events = vec![event!(
        &stamp,
        0,
        TicketDeleted { ticket_id: ticket.ticket_id, number, deleted_by: issue.actor_id, timestamp: issue.at }
    )];
    let ticket = Some(entry.ticket_ref(ticket.ticket_id, number, ticket.version));
    Ok(Accepted { events, ticket, ..Accepted::default() })
}
