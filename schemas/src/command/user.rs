//! The commands about users, which are decided apart from projects.

use uuid::Uuid;

use crate::record::{record_enum, user_command};

user_command! {
    /// Makes a user known, or lets a real account take over a placeholder.
    RegisterUser = 14 {
        /// E-mail in lower case; none for a placeholder.
        email: Option<String>,
        /// Name for people.
        name: String,
        /// Outside source of a placeholder, such as github.
        source: Option<String>,
        /// Login at the outside source, for a placeholder.
        login: Option<String>,
        /// Whether the user is to be an administrator.
        admin: bool,
    }
}

user_command! {
    /// What a user wants to hear of.
    UpdatePreferences = 24 version 2 {
        /// Events that the user does not want to hear of, by name, such as ticket.commented; none: stays as it is.
        muted_kinds: Option<Vec<String>>,
        /// Projects that the user does not want to hear of; none: stays as it is.
        muted_projects: Option<Vec<Uuid>>,
        /// Language of what is sent to the user: en or es; none: stays as it is.
        locale: Option<String>,
        /// When e-mail is sent: immediate, hourly, daily or none; none: stays as it is.
        email: Option<String>,
        /// Hour of the day, 0 to 23, of daily e-mail; none: stays as it is.
        email_hour: Option<i32>,
        /// Time zone of the user, such as Europe/Madrid; none: stays as it is.
        time_zone: Option<String>,
        /// When e-mail begins to wait each day, as HH:MM; empty: never; none: stays as it is.
        quiet_from: Option<String>,
        /// Until when it waits, as HH:MM; empty: never; none: stays as it is.
        quiet_to: Option<String>,
    }
}

user_command! {
    /// A user has read notifications: one, or all up to one.
    ReadNotifications = 23 {
        /// Id of the notification; none: all up to `up_to`.
        notification_id: Option<Uuid>,
        /// Sequence of the last one that was read.
        up_to: Option<i64>,
    }
}

user_command! {
    /// Takes everything from a user that they may do, until they are reactivated.
    DeactivateUser = 25 {}
}

user_command! {
    /// Gives a user back what [`DeactivateUser`] took.
    ReactivateUser = 26 {}
}

record_enum! {
    /// A record of `user.commands`, whose key is the user key.
    UserCommand {
        /// Makes a user known.
        RegisterUser(RegisterUser),
        /// What a user wants to hear of.
        UpdatePreferences(UpdatePreferences),
        /// A user has read notifications.
        ReadNotifications(ReadNotifications),
        /// Takes everything from a user that they may do.
        DeactivateUser(DeactivateUser),
        /// Gives it back.
        ReactivateUser(ReactivateUser),
    }
    get {
        /// Id of the command, and its idempotency key.
        command_id: Uuid,
        /// Id of the user who issues the command.
        actor_id: Uuid,
        /// Whether the actor is an administrator.
        actor_admin: bool,
        /// When the sender issued it, by the sender's clock, in milliseconds since 1970-01-01T00:00Z.
        issued_at: i64,
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
    }
}

impl UserCommand {
    /// Who the user is: the e-mail in lower case, or source:login for a placeholder.
    #[must_use]
    pub fn user_key(&self) -> &str {
        match self {
            Self::RegisterUser(command) => &command.user_key,
            Self::UpdatePreferences(command) => &command.user_key,
            Self::ReadNotifications(command) => &command.user_key,
            Self::DeactivateUser(command) => &command.user_key,
            Self::ReactivateUser(command) => &command.user_key,
        }
    }
}
