//! WatchTicket and UnwatchTicket: by the member who is to hear of the ticket.

use uuid::Uuid;

use crate::decision::{Accepted, event};
use crate::guard::{self, Issue};
use crate::rejection::Rejection;
use crate::role::Role;
use crate::view::{ProjectView, Refused};

/// Whether the actor is to watch the ticket from now on.
pub(super) fn decide(view: &impl ProjectView, issue: &Issue, number: i64, watch: bool) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Viewer)?;
    let user_id = issue.actor_id;
    // An administrator may do what an owner may, but only members are told of anything.
    if view.member(user_id)?.is_none() {
        return Err(Rejection::NotAMember.into());
    }
    let ticket = guard::ticket(view, number)?;
    if view.watcher(number, user_id)?.is_some() == watch {
        return Ok(entry.unchanged(&ticket, number));
    }
    let stamp = issue.stamp(view)?;
    let (ticket_id, timestamp): (Uuid, i64) = (ticket.ticket_id, issue.at);
    let event = if watch {
        event!(&stamp, 0, TicketWatchAdded { ticket_id, number, user_id, timestamp })
    } else {
        event!(&stamp, 0, TicketWatchRemoved { ticket_id, number, user_id, timestamp })
    };
    Ok(Accepted { events: vec![event], ..entry.unchanged(&ticket, number) })
}
