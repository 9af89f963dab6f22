//! What waits for a digest, and when that is sent.

use schemas::topics::{EMAIL_OUTBOX, USER_EVENTS};
use schemas::{Mail, MailRequested, Notification, ids};
use topology::TestDriver;
use uuid::Uuid;

use crate::common::AT;
use crate::common::driver::{code, set_activity, settle};
use crate::town::{Town, event, times, user};

/// The full hour after AT, which is at 22:13:20 UTC.
const HOUR: i64 = 1_700_002_800_000;
const AN_HOUR: i64 = 3_600_000;

/// Ann reports ticket 1 for Ben, who is registered and wants his mail at the full hour; that ticket was told before.
fn town() -> Town {
    let mut town = Town::new(&["ann", "ben"]);
    town.register(1, "ben");
    town.rest();
    town.ticket(1, "ann", Some("ben"), "");
    town.rest();
    choose(&mut town, 2, "hourly");
    town
}

fn choose(town: &mut Town, id: u128, mode: &str) {
    let command = times(id, "ben", |command| command.email = Some(mode.to_owned()));
    assert_eq!(code(&town.command(&command)), "accepted");
}

fn comments(town: &mut Town, count: usize) -> Vec<Uuid> {
    let comment =
        |_| town.write(event!(TicketCommented { number: 1, author_id: user("ann"), content: "well".to_owned() }));
    let events = (0..count).map(comment).collect();
    town.rest();
    events
}

/// Moves the wall clock, which stands behind until it is first moved.
fn wall(town: &mut Town, at: i64) {
    town.driver.set_wall_clock(at).unwrap();
}

fn digests(town: &mut Town) -> Vec<MailRequested> {
    town.mails().into_iter().filter(|mail| mail.kind == "digest").collect()
}

fn told_of(digest: &MailRequested) -> Vec<Uuid> {
    digest.items.iter().map(|item| item.about.event_id).collect()
}

#[test]
fn should_forget_what_is_gathered_for_whoever_is_deactivated() {
    let mut town = town();
    comments(&mut town, 3);
    set_activity(&mut town.driver, 3, "ben@example.org", true);
    town.rest();
    wall(&mut town, HOUR + 500);
    assert_eq!(digests(&mut town).len(), 0);
    set_activity(&mut town.driver, 4, "ben@example.org", false);
    let events = comments(&mut town, 1);
    wall(&mut town, HOUR + 2 * AN_HOUR);
    let digests = digests(&mut town);
    assert_eq!(digests.iter().map(told_of).collect::<Vec<_>>(), [events]);
}

#[test]
fn should_tell_of_all_that_happened_in_one_mail_when_it_is_due_and_not_before() {
    let mut town = town();
    let before = town.mails().len();
    let events = comments(&mut town, 3);
    wall(&mut town, HOUR - 1);
    assert_eq!(town.mails().len(), before);
    wall(&mut town, HOUR + 500);
    let sent = digests(&mut town);
    let [digest] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((told_of(digest), digest.more), (events.clone(), 0));
    assert_eq!((digest.address.as_str(), digest.published_at), ("ben@example.org", HOUR));
    assert_eq!(digest.event_id, ids::digest_mail_id(ids::notification_id(events[0], user("ben"))));
    assert_eq!(town.mails().len(), before + 1);
    // And again, by the next hour.
    town.at = HOUR + 600;
    let event = comments(&mut town, 1);
    wall(&mut town, HOUR + AN_HOUR);
    assert_eq!(told_of(digests(&mut town).last().unwrap()), event);
    wall(&mut town, HOUR + 9 * AN_HOUR);
    assert_eq!(digests(&mut town).len(), 2);
}

#[test]
fn should_tell_hour_by_hour_of_what_happened_long_ago() {
    let mut town = town();
    let mut events = Vec::new();
    for hour in 0..4 {
        town.at = AT + hour * AN_HOUR;
        events.push(comments(&mut town, 2));
    }
    let sent = digests(&mut town);
    let dates: Vec<i64> = sent.iter().map(|digest| digest.published_at).collect();
    assert_eq!(dates, [HOUR, HOUR + AN_HOUR, HOUR + 2 * AN_HOUR]);
    let told: Vec<Uuid> = sent.iter().flat_map(told_of).collect();
    assert_eq!(told, events.concat()[..told.len()], "in order, each once");
    assert!(told.len() >= 6, "all but what the last hour has not ended for: {}", told.len());
}

#[test]
fn should_neither_lose_nor_repeat_a_digest_over_a_crash_when_it_is_due() {
    let mut town = Town::by_hand(&["ann", "ben"]);
    town.register(1, "ben");
    town.rest();
    town.ticket(1, "ann", Some("ben"), "");
    choose(&mut town, 2, "hourly");
    let events = comments(&mut town, 3);
    let outbox = |driver: &TestDriver| driver.all(EMAIL_OUTBOX).len();
    let before = outbox(&town.driver);
    // Sent, but the commit is taken back; then the process dies before the next one.
    for _ in 0..2 {
        wall(&mut town, HOUR);
        town.driver.abort();
    }
    wall(&mut town, HOUR);
    town.driver.restart().unwrap();
    assert_eq!(outbox(&town.driver), before);
    wall(&mut town, HOUR + 1_000);
    wall(&mut town, HOUR + 2_000);
    settle(&mut town.driver);
    // It has landed, and the process dies right after that.
    town.driver.restart().unwrap();
    wall(&mut town, HOUR + 3_000);
    wall(&mut town, HOUR + 4_000);
    settle(&mut town.driver);
    let sent = digests(&mut town);
    let [digest] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(told_of(digest), events);
}

