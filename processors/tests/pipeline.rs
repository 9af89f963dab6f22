//! The one pipeline, run by the test driver: routing, command memory, AddMember's two steps, dead letters, restarts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod common;

use common::driver::*;
use common::*;
use processors::{COMMAND_MEMORY, COMMAND_MEMORY_MS};
use schemas::topics::{
    COMMAND_OUTCOMES, FINGERPRINT_HEADER, REPLY_TO_HEADER, TICKET_COMMANDS, TICKET_EVENTS, USER_COMMANDS, USER_EVENTS,
};
use schemas::{Outcome, TicketCommand, TicketEvent, UserEvent, ids};
use topology::broker::partition_for_key;
use topology::{Headers, TestDriver};
use uuid::Uuid;

#[test]
fn should_answer_each_command_once_on_its_partition_with_its_reply_to() {
    let mut driver = with_project();
    let command = with_id(create(OWNER, |_| {}), 2);
    let key = project_id().to_string();
    let partition = partition_for_key(key.as_bytes(), PARTITIONS);
    let mut headers = Headers::new();
    headers.push(REPLY_TO_HEADER, "api-1");
    driver.pipe_to(TICKET_COMMANDS, partition, Some(key.as_bytes()), Some(&bytes(&command)), AT, &headers).unwrap();
    let answers = driver.read(COMMAND_OUTCOMES);
    let [answer] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(answer.partition, partition);
    assert_eq!(answer.headers.last(REPLY_TO_HEADER), Some(&b"api-1"[..]));
    let Outcome::Accepted(accepted) = outcome(answer) else { panic!("{answer:?}") };
    assert_eq!((accepted.code.as_deref(), accepted.sequence, accepted.duplicate), (Some("SYNC-1"), 3, false));
    let event = driver.all(TICKET_EVENTS).pop().unwrap();
    assert_eq!((event.key.as_deref(), event.partition), (Some(key.as_bytes()), partition));
}

#[test]
fn should_repeat_the_first_answer_in_the_same_commit() {
    let mut driver = with_project().manual_commit();
    send(&mut driver, with_id(create(OWNER, |_| {}), 2), AT);
    send(&mut driver, with_id(create(OWNER, |c| c.title = "Another title".into()), 2), AT + 1);
    driver.commit().unwrap();
    repeated(&mut driver);
}

#[test]
fn should_repeat_the_first_answer_in_another_commit() {
    let mut driver = with_project();
    send(&mut driver, with_id(create(OWNER, |_| {}), 2), AT);
    send(&mut driver, with_id(create(OWNER, |_| {}), 2), AT + 1);
    repeated(&mut driver);
}

#[test]
fn should_repeat_the_first_answer_after_a_restart() {
    let mut driver = with_project();
    send(&mut driver, with_id(create(OWNER, |_| {}), 2), AT);
    driver.restart().unwrap();
    send(&mut driver, with_id(create(OWNER, |_| {}), 2), AT + 1);
    repeated(&mut driver);
}

fn repeated(driver: &mut TestDriver) {
    let answers = outcomes(driver);
    let [first, second] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(code(first), "accepted");
    assert!(!first.duplicate() && second.duplicate());
    assert_eq!(first.clone().with_duplicate(true), *second);
    assert_eq!(numbers(driver), [1]);
}

#[test]
fn should_repeat_a_rejection_even_when_it_would_be_accepted_by_now() {
    let mut driver = with_project();
    send(&mut driver, with_id(edit(OWNER, |c| c.number = 1), 2), AT);
    send(&mut driver, with_id(create(OWNER, |_| {}), 3), AT);
    send(&mut driver, with_id(edit(OWNER, |c| c.number = 1), 2), AT);
    let answers = outcomes(&mut driver);
    assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["ticket_not_found", "accepted", "ticket_not_found"]);
    assert!(answers[2].duplicate());
}

