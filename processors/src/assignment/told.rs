//! What a pool is told of an event: all that it needs to know of the ticket, membership or project, as it now is.

use schemas::{PoolInput, PoolMemberChanged, PoolProjectChanged, PoolTicketChanged, TicketEvent, TicketState};
use uuid::Uuid;

use crate::view::{Fault, ProjectView};
use crate::workflow;

/// Fills in who is told, and why.
macro_rules! told {
    ($event:expr, $record:ident { $($body:tt)* }) => {
        PoolInput::from($record {
            // Each project is a pool of its own.
            pool_id: $event.project_id(),
            project_id: $event.project_id(),
            causation_id: $event.causation_id(),
            correlation_id: $event.correlation_id(),
            $($body)*
        })
    };
}

/// What the project's pool is told of an event that was just applied; none if it does not concern it.
///
/// # Errors
/// The state cannot be read.
pub(crate) fn pool_input(view: &impl ProjectView, event: &TicketEvent) -> Result<Option<PoolInput>, Fault> {
    let number = match event {
        TicketEvent::ProjectUpdated(e) => {
            return Ok(Some(told!(event, PoolProjectChanged { policy: e.assignment_policy.clone() })));
        }
        TicketEvent::ProjectMemberAdded(e) => {
            return Ok(Some(member(event, e.user_id, &e.role, e.capacity, &e.skills, e.available)));
        }
        TicketEvent::ProjectMemberUpdated(e) => {
            return Ok(Some(member(event, e.user_id, &e.role, e.capacity, &e.skills, e.available)));
        }
        TicketEvent::ProjectMemberRemoved(e) => {
            let user_id = e.user_id;
            return Ok(Some(told!(event, PoolMemberChanged { user_id, removed: true, ..Default::default() })));
        }
        TicketEvent::TicketDeleted(e) => {
            let (number, ticket_id) = (e.number, e.ticket_id);
            return Ok(Some(told!(event, PoolTicketChanged { number, ticket_id, ..Default::default() })));
        }
        TicketEvent::TicketCreated(e) => e.number,
        TicketEvent::TicketStatusUpdated(e) if workflow::is_open(&e.old_status) != workflow::is_open(&e.new_status) => {
            e.number
        }
        TicketEvent::TicketUpdated(e) if e.priority.is_some() || e.labels.is_some() => e.number,
        TicketEvent::TicketAssigned(e) => e.number,
        TicketEvent::TicketUnassigned(e) => e.number,
        TicketEvent::ProjectCreated(_)
        | TicketEvent::TicketUpdated(_)
        | TicketEvent::TicketStatusUpdated(_)
        | TicketEvent::TicketWatchAdded(_)
        | TicketEvent::TicketWatchRemoved(_)
        | TicketEvent::TicketCommented(_) => return Ok(None),
    };
    let Some(ticket) = view.ticket(number)? else { return Ok(None) };
    // The pool knows nothing of a ticket that was never its to give or to count.
    let unknown = matches!(event, TicketEvent::TicketCreated(_)) && !concerns(&ticket);
    Ok((!unknown).then(|| self::ticket(event, number, &ticket)))
}

fn concerns(ticket: &TicketState) -> bool {
    workflow::is_open(&ticket.status) && !ticket.held
}

fn ticket(event: &TicketEvent, number: i64, ticket: &TicketState) -> PoolInput {
    told!(
        event,
        PoolTicketChanged {
            number,
            ticket_id: ticket.ticket_id,
            priority: ticket.priority.clone(),
            labels: ticket.labels.clone(),
            open: workflow::is_open(&ticket.status),
            held: ticket.held,
            assignee_id: ticket.assignee_id,
            round: ticket.round,
            created_at: ticket.created_at,
        }
    )
}

fn member(
    event: &TicketEvent,
    user_id: Uuid,
    role: &str,
    capacity: i32,
    skills: &[String],
    available: bool,
) -> PoolInput {
    let (role, skills) = (role.to_owned(), skills.to_vec());
    told!(event, PoolMemberChanged { user_id, removed: false, role, capacity, skills, available })
}
