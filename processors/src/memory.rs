//! The command memory: the first answer to each command, so that a repetition gets it again and changes nothing.
//!
//! Each answer is an outcome too, so `command.outcomes` is what the memory of projects and tickets is restored from
//! ([`remembered`]). What is still being decided is in no outcome, and stands in a store of its own until it is.

use schemas::registry::published;
use schemas::{CommandAccepted, CommandRejected, Outcome, Record, SchemaError, SchemaRegistry, frame};
use topology::serde::Deserialized;
use topology::{Context, ProcessingError, RecordRef, Store};
use uuid::Uuid;

use crate::outcome::Answer;
use crate::pipeline::COMMAND_MEMORY_MS;

/// The memory of commands about projects and tickets.
pub const COMMAND_MEMORY: &str = "command-memory";
/// The memory of commands about users.
pub const USER_COMMAND_MEMORY: &str = "user-command-memory";
/// Commands about projects and tickets that are being decided.
pub const PENDING_COMMANDS: &str = "pending-commands";

/// Began what stood in the memory itself for an answer that was not there yet, in installations from before the commands that are being
/// decided had a store of their own; the command's fingerprint followed, if it had one. Framed answers begin with zero.
pub(crate) const PENDING: u8 = b'P';

/// How long the answer to a question is waited for. What is asked for again later is decided anew.
const PENDING_MS: i64 = COMMAND_MEMORY_MS;

/// What is known of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing: it is new, or longer ago than the memory reaches.
    New,
    /// It is being decided: its one answer will come. With the command's fingerprint.
    Pending(Option<i64>),
    /// It got this answer, framed.
    Answered(Vec<u8>),
}

/// A processor's handle on the memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) answers: Store<Uuid, Vec<u8>>,
    /// Since when commands are being decided, and their fingerprints; none: each is decided at once.
    pub(crate) pending: Option<Store<Uuid, Vec<u8>>>,
}

impl Memory {
    pub(crate) fn recall(self, ctx: &mut Context<'_>, command_id: Uuid) -> Result<Known, ProcessingError> {
        // Answers first: an instance that knows no pending commands leaves those standing that it answers.
        if let Some(bytes) = self.answers.get(ctx, &command_id)? {
            return Ok(match bytes.split_first() {
                Some((&PENDING, fingerprint)) => Known::Pending(number(fingerprint)),
                _ => Known::Answered(std::sync::Arc::unwrap_or_clone(bytes)),
            });
        }
        let Some(pending) = self.pending else { return Ok(Known::New) };
        let Some(bytes) = pending.get(ctx, &command_id)? else { return Ok(Known::New) };
        let (since, fingerprint) = bytes.split_at_checked(8).unwrap_or_default();
        let is_over = number(since).is_none_or(|since| ctx.timestamp() - since >= PENDING_MS);
        Ok(if is_over { Known::New } else { Known::Pending(number(fingerprint)) })
    }

    /// Keeps the first answer to a command. It must be sent as the command's outcome too.
    pub(crate) fn remember(self, ctx: &mut Context<'_>, id: Uuid, answer: Vec<u8>) -> Result<(), ProcessingError> {
        self.answers.put(ctx, &id, answer)
    }

    /// It is not being decided any more.
    pub(crate) fn decided(self, ctx: &mut Context<'_>, id: Uuid) -> Result<(), ProcessingError> {
        let Some(pending) = self.pending else { return Ok(()) };
        if pending.contains(ctx, &id)? { pending.delete(ctx, &id) } else { Ok(()) }
    }

    pub(crate) fn remember_pending(self, ctx: &mut Context<'_>, answer: &Answer) -> Result<(), ProcessingError> {
        let Some(pending) = self.pending else { return Ok(()) };
        let mut bytes = ctx.timestamp().to_be_bytes().to_vec();
        bytes.extend(answer.fingerprint.iter().flat_map(|fingerprint| fingerprint.to_be_bytes()));
        pending.put(ctx, &answer.command_id, bytes)
    }
}

fn number(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}

/// What a record of `command.outcomes` says of the memory of commands about projects and tickets: the first answer to a command, as
/// it was put there. Of what failed nothing is remembered, and commands about users have a memory of their own.
pub(crate) fn remembered(
    registry: &dyn SchemaRegistry,
    record: &RecordRef<'_>,
) -> Deserialized<Option<(Uuid, Option<Vec<u8>>)>> {
    let Some(value) = record.value else { return Deserialized::Value(None) };
    let outcome = match Outcome::decode_with(registry, value) {
        Ok(outcome) => outcome,
        Err(error) if error.not_yet() => return Deserialized::NotYet(error.to_string()),
        Err(error) => return Deserialized::Bad(error.to_string()),
    };
    let is_first = !outcome.duplicate();
    #[cfg(feature = "injected-bugs")]
    let is_first = is_first || crate::bugs::is(crate::bugs::Bug::RepetitionRemembered);
    if !is_first || matches!(outcome, Outcome::Failed(_)) || outcome.project_id().is_none() {
        return Deserialized::Value(None);
    }
    match own(registry, value, &outcome) {
        Ok(answer) => Deserialized::Value(Some((outcome.command_id(), Some(answer)))),
        Err(error) => Deserialized::Bad(error.to_string()),
    }
}

/// The outcome as the memory had it, byte by byte: with the ids in the code. One that a version with another schema wrote, and whose id only
/// the registry knows, is written anew: it says the same.
fn own(registry: &dyn SchemaRegistry, sent: &[u8], outcome: &Outcome) -> Result<Vec<u8>, SchemaError> {
    let today = [CommandAccepted::SCHEMA_ID, CommandRejected::SCHEMA_ID];
    let mut bytes = sent.to_vec();
    if frame::unlabel(registry, &today, &mut bytes)? {
        return Ok(bytes);
    }
    let has_own_ids = today.iter().all(|id| registry.wire_id(*id) == *id);
    if !has_own_ids || published(frame::schema_id(&bytes)?).is_none() {
        bytes.clear();
        outcome.encode(&mut bytes)?;
    }
    Ok(bytes)
}
