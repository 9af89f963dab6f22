//! Who is sent mail of what.

use schemas::topics::USER_EVENTS;
use schemas::{MailItem, MailRequested, Notification, ids};

use crate::common::AT;
use crate::common::driver::code;
use crate::town::{INBOX_INPUTS, Town, event, mail, user};

/// Ann reports ticket 1 for Ben, who is registered, and it was told; Carl is a member without an address.
fn town() -> Town {
    let mut town = Town::new(&["ann", "ben", "carl"]);
    town.register(1, "ben");
    town.rest();
    town.ticket(1, "ann", Some("ben"), "@carl");
    town.rest();
    town
}

fn comment(town: &mut Town) -> uuid::Uuid {
    town.write(event!(TicketCommented { number: 1, author_id: user("ann"), content: "well".to_owned() }))
}

#[test]
fn should_welcome_whoever_has_an_address_once() {
    let mut town = town();
    let first = town.mails().remove(0);
    assert_eq!((first.kind.as_str(), first.items.len()), ("welcome", 0));
    assert_eq!((first.address.as_str(), first.name.as_str(), first.locale.as_str()), ("ben@example.org", "ben", "en"));
    assert_eq!((first.event_id, first.user_id), (ids::welcome_mail_id(user("ben")), user("ben")));
    assert_eq!(code(&town.command(&mail(2, "ben", Some("es"), None))), "accepted");
    assert_eq!(town.mails().iter().filter(|mail| mail.kind == "welcome").count(), 1);
}

#[test]
fn should_send_one_mail_of_each_notification_to_whoever_has_an_address() {
    let mut town = town();
    let event = comment(&mut town);
    let sent = town.mails();
    let [_, _, last] = sent.as_slice() else { panic!("{sent:?}") };
    let id = ids::notification_id(event, user("ben"));
    let about = town.about(event);
    assert_eq!((about.actor.as_str(), about.assignee.as_str()), ("ann", ""));
    let expected = MailRequested {
        event_id: ids::mail_id(id),
        published_at: about.at,
        version: 2,
        source: "syncroboard".to_owned(),
        user_id: user("ben"),
        kind: "notification".to_owned(),
        address: "ben@example.org".to_owned(),
        name: "ben".to_owned(),
        locale: "en".to_owned(),
        items: vec![MailItem { notification_id: id, reason: "assignee".to_owned(), about }],
        ..MailRequested::default()
    };
    assert_eq!(*last, expected);
    let told = town.all().into_iter().filter(|n| matches!(n, Notification::NotificationCreated(_)));
    assert_eq!(told.count(), 3, "Carl is told too, but has no address");
}

#[test]
fn should_send_no_mail_to_whoever_wants_none_and_keep_what_there_is_to_tell() {
    let mut town = town();
    assert_eq!(code(&town.command(&mail(2, "ben", None, Some("none")))), "accepted");
    let unsent = comment(&mut town);
    assert_eq!(code(&town.command(&mail(3, "ben", Some("es"), Some("immediate")))), "accepted");
    let sent = comment(&mut town);
    assert_eq!(town.told(unsent, &["ben"]).len(), 1);
    let mails = town.mails();
    let of = |event| mails.iter().find(|mail| mail.items.iter().any(|item| item.about.event_id == event));
    assert!(of(unsent).is_none());
    assert_eq!(of(sent).map(|mail| mail.locale.as_str()), Some("es"));
}

#[test]
fn should_refuse_languages_and_times_that_there_are_not() {
    let mut town = town();
    assert_eq!(code(&town.command(&mail(2, "ben", Some("tlh"), None))), "locale_unknown");
    assert_eq!(code(&town.command(&mail(3, "ben", None, Some("by pigeon")))), "email_mode_unknown");
}

#[test]
fn should_ask_for_a_mail_once_even_if_the_inbox_is_told_again() {
    let mut town = town();
    comment(&mut town);
    let before = town.mails().len();
    for record in town.driver.all(INBOX_INPUTS) {
        town.driver.pipe(INBOX_INPUTS, &record.key.unwrap(), &record.value.unwrap(), AT + 100).unwrap();
    }
    assert_eq!(town.mails().len(), before);
}

#[test]
fn should_send_nothing_to_whoever_was_erased() {
    let mut town = town();
    let key = user("ben").to_string();
    let partition = town.driver.all(USER_EVENTS).last().unwrap().partition;
    let headers = topology::Headers::new();
    town.driver.pipe_to(USER_EVENTS, partition, Some(key.as_bytes()), None, AT, &headers).unwrap();
    let before = town.mails().len();
    comment(&mut town);
    assert_eq!(town.mails().len(), before);
}

#[test]
fn should_name_the_new_assignee_by_handle() {
    let mut town = town();
    let assigned =
        town.write(event!(TicketAssigned { number: 1, assignee_id: user("carl"), assigned_by: uuid::Uuid::nil() }));
    let about = town.about(assigned);
    assert_eq!((about.actor.as_str(), about.assignee.as_str()), ("", "carl"));
}
