//! A sound log and what belongs to it; and each kind of damage to it, which is found.

use std::collections::BTreeSet;

use schemas::Record;
use schemas::*;
use uuid::Uuid;

use super::reading::Row;
use super::seen::Seen;
use super::{Finding, Law, Where, answers, fold, states, told};
use crate::oracle::Command;

const PROJECT: Uuid = Uuid::from_u128(0xa);
const OWNER: Uuid = Uuid::from_u128(0xb);
const TICKET: Uuid = Uuid::from_u128(0xc);
const COMMENT: Uuid = Uuid::from_u128(0xd);
const APPLICATION: &str = "app";

/// A project with an owner, and a ticket that was given to them, talked about, watched and moved; another one was deleted. The
/// command that made the first was sent twice.
fn sound() -> Seen {
    let mut seen = Seen { application: APPLICATION.to_owned(), ..Seen::default() };
    let (project_id, number, ticket_id) = (PROJECT, 1, TICKET);
    let created = |n: i64| {
        let (title, priority, status) = (format!("Ticket {n}"), "MEDIUM".to_owned(), "OPEN".to_owned());
        let assignee_id = (n == 1).then_some(OWNER);
        let (number, ticket_id, reporter_id, created_by) = (n, Uuid::from_u128(0xc00 + n as u128), OWNER, OWNER);
        let ticket_id = if n == 1 { TICKET } else { ticket_id };
        TicketCreated {
            project_id,
            ticket_id,
            number,
            title,
            priority,
            status,
            reporter_id,
            created_by,
            assignee_id,
            ..Default::default()
        }
    };
    let (user_id, handle, role) = (OWNER, "owner".to_owned(), "owner".to_owned());
    let events: Vec<(u128, &str, TicketEvent)> = vec![
        (
            1,
            "CreateProject",
            ProjectCreated { project_id, key: "SYNC".into(), owner_id: OWNER, ..Default::default() }.into(),
        ),
        (
            1,
            "CreateProject",
            ProjectMemberAdded {
                project_id,
                user_id,
                handle,
                role,
                capacity: 9,
                available: true,
                ..Default::default()
            }
            .into(),
        ),
        (2, "CreateTicket", created(1).into()),
        (
            3,
            "CommentTicket",
            TicketCommented {
                project_id,
                ticket_id,
                number,
                comment_id: COMMENT,
                author_id: OWNER,
                ..Default::default()
            }
            .into(),
        ),
        (
            4,
            "WatchTicket",
            TicketWatchAdded { project_id, ticket_id, number, user_id, timestamp: 7, ..Default::default() }.into(),
        ),
        (
            5,
            "MoveTicket",
            TicketStatusUpdated {
                project_id,
                ticket_id,
                number,
                new_status: "REVIEW".into(),
                ticket_version: 2,
                updated_by: OWNER,
                ..Default::default()
            }
            .into(),
        ),
        (6, "CreateTicket", created(2).into()),
        (7, "DeleteTicket", TicketDeleted { project_id, number: 2, deleted_by: OWNER, ..Default::default() }.into()),
    ];
    for (sequence, (command, name, event)) in (1..).zip(events) {
        let (command_id, at) = (Uuid::from_u128(command), (0, seen.events.len() as i64));
        let event_id = Uuid::from_u128(0xe00 + sequence as u128);
        seen.events.push((at, identified(event, sequence, command_id, event_id)));
        let number = match command {
            2 => Some(1),
            6 => Some(2),
            _ => None,
        };
        let accepted = CommandAccepted {
            command_id,
            command_type: name.to_owned(),
            project_id: Some(PROJECT),
            sequence,
            number,
            ..Default::default()
        };
        seen.outcomes.retain(|(_, outcome)| outcome.command_id() != command_id);
        seen.commands.retain(|(command, _)| command.key.1 != command_id);
        seen.outcomes.push((at, accepted.into()));
        seen.commands.push((Command { at, key: (Some(PROJECT), command_id) }, name));
    }
    let again = seen.outcomes[1].1.clone().with_duplicate(true);
    seen.commands.push((Command { at: (0, 8), key: (Some(PROJECT), again.command_id()) }, "CreateTicket"));
    for (_, outcome) in seen.outcomes.clone() {
        let Outcome::Accepted(accepted) = outcome else { continue };
        put(&mut seen, "command-memory", accepted.command_id.as_bytes(), &accepted);
    }
    seen.outcomes.push(((0, 8), again));
    stores(&mut seen);
    seen
}

