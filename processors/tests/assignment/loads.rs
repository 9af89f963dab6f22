//! Everything that changes load, and what waits for room.

use crate::common::*;
use crate::office::{Office, finish, owned};

#[test]
fn should_take_what_waits_by_priority_then_age_as_soon_as_somebody_has_room() {
    let mut office = Office::new();
    let numbers =
        ["LOW", "MEDIUM", "URGENT", "MEDIUM", "HIGH"].map(|p| office.ticket(|c| c.priority = Some(p.to_owned())));
    assert!(numbers.iter().all(|n| office.assignee(*n).is_none()));
    // 5 + 3 + 2, and nothing for the second MEDIUM or LOW.
    let ann = office.member("ann", 10, &[]);
    assert_eq!(numbers.map(|n| office.assignee(n)), [None, Some(ann), Some(ann), None, Some(ann)]);
    office.is_right();
    finish(&mut office, numbers[4]);
    assert_eq!(numbers.map(|n| office.assignee(n)), [Some(ann); 5]);
    office.is_right();
}

#[test]
fn should_follow_every_change_of_a_ticket() {
    let mut office = Office::new();
    let (ann, bob) = (office.member("ann", 10, &[]), office.member("bob", 10, &[]));
    let number = office.ticket(|c| c.assignee_id = Some(ann));
    office.is_right();
    office.run(edit(OWNER, |c| (c.number, c.priority) = (number, Some("URGENT".to_owned()))));
    office.is_right();
    office.run(edit(OWNER, |c| (c.number, c.labels) = (number, Some(owned(&["x"])))));
    office.is_right();
    office.run(assign(OWNER, |c| (c.number, c.assignee_id) = (number, bob)));
    office.is_right();
    finish(&mut office, number);
    office.is_right();
    office.run(move_to(OWNER, |c| (c.number, c.status) = (number, "OPEN".to_owned())));
    assert_eq!(office.assignee(number), Some(bob));
    office.is_right();
    office.run(unassign(OWNER, |c| c.number = number));
    office.is_right();
    office.run(assign(OWNER, |c| (c.number, c.assignee_id) = (number, ann)));
    office.is_right();
    office.run(delete(OWNER, |c| c.number = number));
    office.is_right();
}

#[test]
fn should_count_what_is_assigned_by_hand_beyond_the_capacity_and_choose_others_then() {
    let mut office = Office::new();
    let (ann, bob) = (office.member("ann", 3, &[]), office.member("bob", 3, &[]));
    for _ in 0..3 {
        office.ticket(|c| (c.assignee_id, c.priority) = (Some(ann), Some("URGENT".to_owned())));
    }
    office.is_right();
    let number = office.ticket(|_| {});
    assert_eq!(office.assignee(number), Some(bob));
    office.is_right();
}

#[test]
fn should_give_the_tickets_of_whoever_leaves_to_others_and_let_the_rest_wait() {
    let mut office = Office::new();
    let ann = office.member("ann", 10, &[]);
    let numbers: Vec<_> = (0..4).map(|_| office.ticket(|_| {})).collect();
    let bob = office.member("bob", 4, &[]);
    office.run(remove_member(OWNER, |c| c.user_id = ann));
    let given: Vec<_> = numbers.iter().map(|n| office.assignee(*n)).collect();
    assert_eq!(given.iter().filter(|a| **a == Some(bob)).count(), 2, "{given:?}");
    assert_eq!(given.iter().filter(|a| a.is_none()).count(), 2, "{given:?}");
    office.is_right();
    // What waits is taken as soon as there is room again.
    office.run(update_member(OWNER, |c| (c.user_id, c.capacity) = (bob, Some(8))));
    assert!(numbers.iter().all(|n| office.assignee(*n) == Some(bob)));
    office.is_right();
}

#[test]
fn should_keep_the_tickets_of_whoever_is_away_and_give_no_more() {
    let mut office = Office::new();
    let ann = office.member("ann", 10, &[]);
    let number = office.ticket(|_| {});
    let away = |available| update_member(OWNER, |c| (c.user_id, c.available) = (ann, Some(available)));
    office.run(away(false));
    let waits = office.ticket(|_| {});
    assert_eq!([number, waits].map(|n| office.assignee(n)), [Some(ann), None]);
    office.is_right();
    office.run(away(true));
    assert_eq!(office.assignee(waits), Some(ann));
    office.is_right();
}

#[test]
fn should_follow_every_change_of_a_member() {
    let mut office = Office::new();
    let ann = office.member("ann", 2, &[]);
    let numbers: Vec<_> = (0..6).map(|_| office.ticket(|c| c.labels = owned(&["rust"]))).collect();
    let has = |office: &Office| numbers.iter().filter(|n| office.assignee(**n) == Some(ann)).count();
    assert_eq!(has(&office), 1);
    office.run(update_member(OWNER, |c| (c.user_id, c.capacity) = (ann, Some(4))));
    assert_eq!(has(&office), 2);
    office.run(update_member(OWNER, |c| (c.user_id, c.role, c.capacity) = (ann, Some("viewer".to_owned()), Some(6))));
    assert_eq!(has(&office), 2);
    office.run(update_member(OWNER, |c| (c.user_id, c.role) = (ann, Some("maintainer".to_owned()))));
    assert_eq!(has(&office), 3);
    office.run(configure_assignment(OWNER, |c| c.policy = Some("skills_only".to_owned())));
    office.run(update_member(OWNER, |c| (c.user_id, c.capacity) = (ann, Some(10))));
    assert_eq!(has(&office), 3);
    office.run(update_member(OWNER, |c| (c.user_id, c.skills) = (ann, Some(owned(&["rust"])))));
    assert_eq!(has(&office), 5);
    office.is_right();
}

#[test]
fn should_give_a_great_many_at_once_a_part_at_a_time() {
    let mut office = Office::new();
    (0..700).for_each(|_| office.send(create(OWNER, |_| {})));
    office.rest();
    let ann = office.member("ann", 600, &[]);
    let bob = office.member("bob", 10_000, &[]);
    office.is_right();
    assert!((1..=700).all(|n| office.assignee(n).is_some()));
    office.run(remove_member(OWNER, |c| c.user_id = ann));
    assert!((1..=700).all(|n| office.assignee(n) == Some(bob)));
    office.is_right();
    // And away again, with nobody to take them.
    office.run(remove_member(OWNER, |c| c.user_id = bob));
    assert!((1..=700).all(|n| office.assignee(n).is_none()));
    office.is_right();
}
