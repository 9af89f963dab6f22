//! Names of topics and of the headers that records carry there.

/// Commands about projects and tickets; key: project id.
pub const TICKET_COMMANDS: &str = "ticket.commands";
/// Events of projects and tickets; key: project id. Kept for ever.
pub const TICKET_EVENTS: &str = "ticket.events";
/// Commands about users; key: user key.
pub const USER_COMMANDS: &str = "user.commands";
/// Events of users; key: user id. Compacted: each record has the whole state.
pub const USER_EVENTS: &str = "user.events";
/// Outcomes of commands; key: command id, on the partition number of the command.
pub const COMMAND_OUTCOMES: &str = "command.outcomes";
/// Asks whether a user is known; key: user key. Internal.
pub const USER_LOOKUP_REQUESTS: &str = "user.lookup.requests";
/// Answers whether a user is known; key: project id. Internal.
pub const USER_LOOKUP_REPLIES: &str = "user.lookup.replies";
/// Who was chosen for which ticket; key: project id.
pub const TICKET_ASSIGNMENTS: &str = "ticket.assignments";
/// Who must know of what; key: user id. Kept for ever.
pub const NOTIFICATIONS: &str = "notifications";
/// E-mail to be sent; key: user id.
pub const EMAIL_OUTBOX: &str = "email.outbox";
/// What became of e-mail; key: user id.
pub const EMAIL_RESULTS: &str = "email.results";
/// What webhooks are to do again; key: id of the user or project.
pub const WEBHOOK_COMMANDS: &str = "webhook.commands";
/// What became of each attempt to deliver to a webhook; key: id of the user or project.
pub const WEBHOOK_RESULTS: &str = "webhook.results";

/// What the name of a topic's dead-letter topic ends with.
pub const DEAD_LETTER_SUFFIX: &str = ".dlq";

/// Header of a command that says who waits for its outcome; the outcome carries it too.
pub const REPLY_TO_HEADER: &str = "reply-to";

/// Header of a command with a fingerprint of the request that it is, 16 hexadecimal digits. The outcome has that of the command
/// that was decided: whoever sent another request with the same command id sees that the answer is not theirs.
pub const FINGERPRINT_HEADER: &str = "idempotency-fingerprint";

/// Name of the dead-letter topic of `topic`.
#[must_use]
pub fn dead_letters(topic: &str) -> String {
    format!("{topic}{DEAD_LETTER_SUFFIX}")
}
