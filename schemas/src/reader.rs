//! What `verify` reads: the event log, the state stores and the read model, each behind a trait.
//!
//! The pure fold that recomputes them knows only these traits and rows; whoever owns the data implements them.
//! A row has every column of the read model, so that any difference can be seen.

use uuid::Uuid;

use crate::error::SchemaError;
use crate::event::{Preferences, TicketEvent, UserEvent};
use crate::mail::{Mail, MailResult};
use crate::notification::{Notification, Occasion};
use crate::outcome::Outcome;
use crate::webhook::DeliveryResult;
use crate::workflow::Workflow;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {what}: {reason}")]
pub struct ReadError {
    /// What was to be read, such as `ticket.events` or a table.
    pub what: String,
    /// What went wrong.
    pub reason: String,
}

/// The event log, which everything else is recomputed from.
pub trait EventLog {
    /// Hands over every ticket event, those of one project in their order.
    ///
    /// # Errors
    /// The log cannot be read to its end, or has a record that is no event.
    fn ticket_events(&self, each: &mut dyn FnMut(TicketEvent)) -> Result<(), ReadError>;

    /// Hands over every user event, those of one user in their order.
    ///
    /// # Errors
    /// As [`Self::ticket_events`].
    fn user_events(&self, each: &mut dyn FnMut(UserEvent)) -> Result<(), ReadError>;

    /// Hands over every notification, and what was read of them, those of one user in their order.
    ///
    /// # Errors
    /// As [`Self::ticket_events`].
    fn notifications(&self, each: &mut dyn FnMut(Notification)) -> Result<(), ReadError>;

    /// Hands over every mail that was asked for and is still in the log, and what became of those; each user's in their order. Neither
    /// is kept for ever: gives the time since when all that were asked for are there, with what became of them, as for
    /// [`Self::outcomes`].
    ///
    /// # Errors
    /// As [`Self::ticket_events`].
    fn mails(&self, requested: &mut dyn FnMut(Mail), decided: &mut dyn FnMut(MailResult)) -> Result<i64, ReadError>;

    /// Hands over what became of each attempt to deliver to a webhook, as far as it is still in the log, those of one delivery in their
    /// order. It is not kept for ever: gives the time since when all is there, as for [`Self::outcomes`].
    ///
    /// # Errors
    /// As [`Self::ticket_events`].
    fn deliveries(&self, each: &mut dyn FnMut(DeliveryResult)) -> Result<i64, ReadError>;

    /// Hands over every outcome that the log still has, with the number of its partition, those of one partition in their order. Outcomes
    /// are not kept for ever: gives the time since when, by the outcomes' own, all that were decided are among them;
    /// [`i64::MIN`] if none was lost, [`i64::MAX`] if that cannot be known.
    ///
    /// # Errors
    /// As [`Self::ticket_events`].
    fn outcomes(&self, each: &mut dyn FnMut(u32, Outcome)) -> Result<i64, ReadError>;
}

/// The state stores of all tasks.
pub trait Stores {
    /// Hands over every key and value of the store with this name, whatever task holds them, in no order.
    ///
    /// # Errors
    /// The store is not there or cannot be read.
    fn entries(&self, store: &str, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), ReadError>;
}

/// The read model: what sinks made of the events. Rows come in no order.
pub trait ReadModel {
    /// Hands over every project.
    ///
    /// # Errors
    /// The table cannot be read.
    fn projects(&self, each: &mut dyn FnMut(ProjectRow)) -> Result<(), ReadError>;

    /// Hands over every membership.
    ///
    /// # Errors
    /// The table cannot be read.
    fn members(&self, each: &mut dyn FnMut(MemberRow)) -> Result<(), ReadError>;

    /// Hands over every ticket.
    ///
    /// # Errors
    /// The table cannot be read.
    fn tickets(&self, each: &mut dyn FnMut(TicketRow)) -> Result<(), ReadError>;

    /// Hands over every comment.
    ///
    /// # Errors
    /// The table cannot be read.
    fn comments(&self, each: &mut dyn FnMut(CommentRow)) -> Result<(), ReadError>;

