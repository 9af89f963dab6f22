//! The events of users: beside mails the only records for others with personal data, so that it can be erased.

use uuid::Uuid;

use crate::record::{record_enum, user_event};

user_event! {
    /// A user became known; the record has the whole state of the user.
    UserCreated = 113 {
        /// E-mail in lower case; none for a placeholder.
        email: Option<String>,
        /// Name for people.
        name: String,
        /// Role in the system: member or admin.
        role: String,
        /// Outside source of a placeholder, such as github.
        login_source: Option<String>,
        /// Login at the outside source, for a placeholder.
        login: Option<String>,
        /// When it was made, in milliseconds since 1970-01-01T00:00Z.
        created_at: i64,
    }
}

user_event! {
    /// A user changed; the record has the whole state of the user.
    UserUpdated = 125 version 3 {
        /// E-mail in lower case; none for a placeholder.
        email: Option<String>,
        /// Name for people.
        name: String,
        /// Role in the system: member or admin.
        role: String,
        /// Outside source of a placeholder, such as github.
        login_source: Option<String>,
        /// Login at the outside source, for a placeholder.
        login: Option<String>,
        /// When it was made, in milliseconds since 1970-01-01T00:00Z.
        created_at: i64,
        /// What the user wants to hear of.
        #[serde(default)]
        preferences: Preferences,
        /// Whether the user may do nothing any more.
        #[serde(default)]
        deactivated: bool,
    }
}

/// What a user wants to hear of.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preferences {
    /// Events that the user does not want to hear of, by name, such as ticket.commented.
    #[serde(default)]
    pub muted_kinds: Vec<String>,
    /// Projects that the user does not want to hear of.
    #[serde(default)]
    pub muted_projects: Vec<Uuid>,
    /// Language of what is sent to the user: en or es; empty: en.
    #[serde(default)]
    pub locale: String,
    /// When e-mail is sent: immediate, hourly, daily or none; empty: immediate.
    #[serde(default)]
    pub email: String,
    /// Hour of the day, 0 to 23, of daily e-mail; none: 8.
    #[serde(default)]
    pub email_hour: Option<i32>,
    /// Time zone of the user, such as Europe/Madrid; empty: UTC.
    #[serde(default)]
    pub time_zone: String,
    /// When e-mail begins to wait each day, as HH:MM; empty: never.
    #[serde(default)]
    pub quiet_from: String,
    /// Until when it waits, as HH:MM; empty: never.
    #[serde(default)]
    pub quiet_to: String,
}

record_enum! {
    /// A record of `user.events`, whose key is the id of the user. The topic is compacted.
    UserEvent {
        /// A user became known.
        UserCreated(UserCreated),
        /// A user changed.
        UserUpdated(UserUpdated),
    }
    get {
        /// Id of the event.
        event_id: Uuid,
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// Id of the command that made the event.
        causation_id: Uuid,
        /// When the event was made, in milliseconds since 1970-01-01T00:00Z (stream time).
        published_at: i64,
        /// Id of the user.
        user_id: Uuid,
        /// Position in the user's own order of events, from 1 without gaps.
        sequence: i64,
    }
}

impl UserEvent {
    /// The whole user, as the event leaves them: whichever event it is, it has all of it.
    #[must_use]
    pub fn into_user(self) -> UserUpdated {
        match self {
            Self::UserUpdated(user) => user,
            Self::UserCreated(created) => UserUpdated {
                event_id: created.event_id,
                correlation_id: created.correlation_id,
                causation_id: created.causation_id,
                published_at: created.published_at,
                version: created.version,
                source: created.source,
                user_id: created.user_id,
                sequence: created.sequence,
                email: created.email,
                name: created.name,
                role: created.role,
                login_source: created.login_source,
                login: created.login,
                created_at: created.created_at,
                preferences: Preferences::default(),
                deactivated: false,
            },
        }
    }

    /// Name of the event for those outside, such as `user.created`. These names do not change.
    #[must_use]
    pub fn event_name(&self) -> &'static str {
        match self {
            Self::UserCreated(_) => "user.created",
            Self::UserUpdated(_) => "user.updated",
        }
    }
}