/// With what all events have.
fn identified(event: TicketEvent, sequence: i64, causation_id: Uuid, event_id: Uuid) -> TicketEvent {
    macro_rules! each {
        ($($kind:ident)*) => {
            match event {
                $(TicketEvent::$kind(e) => $kind { sequence, causation_id, event_id, ..e }.into(),)*
            }
        };
    }
    each!(ProjectCreated ProjectUpdated ProjectMemberAdded ProjectMemberUpdated ProjectMemberRemoved TicketCreated TicketUpdated
        TicketStatusUpdated TicketAssigned TicketUnassigned TicketWatchAdded TicketWatchRemoved TicketCommented TicketDeleted)
}

/// The changelogs that belong to the events.
fn stores(seen: &mut Seen) {
    let projects = fold::all(&seen.events);
    let project = &projects[&PROJECT];
    let ticket = [PROJECT.as_bytes().as_slice(), &1_i64.to_be_bytes()].concat();
    let pair = [PROJECT.as_bytes().as_slice(), OWNER.as_bytes()].concat();
    put(seen, "projects", PROJECT.as_bytes(), &project.state);
    put(seen, "project-counters", PROJECT.as_bytes(), &ProjectCounters { sequence: 8, last_number: 2 });
    put(seen, "members", &pair, &project.members[&OWNER]);
    put(seen, "handles", &[PROJECT.as_bytes().as_slice(), b"owner"].concat(), &HandleState { user_id: OWNER });
    put(seen, "tickets", &ticket, &project.tickets[&1].state);
    put(seen, "comments", &[&ticket[..], COMMENT.as_bytes()].concat(), &CommentState { author_id: OWNER });
    put(seen, "watchers", &[&ticket[..], OWNER.as_bytes()].concat(), &WatcherState { since: 7 });
    put(seen, "pool-loads", &pair, &PoolLoadState { load: 2, ..Default::default() });
    let pool_ticket = [PROJECT.as_bytes().as_slice(), PROJECT.as_bytes(), &(1_u64 ^ (1 << 63)).to_be_bytes()].concat();
    put(seen, "pool-tickets", &pool_ticket, &PoolTicketState { assignee_id: Some(OWNER), ..Default::default() });
}

fn put<R: Record>(seen: &mut Seen, store: &str, key: &[u8], state: &R) {
    let mut value = Vec::new();
    frame::encode(state, &mut value).unwrap();
    let topic = seen.changelogs.entry((APPLICATION.to_owned(), store.to_owned())).or_insert_with(|| vec![Vec::new()]);
    let offset = topic[0].len() as i64;
    topic[0].push(Row { offset, key: key.to_vec(), value: Some(value), ..Row::default() });
}

fn rows<'s>(seen: &'s mut Seen, store: &str) -> &'s mut Vec<Row> {
    &mut seen.changelogs.get_mut(&(APPLICATION.to_owned(), store.to_owned())).unwrap()[0]
}

/// What is found after something has been spoilt.
fn spoilt(spoil: impl FnOnce(&mut Seen)) -> Vec<Finding> {
    let mut seen = sound();
    spoil(&mut seen);
    let delivered = BTreeSet::new();
    let at = Where { application: APPLICATION, delivered: Some(&delivered), ..Where::new("") };
    let mut found = Vec::new();
    answers::check(&seen, &at, &mut found);
    told::check(&seen, &at, &mut found);
    states::check(&seen, &fold::all(&seen.events), &mut found);
    found
}

fn finds(law: Law, part: &str, spoil: impl FnOnce(&mut Seen)) {
    let found = spoilt(spoil);
    let is_it = |finding: &Finding| finding.law == law && finding.what.contains(part);
    assert!(found.iter().any(is_it), "{law:?}, {part}: {found:#?}");
}

#[test]
fn should_find_nothing_where_all_is_sound() {
    assert_eq!(spoilt(|_| {}), []);
}

#[test]
fn should_find_events_and_answers_that_do_not_belong_together() {
    finds(Law::Decided, "Gap", |seen| drop(seen.events.remove(2)));
    finds(Law::Decided, "Undecided", |seen| drop(seen.outcomes.remove(3)));
    finds(Law::Whole, "no answer to its command", |seen| drop(seen.outcomes.remove(3)));
    finds(Law::Whole, "tells of event 8 of 7", |seen| drop(seen.events.pop()));
    finds(Law::Whole, "its own is 4", |seen| {
        let Outcome::Accepted(accepted) = &mut seen.outcomes[2].1 else { panic!() };
        accepted.sequence = 5;
    });
    finds(Law::Whole, "refused", |seen| {
        let command_id = seen.outcomes[2].1.command_id();
        seen.outcomes[2].1 = CommandRejected { command_id, project_id: Some(PROJECT), ..Default::default() }.into();
    });
}

