//! Ids that follow from what they name, so that a replay, or another process, makes the same ones.

use uuid::{Builder, Uuid};

/// Namespace of the ids of projects.
pub const NAMESPACE_PROJECT: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4b01);
/// Namespace of the ids of users.
pub const NAMESPACE_USER: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4b02);
/// Namespace of the hash in the ids of tickets.
pub const NAMESPACE_TICKET: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4b03);
/// Namespace of the ids of events.
pub const NAMESPACE_EVENT: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4b04);
/// Namespace of the ids of comments.
pub const NAMESPACE_COMMENT: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4b05);
/// Namespace of the digests of texts.
pub const NAMESPACE_DIGEST: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4b06);
/// Namespace of what automatic assignments are called by.
pub const NAMESPACE_ASSIGNMENT: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4b07);

/// Namespace of the ids of notifications.
pub const NAMESPACE_NOTIFICATION: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4b08);
/// Namespace of the ids of mails.
pub const NAMESPACE_MAIL: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4b09);
/// Namespace of the ids of deliveries to webhooks.
pub const NAMESPACE_DELIVERY: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4b0a);

/// Namespace of what changes of memberships are called by that a change of the user led to.
pub const NAMESPACE_MEMBERSHIP: Uuid = Uuid::from_u128(0x2b1d_0c1e_7a54_4d0e_9a3f_5e1c_8d20_4b0b);

/// Id of the project with this key. One partition so decides who gets a key.
#[must_use]
pub fn project_id(key: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE_PROJECT, key.as_bytes())
}

/// Id of the user with this user key: the e-mail in lower case, or `source:login` for a placeholder.
#[must_use]
pub fn user_id(user_key: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE_USER, user_key.as_bytes())
}

/// User key of someone known only by a login of another system, such as `github:octocat`.
#[must_use]
pub fn placeholder_key(source: &str, login: &str) -> String {
    format!("{source}:{login}").to_lowercase()
}

/// Id of the ticket that `command` makes in `project`: a `UUIDv7` of the record's timestamp (milliseconds since
/// 1970-01-01T00:00Z; earlier counts as 0) and 74 bits of a hash, so that ids sort by time and a replay makes the same.
#[must_use]
pub fn ticket_id(timestamp_ms: i64, project: Uuid, command: Uuid) -> Uuid {
    let mut name = [0; 32];
    name[..16].copy_from_slice(project.as_bytes());
    name[16..].copy_from_slice(command.as_bytes());
    let hash = Uuid::new_v5(&NAMESPACE_TICKET, &name);
    // The bytes that hold the hash's version and variant are fixed in part: 0..6 and 9..13 are not.
    let b = hash.as_bytes();
    let random = [b[0], b[1], b[2], b[3], b[4], b[5], b[9], b[10], b[11], b[12]];
    Builder::from_unix_timestamp_millis(u64::try_from(timestamp_ms).unwrap_or(0), &random).into_uuid()
}

/// Id of the event that stands at `index` (from 0) among those of `command`.
#[must_use]
pub fn event_id(command: Uuid, index: u32) -> Uuid {
    let mut name = [0; 20];
    name[..16].copy_from_slice(command.as_bytes());
    name[16..].copy_from_slice(&index.to_be_bytes());
    Uuid::new_v5(&NAMESPACE_EVENT, &name)
}

/// What stands in for the command where a ticket is assigned automatically: the ticket's id and the round that it ends.
#[must_use]
pub fn assignment_id(ticket: Uuid, round: i64) -> Uuid {
    let mut name = [0; 24];
    name[..16].copy_from_slice(ticket.as_bytes());
    name[16..].copy_from_slice(&round.to_be_bytes());
    Uuid::new_v5(&NAMESPACE_ASSIGNMENT, &name)
}

/// What stands in for the command where it changes memberships of a user in many projects.
#[must_use]
pub fn membership_id(command: Uuid, project: Uuid) -> Uuid {
    let mut name = [0; 32];
    name[..16].copy_from_slice(command.as_bytes());
    name[16..].copy_from_slice(project.as_bytes());
    Uuid::new_v5(&NAMESPACE_MEMBERSHIP, &name)
}