#[test]
fn should_say_with_the_answer_which_of_the_requests_with_one_id_was_decided() {
    let mut driver = with_project();
    register(&mut driver, 2, "new@example.org");
    driver.read(COMMAND_OUTCOMES);
    let mut say = |command: TicketCommand, fingerprint: &str| {
        let key = project_id().to_string();
        let partition = partition_for_key(key.as_bytes(), PARTITIONS);
        let mut headers = Headers::new();
        headers.push(FINGERPRINT_HEADER, fingerprint);
        driver.pipe_to(TICKET_COMMANDS, partition, Some(key.as_bytes()), Some(&bytes(&command)), AT, &headers).unwrap();
        outcomes(&mut driver).iter().map(|o| (code(o).to_owned(), o.fingerprint())).collect::<Vec<_>>()
    };
    let answer = |code: &str, fingerprint| vec![(code.to_owned(), fingerprint)];
    let accepted = |fingerprint| answer("accepted", Some(fingerprint));
    assert_eq!(say(with_id(create(OWNER, |_| {}), 3), "fffffffffffffffe"), accepted(-2));
    assert_eq!(say(with_id(create(OWNER, |_| {}), 3), "0000000000000007"), accepted(-2), "the first one's");
    assert_eq!(say(with_id(edit(OWNER, |c| c.number = 9), 4), "07"), answer("ticket_not_found", Some(7)));
    assert_eq!(say(with_id(create(OWNER, |_| {}), 5), "no number"), answer("accepted", None));
    // Two questions are asked on the way, which do not carry it.
    assert_eq!(say(with_id(add_member(OWNER, |_| {}), 6), "0b"), accepted(11));
    assert_eq!(say(with_id(add_member(OWNER, |_| {}), 6), "0c"), accepted(11));
}

#[test]
fn should_remember_for_seven_days_of_stream_time() {
    let mut driver = with_project();
    let import = || with_id(create(OWNER, |_| {}), 2);
    send(&mut driver, import(), AT);
    send(&mut driver, import(), AT + COMMAND_MEMORY_MS - 1);
    send(&mut driver, import(), AT + COMMAND_MEMORY_MS + 1);
    let duplicates: Vec<bool> = outcomes(&mut driver).iter().map(Outcome::duplicate).collect();
    assert_eq!(duplicates, [false, true, false]);
}

#[test]
fn should_give_the_same_numbers_after_an_abort() {
    let mut driver = with_project().manual_commit();
    send(&mut driver, with_id(create(OWNER, |_| {}), 2), AT);
    driver.abort();
    driver.run().unwrap();
    driver.commit().unwrap();
    send(&mut driver, with_id(create(OWNER, |_| {}), 3), AT);
    driver.commit().unwrap();
    assert_eq!(numbers(&driver), [1, 2]);
    assert_eq!(outcomes(&mut driver).len(), 2);
}

#[test]
fn should_dead_letter_and_answer_what_is_misrouted_and_decide_it_when_sent_right() {
    let mut driver = with_project();
    let command = with_id(create(OWNER, |_| {}), 2);
    let key = project_id().to_string();
    let right = partition_for_key(key.as_bytes(), PARTITIONS);
    let wrong = (right + 1) % PARTITIONS;
    let upper = key.to_uppercase();
    let none = Headers::new();
    driver.pipe_to(TICKET_COMMANDS, wrong, Some(key.as_bytes()), Some(&bytes(&command)), AT, &none).unwrap();
    driver.pipe_to(TICKET_COMMANDS, right, Some(upper.as_bytes()), Some(&bytes(&command)), AT, &none).unwrap();
    driver.pipe_to(TICKET_COMMANDS, right, None, Some(&bytes(&command)), AT, &none).unwrap();
    let answers = outcomes(&mut driver);
    assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["failed"; 3]);
    let Outcome::Failed(failed) = &answers[0] else { panic!("{answers:?}") };
    assert!(failed.reason.starts_with("misrouted: "), "{}", failed.reason);
    let letters = driver.read("ticket.commands.dlq");
    assert_eq!(letters.len(), 3);
    assert_eq!(letters[0].headers.last("__streams.errors.exception"), Some(&b"misrouted"[..]));
    assert_eq!(letters[0].value.as_deref(), Some(&bytes(&command)[..]));

    send(&mut driver, command, AT);
    let answers = outcomes(&mut driver);
    assert_eq!((code(&answers[0]), answers[0].duplicate()), ("accepted", false));
    assert_eq!(numbers(&driver), [1]);
}

