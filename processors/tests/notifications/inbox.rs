//! What somebody wants to hear of, and has read.

use std::collections::BTreeSet;

use schemas::topics::{NOTIFICATIONS, USER_EVENTS};
use schemas::{Notification, NotificationCreated, Outcome, UserEvent, ids};
use uuid::Uuid;

use crate::common::driver::{code, set_activity};
use crate::common::{AT, project_id};
use crate::town::{INBOX_INPUTS, Town, event, preferences, read, user};

/// Ann reports ticket 1 for Ben, who is registered.
fn town() -> Town {
    let mut town = Town::new(&["ann", "ben"]);
    town.register(1, "ben");
    town.ticket(1, "ann", Some("ben"), "");
    town.rest();
    town
}

fn comment(town: &mut Town) -> Uuid {
    town.write(event!(TicketCommented { number: 1, author_id: user("ann"), content: "well".to_owned() }))
}

fn move_it(town: &mut Town) -> Uuid {
    town.write(event!(TicketStatusUpdated { number: 1, updated_by: user("ann"), new_status: "DONE".to_owned() }))
}

fn made(town: &mut Town) -> Vec<NotificationCreated> {
    let all = town.all().into_iter();
    all.filter_map(|n| if let Notification::NotificationCreated(made) = n { Some(made) } else { None }).collect()
}

#[test]
fn should_leave_out_what_is_muted_until_it_is_not() {
    let mut town = town();
    assert_eq!(code(&town.command(&preferences(2, "ben", Some(&["ticket.commented"]), None))), "accepted");
    let (muted, told) = (comment(&mut town), move_it(&mut town));
    assert_eq!(code(&town.command(&preferences(3, "ben", None, Some(&[project_id()])))), "accepted");
    let project_muted = move_it(&mut town);
    assert_eq!(code(&town.command(&preferences(4, "ben", Some(&[]), Some(&[])))), "accepted");
    let heard = comment(&mut town);
    let of: BTreeSet<Uuid> = made(&mut town).into_iter().map(|n| n.about.event_id).collect();
    assert!(of.contains(&told) && of.contains(&heard));
    assert!(!of.contains(&muted) && !of.contains(&project_muted));
    assert_eq!(town.reached("ben"), 3, "the one when the ticket was made, and these two");
}

#[test]
fn should_tell_nothing_to_whoever_is_deactivated_and_go_on_after() {
    let mut town = town();
    let before = comment(&mut town);
    town.rest();
    set_activity(&mut town.driver, 2, "ben@example.org", true);
    town.rest();
    let mails = town.mails().len();
    let missed = comment(&mut town);
    assert_eq!(town.mails().len(), mails);
    set_activity(&mut town.driver, 3, "ben@example.org", false);
    town.rest();
    let after = comment(&mut town);
    let of: Vec<Uuid> = made(&mut town).into_iter().map(|n| n.about.event_id).collect();
    assert_eq!([before, missed, after].map(|event| of.contains(&event)), [true, false, true]);
    assert_eq!(town.mails().len(), mails + 1, "no second welcome");
}

#[test]
fn should_have_the_whole_user_in_each_event_of_theirs() {
    let mut town = town();
    let twice = ["ticket.deleted", "ticket.commented", "ticket.deleted"];
    let Outcome::Accepted(accepted) = town.command(&preferences(2, "ben", Some(&twice), None)) else {
        panic!("accepted")
    };
    assert_eq!((accepted.user_id, accepted.sequence), (Some(user("ben")), 2));
    let log = town.driver.all(USER_EVENTS);
    let UserEvent::UserUpdated(event) = UserEvent::decode(log.last().unwrap().value.as_deref().unwrap()).unwrap()
    else {
        panic!("updated")
    };
    assert_eq!((event.email.as_deref(), event.name.as_str(), event.sequence), (Some("ben@example.org"), "ben", 2));
    assert_eq!(event.preferences.muted_kinds, ["ticket.commented", "ticket.deleted"], "each once, in order");
    let Outcome::Accepted(again) = town.command(&preferences(3, "ben", Some(&twice), None)) else { panic!("accepted") };
    assert_eq!((again.sequence, town.driver.all(USER_EVENTS).len()), (2, log.len()), "what is so already");
}

