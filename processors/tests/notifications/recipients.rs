//! Who is told of which event, and why.

use rstest::rstest;
use schemas::TicketEvent;

use crate::town::{Town, event, user};

const PEOPLE: [&str; 6] = ["ann", "ben", "cat", "dan", "eve", "fay"];

/// Ticket 1: Ann reports, Ben works, Cat and Dan watch. Eve is a member too, Fay is none any more.
fn town() -> Town {
    let mut town = Town::new(&PEOPLE);
    town.ticket(1, "ann", Some("ben"), "for @eve and @fay");
    for name in ["cat", "dan", "fay"] {
        town.write(event!(TicketWatchAdded { number: 1, user_id: user(name) }));
    }
    town.write(event!(ProjectMemberRemoved { user_id: user("fay") }));
    town
}

#[rstest]
#[case::created(
    event!(TicketCreated { number: 2, created_by: user("ann"), reporter_id: user("ann"), assignee_id: Some(user("ben")),
        description: "@cat, @CAT, @ann, @nobody and mail@dan".to_owned() }),
    &["ben assignee", "cat mentioned"])]
#[case::created_for_the_mentioned(
    event!(TicketCreated { number: 2, created_by: user("ann"), reporter_id: user("ann"), assignee_id: Some(user("ben")),
        description: "@ben".to_owned() }),
    &["ben mentioned"])]
#[case::imported(
    event!(TicketCreated { number: 2, created_by: user("ann"), assignee_id: Some(user("ben")), imported: true }),
    &[])]
#[case::edited(
    event!(TicketUpdated { number: 1, updated_by: user("cat"), priority: Some("HIGH".to_owned()) }),
    &["ann reporter", "ben assignee", "dan watcher"])]
#[case::mentioned_anew(
    event!(TicketUpdated { number: 1, updated_by: user("ann"), description: Some("@eve, now @dan too".to_owned()) }),
    &["ben assignee", "cat watcher", "dan mentioned"])]
#[case::moved(
    event!(TicketStatusUpdated { number: 1, updated_by: user("ben"), new_status: "DONE".to_owned() }),
    &["ann reporter", "cat watcher", "dan watcher"])]
#[case::assigned(
    event!(TicketAssigned { number: 1, assigned_by: user("eve"), assignee_id: user("cat"), previous_assignee_id: Some(user("ben")) }),
    &["ann reporter", "ben assignee", "cat assignee", "dan watcher"])]
#[case::assigned_automatically(
    event!(TicketAssigned { number: 1, assignee_id: user("eve"), automatic: true }),
    &["ann reporter", "cat watcher", "dan watcher", "eve assignee"])]
#[case::unassigned(
    event!(TicketUnassigned { number: 1, unassigned_by: user("ann"), previous_assignee_id: user("ben") }),
    &["ben assignee", "cat watcher", "dan watcher"])]
#[case::commented(
    event!(TicketCommented { number: 1, author_id: user("dan"), content: "what do you say, @eve? `@fay`".to_owned() }),
    &["ann reporter", "ben assignee", "cat watcher", "eve mentioned"])]
#[case::deleted(
    event!(TicketDeleted { number: 1, deleted_by: user("eve") }),
    &["ann reporter", "ben assignee", "cat watcher", "dan watcher"])]
#[case::watched(event!(TicketWatchAdded { number: 1, user_id: user("eve") }), &[])]
#[case::project_changed(event!(ProjectUpdated { name: "Another".to_owned() }), &[])]
fn should_tell_those_concerned_once_for_the_first_reason_and_never_whoever_did_it(
    #[case] event: TicketEvent,
    #[case] expected: &[&str],
) {
    let mut town = town();
    let kind = event.event_name();
    let id = town.write(event);
    let told: Vec<String> = town
        .told(id, &PEOPLE)
        .into_iter()
        .map(|(name, reason, of)| {
            assert_eq!(of, kind);
            format!("{name} {reason}")
        })
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn should_follow_a_ticket_through_its_changes() {
    let mut town = town();
    town.write(event!(TicketAssigned { number: 1, assigned_by: user("ann"), assignee_id: user("eve") }));
    town.write(event!(TicketWatchRemoved { number: 1, user_id: user("dan") }));
    let title = "Another title".to_owned();
    town.write(event!(TicketUpdated { number: 1, updated_by: user("ann"), title: Some(title) }));
    let id =
        town.write(event!(TicketStatusUpdated { number: 1, updated_by: user("ann"), new_status: "REVIEW".to_owned() }));
    let told: Vec<String> = town.told(id, &PEOPLE).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(told, ["cat", "eve"]);
    let about = town.about(id);
    assert_eq!((&*about.code, &*about.title, &*about.detail), ("SYNC-1", "Another title", "REVIEW"));
    assert_eq!((about.actor_id, about.number), (user("ann"), 1));
}

#[test]
fn should_tell_of_nobodys_hand_when_a_ticket_is_assigned_automatically() {
    let mut town = town();
    let id = town.write(event!(TicketAssigned { number: 1, assignee_id: user("eve"), automatic: true }));
    let about = town.about(id);
    assert!(about.actor_id.is_nil());
    assert_eq!(about.detail, user("eve").to_string());
}
