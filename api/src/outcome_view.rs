//! What became of a command, as it is told.

use schemars::JsonSchema;
use schemas::{CommandAccepted, CommandRejected};
use serde::Serialize;
use uuid::Uuid;

/// What became of a command.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "status", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub(crate) enum CommandStatus<'a> {
    /// It has no outcome yet.
    Pending { command_id: Uuid },
    /// It was done.
    Accepted {
        command_id: Uuid,
        result: AcceptedIds<'a>,
        /// True, if it was sent before; this is what it came to then.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        duplicate: bool,
    },
    /// The rules refused it.
    Rejected { command_id: Uuid, code: &'a str, detail: &'a str, field: Option<&'a str>, allowed: &'a [String] },
    /// It was dead-lettered.
    Failed { command_id: Uuid },
}

impl<'a> From<&'a CommandAccepted> for CommandStatus<'a> {
    fn from(accepted: &'a CommandAccepted) -> Self {
        Self::Accepted { command_id: accepted.command_id, result: accepted.into(), duplicate: accepted.duplicate }
    }
}

impl<'a> From<&'a CommandRejected> for CommandStatus<'a> {
    fn from(rejected: &'a CommandRejected) -> Self {
        Self::Rejected {
            command_id: rejected.command_id,
            code: &rejected.rejection,
            detail: &rejected.detail,
            field: rejected.field.as_deref(),
            allowed: &rejected.allowed,
        }
    }
}

/// The ids that a command made or touched, without what is absent.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AcceptedIds<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<i64>,
}

impl<'a> From<&'a CommandAccepted> for AcceptedIds<'a> {
    fn from(accepted: &'a CommandAccepted) -> Self {
        Self {
            project_id: accepted.project_id,
            ticket_id: accepted.ticket_id,
            number: accepted.number,
            code: accepted.code.as_deref(),
            version: accepted.ticket_version,
            comment_id: accepted.comment_id,
            user_id: accepted.user_id,
            sequence: (accepted.sequence > 0).then_some(accepted.sequence),
        }
    }
}

/// The id that a repetition of a delivery will have.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replay {
    pub(crate) delivery_id: Uuid,
}

/// How many notifications are unread.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Unread {
    pub(crate) unread: i64,
}

/// What a verification found, or why it could not be done.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verified {
    /// Each for people; none: nothing is wrong.
    Differences(Vec<String>),
    Error(String),
}