#[test]
fn should_dead_letter_what_cannot_be_read_and_go_on() {
    let mut driver = with_project();
    driver.pipe(TICKET_COMMANDS, project_id().to_string().as_bytes(), b"garbage", AT).unwrap();
    driver.pipe(USER_COMMANDS, b"ana@example.org", &[0, 0, 0, 3, 232, 1], AT).unwrap();
    send(&mut driver, with_id(create(OWNER, |_| {}), 2), AT);
    assert_eq!(driver.read("ticket.commands.dlq").len(), 1);
    assert_eq!(driver.read("user.commands.dlq").len(), 1);
    assert_eq!(outcomes(&mut driver).iter().map(code).collect::<Vec<_>>(), ["accepted"]);
}

#[test]
fn should_register_a_user_once() {
    let mut driver = driver();
    register(&mut driver, 1, "ana@example.org");
    register(&mut driver, 1, "ana@example.org");
    register(&mut driver, 2, "ana@example.org");
    let answers = outcomes(&mut driver);
    assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["accepted", "accepted", "email_taken"]);
    assert!(answers[1].duplicate());
    assert_eq!(answers[0].sequence(), 1, "the user's own, which whoever sent it can wait for");
    let records = driver.all(USER_EVENTS);
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record.key.as_deref(), Some(ids::user_id("ana@example.org").to_string().as_bytes()));
    let UserEvent::UserCreated(created) = UserEvent::decode(record.value.as_deref().unwrap()).unwrap() else {
        panic!("a new user")
    };
    assert_eq!(created.email.as_deref(), Some("ana@example.org"));
}

#[test]
fn should_add_a_member_whom_the_user_sub_topology_knows() {
    let mut driver = with_project();
    register(&mut driver, 2, "new@example.org");
    send(&mut driver, with_id(add_member(OWNER, |_| {}), 3), AT);
    send(&mut driver, with_id(add_member(OWNER, |c| c.user_key = "nobody@example.org".into()), 4), AT);
    send(&mut driver, with_id(add_member(OWNER, |_| {}), 5), AT);
    send(&mut driver, with_id(add_member(OWNER, |c| c.role = "boss".into()), 6), AT);
    let mut answers = outcomes(&mut driver);
    answers.sort_by_key(Outcome::command_id);
    let codes: Vec<&str> = answers.iter().map(code).collect();
    assert_eq!(codes, ["accepted", "accepted", "user_unknown", "already_member", "role_invalid"]);
    let Outcome::Accepted(added) = &answers[1] else { panic!("{answers:?}") };
    assert_eq!((added.user_id, added.sequence), (Some(ids::user_id("new@example.org")), 3));
    let Some(TicketEvent::ProjectMemberAdded(event)) = events(&driver).pop() else { panic!("no event") };
    assert_eq!((event.handle.as_str(), event.role.as_str()), ("new", "member"));
}

#[test]
fn should_add_nobody_who_is_deactivated_until_they_are_reactivated() {
    let mut driver = with_project();
    register(&mut driver, 2, "new@example.org");
    set_activity(&mut driver, 3, "new@example.org", true);
    send(&mut driver, with_id(add_member(OWNER, |_| {}), 4), AT);
    set_activity(&mut driver, 5, "new@example.org", true);
    settle(&mut driver);
    set_activity(&mut driver, 6, "new@example.org", false);
    send(&mut driver, with_id(add_member(OWNER, |_| {}), 7), AT);
    settle(&mut driver);
    let mut answers = outcomes(&mut driver);
    answers.sort_by_key(Outcome::command_id);
    let codes: Vec<&str> = answers.iter().map(code).collect();
    assert_eq!(codes, ["accepted", "accepted", "user_deactivated", "accepted", "accepted", "accepted"]);
    let reached: Vec<i64> = answers.iter().map(Outcome::sequence).collect();
    assert_eq!([reached[1], reached[3], reached[4]], [2, 2, 3], "who is deactivated already is so without an event");
}

#[test]
fn should_find_a_user_whatever_the_case_of_the_key() {
    let mut driver = with_project();
    register(&mut driver, 2, "new@example.org");
    send(&mut driver, with_id(add_member(OWNER, |c| c.user_key = " New@Example.ORG".into()), 3), AT);
    assert!(outcomes(&mut driver).iter().all(|o| code(o) == "accepted"));
}

