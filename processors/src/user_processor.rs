//! The processors of the user sub-topology: `user.commands`, and the question whether a user is known.

use schemas::topics::REPLY_TO_HEADER;
use schemas::{
    DeactivateUser, InboxInput, ReactivateUser, ReadNotifications, ReadingTold, UserCommand, UserEvent,
    UserLookupReplied, UserLookupRequested, UserState, UserTold,
};
use topology::broker::partition_for_key;
use topology::{Context, InitContext, Output, ProcessingError, Processor, Record, Store, TopologyError};
use uuid::Uuid;

use crate::activity::{ActivityChange, decide_activity, told};
use crate::decision::Accepted;
use crate::desk::{fingerprint, misrouted, outcome_record, schema};
use crate::memory::{Known, Memory, USER_COMMAND_MEMORY};
use crate::notifications::INBOX_INPUTS;
use crate::outcome::{Answer, repeated};
use crate::rejection::Rejection;
use crate::user::{decide_preferences, decide_user, evolve_user, handle_of, themselves};

/// Users by user key.
pub const USERS: &str = "users";
/// Name of the sink of user events.
pub(crate) const USER_EVENTS_SINK: &str = "user-events";
/// Name of the sink of the user sub-topology's outcomes.
pub(crate) const USER_OUTCOMES_SINK: &str = "user-outcomes";
/// Name of the repartition that answers the ticket sub-topology.
pub(crate) const USER_REPLIES: &str = "user-lookup-replies";

#[derive(Debug, Clone, Copy)]
struct Wired {
    users: Store<String, UserState>,
    memory: Memory,
    events: Output<Uuid, UserEvent>,
    outcomes: Output<Uuid, Vec<u8>>,
    inboxes: Output<Uuid, InboxInput>,
    projects: Output<Uuid, UserTold>,
}

/// Decides about commands of users.
#[derive(Debug, Default)]
pub(crate) struct UserProcessor {
    wired: Option<Wired>,
}

impl Processor for UserProcessor {
    type KIn = Option<String>;
    type VIn = UserCommand;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.wired = Some(Wired {
            users: ctx.store(USERS)?,
            memory: Memory { answers: ctx.store(USER_COMMAND_MEMORY)?, pending: None },
            events: ctx.output(USER_EVENTS_SINK)?,
            outcomes: ctx.output(USER_OUTCOMES_SINK)?,
            inboxes: ctx.output(INBOX_INPUTS)?,
            projects: ctx.output(USER_REPLIES)?,
        });
        Ok(())
    }

    fn process(
        &mut self,
        ctx: &mut Context<'_>,
        record: Record<Option<String>, UserCommand>,
    ) -> Result<(), ProcessingError> {
        let Some(wired) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let Record { key, value: command, timestamp, headers } = record;
        check_route(ctx, key.as_deref(), command.user_key())?;
        let reply_to = headers.last(REPLY_TO_HEADER);
        let answer = Answer { fingerprint: fingerprint(&headers), ..answer_to_user(&command, timestamp) };
        let bytes = match wired.memory.recall(ctx, answer.command_id)? {
            Known::Answered(first) => repeated(&first).map_err(schema)?,
            Known::New | Known::Pending(_) => {
                let bytes = wired.decide(ctx, command, &answer)?;
                wired.memory.remember(ctx, answer.command_id, bytes.clone())?;
                bytes
            }
        };
        ctx.forward(wired.outcomes, outcome_record(answer.command_id, bytes, timestamp, reply_to));
        Ok(())
    }
}

impl Wired {
    fn decide(&self, ctx: &mut Context<'_>, command: UserCommand, answer: &Answer) -> Result<Vec<u8>, ProcessingError> {
        let at = answer.decided_at;
        let known = self.users.get(ctx, &command.user_key().to_owned())?;
        let known = known.as_deref();
        let decided = match command {
            UserCommand::RegisterUser(command) => decide_user(known, command, at).map(Some),
            UserCommand::UpdatePreferences(command) => decide_preferences(known, command, at),
            UserCommand::ReadNotifications(command) => self.tell_inbox(ctx, known, &command, at).map(|()| None),
            UserCommand::DeactivateUser(command) => self.change_activity(ctx, known, &command.into(), at),
            UserCommand::ReactivateUser(command) => self.change_activity(ctx, known, &command.into(), at),
        };
        let event = match decided {
            Ok(event) => event,
            Err(rejection) => return answer.rejected(&rejection, 0).map_err(schema),
        };
        let changed = event.as_ref().map(evolve_user);
        let user = changed.as_ref().map(|(_, user)| user).or(known);
        let (user_id, sequence) = user.map_or((None, 0), |user| (Some(user.user_id), user.sequence));
        if let Some((key, user)) = changed {
            self.users.put(ctx, &key, user)?;
        }
        if let (Some(event), Some(user_id)) = (event, user_id) {
            ctx.forward(self.events, Record::new(user_id, event, at));
        }
        // So that whoever sent it can wait until the user can be read.
        answer.accepted(&Accepted { user_id, ..Accepted::default() }, sequence).map_err(schema)
    }

