//! The processor of projects that have come to another pool: tells it of members and open tickets, some at a time.
//!
//! Each record says how far the telling is, so nothing is kept beside it. What it tells is the state of the moment, and
//! whatever happens meanwhile is told too, on the same partition: the last one counts. A project that has moved on since
//! is told of by the record of that move.

use schemas::PoolMoved;
use topology::{Context, InitContext, ProcessingError, Processor, Record, TopologyError};
use uuid::Uuid;

use super::pool_of;
use super::told::{self, Address};
use crate::desk::Desk;
use crate::stores::ProjectStores;
use crate::view::ProjectView;

/// Most memberships that are told, or tickets that are looked at, for one record.
const MOST_TOLD: usize = 256;

/// Tells a project's new pool what there is.
#[derive(Debug, Default)]
pub(crate) struct MoveProcessor {
    desk: Option<Desk>,
}

/// The record that begins to tell a project's pool what there is.
pub(crate) fn begin(address: Address) -> PoolMoved {
    PoolMoved {
        project_id: address.project_id,
        causation_id: address.causation_id,
        correlation_id: address.correlation_id,
        since: address.since,
        user_id: None,
        // A project's own pool is told of its members wherever the project is.
        members_told: address.pool_id == address.project_id,
        number: 0,
    }
}

impl Processor for MoveProcessor {
    type KIn = Uuid;
    type VIn = PoolMoved;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.desk = Some(Desk::new(ctx)?);
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Uuid, PoolMoved>) -> Result<(), ProcessingError> {
        let Some(desk) = self.desk else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let Record { value: moved, timestamp, .. } = record;
        let PoolMoved { project_id, causation_id, correlation_id, since, .. } = moved;
        let Some(project) = ProjectStores::new(desk.stores, ctx, project_id).project()? else { return Ok(()) };
        if project.pool_since != since {
            return Ok(());
        }
        let pool_id = pool_of(project_id, &project);
        let address = Address { pool_id, project_id, causation_id, correlation_id, since };
        let next = if moved.members_told {
            tell_tickets(desk, ctx, address, &moved, timestamp)?
        } else {
            Some(tell_members(desk, ctx, address, &moved, timestamp)?)
        };
        if let Some(next) = next {
            desk.move_on(ctx, next, timestamp);
        }
        Ok(())
    }
}

fn tell_members(
    desk: Desk,
    ctx: &mut Context<'_>,
    address: Address,
    moved: &PoolMoved,
    at: i64,
) -> Result<PoolMoved, ProcessingError> {
    let stores = ProjectStores::new(desk.stores, ctx, address.project_id);
    let members = stores.members_after(moved.user_id, MOST_TOLD)?;
    let (members_told, user_id) = (members.len() < MOST_TOLD, members.last().map(|(user_id, _)| *user_id));
    for (user_id, member) in members {
        desk.tell_pool(ctx, told::member(address, user_id, &member), at);
    }
    Ok(PoolMoved { members_told, user_id, ..moved.clone() })
}

/// The record that goes on; none when all is told.
fn tell_tickets(
    desk: Desk,
    ctx: &mut Context<'_>,
    address: Address,
    moved: &PoolMoved,
    at: i64,
) -> Result<Option<PoolMoved>, ProcessingError> {
    let stores = ProjectStores::new(desk.stores, ctx, address.project_id);
    let tickets = stores.tickets_after(moved.number, MOST_TOLD)?;
    let last = tickets.last().map(|(number, _)| *number).filter(|_| tickets.len() == MOST_TOLD);
    let mut gone = Vec::new();
    for (_, ticket) in tickets.iter().filter(|(_, ticket)| told::concerns(ticket)) {
        if let Some(user_id) = ticket.assignee_id
            && !gone.contains(&user_id)
            && stores.member(user_id)?.is_none()
        {
            gone.push(user_id);
        }
    }
    for (number, ticket) in tickets.iter().filter(|(_, ticket)| told::concerns(ticket)) {
        desk.tell_pool(ctx, told::ticket(address, *number, ticket), at);
    }
    // Whoever left while the former pool had not yet taken their tickets from them, or before this one knew of those.
    for user_id in gone {
        desk.tell_pool(ctx, told::no_member(address, user_id), at);
    }
    Ok(last.map(|number| PoolMoved { number, ..moved.clone() }))
}