#[test]
fn should_decide_a_repeated_add_member_once_while_the_user_is_looked_up() {
    let mut driver = with_project();
    register(&mut driver, 2, "new@example.org");
    driver.read(COMMAND_OUTCOMES);
    let mut driver = driver.manual_commit();
    let add = || with_id(add_member(OWNER, |_| {}), 3);
    send(&mut driver, add(), AT);
    send(&mut driver, add(), AT);
    driver.commit().unwrap();
    send(&mut driver, add(), AT);
    driver.commit().unwrap();
    settle(&mut driver);
    let answers = outcomes(&mut driver);
    assert_eq!(answers.iter().map(|o| (code(o), o.duplicate())).collect::<Vec<_>>(), [("accepted", false)]);
    send(&mut driver, add(), AT);
    driver.commit().unwrap();
    let answers = outcomes(&mut driver);
    assert_eq!(answers.iter().map(|o| (code(o), o.duplicate())).collect::<Vec<_>>(), [("accepted", true)]);
}

#[test]
fn should_ask_the_guards_again_when_the_reply_comes() {
    let mut driver = with_project();
    register(&mut driver, 2, "new@example.org");
    register(&mut driver, 3, "other@example.org");
    let add = |id: u128, actor: Uuid, key: &str| with_id(add_member(actor, |c| c.user_key = key.into()), id);
    let maintainer = ids::user_id("new@example.org");
    let promoted = with_id(add_member(OWNER, |c| c.role = "maintainer".into()), 4);
    send(&mut driver, promoted, AT);
    driver.read(COMMAND_OUTCOMES);
    let mut driver = driver.manual_commit();
    // The maintainer asks, and is removed before the answer is there.
    send(&mut driver, add(5, maintainer, "other@example.org"), AT);
    send(&mut driver, with_id(remove_member(OWNER, |c| c.user_id = maintainer), 6), AT);
    settle(&mut driver);
    let mut answers = outcomes(&mut driver);
    answers.sort_by_key(Outcome::command_id);
    assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["not_a_member", "accepted"]);
}

#[test]
fn should_add_once_the_user_whom_two_commands_add_at_once() {
    let mut driver = with_project();
    register(&mut driver, 2, "new@example.org");
    driver.read(COMMAND_OUTCOMES);
    let mut driver = driver.manual_commit();
    send(&mut driver, with_id(add_member(OWNER, |_| {}), 3), AT);
    send(&mut driver, with_id(add_member(OWNER, |_| {}), 4), AT);
    settle(&mut driver);
    let mut codes: Vec<String> = outcomes(&mut driver).iter().map(|o| code(o).to_owned()).collect();
    codes.sort();
    assert_eq!(codes, ["accepted", "already_member"]);
}

#[test]
fn should_answer_add_member_across_a_restart_between_question_and_reply() {
    let mut driver = with_project();
    register(&mut driver, 2, "new@example.org");
    driver.read(COMMAND_OUTCOMES);
    let mut driver = driver.manual_commit();
    send(&mut driver, with_id(add_member(OWNER, |_| {}), 3), AT);
    driver.commit().unwrap();
    driver.restart().unwrap();
    settle(&mut driver);
    assert_eq!(outcomes(&mut driver).iter().map(code).collect::<Vec<_>>(), ["accepted"]);
}

#[test]
fn should_hold_in_its_stores_what_the_events_say() {
    let mut driver = with_project();
    for (id, command) in [
        create(OWNER, |_| {}),
        create(OWNER, |_| {}),
        comment(OWNER, |c| c.number = 1),
        delete(OWNER, |c| c.number = 1),
    ]
    .into_iter()
    .enumerate()
    {
        send(&mut driver, with_id(command, 10 + id as u128), AT);
    }
    let mut model = processors::ProjectModel::default();
    events(&driver).iter().for_each(|e| processors::evolve(&mut model, e).unwrap());
    assert_eq!(driver.store_entries("tickets").unwrap().len(), model.tickets.len());
    assert_eq!(driver.store_entries("comments").unwrap().len(), 0);
    assert_eq!(driver.store_entries(COMMAND_MEMORY).unwrap().len(), 5);
    let before = driver.store_entries("tickets").unwrap();
    driver.restart().unwrap();
    assert_eq!(driver.store_entries("tickets").unwrap(), before);
}