/// Id of the notification that tells `user` of `event`.
#[must_use]
pub fn notification_id(event: Uuid, user: Uuid) -> Uuid {
    let mut name = [0; 32];
    name[..16].copy_from_slice(event.as_bytes());
    name[16..].copy_from_slice(user.as_bytes());
    Uuid::new_v5(&NAMESPACE_NOTIFICATION, &name)
}

/// Id of the mail that tells a user of one notification.
#[must_use]
pub fn mail_id(notification: Uuid) -> Uuid {
    Uuid::new_v5(&NAMESPACE_MAIL, notification.as_bytes())
}

/// Id of the record that says what became of a mail.
#[must_use]
pub fn mail_result_id(mail: Uuid) -> Uuid {
    Uuid::new_v5(&NAMESPACE_MAIL, format!("result of {mail}").as_bytes())
}

/// Id of the mail that welcomes a user.
#[must_use]
pub fn welcome_mail_id(user: Uuid) -> Uuid {
    Uuid::new_v5(&NAMESPACE_MAIL, user.as_bytes())
}

/// Id of the mail that tells of several notifications, of which this is the first.
#[must_use]
pub fn digest_mail_id(first_notification: Uuid) -> Uuid {
    Uuid::new_v5(&NAMESPACE_MAIL, format!("digest from {first_notification} on").as_bytes())
}

/// Id of the delivery of an event, or of a notification, to a webhook.
#[must_use]
pub fn delivery_id(subject: Uuid, hook: Uuid) -> Uuid {
    let mut name = [0; 32];
    name[..16].copy_from_slice(subject.as_bytes());
    name[16..].copy_from_slice(hook.as_bytes());
    Uuid::new_v5(&NAMESPACE_DELIVERY, &name)
}

/// Id of the delivery that repeats `delivery` as `command` asks.
#[must_use]
pub fn replay_id(delivery: Uuid, command: Uuid) -> Uuid {
    Uuid::new_v5(&NAMESPACE_DELIVERY, format!("{delivery} again for {command}").as_bytes())
}

/// Id of the record that says what became of an attempt to deliver, or, if there was none, that the delivery is given up.
#[must_use]
pub fn delivery_result_id(delivery: Uuid, attempt: Option<i32>) -> Uuid {
    let of = attempt.map_or_else(|| "the end".to_owned(), |attempt| format!("attempt {attempt}"));
    Uuid::new_v5(&NAMESPACE_DELIVERY, format!("{of} of {delivery}").as_bytes())
}

/// Id of the comment that `command` makes.
#[must_use]
pub fn comment_id(command: Uuid) -> Uuid {
    Uuid::new_v5(&NAMESPACE_COMMENT, command.as_bytes())
}

/// Digest of a text: tells whether two texts differ without keeping them.
#[must_use]
pub fn digest(text: &[u8]) -> Uuid {
    Uuid::new_v5(&NAMESPACE_DIGEST, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_never_change_the_id_of_a_project_or_user() {
        assert_eq!(project_id("SYNC").to_string(), "5615d7aa-fceb-5751-97df-4c5e9e439f21");
        assert_eq!(user_id("ada@example.org").to_string(), "6ee401cd-8aac-5f8f-a910-b089b4c080b4");
        assert_eq!(user_id(&placeholder_key("github", "Octocat")), user_id("github:octocat"));
    }

    #[test]
    fn should_make_the_same_ticket_id_again_and_another_for_another_command() {
        let project = project_id("SYNC");
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let id = ticket_id(1_700_000_000_000, project, first);
        assert_eq!(id, ticket_id(1_700_000_000_000, project, first));
        assert_ne!(id, ticket_id(1_700_000_000_000, project, second));
        assert_ne!(id, ticket_id(1_700_000_000_000, project_id("OTHER"), first));
    }

    #[test]
    fn should_sort_ticket_ids_by_time() {
        let project = project_id("SYNC");
        let ids: Vec<Uuid> =
            (0..100).map(|n| ticket_id(i64::from(n), project, Uuid::from_u128(u128::from(1000u32 - n)))).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert_eq!(ticket_id(-5, project, Uuid::nil()), ticket_id(0, project, Uuid::nil()));
    }

    #[test]
    fn should_tell_the_events_of_a_command_apart() {
        let command = Uuid::from_u128(7);
        assert_ne!(event_id(command, 0), event_id(command, 1));
        assert_ne!(event_id(command, 0), comment_id(command));
    }
}
