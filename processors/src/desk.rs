//! What the two processors of the ticket sub-topology share: around a decision they apply and forward its events,
//! answer, and remember the answer. All of it is one record's work, so it comes about whole or not at all.

use schemas::topics::{FINGERPRINT_HEADER, REPLY_TO_HEADER};
use schemas::{PoolInput, PoolMoved, SchemaError, TicketEvent};
use topology::{Context, Headers, InitContext, Output, ProcessingError, Record, TopologyError};
use uuid::Uuid;

use crate::assignment::{begin_move, moved, pool_inputs};
use crate::decision::Accepted;
use crate::evolve;
use crate::memory::{COMMAND_MEMORY, Memory, PENDING_COMMANDS};
use crate::outcome::Answer;
use crate::rejection::Rejection;
use crate::stores::{ProjectHandles, ProjectStores};
use crate::view::{ProjectView, Refused};

/// Name of the sink of events.
pub(crate) const TICKET_EVENTS_SINK: &str = "ticket-events";
/// Name of the repartition that tells pools of changes.
pub(crate) const POOL_INPUTS: &str = "pool-inputs";
/// Name of the repartition that tells a pool of a project that has come to it, some at a time.
pub(crate) const POOL_MOVES: &str = "pool-moves";
/// Name of the sink of the ticket sub-topology's outcomes.
pub(crate) const TICKET_OUTCOMES_SINK: &str = "ticket-outcomes";

#[derive(Debug, Clone, Copy)]
pub(crate) struct Desk {
    pub(crate) stores: ProjectHandles,
    pub(crate) memory: Memory,
    events: Output<Uuid, TicketEvent>,
    outcomes: Output<Uuid, Vec<u8>>,
    pools: Output<Uuid, PoolInput>,
    moves: Output<Uuid, PoolMoved>,
}

impl Desk {
    pub(crate) fn new(ctx: &InitContext<'_>) -> Result<Self, TopologyError> {
        Ok(Self {
            stores: ProjectHandles::new(ctx)?,
            memory: Memory { answers: ctx.store(COMMAND_MEMORY)?, pending: Some(ctx.store(PENDING_COMMANDS)?) },
            events: ctx.output(TICKET_EVENTS_SINK)?,
            outcomes: ctx.output(TICKET_OUTCOMES_SINK)?,
            pools: ctx.output(POOL_INPUTS)?,
            moves: ctx.output(POOL_MOVES)?,
        })
    }

    /// Applies and forwards the events of an accepted command; the answer.
    pub(crate) fn accept(
        &self,
        ctx: &mut Context<'_>,
        answer: &Answer,
        project_id: Uuid,
        mut accepted: Accepted,
    ) -> Result<Vec<u8>, ProcessingError> {
        self.apply(ctx, project_id, std::mem::take(&mut accepted.events), answer.decided_at)?;
        let sequence = ProjectStores::new(self.stores, ctx, project_id).counters()?.sequence;
        answer.accepted(&accepted, sequence).map_err(schema)
    }