    /// Hands over everybody who watches a ticket.
    ///
    /// # Errors
    /// The table cannot be read.
    fn watchers(&self, each: &mut dyn FnMut(WatcherRow)) -> Result<(), ReadError>;

    /// Hands over everything that happened.
    ///
    /// # Errors
    /// The table cannot be read.
    fn history(&self, each: &mut dyn FnMut(HistoryRow)) -> Result<(), ReadError>;

    /// Hands over every notification.
    ///
    /// # Errors
    /// The table cannot be read.
    fn notifications(&self, each: &mut dyn FnMut(NotificationRow)) -> Result<(), ReadError>;

    /// Hands over every mail.
    ///
    /// # Errors
    /// The table cannot be read.
    fn mails(&self, each: &mut dyn FnMut(MailRow)) -> Result<(), ReadError>;

    /// Hands over every delivery to a webhook.
    ///
    /// # Errors
    /// The table cannot be read.
    fn deliveries(&self, each: &mut dyn FnMut(DeliveryRow)) -> Result<(), ReadError>;

    /// Hands over every user.
    ///
    /// # Errors
    /// The table cannot be read.
    fn users(&self, each: &mut dyn FnMut(UserRow)) -> Result<(), ReadError>;

    /// Hands over every outcome.
    ///
    /// # Errors
    /// The table cannot be read.
    fn outcomes(&self, each: &mut dyn FnMut(OutcomeRow)) -> Result<(), ReadError>;
}

/// A project in the read model. Times are in milliseconds since 1970-01-01T00:00Z, here and in the other rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectRow {
    /// Id.
    pub id: Uuid,
    /// Key.
    pub key: String,
    /// Name.
    pub name: String,
    /// Text in Markdown.
    pub description: String,
    /// User who owns it.
    pub owner_id: Uuid,
    /// Whether viewers may comment.
    pub viewer_comments: bool,
    /// How new work is given to its members.
    pub assignment_policy: String,
    /// Pool that it shares: the id of the project that hosts it; none: its own.
    pub pool_id: Option<Uuid>,
    /// Whether other projects may join its own pool.
    pub pool_open: bool,
    /// States of its tickets and the ways between them; none: the default.
    pub workflow: Option<Workflow>,
    /// Whether nothing of it may change.
    pub archived: bool,
    /// Sequence of the project's last event.
    pub sequence: i64,
    /// When it was made.
    pub created_at: i64,
    /// When what it says of itself was last changed.
    pub updated_at: i64,
}

/// Something that happened in a project, in the read model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryRow {
    /// Id of the project.
    pub project_id: Uuid,
    /// Its place among the project's events.
    pub sequence: i64,
    /// What it is about: the number of a ticket, the id of a member; empty: the project.
    pub subject: String,
    /// Name of the event, such as `ticket.created`.
    pub kind: String,
    /// Who did it; none: nobody, it came about by itself.
    pub actor_id: Option<Uuid>,
    /// When it happened.
    pub at: i64,
    /// JSON: a list of `[field, new]`, or of `[field, old, new]` where the event says what was so before. Nothing of a ticket that is deleted.
    pub changes: String,
}

impl HistoryRow {
    /// The same, once the ticket that it is about is deleted.
    #[must_use]
    pub fn of_deleted(self) -> Self {
        Self { changes: "[]".to_owned(), ..self }
    }
}

/// A membership in the read model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberRow {
    /// Id of the project.
    pub project_id: Uuid,
    /// Id of the user.
    pub user_id: Uuid,
    /// Name for `@handle`.
    pub handle: String,
    /// Role in the project.
    pub role: String,
    /// Weight of open work that the member can take.
    pub capacity: i32,
    /// Labels that the member can work on.
    pub skills: Vec<String>,
    /// Whether the member can be given work.
    pub available: bool,
}