    /// Only the projects know their members: each partition of them is told.
    fn change_activity(
        &self,
        ctx: &mut Context<'_>,
        known: Option<&UserState>,
        change: &ActivityChange,
        at: i64,
    ) -> Result<Option<UserEvent>, Rejection> {
        let event = decide_activity(known, change, at)?;
        for (key, told) in told(change, ctx.partitions()) {
            ctx.forward(self.projects, Record::new(key, told.into(), at));
        }
        Ok(event)
    }

    /// Only the inbox knows the notifications.
    fn tell_inbox(
        &self,
        ctx: &mut Context<'_>,
        known: Option<&UserState>,
        command: &ReadNotifications,
        at: i64,
    ) -> Result<(), Rejection> {
        let user_id = themselves(known, &command.user_key, command.actor_id, command.actor_admin)?.user_id;
        let told = ReadingTold {
            correlation_id: command.correlation_id,
            causation_id: command.command_id,
            user_id,
            notification_id: command.notification_id,
            up_to: command.up_to.unwrap_or(0).max(0),
        };
        ctx.forward(self.inboxes, Record::new(user_id, told.into(), at));
        Ok(())
    }
}

/// Makes of a command what both have in common.
macro_rules! activity_change {
    ($record:ident, $deactivated:literal) => {
        impl From<$record> for ActivityChange {
            fn from(command: $record) -> Self {
                let $record { command_id, correlation_id, actor_id, actor_admin, user_key, .. } = command;
                Self { command_id, correlation_id, actor_id, actor_admin, user_key, deactivated: $deactivated }
            }
        }
    };
}

activity_change!(DeactivateUser, true);
activity_change!(ReactivateUser, false);

/// The envelope of the answer to a command that came with a record of this timestamp, but for the fingerprint.
pub(crate) fn answer_to_user(command: &UserCommand, decided_at: i64) -> Answer {
    Answer {
        command_id: command.command_id(),
        correlation_id: command.correlation_id(),
        command_type: command.type_name(),
        decided_at,
        project_id: None,
        fingerprint: None,
    }
}

/// Answers whether a user is known.
#[derive(Debug, Default)]
pub(crate) struct LookupProcessor {
    wired: Option<(Store<String, UserState>, Output<Uuid, UserTold>)>,
}

impl Processor for LookupProcessor {
    type KIn = String;
    type VIn = UserLookupRequested;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.wired = Some((ctx.store(USERS)?, ctx.output(USER_REPLIES)?));
        Ok(())
    }

    fn process(
        &mut self,
        ctx: &mut Context<'_>,
        record: Record<String, UserLookupRequested>,
    ) -> Result<(), ProcessingError> {
        let Some((users, replies)) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let user = users.get(ctx, &record.key)?;
        let UserLookupRequested { command, reply_to, .. } = record.value;
        let project_id = command.project_id;
        let reply = UserLookupReplied {
            command,
            reply_to,
            user_id: user.as_deref().map(|user| user.user_id),
            suggested_handle: user.as_deref().and_then(handle_of),
            deactivated: user.as_deref().is_some_and(|user| user.deactivated),
        };
        ctx.forward(replies, Record::new(project_id, reply.into(), record.timestamp));
        Ok(())
    }
}

fn check_route(ctx: &Context<'_>, key: Option<&str>, user_key: &str) -> Result<(), ProcessingError> {
    if key != Some(user_key) {
        return Err(misrouted("the key is not the payload's user key".to_owned()));
    }
    let right = partition_for_key(user_key.as_bytes(), ctx.partitions());
    if right != ctx.partition() {
        return Err(misrouted(format!("this user belongs on partition {right}, not {}", ctx.partition())));
    }
    Ok(())
}
