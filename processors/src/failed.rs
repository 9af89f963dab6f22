//! What becomes of a record that cannot be processed: a dead letter, and if a command can be read in it, the outcome
//! `failed`, so that nobody waits in vain. It is not remembered: a redrive decides.

use std::sync::Arc;

use schemas::topics::{COMMAND_OUTCOMES, REPLY_TO_HEADER};
use schemas::{
    PoolLookupReplied, PoolLookupRequested, SchemaRegistry, TicketCommand, UserCommand, UserLookupReplied,
    UserLookupRequested, frame,
};
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
        let (command, reply_to) = waiting(bytes)?;
        Some((answer_to(&command, record.timestamp), reply_to.map(String::into_bytes)))
    }
}

/// The command that waits for the answer to a question, if the bytes are a question or an answer, and its reply-to.
fn waiting(bytes: &[u8]) -> Option<(TicketCommand, Option<String>)> {
    if let Ok(record) = frame::decode::<UserLookupRequested>(bytes) {
        return Some((record.command.into(), record.reply_to));
    }
    if let Ok(record) = frame::decode::<UserLookupReplied>(bytes) {
        return Some((record.command.into(), record.reply_to));
    }
    if let Ok(record) = frame::decode::<PoolLookupRequested>(bytes) {
        return Some((record.command.into(), record.reply_to));
    }
    let record = frame::decode::<PoolLookupReplied>(bytes).ok()?;
    Some((record.command.into(), record.reply_to))
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
