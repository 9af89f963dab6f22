//! Outcomes: the answer that every command gets, exactly one decision each.

use uuid::Uuid;

use crate::record::{outcome, record_enum};

outcome! {
    /// The command was accepted, with the ids that it made or touched.
    CommandAccepted = 204 version 2 {
        /// Ticket that it made or changed.
        ticket_id: Option<Uuid>,
        /// The ticket's number in its project.
        number: Option<i64>,
        /// The ticket's code, such as SYNC-101.
        code: Option<String>,
        /// The ticket's version after it.
        ticket_version: Option<i64>,
        /// Comment that it made.
        comment_id: Option<Uuid>,
        /// User that it made or changed the membership of.
        user_id: Option<Uuid>,
        /// What the sender said to tell this request from another one with the same id; none: nothing.
        fingerprint: Option<i64>,
    }
}

outcome! {
    /// The command was refused and changed nothing.
    CommandRejected = 205 version 2 {
        /// Code of the rejection, such as `transition_illegal`.
        rejection: String,
        /// Explanation for people.
        detail: String,
        /// Field of the command that is at fault.
        field: Option<String>,
        /// What would have been allowed, such as the reachable states.
        #[serde(default)]
        allowed: Vec<String>,
        /// What the sender said to tell this request from another one with the same id; none: nothing.
        fingerprint: Option<i64>,
    }
}

outcome! {
    /// The command could not be processed and was dead-lettered. Not remembered: sent again, it is decided anew.
    CommandFailed = 203 {
        /// Why it failed, for operators.
        reason: String,
    }
}

record_enum! {
    /// A record of `command.outcomes`, whose key is the id of the command.
    Outcome {
        /// The command was accepted.
        Accepted(CommandAccepted),
        /// The command was refused and changed nothing.
        Rejected(CommandRejected),
        /// The command could not be processed.
        Failed(CommandFailed),
    }
    get {
        /// Id of the command.
        command_id: Uuid,
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// When it was decided, in milliseconds since 1970-01-01T00:00Z (stream time).
        decided_at: i64,
        /// Whether this repeats the outcome of the same command sent earlier.
        duplicate: bool,
        /// Id of the project; none for a command that has none.
        project_id: Option<Uuid>,
        /// The project's event sequence after the command; 0: none.
        sequence: i64,
    }
}

impl Outcome {
    /// Record name of the command, such as `CreateTicket`.
    #[must_use]
    pub fn command_type(&self) -> &str {
        match self {
            Self::Accepted(outcome) => &outcome.command_type,
            Self::Rejected(outcome) => &outcome.command_type,
            Self::Failed(outcome) => &outcome.command_type,
        }
    }

    /// What the sender of the command that was decided said to tell it from another one with the same id.
    #[must_use]
    pub fn fingerprint(&self) -> Option<i64> {
        match self {
            Self::Accepted(outcome) => outcome.fingerprint,
            Self::Rejected(outcome) => outcome.fingerprint,
            // Not remembered: what is sent again is decided anew.
            Self::Failed(_) => None,
        }
    }

    /// The same outcome, marked as a repetition or not.
    #[must_use]
    pub fn with_duplicate(mut self, duplicate: bool) -> Self {
        match &mut self {
            Self::Accepted(outcome) => outcome.duplicate = duplicate,
            Self::Rejected(outcome) => outcome.duplicate = duplicate,
            Self::Failed(outcome) => outcome.duplicate = duplicate,
        }
        self
    }
}
