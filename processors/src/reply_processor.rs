//! The processor of the user sub-topology's replies: the second half of AddMember.

use schemas::{TicketCommand, UserLookupReplied};
use topology::{Context, InitContext, ProcessingError, Processor, Record, TopologyError};
use uuid::Uuid;

use crate::decide_added_member;
use crate::desk::Desk;
use crate::memory::Known;
use crate::outcome::Answer;
use crate::stores::ProjectStores;
use crate::ticket_processor::answer_to;

/// Decides about an AddMember whose user was looked up. The project has gone on meanwhile, so every guard is asked again.
#[derive(Debug, Default)]
pub(crate) struct ReplyProcessor {
    desk: Option<Desk>,
}

impl Processor for ReplyProcessor {
    type KIn = Uuid;
    type VIn = UserLookupReplied;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.desk = Some(Desk::new(ctx)?);
        Ok(())
    }

    fn process(
        &mut self,
        ctx: &mut Context<'_>,
        record: Record<Uuid, UserLookupReplied>,
    ) -> Result<(), ProcessingError> {
        let Some(desk) = self.desk else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let UserLookupReplied { command, reply_to, user_id, suggested_handle } = record.value;
        let (command_id, project_id) = (command.command_id, command.project_id);
        let fingerprint = match desk.memory.recall(ctx, command_id)? {
            // A reply that was put back from the dead letters, after the command was answered.
            Known::Answered(_) => return Ok(()),
            Known::Pending(fingerprint) => fingerprint,
            Known::New => None,
        };
        let command = TicketCommand::from(command);
        let answer = Answer { fingerprint, ..answer_to(&command, record.timestamp) };
        let TicketCommand::AddMember(command) = command else { return Ok(()) };
        let project = ProjectStores::new(desk.stores, ctx, project_id);
        let decision = decide_added_member(&project, command, user_id, suggested_handle.as_deref(), record.timestamp);
        let bytes = desk.conclude(ctx, &answer, project_id, decision)?;
        #[cfg(feature = "injected-bugs")]
        if crate::bugs::is(crate::bugs::Bug::MemoryForgottenOnReply) {
            desk.send(ctx, &answer, bytes, reply_to.as_deref().map(str::as_bytes));
            return Ok(());
        }
        desk.answer_at_last(ctx, &answer, bytes, reply_to.as_deref())
    }
}
