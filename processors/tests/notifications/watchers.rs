//! Tickets that many watch.

use std::collections::BTreeMap;

use processors::WATCHERS_AT_ONCE;
use schemas::Notification;
use schemas::topics::NOTIFICATIONS;
use uuid::Uuid;

use crate::town::{INBOX_INPUTS, Town, event, user};

/// Ticket 1 of Ann with so many who watch, and ticket 2 of Ann for Ben.
fn watched_by(mut town: Town, watchers: usize) -> Town {
    town.ticket(1, "ann", None, "");
    town.ticket(2, "ann", Some("ben"), "");
    for n in 0..watchers {
        let name = format!("w{n}");
        town.join(&name);
        town.write(event!(TicketWatchAdded { number: 1, user_id: user(&name) }));
    }
    town.rest();
    town
}

fn comment(town: &mut Town, number: i64) -> Uuid {
    town.write(event!(TicketCommented { number, author_id: user("ann"), content: "well".to_owned() }))
}

/// How often each user was told of an event.
fn told(town: &mut Town, event_id: Uuid) -> BTreeMap<Uuid, u32> {
    let mut told = BTreeMap::new();
    for notification in town.all() {
        if let Notification::NotificationCreated(made) = notification
            && made.about.event_id == event_id
        {
            *told.entry(made.user_id).or_default() += 1;
        }
    }
    told
}

fn all_once(watchers: usize) -> BTreeMap<Uuid, u32> {
    (0..watchers).map(|n| (user(&format!("w{n}")), 1)).collect()
}

#[test]
fn should_tell_ten_thousand_watchers_a_number_at_a_time_and_others_in_between() {
    let watchers = 10_000;
    let mut town = watched_by(Town::by_hand(&["ann", "ben"]), watchers);
    let before = town.driver.all(INBOX_INPUTS).len();
    let event = comment(&mut town, 1);
    town.driver.run().unwrap();
    town.driver.commit().unwrap();
    assert_eq!(town.driver.all(INBOX_INPUTS).len() - before, WATCHERS_AT_ONCE, "with the first commit");
    let other = comment(&mut town, 2);
    town.driver.run().unwrap();
    town.driver.commit().unwrap();
    let at = |town: &Town, event: Uuid| {
        let inputs = town.driver.all(INBOX_INPUTS);
        let of = |record: &topology::OutputRecord| {
            matches!(schemas::InboxInput::decode(record.value.as_deref().unwrap()),
                Ok(schemas::InboxInput::NotificationIntended(intended)) if intended.about.event_id == event)
        };
        inputs.iter().filter(|record| of(record)).count()
    };
    assert_eq!(at(&town, other), 1, "Ben does not wait for them");
    assert!(at(&town, event) < watchers);
    assert_eq!(told(&mut town, event), all_once(watchers));
    assert_eq!(town.driver.store_entries("fan-out-rests").unwrap().len(), 0);
}

#[test]
fn should_tell_each_once_whatever_is_taken_back_or_dies_on_the_way() {
    let watchers = WATCHERS_AT_ONCE * 3 + 7;
    let mut town = watched_by(Town::by_hand(&["ann", "ben"]), watchers);
    let event = comment(&mut town, 1);
    let (mut aborts, mut restarts) = (0, 0);
    for step in 0..40 {
        town.driver.run().unwrap();
        match step % 3 {
            0 => {
                town.driver.abort();
                aborts += 1;
            }
            1 => town.driver.commit().unwrap(),
            _ => {
                town.driver.restart().unwrap();
                restarts += 1;
            }
        }
    }
    assert!(aborts > 10 && restarts > 10);
    assert_eq!(told(&mut town, event), all_once(watchers));
}

#[test]
fn should_leave_out_whoever_stops_or_begins_while_the_others_are_told() {
    let watchers = WATCHERS_AT_ONCE * 2;
    let mut town = watched_by(Town::by_hand(&["ann", "ben"]), watchers);
    let event = comment(&mut town, 1);
    // Written before anything of the rest is committed, so all of these lie between.
    let mut ids: Vec<Uuid> = (0..watchers).map(|n| user(&format!("w{n}"))).collect();
    ids.sort_unstable();
    let (stops, leaves) = (ids[watchers - 1], ids[watchers - 2]);
    town.write(event!(TicketWatchRemoved { number: 1, user_id: stops }));
    town.write(event!(ProjectMemberRemoved { user_id: leaves }));
    town.write(event!(TicketWatchAdded { number: 1, user_id: user("ben") }));
    let told = told(&mut town, event);
    assert!(!told.contains_key(&stops) && !told.contains_key(&leaves) && !told.contains_key(&user("ben")));
    assert_eq!(told.len(), watchers - 2);
}

#[test]
fn should_tell_all_of_a_deleted_tickets_watchers_and_forget_them() {
    for watchers in [1, WATCHERS_AT_ONCE, WATCHERS_AT_ONCE + 1, WATCHERS_AT_ONCE * 2] {
        let mut town = watched_by(Town::by_hand(&["ann", "ben"]), watchers);
        let event = town.write(event!(TicketDeleted { number: 1, deleted_by: user("ann") }));
        assert_eq!(told(&mut town, event), all_once(watchers));
        for store in ["fan-out-watchers", "fan-out-rests"] {
            assert_eq!(town.driver.store_entries(store).unwrap().len(), 0, "{store} after {watchers}");
        }
    }
}

#[test]
fn should_set_an_event_of_an_unknown_ticket_aside_and_go_on() {
    let mut town = watched_by(Town::new(&["ann", "ben"]), 1);
    comment(&mut town, 77);
    let event = comment(&mut town, 1);
    assert_eq!(told(&mut town, event), all_once(1));
    assert_eq!(town.driver.all("ticket.events.dlq").len(), 1);
    assert!(!town.driver.all(NOTIFICATIONS).is_empty());
}
