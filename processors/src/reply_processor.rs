//! The processor of what the user sub-topology tells: the second half of AddMember, and who was deactivated.

use schemas::{TicketCommand, UserActivityTold, UserLookupReplied, UserTold};
use topology::{Context, InitContext, ProcessingError, Processor, Record, TopologyError};
use uuid::Uuid;

use crate::activity::decide_membership;
use crate::decide::{LookedUp, decide_added_member};
use crate::desk::Desk;
use crate::memory::Known;
use crate::outcome::Answer;
use crate::stores::ProjectStores;
use crate::ticket_processor::answer_to;

/// Decides about an AddMember whose user was looked up: the project has gone on meanwhile, so every guard is asked again. And
/// about the memberships of whoever was deactivated or reactivated.
#[derive(Debug, Default)]
pub(crate) struct ReplyProcessor {
    desk: Option<Desk>,
}

impl Processor for ReplyProcessor {
    type KIn = Uuid;
    type VIn = UserTold;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.desk = Some(Desk::new(ctx)?);
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Uuid, UserTold>) -> Result<(), ProcessingError> {
        let Some(desk) = self.desk else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        match record.value {
            UserTold::UserLookupReplied(reply) => desk.add_member(ctx, reply, record.timestamp),
            UserTold::UserActivityTold(told) => desk.change_memberships(ctx, &told, record.timestamp),
        }
    }
}

impl Desk {
    fn add_member(self, ctx: &mut Context<'_>, reply: UserLookupReplied, at: i64) -> Result<(), ProcessingError> {
        let UserLookupReplied { command, reply_to, user_id, suggested_handle, deactivated } = reply;
        let suggested_handle = suggested_handle.as_deref();
        let user = user_id.map(|user_id| LookedUp { user_id, suggested_handle, deactivated });
        let (command_id, project_id) = (command.command_id, command.project_id);
        let fingerprint = match self.memory.recall(ctx, command_id)? {
            // A reply that was put back from the dead letters, after the command was answered.
            Known::Answered(_) => return Ok(()),
            Known::Pending(fingerprint) => fingerprint,
            Known::New => None,
        };
        let command = TicketCommand::from(command);
        let answer = Answer { fingerprint, ..answer_to(&command, at) };
        let TicketCommand::AddMember(command) = command else { return Ok(()) };
        let project = ProjectStores::new(self.stores, ctx, project_id);
        let decision = decide_added_member(&project, command, user, at);
        let bytes = self.conclude(ctx, &answer, project_id, decision)?;
        #[cfg(feature = "injected-bugs")]
        if crate::bugs::is(crate::bugs::Bug::MemoryForgottenOnReply) {
            self.send(ctx, &answer, bytes, reply_to.as_deref().map(str::as_bytes));
            return Ok(());
        }
        self.answer_at_last(ctx, &answer, bytes, reply_to.as_deref())
    }

    /// Looks through all memberships of the partition, which by user are in no order; it is seldom asked.
    fn change_memberships(
        self,
        ctx: &mut Context<'_>,
        told: &UserActivityTold,
        at: i64,
    ) -> Result<(), ProcessingError> {
        for project_id in self.stores.projects_of(ctx, told.user_id)? {
            let event = decide_membership(&ProjectStores::new(self.stores, ctx, project_id), project_id, told, at)?;
            self.apply(ctx, project_id, event.into_iter().collect(), at)?;
        }
        Ok(())
    }
}
