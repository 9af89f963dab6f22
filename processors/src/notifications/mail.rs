//! The mails that users want: one for each notification, one for all that was gathered, and one that welcomes them.
//!
//! What is asked for is written in the transaction that makes the notification; whoever delivers it reads `email.outbox`.

use schemas::{
    GatheredState, InboxState, Mail, MailItem, MailRequested, NotificationCreated, Preferences, Record as _,
    UserUpdated, event, ids,
};
use uuid::Uuid;

use super::times::{MailTime, mail_time};

/// Languages of what is sent; the first is for whoever has not chosen.
pub const LOCALES: [&str; 2] = [ENGLISH, "es"];

const ENGLISH: &str = "en";

const WELCOME: &str = "welcome";
const NOTIFICATION: &str = "notification";
const DIGEST: &str = "digest";

/// When a user is mailed of what happens `at`: never without an address, or if they are deactivated.
pub(super) fn time(inbox: &InboxState, at: i64) -> MailTime {
    if inbox.address.is_empty() || inbox.deactivated { MailTime::Never } else { mail_time(&inbox.preferences, at) }
}

/// Whether both are mailed at the same times.
pub(super) fn same_times(a: &InboxState, b: &InboxState) -> bool {
    let of = |p: &Preferences| {
        (p.email.clone(), p.email_hour, [&p.time_zone, &p.quiet_from, &p.quiet_to].map(String::clone))
    };
    let never = |inbox: &InboxState| inbox.address.is_empty() || inbox.deactivated;
    never(a) == never(b) && of(&a.preferences) == of(&b.preferences)
}

/// The mail that tells of a notification.
pub(super) fn of_notification(inbox: &InboxState, made: &NotificationCreated) -> Mail {
    let mail = MailRequested {
        event_id: ids::mail_id(made.event_id),
        correlation_id: made.correlation_id,
        causation_id: made.causation_id,
        items: vec![item(made)],
        ..requested(inbox, made.user_id, NOTIFICATION, made.published_at)
    };
    mail.into()
}

/// What a digest has to know of a notification.
pub(super) fn gathered(made: &NotificationCreated) -> GatheredState {
    GatheredState { correlation_id: made.correlation_id, causation_id: made.causation_id, item: item(made) }
}

/// The mail that tells of all that was gathered until it was due; none if that is nothing.
pub(super) fn of_digest(inbox: &InboxState, user_id: Uuid, gathered: Vec<GatheredState>) -> Option<Mail> {
    let (first, last) = (gathered.first()?, gathered.last()?);
    // A notification is gathered once, so no other digest begins with it.
    let mail = MailRequested {
        event_id: ids::digest_mail_id(first.item.notification_id),
        correlation_id: last.correlation_id,
        causation_id: last.causation_id,
        more: inbox.more,
        ..requested(inbox, user_id, DIGEST, inbox.digest_due)
    };
    Some(MailRequested { items: gathered.into_iter().map(|gathered| gathered.item).collect(), ..mail }.into())
}

/// The mail that welcomes a user who is known by an address since this change.
pub(super) fn of_welcome(before: &InboxState, user: &UserUpdated) -> Option<Mail> {
    let address = user.email.clone().filter(|_| before.address.is_empty())?;
    let UserUpdated { user_id, correlation_id, causation_id, published_at, name, preferences, .. } = user;
    let inbox = InboxState { address, name: name.clone(), preferences: preferences.clone(), ..InboxState::default() };
    let mail = MailRequested {
        event_id: ids::welcome_mail_id(*user_id),
        correlation_id: *correlation_id,
        causation_id: *causation_id,
        ..requested(&inbox, *user_id, WELCOME, *published_at)
    };
    Some(mail.into())
}

fn item(made: &NotificationCreated) -> MailItem {
    MailItem { notification_id: made.event_id, reason: made.reason.clone(), about: made.about.clone() }
}

/// A mail to this user that says nothing yet.
fn requested(inbox: &InboxState, user_id: Uuid, kind: &str, at: i64) -> MailRequested {
    let locale = inbox.preferences.locale.as_str();
    MailRequested {
        published_at: at,
        version: MailRequested::VERSION,
        source: event::SOURCE.to_owned(),
        user_id,
        kind: kind.to_owned(),
        address: inbox.address.clone(),
        name: inbox.name.clone(),
        locale: if locale.is_empty() { ENGLISH } else { locale }.to_owned(),
        ..MailRequested::default()
    }
}
