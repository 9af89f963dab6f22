//! The mails that users want: one for each notification, and one that welcomes them.
//!
//! What is asked for is written in the transaction that makes the notification; whoever delivers it reads `email.outbox`.

use schemas::{InboxState, Mail, MailItem, MailRequested, NotificationCreated, Record as _, UserUpdated, event, ids};

/// When e-mail is sent; the first is for whoever has not chosen.
pub const EMAIL_MODES: [&str; 2] = [IMMEDIATE, "none"];
/// Languages of what is sent; the first is for whoever has not chosen.
pub const LOCALES: [&str; 2] = [ENGLISH, "es"];

const IMMEDIATE: &str = "immediate";
const ENGLISH: &str = "en";

const WELCOME: &str = "welcome";
const NOTIFICATION: &str = "notification";

/// The mail that tells of a notification; none if the user wants none or has no address.
pub(super) fn of_notification(inbox: &InboxState, made: &NotificationCreated) -> Option<Mail> {
    if inbox.address.is_empty() || !["", IMMEDIATE].contains(&inbox.preferences.email.as_str()) {
        return None;
    }
    let (reason, about) = (made.reason.clone(), made.about.clone());
    Some(Mail::from(MailRequested {
        event_id: ids::mail_id(made.event_id),
        correlation_id: made.correlation_id,
        causation_id: made.causation_id,
        published_at: made.published_at,
        version: MailRequested::VERSION,
        source: event::SOURCE.to_owned(),
        user_id: made.user_id,
        kind: NOTIFICATION.to_owned(),
        address: inbox.address.clone(),
        name: inbox.name.clone(),
        locale: locale(&inbox.preferences.locale),
        items: vec![MailItem { notification_id: made.event_id, reason, about }],
    }))
}

/// The mail that welcomes a user who is known by an address since this change.
pub(super) fn of_welcome(before: &InboxState, user: &UserUpdated) -> Option<Mail> {
    let address = user.email.clone().filter(|_| before.address.is_empty())?;
    Some(Mail::from(MailRequested {
        event_id: ids::welcome_mail_id(user.user_id),
        correlation_id: user.correlation_id,
        causation_id: user.causation_id,
        published_at: user.published_at,
        version: MailRequested::VERSION,
        source: event::SOURCE.to_owned(),
        user_id: user.user_id,
        kind: WELCOME.to_owned(),
        address,
        name: user.name.clone(),
        locale: locale(&user.preferences.locale),
        items: Vec::new(),
    }))
}

fn locale(chosen: &str) -> String {
    if chosen.is_empty() { ENGLISH } else { chosen }.to_owned()
}
