//! What becomes of a record that cannot be processed: a dead letter, and if a command can be read in it, the outcome
//! `failed`, so that nobody waits in vain. It is not remembered: a redrive decides.

use std::sync::Arc;

use schemas::topics::{COMMAND_OUTCOMES, REPLY_TO_HEADER};
use schemas::{SchemaRegistry, TicketCommand, UserCommand, UserLookupReplied, UserLookupRequested, frame};
use topology::serde::{Deserialized, Deserializer};
use topology::{ExceptionHandler, Failure, LogAndContinue, Replacement, Response};

use crate::desk::reply_headers;
use crate::outcome::Answer;
use crate::serdes::Commands;
use crate::ticket_processor::answer_to;
use crate::user_processor::answer_to_user;

/// Continues after every kind of failure.
pub(crate) struct AnswerFailed {
    commands: Commands,
}

impl AnswerFailed {
    pub(crate) fn new(registry: Arc<dyn SchemaRegistry>) -> Self {
        Self { commands: Commands(registry) }
    }

    /// Envelope and reply-to of the command that the failed record carries, if one can be read.
    fn answer(&self, failure: &Failure<'_>) -> Option<(Answer, Option<Vec<u8>>)> {
        let record = &failure.record;
        let bytes = record.value?;
        let reply_to = || record.headers.last(REPLY_TO_HEADER).map(<[u8]>::to_vec);
        let ticket: Deserialized<TicketCommand> = self.commands.deserialize(failure.topic, record.headers, Some(bytes));
        if let Deserialized::Value(command) = ticket {
            return Some((answer_to(&command, record.timestamp), reply_to()));
        }
        let user: Deserialized<UserCommand> = self.commands.deserialize(failure.topic, record.headers, Some(bytes));
        if let Deserialized::Value(command) = user {
            return Some((answer_to_user(&command, record.timestamp), reply_to()));
        }
        let (command, reply_to) = match frame::decode::<UserLookupRequested>(bytes) {
            Ok(request) => (request.command, request.reply_to),
            Err(_) => frame::decode::<UserLookupReplied>(bytes).ok().map(|reply| (reply.command, reply.reply_to))?,
        };
        Some((answer_to(&command.into(), record.timestamp), reply_to.map(String::into_bytes)))
    }
}

impl ExceptionHandler for AnswerFailed {
    fn handle(&self, failure: &Failure<'_>) -> Response {
        let mut response = LogAndContinue.handle(failure);
        let reason = || format!("{}: {}", failure.class, failure.message);
        if let Response::Resume(replacements) = &mut response
            && let Some((answer, reply_to)) = self.answer(failure)
            && let Ok(mut value) = answer.failed(reason())
            && frame::relabel(&*self.commands.0, &mut value).is_ok()
        {
            replacements.push(Replacement {
                topic: COMMAND_OUTCOMES.into(),
                key: Some(answer.command_id.hyphenated().to_string().into_bytes()),
                value: Some(value),
                timestamp: failure.record.timestamp,
                headers: reply_headers(reply_to.as_deref()),
            });
        }
        response
    }
}
