//! The processor of proposals in the ticket sub-topology, which has the last word.

use schemas::{Assignment, AssignmentDeclined};
use topology::{Context, InitContext, ProcessingError, Processor, Record, TopologyError};
use uuid::Uuid;

use crate::decide_proposal;
use crate::desk::Desk;
use crate::stores::ProjectStores;

/// Makes proposals into events, or declines them.
#[derive(Debug, Default)]
pub(crate) struct ProposalProcessor {
    desk: Option<Desk>,
}

impl Processor for ProposalProcessor {
    type KIn = Uuid;
    type VIn = Assignment;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.desk = Some(Desk::new(ctx)?);
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Uuid, Assignment>) -> Result<(), ProcessingError> {
        let Some(desk) = self.desk else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let Record { value: Assignment::AssignmentProposed(proposal), timestamp, .. } = record;
        let project_id = proposal.project_id;
        match decide_proposal(&ProjectStores::new(desk.stores, ctx, project_id), &proposal, timestamp)? {
            Some(event) => desk.apply(ctx, project_id, vec![event], timestamp),
            None => {
                let declined = AssignmentDeclined {
                    pool_id: proposal.pool_id,
                    project_id,
                    causation_id: proposal.causation_id,
                    correlation_id: proposal.correlation_id,
                    number: proposal.number,
                    round: proposal.round,
                };
                desk.tell_pool(ctx, declined.into(), timestamp);
                Ok(())
            }
        }
    }
}