/// A ticket in the read model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketRow {
    /// Id.
    pub id: Uuid,
    /// Id of the project.
    pub project_id: Uuid,
    /// Number in the project, from 1.
    pub number: i64,
    /// Code, such as SYNC-101.
    pub code: String,
    /// Title.
    pub title: String,
    /// Text in Markdown.
    pub description: String,
    /// Priority.
    pub priority: String,
    /// State of the workflow.
    pub status: String,
    /// Labels.
    pub labels: Vec<String>,
    /// User who reported it.
    pub reporter_id: Uuid,
    /// User who is to do the work.
    pub assignee_id: Option<Uuid>,
    /// When it is due.
    pub due_date: Option<i64>,
    /// Outside system that it comes from.
    pub external_source: Option<String>,
    /// Id in the outside system.
    pub external_id: Option<String>,
    /// Address in the outside system.
    pub external_url: Option<String>,
    /// Version; counts what people edit.
    pub version: i64,
    /// Sequence of the last event that touched it.
    pub sequence: i64,
    /// Whether it was imported.
    pub imported: bool,
    /// When it was made.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
    /// How it came to whoever has it, or to nobody.
    pub assignment: AssignmentRow,
}

/// How a ticket came to whoever has it, or to nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssignmentRow {
    /// Who gave it or took it away last; the nil id if nobody did so by hand, none if it is as it was made.
    pub by: Option<Uuid>,
    /// When.
    pub at: Option<i64>,
    /// How often it was given or taken away; 0: never, or not told.
    pub round: i64,
    /// Why whoever has it was chosen, for people.
    pub reason: Option<String>,
    /// Whether it stays with nobody until somebody is assigned by hand or it is closed and opened again.
    pub held: bool,
}

/// Somebody who watches a ticket, in the read model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatcherRow {
    /// Id of the project.
    pub project_id: Uuid,
    /// Number of the ticket in the project.
    pub number: i64,
    /// Id of the user.
    pub user_id: Uuid,
    /// Since when.
    pub since: i64,
}

/// A notification in the read model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationRow {
    /// Id.
    pub id: Uuid,
    /// Id of the user.
    pub user_id: Uuid,
    /// Position among the user's notifications.
    pub sequence: i64,
    /// Why this user.
    pub reason: String,
    /// What happened.
    pub about: Occasion,
    /// Whether the user has read it.
    pub read: bool,
}

/// What became of a mail, in the read model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailRow {
    /// Id.
    pub id: Uuid,
    /// Id of the user.
    pub user_id: Uuid,
    /// What mail it is; empty if only what became of it is known.
    pub kind: String,
    /// When it was asked for, or, if that is not known, when it was decided what became of it.
    pub requested_at: i64,
    /// One of [`MAIL_STATES`].
    pub state: String,
    /// How often it was tried, once it is decided what became of it.
    pub attempts: i32,
    /// Why it was given up; empty: it was not.
    pub why: String,
    /// When it was sent or given up.
    pub decided_at: Option<i64>,
}

/// It is still to be sent.
pub const MAIL_WAITING: &str = "waiting";
/// A mail server has taken it.
pub const MAIL_SENT: &str = "sent";
/// It was given up.
pub const MAIL_FAILED: &str = "failed";
/// What can have become of a mail.
pub const MAIL_STATES: [&str; 3] = [MAIL_WAITING, MAIL_SENT, MAIL_FAILED];

/// What became of a delivery to a webhook, in the read model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Id.
    pub id: Uuid,
    /// Id of the webhook; nil if it is not known what was to be delivered again.
    pub hook_id: Uuid,
    /// Id of the user or project whose webhook it is.
    pub owner_id: Uuid,
    /// Id of the event or notification that is delivered.
    pub subject_id: Uuid,
    /// Name of what is delivered.
    pub kind: String,
    /// One of [`DELIVERY_STATES`].
    pub state: String,
    /// How often it was tried.
    pub attempts: i32,
    /// HTTP status of the last answer; 0: there was none.
    pub status: i32,
    /// Why the last attempt failed, or why it was given up; empty: it was delivered.
    pub why: String,
    /// When it was tried first, as far as that is known.
    pub first_at: i64,
    /// When it was tried, or given up, last.
    pub last_at: i64,
}

