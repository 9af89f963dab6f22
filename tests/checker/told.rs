//! Who was told of what, which mails became of it, and what members carry.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{GatheredState, Mail, MailResult, Notification, TicketEvent, UserEvent, frame};
use uuid::Uuid;

use super::seen::Seen;
use super::{Finding, Law, Where};
use crate::news::Told;

pub(super) fn check(seen: &Seen, at: &Where<'_>, found: &mut Vec<Finding>) {
    caused(seen, found);
    once(seen, found);
    if let Some(delivered) = at.delivered {
        mailed(seen, delivered, found);
    }
    if !at.at_rest {
        return;
    }
    let events: Vec<TicketEvent> = seen.events.iter().map(|(_, event)| event.clone()).collect();
    let users: Vec<UserEvent> = seen.users.iter().map(|(_, event)| event.clone()).collect();
    let notifications: Vec<Notification> = seen.notifications.iter().map(|(_, told)| told.clone()).collect();
    let mails: Vec<Mail> = seen.mails.iter().map(|(_, mail)| mail.clone()).collect();
    let mut waiting = BTreeSet::new();
    for value in seen.store(processors::GATHERED).values() {
        match frame::decode::<GatheredState>(value) {
            Ok(gathered) => drop(waiting.insert(gathered.item.notification_id)),
            Err(error) => found.push(Finding::new(Law::Readable, error.to_string())),
        }
    }
    let told = Told { notifications: &notifications, mails: &mails, waiting };
    if let Err(why) = crate::news::check(&events, &users, &told) {
        found.push(Finding::new(Law::Told, why));
    }
    let loads = seen.store(processors::POOL_LOADS);
    if let Err(why) = crate::pools::check(&events, &loads, &seen.store(processors::POOL_TICKETS)) {
        found.push(Finding::new(Law::Loads, why));
    }
}

/// Whatever is told of has happened.
fn caused(seen: &Seen, found: &mut Vec<Finding>) {
    let events: BTreeSet<Uuid> = seen.events.iter().map(|(_, event)| event.event_id()).collect();
    let users: BTreeSet<Uuid> = seen.users.iter().map(|(_, event)| event.user_id()).collect();
    let mails: BTreeSet<Uuid> = seen.mails.iter().map(|(_, mail)| mail.event_id()).collect();
    for (at, notification) in &seen.notifications {
        if let Notification::NotificationCreated(made) = notification
            && !events.contains(&made.about.event_id)
        {
            found.push(Finding::new(Law::Caused, format!("{at:?} tells {} of no event", made.user_id)));
        }
    }
    for (at, Mail::MailRequested(mail)) in &seen.mails {
        if !users.contains(&mail.user_id) {
            found.push(Finding::new(Law::Caused, format!("the {} mail at {at:?} goes to no user", mail.kind)));
        }
    }
    for (at, result) in &seen.results {
        if !mails.contains(&result.mail_id()) {
            found.push(Finding::new(Law::Caused, format!("the result at {at:?} is of no mail")));
        }
    }
}

/// One notification for an event and a recipient, one mail for a notification, one decision for a mail.
fn once(seen: &Seen, found: &mut Vec<Finding>) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for (_, notification) in &seen.notifications {
        if let Notification::NotificationCreated(made) = notification {
            *count.entry(format!("in-app, {} of {}", made.user_id, made.about.event_id)).or_default() += 1;
        }
    }
    for (_, Mail::MailRequested(mail)) in &seen.mails {
        *count.entry(format!("mail {}", mail.event_id)).or_default() += 1;
        for item in &mail.items {
            *count.entry(format!("by mail, {} of {}", mail.user_id, item.notification_id)).or_default() += 1;
        }
    }
    for (_, result) in &seen.results {
        *count.entry(format!("result of mail {}", result.mail_id())).or_default() += 1;
    }
    let more = count.into_iter().filter(|(_, times)| *times > 1);
    found.extend(more.map(|(what, times)| Finding::new(Law::Told, format!("{times} times {what}"))));
}

/// Each mail is decided; what was sent was delivered at least once, what was delivered was asked for.
fn mailed(seen: &Seen, delivered: &BTreeSet<String>, found: &mut Vec<Finding>) {
    let sent: BTreeMap<Uuid, bool> =
        seen.results.iter().map(|(_, r)| (r.mail_id(), matches!(r, MailResult::MailSent(_)))).collect();
    let delivered: BTreeSet<Uuid> = delivered.iter().filter_map(|message_id| mail_id(message_id)).collect();
    let mut asked = BTreeSet::new();
    for (at, mail) in &seen.mails {
        let id = mail.event_id();
        asked.insert(id);
        match (sent.get(&id), delivered.contains(&id)) {
            (Some(true), false) => {
                found.push(Finding::new(Law::Told, format!("the mail at {at:?} is said to be sent, but is not there")));
            }
            (None, false) => {
                found.push(Finding::new(Law::Told, format!("the mail at {at:?} is neither decided nor there")));
            }
            _ => {}
        }
    }
    for id in delivered.difference(&asked) {
        found.push(Finding::new(Law::Caused, format!("mail {id} was delivered, and nobody asked for it")));
    }
}

/// `<ID@DOMAIN>`, with or without the brackets.
fn mail_id(message_id: &str) -> Option<Uuid> {
    Uuid::try_parse(message_id.trim().trim_start_matches('<').split('@').next()?).ok()
}
