//! The two processors of the question whether a project may join another's pool: the host's answer, and the decision.

use schemas::{PoolLookupReplied, PoolLookupRequested, TicketCommand};
use topology::{Context, InitContext, Output, ProcessingError, Processor, Record, TopologyError};
use uuid::Uuid;

use crate::decide_joined_pool;
use crate::desk::Desk;
use crate::memory::Known;
use crate::outcome::Answer;
use crate::stores::ProjectStores;
use crate::ticket_processor::answer_to;
use crate::view::ProjectView;

/// Name of the repartition that asks the project that hosts a pool.
pub(crate) const POOL_LOOKUPS: &str = "pool-lookup-requests";
/// Name of the repartition that answers.
pub(crate) const POOL_REPLIES: &str = "pool-lookup-replies";

/// Answers for the project that hosts a pool.
#[derive(Debug, Default)]
pub(crate) struct PoolLookupProcessor {
    wired: Option<(Desk, Output<Uuid, PoolLookupReplied>)>,
}

impl Processor for PoolLookupProcessor {
    type KIn = Uuid;
    type VIn = PoolLookupRequested;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.wired = Some((Desk::new(ctx)?, ctx.output(POOL_REPLIES)?));
        Ok(())
    }

    fn process(
        &mut self,
        ctx: &mut Context<'_>,
        record: Record<Uuid, PoolLookupRequested>,
    ) -> Result<(), ProcessingError> {
        let Some((desk, replies)) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let host = ProjectStores::new(desk.stores, ctx, record.key).project()?;
        let PoolLookupRequested { command, reply_to } = record.value;
        let project_id = command.project_id;
        let (known, open) = (host.is_some(), host.is_some_and(|host| host.pool_open && !host.archived));
        let reply = PoolLookupReplied { command, reply_to, known, open };
        ctx.forward(replies, Record::new(project_id, reply, record.timestamp));
        Ok(())
    }
}

/// Decides about a ConfigureAssignment whose pool has answered. The project has gone on meanwhile, so every guard is asked
/// again.
#[derive(Debug, Default)]
pub(crate) struct PoolReplyProcessor {
    desk: Option<Desk>,
}

impl Processor for PoolReplyProcessor {
    type KIn = Uuid;
    type VIn = PoolLookupReplied;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.desk = Some(Desk::new(ctx)?);
        Ok(())
    }

    fn process(
        &mut self,
        ctx: &mut Context<'_>,
        record: Record<Uuid, PoolLookupReplied>,
    ) -> Result<(), ProcessingError> {
        let Some(desk) = self.desk else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let PoolLookupReplied { command, reply_to, known, open } = record.value;
        let fingerprint = match desk.memory.recall(ctx, command.command_id)? {
            // A reply that was put back from the dead letters, after the command was answered.
            Known::Answered(_) => return Ok(()),
            Known::Pending(fingerprint) => fingerprint,
            Known::New => None,
        };
        let command = TicketCommand::from(command);
        let answer = Answer { fingerprint, ..answer_to(&command, record.timestamp) };
        let TicketCommand::ConfigureAssignment(command) = command else { return Ok(()) };
        let project_id = command.project_id;
        let stores = ProjectStores::new(desk.stores, ctx, project_id);
        let decision = decide_joined_pool(&stores, &command, known, open, record.timestamp);
        let bytes = desk.conclude(ctx, &answer, project_id, decision)?;
        desk.answer_at_last(ctx, &answer, bytes, reply_to.as_deref())
    }
}