#[test]
fn should_find_a_changelog_that_is_not_what_the_events_say() {
    let of_projects = ["projects", "project-counters", "members", "handles", "tickets", "comments", "watchers"];
    for store in of_projects {
        finds(Law::Folded, &format!("{store} "), |seen| rows(seen, store).clear());
        finds(Law::Folded, &format!("{store} "), |seen| rows(seen, store)[0].key[3] ^= 1);
        finds(Law::Folded, &format!("{store} "), |seen| {
            // The last byte of each is part of something that counts.
            *rows(seen, store)[0].value.as_mut().unwrap().last_mut().unwrap() ^= 2;
        });
    }
}

#[test]
fn should_find_a_memory_that_is_not_what_was_answered() {
    finds(Law::Remembered, "is not remembered", |seen| drop(rows(seen, "command-memory").pop()));
    finds(Law::Remembered, "the answer None", |seen| rows(seen, "command-memory")[2].key[3] ^= 1);
    finds(Law::Remembered, "still being decided", |seen| rows(seen, "command-memory")[2].value = Some(b"P".to_vec()));
}

#[test]
fn should_find_what_is_still_being_decided_at_rest() {
    finds(Law::Remembered, "still being decided", |seen| {
        put(seen, "pending-commands", &[7; 16], &HandleState::default());
    });
}

/// Repetitions, failures and what is about users are none of it.
#[test]
fn should_take_the_memory_from_the_outcomes() {
    let mut seen = sound();
    let user: Outcome = CommandAccepted { command_id: Uuid::from_u128(0x77), ..Default::default() }.into();
    let command_id = Uuid::from_u128(0x78);
    let failed: Outcome = CommandFailed { command_id, project_id: Some(PROJECT), ..Default::default() }.into();
    let outcomes: Vec<Outcome> = seen.outcomes.iter().map(|(_, o)| o.clone()).chain([user, failed]).collect();
    let row = |(outcome, offset): (&Outcome, i64)| {
        let mut value = Vec::new();
        outcome.encode(&mut value).unwrap();
        Row { offset, key: outcome.command_id().to_string().into_bytes(), value: Some(value), ..Row::default() }
    };
    let remembered = super::seen::remembered(vec![outcomes.iter().zip(0..).map(row).collect()]);
    assert_eq!(remembered[0], *rows(&mut seen, "command-memory"));
}

#[test]
fn should_find_loads_that_are_not_the_weights_of_open_tickets() {
    finds(Law::Loads, "loads are", |seen| rows(seen, "pool-loads").clear());
    finds(Law::Loads, "tickets are", |seen| rows(seen, "pool-tickets").clear());
}

fn told(event_id: Uuid) -> Notification {
    let about = Occasion { event_id, ..Occasion::default() };
    NotificationCreated { event_id: Uuid::from_u128(0xf), user_id: OWNER, about, sequence: 1, ..Default::default() }
        .into()
}

#[test]
fn should_find_what_is_told_twice_or_of_nothing() {
    finds(Law::Caused, "of no event", |seen| seen.notifications.push(((0, 0), told(Uuid::nil()))));
    finds(Law::Told, "2 times in-app", |seen| {
        let of = told(seen.events[2].1.event_id());
        seen.notifications = vec![((0, 0), of.clone()), ((0, 1), of)];
    });
    let mail = |id: u128| MailRequested { event_id: Uuid::from_u128(id), user_id: OWNER, ..Default::default() };
    finds(Law::Caused, "goes to no user", |seen| seen.mails.push(((0, 0), mail(1).into())));
    finds(Law::Told, "2 times mail", |seen| seen.mails = vec![((0, 0), mail(1).into()), ((0, 1), mail(1).into())]);
    finds(Law::Told, "neither decided nor there", |seen| seen.mails.push(((0, 0), mail(1).into())));
    let sent = |id: u128| MailSent { mail_id: Uuid::from_u128(id), ..Default::default() };
    finds(Law::Caused, "is of no mail", |seen| seen.results.push(((0, 0), sent(1).into())));
    finds(Law::Told, "said to be sent", |seen| {
        (seen.mails, seen.results) = (vec![((0, 0), mail(1).into())], vec![((0, 0), sent(1).into())]);
    });
}
