//! Subjects: under which names the schemas of the topics that others read and write stand in a registry.
//!
//! Several kinds of records share a topic, so the strategy is `TopicRecordNameStrategy`: each kind has a subject of its
//! own, and each subject's versions are compatible among themselves. Source of the name and form:
//! `io.confluent.kafka.serializers.subject.TopicRecordNameStrategy`.

use crate::assignment::Assignment;
use crate::command::{TicketCommand, UserCommand};
use crate::event::{TicketEvent, UserEvent};
use crate::mail::{Mail, MailResult};
use crate::notification::Notification;
use crate::outcome::Outcome;
use crate::published::Published;
use crate::topics::{
    COMMAND_OUTCOMES, EMAIL_OUTBOX, EMAIL_RESULTS, NOTIFICATIONS, TICKET_ASSIGNMENTS, TICKET_COMMANDS, TICKET_EVENTS,
    USER_COMMANDS, USER_EVENTS, WEBHOOK_COMMANDS, WEBHOOK_RESULTS,
};
use crate::webhook::{DeliveryResult, WebhookCommand};

/// Namespace of every record.
pub const NAMESPACE: &str = "io.syncroboard";

/// How the versions of each subject must go together, in a registry's words: each with all that came before.
pub const COMPATIBILITY: &str = "FULL_TRANSITIVE";

/// A kind of record on a topic, as a registry knows it.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// The topic.
    pub topic: &'static str,
    /// The schema that this build writes there.
    pub schema: &'static Published,
}

impl Subject {
    /// Name of the subject, such as `ticket.commands-io.syncroboard.CreateTicket`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{NAMESPACE}.{}", self.topic, self.schema.record())
    }
}

/// Every subject. Changelogs, repartition topics and state stores have none: they are the application's own, and carry
/// the ids in the code.
#[must_use]
pub fn subjects() -> Vec<Subject> {
    [
        (TICKET_COMMANDS, TicketCommand::schemas()),
        (USER_COMMANDS, UserCommand::schemas()),
        (TICKET_EVENTS, TicketEvent::schemas()),
        (USER_EVENTS, UserEvent::schemas()),
        (COMMAND_OUTCOMES, Outcome::schemas()),
        (TICKET_ASSIGNMENTS, Assignment::schemas()),
        (NOTIFICATIONS, Notification::schemas()),
        (EMAIL_OUTBOX, Mail::schemas()),
        (EMAIL_RESULTS, MailResult::schemas()),
        (WEBHOOK_COMMANDS, WebhookCommand::schemas()),
        (WEBHOOK_RESULTS, DeliveryResult::schemas()),
    ]
    .into_iter()
    .flat_map(|(topic, schemas)| schemas.into_iter().map(move |schema| Subject { topic, schema }))
    .collect()
}
