//! The processor of `ticket.commands`: routing, command memory, decision, answer.

use schemas::topics::REPLY_TO_HEADER;
use schemas::{AddMember, PoolLookupRequested, TicketCommand, UserLookupRequested};
use topology::broker::partition_for_key;
use topology::{Context, InitContext, Output, ProcessingError, Processor, Record, TopologyError};
use uuid::Uuid;

use crate::assignment::POOL_LOOKUPS;
use crate::decide;
use crate::decision::Decision;
use crate::desk::{Desk, fingerprint, misrouted, schema};
use crate::memory::Known;
use crate::outcome::{Answer, repeated};
use crate::serdes::RoutingKey;
use crate::stores::ProjectStores;

/// Name of the repartition that asks the user sub-topology.
pub(crate) const USER_LOOKUPS: &str = "user-lookup-requests";

#[derive(Debug, Clone, Copy)]
struct Wired {
    desk: Desk,
    users: Output<String, UserLookupRequested>,
    pools: Output<Uuid, PoolLookupRequested>,
}

/// Decides about commands of projects and tickets.
#[derive(Debug, Default)]
pub(crate) struct TicketProcessor {
    wired: Option<Wired>,
    #[cfg(feature = "injected-bugs")]
    numbers: crate::bugs::Numbers,
}

impl Processor for TicketProcessor {
    type KIn = RoutingKey;
    type VIn = TicketCommand;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        let desk = Desk::new(ctx)?;
        self.wired = Some(Wired { desk, users: ctx.output(USER_LOOKUPS)?, pools: ctx.output(POOL_LOOKUPS)? });
        Ok(())
    }

    fn process(
        &mut self,
        ctx: &mut Context<'_>,
        record: Record<RoutingKey, TicketCommand>,
    ) -> Result<(), ProcessingError> {
        let Some(Wired { desk, users, pools }) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let Record { key, value: command, timestamp, headers } = record;
        check_route(ctx, &key, command.project_id())?;
        let reply_to = headers.last(REPLY_TO_HEADER);
        let answer = Answer { fingerprint: fingerprint(&headers), ..answer_to(&command, timestamp) };
        match desk.memory.recall(ctx, answer.command_id)? {
            Known::New => {}
            // The answer will come with the user sub-topology's reply; there is to be only one.
            Known::Pending(_) => return Ok(()),
            Known::Answered(first) => {
                desk.send(ctx, &answer, repeated(&first).map_err(schema)?, reply_to);
                return Ok(());
            }
        }
        let project_id = command.project_id();
        #[cfg(feature = "injected-bugs")]
        self.numbers.before(&mut ProjectStores::new(desk.stores, ctx, project_id), project_id)?;
        let decision = decide(&ProjectStores::new(desk.stores, ctx, project_id), command, timestamp);
        let decision = match decision {
            Ok(Decision::Accepted(accepted)) => Ok(accepted),
            Err(refused) => Err(refused),
            Ok(Decision::LookUpUser(command)) => {
                desk.memory.remember_pending(ctx, &answer)?;
                ctx.forward(users, lookup(ctx, *command, reply_to, timestamp));
                return Ok(());
            }
            Ok(Decision::LookUpPool(command)) => {
                desk.memory.remember_pending(ctx, &answer)?;
                // The host of the pool answers; its id is the pool's.
                let host = command.pool.unwrap_or(project_id);
                let request = PoolLookupRequested { command: *command, reply_to: text(reply_to) };
                ctx.forward(pools, Record::new(host, request, timestamp));
                return Ok(());
            }
        };
        let bytes = desk.conclude(ctx, &answer, project_id, decision)?;
        #[cfg(feature = "injected-bugs")]
        self.numbers.after(&ProjectStores::new(desk.stores, ctx, project_id), project_id)?;
        desk.answer(ctx, &answer, bytes, reply_to)
    }
}

/// The envelope of the answer to a command that came with a record of this timestamp, but for the fingerprint.
pub(crate) fn answer_to(command: &TicketCommand, decided_at: i64) -> Answer {
    Answer {
        command_id: command.command_id(),
        correlation_id: command.correlation_id(),
        command_type: command.type_name(),
        decided_at,
        project_id: Some(command.project_id()),
        fingerprint: None,
    }
}

/// One project is decided in one place: a record that came elsewhere would give its numbers twice.
fn check_route(ctx: &Context<'_>, key: &RoutingKey, project_id: Uuid) -> Result<(), ProcessingError> {
    if *key != RoutingKey::Id(project_id) {
        return Err(misrouted(format!("the key is not the text of the payload's project id {project_id}")));
    }
    let mut buffer = Uuid::encode_buffer();
    let text = project_id.hyphenated().encode_lower(&mut buffer);
    let right = partition_for_key(text.as_bytes(), ctx.partitions());
    if right != ctx.partition() {
        return Err(misrouted(format!("project {project_id} belongs on partition {right}, not {}", ctx.partition())));
    }
    Ok(())
}

fn lookup(
    ctx: &Context<'_>,
    command: AddMember,
    reply_to: Option<&[u8]>,
    timestamp: i64,
) -> Record<String, UserLookupRequested> {
    let key = command.user_key.trim().to_lowercase();
    let request = UserLookupRequested {
        command,
        reply_to: text(reply_to),
        partition: i32::try_from(ctx.partition()).unwrap_or(i32::MAX),
        offset: ctx.offset(),
    };
    Record::new(key, request, timestamp)
}

/// The reply-to header as the records carry it that a question goes out with.
fn text(reply_to: Option<&[u8]>) -> Option<String> {
    reply_to.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}