#[test]
fn should_refuse_preferences_that_mean_nothing_or_are_not_ones_own() {
    let mut town = town();
    let many: Vec<Uuid> = (0..1_001).map(Uuid::from_u128).collect();
    assert_eq!(code(&town.command(&preferences(2, "ben", Some(&["ticket.sneezed"]), None))), "kind_unknown");
    assert_eq!(code(&town.command(&preferences(3, "ben", None, Some(&many)))), "too_many_projects");
    assert_eq!(code(&town.command(&preferences(4, "ann", None, None))), "user_unknown", "Ann has never registered");
    for command in [preferences(5, "ben", None, None), read(6, "ben", None, Some(1))] {
        let foreign = match command {
            schemas::UserCommand::UpdatePreferences(c) => {
                schemas::UpdatePreferences { actor_id: user("ann"), ..c }.into()
            }
            schemas::UserCommand::ReadNotifications(c) => {
                schemas::ReadNotifications { actor_id: user("ann"), ..c }.into()
            }
            other => other,
        };
        assert_eq!(code(&town.command(&foreign)), "insufficient_role");
    }
}

#[test]
fn should_take_down_what_was_read_and_nothing_that_is_still_to_come() {
    let mut town = town();
    comment(&mut town);
    let first = made(&mut town)[0].event_id;
    assert_eq!(code(&town.command(&read(2, "ben", Some(first), None))), "accepted");
    assert_eq!(code(&town.command(&read(3, "ben", None, Some(1_000_000)))), "accepted");
    let readings: Vec<_> = town
        .all()
        .into_iter()
        .filter_map(|n| if let Notification::NotificationsRead(r) = n { Some(r) } else { None })
        .map(|reading| (reading.sequence, reading.notification_id, reading.up_to))
        .collect();
    assert_eq!(readings, [(3, Some(first), 0), (4, None, 3)]);
    assert_eq!(code(&town.command(&read(3, "ben", None, Some(1_000_000)))), "accepted");
    assert_eq!(town.driver.all(NOTIFICATIONS).len(), 4, "the command was sent again");
}

#[test]
fn should_notify_once_even_if_the_inbox_is_told_again() {
    let mut town = town();
    comment(&mut town);
    town.rest();
    let before = town.driver.all(NOTIFICATIONS).len();
    let told = town.driver.all(INBOX_INPUTS);
    assert_eq!(told.len(), 2);
    for record in told {
        let (key, value) = (record.key.unwrap(), record.value.unwrap());
        town.driver.pipe(INBOX_INPUTS, &key, &value, AT + 100).unwrap();
    }
    town.rest();
    assert_eq!(town.driver.all(NOTIFICATIONS).len(), before);
}

#[test]
fn should_number_each_inbox_from_one_and_name_notifications_after_event_and_user() {
    let mut town = town();
    let events: Vec<Uuid> = (0..5).map(|_| comment(&mut town)).collect();
    let made = made(&mut town);
    assert!(made.iter().map(|n| n.sequence).eq(1..=6));
    let named: Vec<Uuid> = made.iter().skip(1).map(|n| n.event_id).collect();
    assert_eq!(named, events.iter().map(|event| ids::notification_id(*event, user("ben"))).collect::<Vec<_>>());
    assert_eq!(town.reached("ben"), 6);
}

#[test]
fn should_forget_what_is_muted_with_the_user_and_go_on_counting() {
    let mut town = town();
    town.command(&preferences(2, "ben", Some(&["ticket.commented"]), None));
    let key = user("ben").to_string();
    let partition = town.driver.all(USER_EVENTS).last().unwrap().partition;
    let headers = topology::Headers::new();
    town.driver.pipe_to(USER_EVENTS, partition, Some(key.as_bytes()), None, AT, &headers).unwrap();
    comment(&mut town);
    assert!(made(&mut town).iter().map(|n| n.sequence).eq(1..=2));
}
