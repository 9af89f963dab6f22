//! The command memory: the first answer to each command, so that a repetition gets it again and changes nothing.

use topology::{Context, ProcessingError, Store};
use uuid::Uuid;

use crate::outcome::Answer;

/// The memory of commands about projects and tickets.
pub const COMMAND_MEMORY: &str = "command-memory";
/// The memory of commands about users.
pub const USER_COMMAND_MEMORY: &str = "user-command-memory";

/// Begins what stands for an answer that is not there yet, as a user is being looked up; the command's fingerprint follows, if it
/// has one. Framed answers begin with zero.
const PENDING: u8 = b'P';

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
pub(crate) struct Memory(pub(crate) Store<Uuid, Vec<u8>>);

impl Memory {
    pub(crate) fn recall(self, ctx: &mut Context<'_>, command_id: Uuid) -> Result<Known, ProcessingError> {
        Ok(match self.0.get(ctx, &command_id)? {
            None => Known::New,
            Some(bytes) => match bytes.split_first() {
                Some((&PENDING, fingerprint)) => Known::Pending(fingerprint.try_into().ok().map(i64::from_be_bytes)),
                _ => Known::Answered(std::sync::Arc::unwrap_or_clone(bytes)),
            },
        })
    }

    pub(crate) fn remember(self, ctx: &mut Context<'_>, id: Uuid, answer: Vec<u8>) -> Result<(), ProcessingError> {
        self.0.put(ctx, &id, answer)
    }

    pub(crate) fn remember_pending(self, ctx: &mut Context<'_>, answer: &Answer) -> Result<(), ProcessingError> {
        let mut bytes = vec![PENDING];
        bytes.extend(answer.fingerprint.iter().flat_map(|fingerprint| fingerprint.to_be_bytes()));
        self.0.put(ctx, &answer.command_id, bytes)
    }
}
