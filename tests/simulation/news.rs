//! Who must have been told of what, recomputed from the log: it calls nothing of the pipeline.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{Mail, Notification, NotificationCreated, TicketEvent, UserEvent};
use uuid::Uuid;

#[derive(Default)]
struct Ticket {
    reporter: Uuid,
    assignee: Option<Uuid>,
    mentioned: BTreeSet<Uuid>,
    watchers: BTreeSet<Uuid>,
}

#[derive(Default)]
struct Project {
    /// Handles by user.
    members: BTreeMap<Uuid, String>,
    tickets: BTreeMap<i64, Ticket>,
}

impl Project {
    fn mentioned(&self, text: &str) -> BTreeSet<Uuid> {
        let handles: BTreeSet<&str> = text.split_whitespace().filter_map(|word| word.strip_prefix('@')).collect();
        self.members.iter().filter(|(_, handle)| handles.contains(handle.as_str())).map(|(user, _)| *user).collect()
    }

    /// Who is to be told of an event, and why; applies it.
    fn take(&mut self, event: &TicketEvent) -> BTreeMap<Uuid, &'static str> {
        let (actor, number, text, before) = match event {
            TicketEvent::ProjectMemberAdded(e) => {
                self.members.insert(e.user_id, e.handle.clone());
                return BTreeMap::new();
            }
            TicketEvent::ProjectMemberRemoved(e) => {
                self.members.remove(&e.user_id);
                return BTreeMap::new();
            }
            TicketEvent::TicketWatchAdded(e) => {
                self.tickets.entry(e.number).or_default().watchers.insert(e.user_id);
                return BTreeMap::new();
            }
            TicketEvent::TicketWatchRemoved(e) => {
                self.tickets.entry(e.number).or_default().watchers.remove(&e.user_id);
                return BTreeMap::new();
            }
            TicketEvent::TicketCreated(e) => (e.created_by, e.number, Some(&e.description), None),
            TicketEvent::TicketUpdated(e) => (e.updated_by, e.number, e.description.as_ref(), None),
            TicketEvent::TicketStatusUpdated(e) => (e.updated_by, e.number, None, None),
            TicketEvent::TicketAssigned(e) => (e.assigned_by, e.number, None, e.previous_assignee_id),
            TicketEvent::TicketUnassigned(e) => (e.unassigned_by, e.number, None, Some(e.previous_assignee_id)),
            TicketEvent::TicketCommented(e) => (e.author_id, e.number, Some(&e.content), None),
            TicketEvent::TicketDeleted(e) => (e.deleted_by, e.number, None, None),
            _ => return BTreeMap::new(),
        };
        let mut mentioned = text.map(|text| self.mentioned(text)).unwrap_or_default();
        let ticket = self.tickets.entry(number).or_default();
        match event {
            TicketEvent::TicketCreated(e) => {
                (ticket.reporter, ticket.assignee, ticket.mentioned) =
                    (e.reporter_id, e.assignee_id, mentioned.clone());
            }
            TicketEvent::TicketUpdated(e) if e.description.is_some() => {
                let all = mentioned.clone();
                mentioned.retain(|user| !ticket.mentioned.contains(user));
                ticket.mentioned = all;
            }
            TicketEvent::TicketAssigned(e) => ticket.assignee = Some(e.assignee_id),
            TicketEvent::TicketUnassigned(_) => ticket.assignee = None,
            _ => {}
        }
        let created = matches!(event, TicketEvent::TicketCreated(_));
        let mut told = BTreeMap::new();
        let mut tell = |users: &mut dyn Iterator<Item = Uuid>, reason| {
            for user in users.filter(|user| *user != actor && self.members.contains_key(user)) {
                told.entry(user).or_insert(reason);
            }
        };
        tell(&mut mentioned.iter().copied(), "mentioned");
        tell(&mut ticket.assignee.into_iter().chain(before), "assignee");
        if !created {
            tell(&mut [ticket.reporter].into_iter(), "reporter");
            tell(&mut ticket.watchers.iter().copied(), "watcher");
        }
        if let TicketEvent::TicketDeleted(_) = event {
            self.tickets.remove(&number);
        }
        if matches!(event, TicketEvent::TicketCreated(e) if e.imported) { BTreeMap::new() } else { told }
    }
}

/// What was told.
pub(crate) struct Told<'a> {
    pub(crate) notifications: &'a [Notification],
    pub(crate) mails: &'a [Mail],
    /// Notifications that still wait for a digest.
    pub(crate) waiting: BTreeSet<Uuid>,
}

