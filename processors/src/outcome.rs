//! Outcomes: what the sender of a command is told, framed once and then both remembered and sent.

use schemas::{CommandAccepted, CommandFailed, CommandRejected, Outcome, SchemaError, frame};
use uuid::Uuid;

use crate::decision::Accepted;
use crate::rejection::Rejection;

/// The envelope of a command's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The command.
    pub command_id: Uuid,
    /// What ties together everything one request caused.
    pub correlation_id: Uuid,
    /// Record name of the command.
    pub command_type: &'static str,
    /// Timestamp of the record that the decision came with, in milliseconds since the Unix epoch.
    pub decided_at: i64,
    /// The project; none for a command about a user.
    pub project_id: Option<Uuid>,
    /// What the sender said to tell this request from another one with the same id.
    pub fingerprint: Option<i64>,
}

impl Answer {
    /// Accepted, framed. `sequence` is the project's after the command, or the user's.
    ///
    /// # Errors
    /// The outcome does not fit its schema.
    pub fn accepted(&self, accepted: &Accepted, sequence: i64) -> Result<Vec<u8>, SchemaError> {
        let ticket = accepted.ticket.as_ref();
        framed(&CommandAccepted {
            command_id: self.command_id,
            correlation_id: self.correlation_id,
            command_type: self.command_type.to_owned(),
            decided_at: self.decided_at,
            duplicate: false,
            project_id: self.project_id,
            sequence,
            ticket_id: ticket.map(|t| t.id),
            number: ticket.map(|t| t.number),
            code: ticket.map(|t| t.code.clone()),
            ticket_version: ticket.map(|t| t.version),
            comment_id: accepted.comment_id,
            user_id: accepted.user_id,
            fingerprint: self.fingerprint,
        })
    }

    /// Rejected, framed.
    ///
    /// # Errors
    /// The outcome does not fit its schema.
    pub fn rejected(&self, rejection: &Rejection, sequence: i64) -> Result<Vec<u8>, SchemaError> {
        framed(&CommandRejected {
            command_id: self.command_id,
            correlation_id: self.correlation_id,
            command_type: self.command_type.to_owned(),
            decided_at: self.decided_at,
            duplicate: false,
            project_id: self.project_id,
            sequence,
            rejection: rejection.code().to_owned(),
            detail: rejection.to_string(),
            field: rejection.field().map(str::to_owned),
            allowed: rejection.allowed(),
            fingerprint: self.fingerprint,
        })
    }

    /// Failed, framed: nothing was decided, and sent again the command is decided anew.
    ///
    /// # Errors
    /// The outcome does not fit its schema.
    pub fn failed(&self, reason: String) -> Result<Vec<u8>, SchemaError> {
        framed(&CommandFailed {
            command_id: self.command_id,
            correlation_id: self.correlation_id,
            command_type: self.command_type.to_owned(),
            decided_at: self.decided_at,
            duplicate: false,
            project_id: self.project_id,
            sequence: 0,
            reason,
        })
    }
}

/// The first answer again, marked as a duplicate.
///
/// # Errors
/// What is remembered cannot be read.
pub fn repeated(first: &[u8]) -> Result<Vec<u8>, SchemaError> {
    let outcome = Outcome::decode(first)?.with_duplicate(true);
    let mut bytes = Vec::with_capacity(first.len());
    outcome.encode(&mut bytes)?;
    Ok(bytes)
}

fn framed<T: schemas::Record>(record: &T) -> Result<Vec<u8>, SchemaError> {
    let mut bytes = Vec::with_capacity(160);
    frame::encode(record, &mut bytes)?;
    Ok(bytes)
}