    /// The answer to a command that is decided now, one way or the other.
    pub(crate) fn conclude(
        &self,
        ctx: &mut Context<'_>,
        answer: &Answer,
        project_id: Uuid,
        decision: Result<Accepted, Refused>,
    ) -> Result<Vec<u8>, ProcessingError> {
        match decision {
            Ok(accepted) => self.accept(ctx, answer, project_id, accepted),
            Err(Refused::Rejected(rejection)) => self.reject(ctx, answer, project_id, &rejection),
            Err(Refused::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Applies and forwards events, and tells the project's pool of them.
    pub(crate) fn apply(
        &self,
        ctx: &mut Context<'_>,
        project_id: Uuid,
        events: Vec<TicketEvent>,
        at: i64,
    ) -> Result<(), ProcessingError> {
        for event in events {
            let mut project = ProjectStores::new(self.stores, ctx, project_id);
            let may_move = matches!(event, TicketEvent::ProjectUpdated(_));
            let before = if may_move { project.project()? } else { None };
            evolve(&mut project, &event)?;
            let told = pool_inputs(&project, &event)?;
            let after = if may_move { project.project()? } else { None };
            let moved = before.zip(after).and_then(|(before, after)| moved(&before, &after, &event));
            ctx.forward(self.events, Record::new(project_id, event, at));
            for told in told.into_iter().flatten() {
                self.tell_pool(ctx, told, at);
            }
            if let Some((left, address)) = moved {
                self.tell_pool(ctx, left, at);
                self.move_on(ctx, begin_move(address), at);
            }
        }
        Ok(())
    }

    /// Tells a pool something.
    pub(crate) fn tell_pool(&self, ctx: &mut Context<'_>, told: PoolInput, at: i64) {
        ctx.forward(self.pools, Record::new(told.pool_id(), told, at));
    }

    /// Has the project's new pool told of more.
    pub(crate) fn move_on(&self, ctx: &mut Context<'_>, moved: PoolMoved, at: i64) {
        ctx.forward(self.moves, Record::new(moved.project_id, moved, at));
    }

    /// The answer to a command that the rules refuse.
    pub(crate) fn reject(
        &self,
        ctx: &mut Context<'_>,
        answer: &Answer,
        project_id: Uuid,
        rejection: &Rejection,
    ) -> Result<Vec<u8>, ProcessingError> {
        let sequence = ProjectStores::new(self.stores, ctx, project_id).counters()?.sequence;
        answer.rejected(rejection, sequence).map_err(schema)
    }

    /// Remembers an answer, and sends it to whoever waits for it.
    pub(crate) fn answer(
        &self,
        ctx: &mut Context<'_>,
        answer: &Answer,
        bytes: Vec<u8>,
        reply_to: Option<&[u8]>,
    ) -> Result<(), ProcessingError> {
        self.memory.remember(ctx, answer.command_id, bytes.clone())?;
        self.send(ctx, answer, bytes, reply_to);
        Ok(())
    }

    /// As [`Self::answer`], to a command for whose answer somebody else was asked.
    pub(crate) fn answer_at_last(
        &self,
        ctx: &mut Context<'_>,
        answer: &Answer,
        bytes: Vec<u8>,
        reply_to: Option<&str>,
    ) -> Result<(), ProcessingError> {
        self.memory.decided(ctx, answer.command_id)?;
        self.answer(ctx, answer, bytes, reply_to.map(str::as_bytes))
    }

    /// Sends an answer to whoever waits for it.
    pub(crate) fn send(&self, ctx: &mut Context<'_>, answer: &Answer, bytes: Vec<u8>, reply_to: Option<&[u8]>) {
        ctx.forward(self.outcomes, outcome_record(answer.command_id, bytes, answer.decided_at, reply_to));
    }
}

/// An outcome as a record: the command's `reply-to` header goes along.
pub(crate) fn outcome_record(
    command_id: Uuid,
    bytes: Vec<u8>,
    timestamp: i64,
    reply_to: Option<&[u8]>,
) -> Record<Uuid, Vec<u8>> {
    let mut record = Record::new(command_id, bytes, timestamp);
    record.headers = reply_headers(reply_to);
    record
}

pub(crate) fn reply_headers(reply_to: Option<&[u8]>) -> Headers {
    let mut headers = Headers::new();
    if let Some(reply_to) = reply_to {
        headers.push(REPLY_TO_HEADER, reply_to);
    }
    headers
}

/// The fingerprint that the sender of a command gave it; one that cannot be read is none.
pub(crate) fn fingerprint(headers: &Headers) -> Option<i64> {
    let text = std::str::from_utf8(headers.last(FINGERPRINT_HEADER)?).ok()?;
    u64::from_str_radix(text, 16).ok().map(u64::cast_signed)
}

/// An answer that cannot be written or read: the record's fault, as nothing else is known to be wrong.
#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
pub(crate) fn schema(error: SchemaError) -> ProcessingError {
    ProcessingError::record("schema", error.to_string())
}

/// A record on a partition or with a key that is not its payload's.
pub(crate) fn misrouted(what: String) -> ProcessingError {
    ProcessingError::record("misrouted", what)
}
