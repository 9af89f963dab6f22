//! What pools are told of an event: all that they need to know of the ticket, membership or project, as it now is.

use schemas::{
    MemberState, PoolInput, PoolMemberChanged, PoolProjectChanged, PoolProjectLeft, PoolTicketChanged, ProjectState,
    TicketEvent, TicketState,
};
use uuid::Uuid;

use super::pool_of;
use crate::policy::Policy;
use crate::view::{Fault, ProjectView};

/// Who is told, about which project, and why: what every record to a pool begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address {
    pub(crate) pool_id: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) causation_id: Uuid,
    pub(crate) correlation_id: Uuid,
    /// Sequence of the event with which the project came to the pool.
    pub(crate) since: i64,
}

/// A record with its beginning filled in.
macro_rules! told {
    ($address:expr, $record:ident { $($body:tt)* }) => {{
        let Address { pool_id, project_id, causation_id, correlation_id, since } = $address;
        PoolInput::from($record { pool_id, project_id, causation_id, correlation_id, since, $($body)* })
    }};
}

/// What an event that was just applied is about, as far as it concerns pools.
enum About {
    Project,
    Member(Uuid),
    Ticket(i64),
}

/// What pools are told of an event that was just applied: the project's pool, and of memberships the project's own pool
/// too, which others may share. None if it does not concern them.
///
/// # Errors
/// The state cannot be read.
pub(crate) fn pool_inputs(view: &impl ProjectView, event: &TicketEvent) -> Result<[Option<PoolInput>; 2], Fault> {
    let about = match event {
        TicketEvent::ProjectUpdated(_) => About::Project,
        TicketEvent::ProjectMemberAdded(e) => About::Member(e.user_id),
        TicketEvent::ProjectMemberUpdated(e) => About::Member(e.user_id),
        TicketEvent::ProjectMemberRemoved(e) => About::Member(e.user_id),
        TicketEvent::TicketDeleted(e) => About::Ticket(e.number),
        TicketEvent::TicketCreated(e) => About::Ticket(e.number),
        TicketEvent::TicketStatusUpdated(e) if e.was_open() != e.is_open() => About::Ticket(e.number),
        TicketEvent::TicketUpdated(e) if e.priority.is_some() || e.labels.is_some() => About::Ticket(e.number),
        TicketEvent::TicketAssigned(e) => About::Ticket(e.number),
        TicketEvent::TicketUnassigned(e) => About::Ticket(e.number),
        TicketEvent::ProjectCreated(_)
        | TicketEvent::TicketUpdated(_)
        | TicketEvent::TicketStatusUpdated(_)
        | TicketEvent::TicketWatchAdded(_)
        | TicketEvent::TicketWatchRemoved(_)
        | TicketEvent::TicketCommented(_) => return Ok([None, None]),
    };
    let Some(project) = view.project()? else { return Ok([None, None]) };
    let home = home(event, &project);
    match about {
        About::Project => Ok([Some(self::project(home, &project)), None]),
        About::Member(user_id) => {
            let now = view.member(user_id)?;
            let tell = |address| match &now {
                Some(now) => member(address, user_id, now),
                None => no_member(address, user_id),
            };
            let own = Address { pool_id: home.project_id, ..home };
            Ok([Some(tell(home)), (own.pool_id != home.pool_id).then(|| tell(own))])
        }
        About::Ticket(number) => {
            let told = match view.ticket(number)? {
                // The pool knows nothing of a ticket that was never its to give or to count.
                Some(now) if matches!(event, TicketEvent::TicketCreated(_)) && !concerns(&now) => None,
                Some(now) => Some(ticket(home, number, &now)),
                None => Some(told!(home, PoolTicketChanged { number, ..Default::default() })),
            };
            Ok([told, None])
        }
    }
}

/// Where a project has its work done.
fn home(event: &TicketEvent, project: &ProjectState) -> Address {
    let project_id = event.project_id();
    Address {
        pool_id: pool_of(project_id, project),
        project_id,
        causation_id: event.causation_id(),
        correlation_id: event.correlation_id(),
        since: project.pool_since,
    }
}

/// What the pool that a project had `before` an event is told if the project has left it, and the project's new address.
pub(crate) fn moved(before: &ProjectState, after: &ProjectState, event: &TicketEvent) -> Option<(PoolInput, Address)> {
    let (old, new) = (home(event, before), home(event, after));
    let left = || told!(old, PoolProjectLeft { number: 0, user_id: None });
    (old.pool_id != new.pool_id).then(|| (left(), new))
}

/// True if a ticket is a pool's to give or to count.
pub(super) fn concerns(ticket: &TicketState) -> bool {
    ticket.is_open() && (ticket.assignee_id.is_some() || !ticket.held)
}

pub(super) fn project(address: Address, project: &ProjectState) -> PoolInput {
    told!(address, PoolProjectChanged { policy: Policy::of_project(project).name().to_owned() })
}

pub(super) fn ticket(address: Address, number: i64, ticket: &TicketState) -> PoolInput {
    told!(
        address,
        PoolTicketChanged {
            number,
            ticket_id: ticket.ticket_id,
            priority: ticket.priority.clone(),
            labels: ticket.labels.clone(),
            open: ticket.is_open(),
            held: ticket.held,
            assignee_id: ticket.assignee_id,
            round: ticket.round,
            created_at: ticket.created_at,
        }
    )
}

pub(super) fn member(address: Address, user_id: Uuid, member: &MemberState) -> PoolInput {
    let (role, skills) = (member.role.clone(), member.skills.clone());
    let (capacity, available) = (member.capacity, member.available && !member.deactivated);
    told!(address, PoolMemberChanged { user_id, removed: false, role, capacity, skills, available })
}

/// That a user is no member any more.
pub(super) fn no_member(address: Address, user_id: Uuid) -> PoolInput {
    told!(address, PoolMemberChanged { user_id, removed: true, ..Default::default() })
}
