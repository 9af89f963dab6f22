//! Notifications: who must know of what, what a user has read, and the records on the way there.

use uuid::Uuid;

use crate::record::{define_record, internal_record, record_enum, state_record};

/// Defines a record of `notifications`.
macro_rules! notification_record {
    ($(#[$meta:meta])* $name:ident = $id:literal { $($body:tt)* }) => {
        define_record! { "notifications", $(#[$meta])* $name = $id {
            /// Id of the record: of a notification, the `UUIDv5` of the ticket's event and the user.
            event_id: Uuid,
            /// Id that ties together everything one request caused.
            correlation_id: Uuid,
            /// Id of the command that led to it.
            causation_id: Uuid,
            /// When the record was made, in milliseconds since 1970-01-01T00:00Z (stream time).
            published_at: i64,
            /// Version of the schema, from 1.
            version: i32,
            /// Who made the record: syncroboard.
            source: String,
            /// Id of the user: the `UUIDv5` of the user key.
            user_id: Uuid,
            /// Position in the user's own order of these records, from 1 without gaps.
            sequence: i64,
            $($body)*
        } }
    };
}

notification_record! {
    /// A user must know of an event.
    NotificationCreated = 371 {
        /// What happened.
        about: Occasion,
        /// Why this user: mentioned, assignee, reporter or watcher.
        reason: String,
    }
}

notification_record! {
    /// A user has read notifications: one, or all up to one.
    NotificationsRead = 372 {
        /// Id of the notification; none: all up to `up_to`.
        notification_id: Option<Uuid>,
        /// Sequence of the last one that was read; 0: that of `notification_id` alone.
        up_to: i64,
    }
}

record_enum! {
    /// A record of `notifications`, whose key is the id of the user.
    Notification {
        /// A user must know of an event.
        NotificationCreated(NotificationCreated),
        /// A user has read notifications.
        NotificationsRead(NotificationsRead),
    }
    get {
        /// Id of the record.
        event_id: Uuid,
        /// Id of the user.
        user_id: Uuid,
        /// Position in the user's own order of these records, from 1 without gaps.
        sequence: i64,
    }
}

/// An event of a ticket, as far as those need to know it who are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Occasion {
    /// Id of the event.
    pub event_id: Uuid,
    /// Name of the event, such as ticket.commented.
    pub kind: String,
    /// Id of the project: the `UUIDv5` of its key.
    pub project_id: Uuid,
    /// Position of the event in the project's own order.
    pub sequence: i64,
    /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
    pub ticket_id: Uuid,
    /// Number of the ticket in its project, from 1.
    pub number: i64,
    /// Code of the ticket for people, such as SYNC-101.
    pub code: String,
    /// Title of the ticket after the event.
    pub title: String,
    /// User who did it; the nil id if nobody did it by hand.
    pub actor_id: Uuid,
    /// What a line about it has to say: the new state, the assignee's id, the beginning of the comment; empty: nothing.
    pub detail: String,
    /// When it happened, in milliseconds since 1970-01-01T00:00Z.
    pub at: i64,
    /// Handle of who did it; empty: nobody did it by hand, or somebody who is no member.
    #[serde(default)]
    pub actor: String,
    /// Handle of the new assignee; empty unless the event assigns.
    #[serde(default)]
    pub assignee: String,
}

internal_record! {
    /// A user is to know of an event, unless they do not want to. Keyed by user.
    NotificationIntended = 320 {
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// Id of the command that led to it.
        causation_id: Uuid,
        /// Id of the user: the `UUIDv5` of the user key.
        user_id: Uuid,
        /// Why this user: mentioned, assignee, reporter or watcher.
        reason: String,
        /// What happened.
        about: Occasion,
    }
}

internal_record! {
    /// A user says that notifications were read. Keyed by user.
    ReadingTold = 321 {
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// Id of the command that led to it.
        causation_id: Uuid,
        /// Id of the user: the `UUIDv5` of the user key.
        user_id: Uuid,
        /// Id of the notification; none: all up to `up_to`.
        notification_id: Option<Uuid>,
        /// Sequence of the last one that was read; 0: that of `notification_id` alone.
        up_to: i64,
    }
}

internal_record! {
    /// Those who watch a ticket are not all told yet; what is left stands in a store. Keyed by project.
    FanOutContinued = 322 {
        /// Id of the project: the `UUIDv5` of its key.
        project_id: Uuid,
        /// Position of the event in the project's own order.
        sequence: i64,
    }
}

record_enum! {
    /// What a user's inbox is told.
    InboxInput {
        /// The user is to know of an event.
        NotificationIntended(NotificationIntended),
        /// The user has read notifications.
        ReadingTold(ReadingTold),
    }
    get {
        /// Id of the user.
        user_id: Uuid,
    }
}

state_record! {
    /// A ticket as the fan-out knows it. Key: project id, number (8 bytes, big endian).
    FanOutTicketState = 431 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Code of the ticket for people, such as SYNC-101.
        code: String,
        /// Title, 1 to 200 characters.
        title: String,
        /// User who reported it.
        reporter_id: Uuid,
        /// User who is to do the work.
        assignee_id: Option<Uuid>,
        /// Users whom the description mentions.
        #[serde(default)]
        mentioned: Vec<Uuid>,
        /// Number of those who watch it.
        watchers: i64,
    }
}

state_record! {
    /// Somebody who watches a ticket, as the fan-out knows it. Key: project id, number (8 bytes, big endian), user id.
    FanOutWatcherState = 432 {
        /// Position of the event that began it in the project's own order.
        sequence: i64,
    }
}

state_record! {
    /// Whom an event has still to be told to: those who watch the ticket. Key: project id, sequence (8 bytes, big endian).
    FanOutRestState = 433 {
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// Id of the command that led to it.
        causation_id: Uuid,
        /// What happened.
        about: Occasion,
        /// Users who were told for another reason, or did it themselves.
        #[serde(default)]
        told: Vec<Uuid>,
        /// The last user who was told as somebody who watches.
        after: Uuid,
        /// Whether nobody watches the ticket any more when this is done, as it was deleted.
        last: bool,
    }
}

state_record! {
    /// A user's inbox. Key: user id (16 bytes).
    InboxState = 446 version 3 {
        /// Sequence last given to a record of `notifications`; 0: none yet.
        sequence: i64,
        /// What the user wants to hear of.
        #[serde(default)]
        preferences: crate::event::Preferences,
        /// E-mail in lower case; empty: there is none.
        #[serde(default)]
        address: String,
        /// Name of the user for people.
        #[serde(default)]
        name: String,
        /// When the mail with what is gathered is due, in milliseconds since 1970-01-01T00:00Z; 0: nothing is gathered.
        #[serde(default)]
        digest_due: i64,
        /// How many notifications the next digest tells of.
        #[serde(default)]
        gathered: i32,
        /// How many further ones it only counts.
        #[serde(default)]
        more: i32,
        /// Whether the user may do nothing any more, and so is told nothing.
        #[serde(default)]
        deactivated: bool,
    }
}