/// Holds the notifications against the events: each that was due is there once, with its reason, and no other. Those that somebody who ever
/// muted something or was deactivated may have missed may be missing.
pub(crate) fn check(events: &[TicketEvent], users: &[UserEvent], told: &Told<'_>) -> Result<usize, String> {
    let mut projects: BTreeMap<Uuid, Project> = BTreeMap::new();
    let mut due: BTreeMap<(Uuid, Uuid), &str> = BTreeMap::new();
    for event in events {
        let told = projects.entry(event.project_id()).or_default().take(event);
        due.extend(told.into_iter().map(|(user, reason)| ((event.event_id(), user), reason)));
    }
    let muted = |event: &UserEvent| match event {
        UserEvent::UserUpdated(e) => Some(e.user_id).filter(|_| {
            e.deactivated || !e.preferences.muted_kinds.is_empty() || !e.preferences.muted_projects.is_empty()
        }),
        UserEvent::UserCreated(_) => None,
    };
    let muted: BTreeSet<Uuid> = users.iter().filter_map(muted).collect();
    let mut last: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut made: BTreeMap<Uuid, Vec<&NotificationCreated>> = BTreeMap::new();
    for notification in told.notifications {
        let user = notification.user_id();
        let last = last.entry(user).or_default();
        *last += 1;
        if notification.sequence() != *last {
            return Err(format!("user {user} has notification {} in place of {last}", notification.sequence()));
        }
        let Notification::NotificationCreated(notification) = notification else { continue };
        made.entry(user).or_default().push(notification);
        let (event, found) = (notification.about.event_id, notification.reason.as_str());
        match due.remove(&(event, user)) {
            Some(reason) if reason == found => {}
            reason => return Err(format!("user {user} was told of {event} as {found}, not as {reason:?}")),
        }
    }
    match due.iter().find(|((_, user), _)| !muted.contains(user)) {
        Some(((event, user), reason)) => Err(format!("user {user} was not told of {event} as {reason}")),
        None => {
            mails(users, &made, told)?;
            Ok(made.values().map(Vec::len).sum())
        }
    }
}

/// Most notifications that a digest tells of; it only counts the others.
const DIGEST_ITEMS: usize = 100;

/// Each mail tells of notifications that were made, of each once, and goes to their user; one welcomes each user who has an address. Of
/// whoever never declined each notification is mailed, waits for a digest or is counted by a full one, but for the first ones if those came before the address was known.
fn mails(users: &[UserEvent], made: &BTreeMap<Uuid, Vec<&NotificationCreated>>, told: &Told<'_>) -> Result<(), String> {
    let mut addresses: BTreeMap<Uuid, String> = BTreeMap::new();
    let mut declined = BTreeSet::new();
    for user in users {
        let user = user.clone().into_user();
        addresses.extend(user.email.map(|email| (user.user_id, email)));
        if user.preferences.email == "none" || user.deactivated {
            declined.insert(user.user_id);
        }
    }
    let (mut ids, mut welcomed, mut mailed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut counted: BTreeMap<Uuid, i32> = BTreeMap::new();
    for Mail::MailRequested(mail) in told.mails {
        if !ids.insert(mail.event_id) {
            return Err(format!("mail {} is to be sent twice", mail.event_id));
        }
        if addresses.get(&mail.user_id) != Some(&mail.address) {
            return Err(format!("mail {} goes to somebody else", mail.event_id));
        }
        match (mail.kind.as_str(), mail.items.as_slice()) {
            ("welcome", []) if welcomed.insert(mail.user_id) => {}
            ("notification", [_]) | ("digest", [_, ..]) => {
                let of_user = made.get(&mail.user_id).map(Vec::as_slice).unwrap_or_default();
                for item in &mail.items {
                    let known = of_user.iter().find(|made| made.event_id == item.notification_id);
                    if !known.is_some_and(|made| (&made.about, &made.reason) == (&item.about, &item.reason))
                        || !mailed.insert(item.notification_id)
                    {
                        return Err(format!("mail {} tells of what was not, or again", mail.event_id));
                    }
                }
                *counted.entry(mail.user_id).or_default() += mail.more;
            }
            _ => return Err(format!("mail {} welcomes again, or nobody knows what it is", mail.event_id)),
        }
    }
    if let Some(twice) = told.waiting.iter().find(|id| !mailed.insert(**id)) {
        return Err(format!("notification {twice} was mailed and waits for a digest"));
    }
    if let Some(user) = addresses.keys().find(|user| !welcomed.contains(user)) {
        return Err(format!("user {user} was not welcomed"));
    }
    for (user, made) in made.iter().filter(|(user, _)| !declined.contains(user)) {
        let waiting = made.iter().filter(|made| told.waiting.contains(&made.event_id)).count();
        let counted = counted.get(user).map_or(0, |count| usize::try_from(*count).unwrap_or_default());
        let late = made.iter().skip_while(|made| !mailed.contains(&made.event_id));
        let missing: Vec<_> = late.filter(|made| !mailed.contains(&made.event_id)).collect();
        // What a full digest that is still to be sent counts is not known here.
        if missing.len() > counted && waiting < DIGEST_ITEMS {
            return Err(format!("user {user} has no mail of notification {}", missing[0].event_id));
        }
    }
    Ok(())
}
