//! The processor of what pools are told.

use schemas::{Assignment, PoolInput};
use topology::{Context, InitContext, Output, ProcessingError, Processor, Record, TopologyError};
use uuid::Uuid;

use super::pool::Pool;
use super::stores::PoolHandles;

/// Name of the sink of proposals.
pub(crate) const ASSIGNMENTS_SINK: &str = "ticket-assignments";

/// Name of the repartition by which a pool tells itself what it has still to do.
pub(crate) const POOL_WORK: &str = "pool-work";

/// Keeps pools and proposes who is to have which ticket.
#[derive(Debug, Default)]
pub(crate) struct AssignmentProcessor {
    wired: Option<(PoolHandles, Output<Uuid, Assignment>, Output<Uuid, PoolInput>)>,
}

impl Processor for AssignmentProcessor {
    type KIn = Uuid;
    type VIn = PoolInput;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.wired = Some((PoolHandles::new(ctx)?, ctx.output(ASSIGNMENTS_SINK)?, ctx.output(POOL_WORK)?));
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Uuid, PoolInput>) -> Result<(), ProcessingError> {
        let Some((stores, assignments, work)) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let told = record.value;
        let mut pool = Pool::new(stores, ctx, told.pool_id(), told.causation_id(), told.correlation_id());
        let mut more = None;
        match told {
            PoolInput::PoolTicketChanged(told) => pool.ticket_changed(told)?,
            PoolInput::PoolMemberChanged(told) => pool.member_changed(told)?,
            PoolInput::PoolProjectChanged(told) => pool.project_changed(&told)?,
            PoolInput::AssignmentDeclined(told) => pool.declined(&told)?,
            PoolInput::PoolProjectLeft(told) => more = pool.project_left(&told)?,
        }
        for proposal in pool.proposals {
            let project_id = proposal.project_id;
            ctx.forward(assignments, Record::new(project_id, proposal.into(), record.timestamp));
        }
        if let Some(more) = more {
            ctx.forward(work, Record::new(more.pool_id, more.into(), record.timestamp));
        }
        Ok(())
    }
}
