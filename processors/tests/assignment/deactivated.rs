//! Users who are deactivated: no project of any partition gives them work, and they keep what they have.

use schemas::{TicketEvent, ids};
use uuid::Uuid;

use crate::common::driver::{events, outcomes, register, send, set_activity};
use crate::common::*;
use crate::office::{Office, finish};

/// Has an admin do so, until all is at rest.
fn set(office: &mut Office, name: &str, deactivated: bool) {
    office.next_id += 1;
    set_activity(&mut office.driver, office.next_id, &format!("{name}@example.org"), deactivated);
    office.rest();
    outcomes(&mut office.driver);
}

/// What a command changed of the memberships of a user: in which project, and whether they are deactivated then.
fn changes(office: &Office, command: u128, user: Uuid) -> Vec<(Uuid, bool)> {
    let command = Uuid::from_u128(command);
    let change = |event| match event {
        TicketEvent::ProjectMemberUpdated(e) if e.causation_id == command => {
            assert_eq!(e.user_id, user);
            Some((e.project_id, e.deactivated))
        }
        _ => None,
    };
    let mut changes: Vec<_> = events(&office.driver).into_iter().filter_map(change).collect();
    changes.sort();
    changes
}

#[test]
fn should_give_no_work_to_whoever_is_deactivated_and_leave_them_what_they_have() {
    let mut office = Office::new();
    let (ann, bob) = (office.member("ann", 10, &[]), office.member("bob", 4, &[]));
    let theirs = office.ticket(|c| c.assignee_id = Some(ann));
    set(&mut office, "ann", true);
    assert_eq!(office.assignee(theirs), Some(ann));
    assert_eq!([office.given_to(|_| {}), office.given_to(|_| {})], [bob, bob]);
    let waits = office.ticket(|_| {});
    assert_eq!(office.assignee(waits), None, "Bob has no room, and Ann is not asked");
    office.is_right();
    // Being available is not enough.
    office.run(update_member(OWNER, |c| (c.user_id, c.available) = (ann, Some(true))));
    assert_eq!(office.assignee(waits), None);
    office.is_right();
    set(&mut office, "ann", false);
    assert_eq!(office.assignee(waits), Some(ann), "taken as soon as she is back");
    office.is_right();
    finish(&mut office, theirs);
    office.is_right();
}

#[test]
fn should_tell_every_project_that_a_user_is_a_member_of_and_each_once() {
    let mut office = Office::new();
    let ann = office.member("ann", 10, &[]);
    // So many that every partition has some.
    let others: Vec<String> = (0..20).map(|n| format!("P{n}")).collect();
    for key in &others {
        let id = ids::project_id(key);
        office.run(about(id, create_project(OWNER, |c| c.key.clone_from(key))));
        office.run(about(id, add_member(OWNER, |c| c.user_key = "ann@example.org".to_owned())));
    }
    let mut all: Vec<Uuid> = others.iter().map(|key| ids::project_id(key)).chain([project_id()]).collect();
    all.sort();
    for (deactivated, new) in [(true, true), (true, false), (false, true), (false, false)] {
        set(&mut office, "ann", deactivated);
        let expected: Vec<_> = all.iter().filter(|_| new).map(|id| (*id, deactivated)).collect();
        assert_eq!(changes(&office, office.next_id, ann), expected, "deactivated: {deactivated}");
    }
    let mut ids: Vec<Uuid> = events(&office.driver).iter().map(TicketEvent::event_id).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "one command makes events of many projects, each with an id of its own");
    office.is_right();
}

#[test]
fn should_find_whoever_becomes_a_member_while_they_are_deactivated() {
    let mut office = Office::by_hand();
    office.next_id += 1;
    register(&mut office.driver, office.next_id, "ann@example.org");
    office.rest();
    outcomes(&mut office.driver);
    // Ann is known and active when the project asks; the answer is on its way when she is deactivated.
    let add = with_id(add_member(OWNER, |c| c.user_key = "ann@example.org".to_owned()), 7_001);
    send(&mut office.driver, add, AT + 7_001);
    office.step();
    set_activity(&mut office.driver, 7_002, "ann@example.org", true);
    office.rest();
    let ann = ids::user_id("ann@example.org");
    assert_eq!(changes(&office, 7_002, ann), [(project_id(), true)]);
    let number = office.ticket(|_| {});
    assert_eq!(office.assignee(number), None);
    office.is_right();
}
