//! Mails that are to be sent, and what became of them. Beside the events of users the only records for others with personal data.

use uuid::Uuid;

use crate::notification::Occasion;
use crate::record::{define_record, record_enum, state_record};

/// Defines a record of `email.outbox` or `email.results`.
macro_rules! mail_record {
    ($(#[$meta:meta])* $name:ident = $id:literal $(version $version:literal)? { $($body:tt)* }) => {
        define_record! { "mails", $(#[$meta])* $name = $id $(version $version)? {
            /// Id of the record: of a mail that is to be sent, the id of the mail.
            event_id: Uuid,
            /// Id that ties together everything one request caused.
            correlation_id: Uuid,
            /// Id of the command that led to it.
            causation_id: Uuid,
            /// When the record was made, in milliseconds since 1970-01-01T00:00Z.
            published_at: i64,
            /// Version of the schema, from 1.
            version: i32,
            /// Who made the record: syncroboard.
            source: String,
            /// Id of the user: the `UUIDv5` of the user key.
            user_id: Uuid,
            $($body)*
        } }
    };
}

mail_record! {
    /// A mail is to be sent.
    MailRequested = 394 version 2 {
        /// What mail it is: welcome, notification or digest.
        kind: String,
        /// Where it is sent: an e-mail address in lower case.
        address: String,
        /// Name of the user for people.
        name: String,
        /// Language: en or es.
        locale: String,
        /// What it tells of; none in a welcome.
        #[serde(default)]
        items: Vec<MailItem>,
        /// How many further notifications a digest only counts.
        #[serde(default)]
        more: i32,
    }
}

mail_record! {
    /// A mail server has taken a mail.
    MailSent = 392 {
        /// Id of the mail.
        mail_id: Uuid,
        /// How often it was tried.
        attempts: i32,
    }
}

mail_record! {
    /// A mail was given up.
    MailFailed = 393 {
        /// Id of the mail.
        mail_id: Uuid,
        /// How often it was tried; 0: not at all, as it was too old.
        attempts: i32,
        /// What the server said, or what went wrong.
        why: String,
    }
}

state_record! {
    /// A mail that the mailer has still to send. Key: when it is due (8 bytes, big endian), mail id.
    OutgoingMailState = 442 version 2 {
        /// The mail.
        mail: MailRequested,
        /// How often it was tried.
        attempts: i32,
        /// Why the last attempt failed; empty: there was none.
        why: String,
    }
}

state_record! {
    /// A notification that waits for its user's next digest. Key: user id, sequence of the notification (8 bytes, big endian).
    GatheredState = 443 {
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// Id of the command that led to it.
        causation_id: Uuid,
        /// What the digest says of it.
        item: MailItem,
    }
}

record_enum! {
    /// A record of `email.outbox`, whose key is the id of the user.
    Mail {
        /// A mail is to be sent.
        MailRequested(MailRequested),
    }
    get {
        /// Id of the mail.
        event_id: Uuid,
        /// Id of the user.
        user_id: Uuid,
    }
}

record_enum! {
    /// A record of `email.results`, whose key is the id of the user.
    MailResult {
        /// A mail server has taken a mail.
        MailSent(MailSent),
        /// A mail was given up.
        MailFailed(MailFailed),
    }
    get {
        /// Id of the mail.
        mail_id: Uuid,
        /// Id of the user.
        user_id: Uuid,
    }
}

/// A notification that a mail tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailItem {
    /// Id of the notification.
    pub notification_id: Uuid,
    /// Why this user: mentioned, assignee, reporter or watcher.
    pub reason: String,
    /// What happened.
    pub about: Occasion,
}