#[test]
fn should_count_what_is_too_much_for_one_mail() {
    let mut town = town();
    comments(&mut town, 112);
    wall(&mut town, HOUR);
    let sent = digests(&mut town);
    let [digest] = sent.as_slice() else { panic!("{} digests", sent.len()) };
    assert_eq!((digest.items.len(), digest.more), (100, 12));
    let told = town.all().into_iter().filter(|told| matches!(told, Notification::NotificationCreated(_)));
    assert_eq!(told.count(), 113, "all are in the inbox");
    // The next one begins anew.
    town.at = HOUR + 1;
    comments(&mut town, 1);
    wall(&mut town, HOUR + AN_HOUR);
    let last = digests(&mut town).remove(1);
    assert_eq!((last.items.len(), last.more), (1, 0));
}

#[test]
fn should_send_what_was_gathered_at_once_to_whoever_wants_mail_at_once() {
    let mut town = town();
    let events = comments(&mut town, 2);
    choose(&mut town, 3, "immediate");
    wall(&mut town, AT + 10_000);
    let sent = digests(&mut town);
    assert_eq!(sent.iter().map(told_of).collect::<Vec<_>>(), [events]);
    comments(&mut town, 1);
    assert_eq!(town.mails().last().unwrap().kind, "notification");
}

#[test]
fn should_send_what_was_gathered_when_the_new_choice_has_it() {
    let mut town = town();
    let events = comments(&mut town, 2);
    let daily = times(3, "ben", |command| {
        command.email = Some("daily".to_owned());
        (command.email_hour, command.time_zone) = (Some(2), Some("Europe/Madrid".to_owned()));
    });
    assert_eq!(code(&town.command(&daily)), "accepted");
    // At two in Madrid, where it is an hour later than in UTC.
    wall(&mut town, HOUR + 2 * AN_HOUR - 1);
    assert_eq!(digests(&mut town), []);
    wall(&mut town, HOUR + 2 * AN_HOUR + 1_000);
    assert_eq!(digests(&mut town).iter().map(told_of).collect::<Vec<_>>(), [events]);
}

#[test]
fn should_leave_a_digest_when_it_is_due_if_something_else_is_chosen() {
    let mut town = town();
    comments(&mut town, 1);
    town.at = HOUR - 1_000;
    let muted = times(3, "ben", |command| command.muted_kinds = Some(vec!["ticket.deleted".to_owned()]));
    assert_eq!(code(&town.command(&muted)), "accepted");
    wall(&mut town, HOUR);
    assert_eq!(digests(&mut town).len(), 1);
}

#[test]
fn should_drop_what_was_gathered_for_whoever_wants_no_mail_or_was_erased() {
    for erased in [false, true] {
        let mut town = town();
        comments(&mut town, 2);
        if erased {
            let key = user("ben").to_string();
            let partition = town.driver.all(USER_EVENTS).last().unwrap().partition;
            let headers = topology::Headers::new();
            town.driver.pipe_to(USER_EVENTS, partition, Some(key.as_bytes()), None, AT, &headers).unwrap();
        } else {
            choose(&mut town, 3, "none");
        }
        assert_eq!(town.driver.store_entries(processors::GATHERED).unwrap().len(), 0);
        wall(&mut town, HOUR + AN_HOUR);
        assert_eq!(digests(&mut town), [], "erased: {erased}");
    }
}

#[test]
fn should_hold_mail_back_in_quiet_hours() {
    let mut town = town();
    let night = times(3, "ben", |command| {
        command.email = Some("immediate".to_owned());
        (command.quiet_from, command.quiet_to) = (Some("22:00".to_owned()), Some("07:30".to_owned()));
    });
    assert_eq!(code(&town.command(&night)), "accepted");
    let before = town.mails().len();
    let events = comments(&mut town, 2);
    let morning = HOUR + 8 * AN_HOUR + AN_HOUR / 2;
    wall(&mut town, morning - 1);
    assert_eq!(town.mails().len(), before);
    wall(&mut town, morning + 1_000);
    assert_eq!(digests(&mut town).iter().map(told_of).collect::<Vec<_>>(), [events]);
    town.at = morning + 2_000;
    comments(&mut town, 1);
    assert_eq!(town.mails().last().unwrap().kind, "notification");
}

#[test]
fn should_send_the_digests_of_thousands_some_at_a_time() {
    let names: Vec<String> = (0..230).map(|n| format!("user{n}")).collect();
    let members: Vec<&str> = ["ann"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut town = Town::new(&members);
    for (n, name) in names.iter().enumerate() {
        town.register(1_000 + n as u128, name);
        let hourly = times(2_000 + n as u128, name, |command| command.email = Some("hourly".to_owned()));
        assert_eq!(code(&town.command(&hourly)), "accepted");
        town.write(event!(TicketWatchAdded { number: 1, user_id: user(name) }));
    }
    town.ticket(1, "ann", None, "");
    for name in &names {
        town.write(event!(TicketWatchAdded { number: 1, user_id: user(name) }));
    }
    comments(&mut town, 1);
    for second in 0..=3 {
        wall(&mut town, HOUR + second * 1_000);
        let sent = town.driver.all(EMAIL_OUTBOX);
        let by_partition = |p| sent.iter().filter(|record| record.partition == p).count();
        assert!((0..4).all(|p| by_partition(p) <= 60 + 100 * (second as usize + 1)));
    }
    let told: std::collections::BTreeSet<Uuid> = digests(&mut town).iter().map(|digest| digest.user_id).collect();
    assert_eq!((told.len(), digests(&mut town).len()), (230, 230));
    let decoded = |record: &topology::OutputRecord| Mail::decode(record.value.as_deref().unwrap()).unwrap();
    assert!(town.driver.all(EMAIL_OUTBOX).iter().map(decoded).all(|Mail::MailRequested(mail)| mail.more == 0));
}