/// The receiver has taken it.
pub const DELIVERED: &str = "delivered";
/// It was given up.
pub const DELIVERY_FAILED: &str = "failed";
/// It is still to be tried again.
pub const DELIVERY_RETRYING: &str = "retrying";
/// What can have become of a delivery.
pub const DELIVERY_STATES: [&str; 3] = [DELIVERED, DELIVERY_FAILED, DELIVERY_RETRYING];

/// What one attempt tells of its delivery. A receiver's words are without what a database may not take.
impl From<DeliveryResult> for DeliveryRow {
    fn from(result: DeliveryResult) -> Self {
        macro_rules! row {
            ($told:ident, $state:expr, $why:expr) => {
                Self {
                    id: $told.delivery_id,
                    hook_id: $told.hook_id,
                    owner_id: $told.owner_id,
                    subject_id: $told.subject_id,
                    kind: $told.kind,
                    state: $state.to_owned(),
                    attempts: $told.attempts,
                    status: $told.status,
                    why: $why,
                    first_at: $told.published_at,
                    last_at: $told.published_at,
                }
            };
        }
        match result {
            DeliveryResult::DeliverySucceeded(told) => row!(told, DELIVERED, String::new()),
            DeliveryResult::DeliveryFailed(told) => {
                let state = if told.given_up { DELIVERY_FAILED } else { DELIVERY_RETRYING };
                row!(told, state, told.why.replace('\0', ""))
            }
        }
    }
}

impl DeliveryRow {
    /// Takes in what a further record of the same delivery tells: a later attempt, or the end after the last one. What is read once more
    /// changes nothing.
    pub fn add(&mut self, told: Self) {
        let reached = |row: &Self| (row.attempts, row.state != DELIVERY_RETRYING);
        if reached(&told) > reached(self) {
            *self = Self { first_at: self.first_at, ..told };
        }
    }
}

/// A comment in the read model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommentRow {
    /// Id.
    pub id: Uuid,
    /// Id of the project.
    pub project_id: Uuid,
    /// Id of the ticket.
    pub ticket_id: Uuid,
    /// User who wrote it.
    pub author_id: Uuid,
    /// Text in Markdown.
    pub content: String,
    /// Comment that it answers.
    pub parent_id: Option<Uuid>,
    /// Sequence of the event that made it.
    pub sequence: i64,
    /// When it was made.
    pub created_at: i64,
}

/// A user in the read model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserRow {
    /// Id.
    pub id: Uuid,
    /// E-mail in lower case; none for a placeholder.
    pub email: Option<String>,
    /// Name.
    pub name: String,
    /// Role in the system.
    pub role: String,
    /// Outside source of a placeholder.
    pub source: Option<String>,
    /// Login at the outside source.
    pub login: Option<String>,
    /// Sequence of the user's last event.
    pub sequence: i64,
    /// When the user became known.
    pub created_at: i64,
    /// What the user wants to hear of.
    pub preferences: Preferences,
    /// Whether the user may do nothing any more.
    pub deactivated: bool,
}

/// An outcome in the read model.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OutcomeRow {
    /// Id of the command.
    pub command_id: Uuid,
    /// When it was decided.
    pub decided_at: i64,
    /// Whether the command could not be processed.
    pub failed: bool,
    /// The whole outcome, framed under the ids in the code.
    pub bytes: Vec<u8>,
}

impl OutcomeRow {
    /// The row that an outcome becomes.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn of(outcome: &Outcome) -> Result<Self, SchemaError> {
        let mut bytes = Vec::new();
        outcome.encode(&mut bytes)?;
        let (command_id, decided_at) = (outcome.command_id(), outcome.decided_at());
        Ok(Self { command_id, decided_at, failed: matches!(outcome, Outcome::Failed(_)), bytes })
    }
}

/// With what the bytes say, or that they say nothing.
impl std::fmt::Debug for OutcomeRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let outcome = match Outcome::decode(&self.bytes) {
            Ok(outcome) => format!("{outcome:?}"),
            Err(error) => format!("unreadable: {error}"),
        };
        f.debug_struct("OutcomeRow")
            .field("command_id", &self.command_id)
            .field("decided_at", &self.decided_at)
            .field("failed", &self.failed)
            .field("outcome", &format_args!("{outcome}"))
            .finish()
    }
}
