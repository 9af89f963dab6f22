//! Pools that several projects share: who is chosen, what counts as load, who may join.

use schemas::ids;
use uuid::Uuid;

use crate::common::*;
use crate::firm::{Firm, joining, opening};
use crate::office::owned;

fn host() -> Uuid {
    ids::project_id("HOST")
}

fn guest() -> Uuid {
    ids::project_id("GUEST")
}

/// GUEST shares the pool of HOST.
fn shared() -> Firm {
    let mut firm = Firm::new(&["HOST", "GUEST", "THIRD"]);
    firm.opens(host());
    firm.joins(guest(), host());
    firm
}

#[test]
fn should_count_the_load_of_all_projects_of_the_pool() {
    let mut firm = shared();
    for project in [host(), guest()] {
        firm.member(project, "ann", 10, &[]);
    }
    let bob = firm.member(host(), "bob", 10, &[]);
    firm.member(guest(), "bob", 10, &[]);
    let ann = ids::user_id("ann@example.org");
    // Ann is busy with the host's work, so bob has the guest's; and the other way round.
    firm.ticket(host(), |c| (c.assignee_id, c.priority) = (Some(ann), Some("HIGH".to_owned())));
    let first = firm.ticket(guest(), |_| {});
    let urgent = firm.ticket(guest(), |c| c.priority = Some("URGENT".to_owned()));
    let last = firm.ticket(host(), |_| {});
    assert_eq!([first, urgent].map(|number| firm.assignee(guest(), number)), [Some(bob); 2]);
    assert_eq!(firm.assignee(host(), last), Some(ann));
    firm.office.is_right();
}

#[test]
fn should_choose_only_who_is_a_member_of_the_tickets_project_and_of_the_pool() {
    let mut firm = shared();
    firm.member(host(), "only-host", 100, &[]);
    firm.member(guest(), "only-guest", 100, &[]);
    let waits = firm.ticket(guest(), |_| {});
    assert_eq!(firm.assignee(guest(), waits), None);
    firm.office.is_right();
    // Whoever is both takes it, with the capacity and the skills that the pool knows.
    let both = firm.member(host(), "both", 2, &["rust"]);
    firm.member(guest(), "both", 100, &["go"]);
    assert_eq!(firm.assignee(guest(), waits), Some(both));
    let more = firm.ticket(guest(), |_| {});
    assert_eq!(firm.assignee(guest(), more), None);
    firm.office.is_right();
    firm.run(guest(), configure_assignment(OWNER, |c| c.policy = Some("skills_only".to_owned())));
    firm.run(host(), update_member(OWNER, |c| (c.user_id, c.capacity) = (both, Some(6))));
    let [go, rust] = [&["go"], &["rust"]].map(|labels| firm.ticket(guest(), |c| c.labels = owned(labels)));
    assert_eq!([more, go, rust].map(|number| firm.assignee(guest(), number)), [Some(both), None, Some(both)]);
    firm.office.is_right();
}

#[test]
fn should_ask_both_memberships_whether_somebody_may_work() {
    let mut firm = shared();
    let ann = firm.member(host(), "ann", 100, &[]);
    firm.member(guest(), "ann", 100, &[]);
    for project in [host(), guest()] {
        firm.run(project, update_member(OWNER, |c| (c.user_id, c.available) = (ann, Some(false))));
        let number = firm.ticket(guest(), |_| {});
        assert_eq!(firm.assignee(guest(), number), None);
        firm.office.is_right();
        firm.run(project, update_member(OWNER, |c| (c.user_id, c.available) = (ann, Some(true))));
        assert_eq!(firm.assignee(guest(), number), Some(ann));
        firm.run(project, update_member(OWNER, |c| (c.user_id, c.role) = (ann, Some("viewer".to_owned()))));
        let number = firm.ticket(guest(), |_| {});
        assert_eq!(firm.assignee(guest(), number), None);
        firm.office.is_right();
        firm.run(project, update_member(OWNER, |c| (c.user_id, c.role) = (ann, Some("member".to_owned()))));
        assert_eq!(firm.assignee(guest(), number), Some(ann));
    }
    firm.office.is_right();
}

#[test]
fn should_keep_a_load_for_who_is_not_in_the_pool_but_has_work_by_hand() {
    let mut firm = shared();
    let eve = firm.member(guest(), "eve", 100, &[]);
    firm.ticket(guest(), |c| c.assignee_id = Some(eve));
    firm.office.is_right();
    // When she comes to the pool, what she has counts.
    firm.member(host(), "eve", 3, &[]);
    let number = firm.ticket(guest(), |_| {});
    assert_eq!(firm.assignee(guest(), number), None);
    firm.office.is_right();
}

#[test]
fn should_leave_with_their_members_what_guests_have_when_the_host_removes_somebody() {
    let mut firm = shared();
    let ann = firm.member(host(), "ann", 100, &[]);
    firm.member(guest(), "ann", 100, &[]);
    let (theirs, guests) = (firm.ticket(host(), |_| {}), firm.ticket(guest(), |_| {}));
    firm.run(host(), remove_member(OWNER, |c| c.user_id = ann));
    assert_eq!((firm.assignee(host(), theirs), firm.assignee(guest(), guests)), (None, Some(ann)));
    let more = firm.ticket(guest(), |_| {});
    assert_eq!(firm.assignee(guest(), more), None);
    firm.office.is_right();
    // Who leaves the ticket's own project gives it up.
    firm.run(guest(), remove_member(OWNER, |c| c.user_id = ann));
    assert_eq!(firm.assignee(guest(), guests), None);
    firm.office.is_right();
}

#[test]
fn should_give_to_who_leaves_a_guest_what_waits_in_the_other_projects() {
    // The guest's ticket is taken from ann, and bob has it if he has room.
    for room in [0, 2] {
        let mut firm = shared();
        firm.run(host(), configure_assignment(OWNER, |c| c.policy = Some("skills_only".to_owned())));
        let ann = firm.member(host(), "ann", 2, &["rust"]);
        firm.member(guest(), "ann", 0, &[]);
        let theirs = firm.ticket(guest(), |_| {});
        let waits = firm.ticket(host(), |c| c.labels = owned(&["rust"]));
        assert_eq!((firm.assignee(guest(), theirs), firm.assignee(host(), waits)), (Some(ann), None));
        let bob = firm.member(host(), "bob", room, &[]);
        firm.member(guest(), "bob", 0, &[]);
        firm.run(guest(), remove_member(OWNER, |c| c.user_id = ann));
        let next = (room > 0).then_some(bob);
        assert_eq!((firm.assignee(guest(), theirs), firm.assignee(host(), waits)), (next, Some(ann)));
        firm.office.is_right();
    }
}

#[test]
fn should_have_waiting_tickets_of_any_project_taken_by_who_has_room_the_most_urgent_first() {
    let mut firm = shared();
    let waiting: Vec<_> = [(host(), "LOW"), (guest(), "HIGH"), (host(), "MEDIUM"), (guest(), "URGENT")]
        .map(|(project, priority)| (project, firm.ticket(project, |c| c.priority = Some(priority.to_owned()))))
        .into();
    firm.member(guest(), "ann", 10, &[]);
    let ann = firm.member(host(), "ann", 10, &[]);
    let given: Vec<_> = waiting.iter().map(|(project, number)| firm.assignee(*project, *number)).collect();
    assert_eq!(given, [None, Some(ann), Some(ann), Some(ann)]);
    firm.office.is_right();
}

#[test]
fn should_take_its_load_along_when_a_project_moves() {
    let mut firm = Firm::new(&["HOST", "GUEST"]);
    let ann = firm.member(host(), "ann", 10, &[]);
    firm.member(guest(), "ann", 10, &[]);
    for _ in 0..3 {
        firm.ticket(guest(), |_| {});
    }
    firm.ticket(host(), |_| {});
    firm.office.is_right();
    firm.opens(host());
    firm.joins(guest(), host());
    firm.office.is_right();
    // 6 and 2 of 10: the fifth fits, the sixth does not.
    let numbers = [firm.ticket(host(), |_| {}), firm.ticket(guest(), |_| {})];
    assert_eq!((firm.assignee(host(), numbers[0]), firm.assignee(guest(), numbers[1])), (Some(ann), None));
    // Back in its own pool there is room again, and so there is in the host's.
    let waits = firm.ticket(host(), |_| {});
    assert_eq!(firm.assignee(host(), waits), None);
    firm.joins(guest(), guest());
    assert_eq!((firm.assignee(guest(), numbers[1]), firm.assignee(host(), waits)), (Some(ann), Some(ann)));
    firm.office.is_right();
}

#[test]
fn should_move_a_great_many_tickets_and_members_a_part_at_a_time() {
    let mut firm = Firm::new(&["HOST", "GUEST"]);
    for name in 0..300 {
        firm.register(&format!("m{name}"));
        firm.office.send(about(guest(), crate::firm::adding(&format!("m{name}"), 10, &[])));
    }
    firm.office.rest();
    for _ in 0..700 {
        firm.office.send(about(guest(), create(OWNER, |_| {})));
    }
    firm.office.rest();
    firm.office.is_right();
    let ann = firm.member(host(), "ann", 10_000, &[]);
    firm.member(guest(), "ann", 0, &[]);
    for _ in 0..500 {
        firm.office.send(about(host(), create(OWNER, |c| c.assignee_id = Some(ann))));
    }
    firm.office.rest();
    firm.opens(host());
    firm.joins(guest(), host());
    firm.office.is_right();
    firm.run(guest(), remove_member(OWNER, |c| c.user_id = ids::user_id("m7@example.org")));
    let number = firm.ticket(guest(), |_| {});
    assert_eq!(firm.assignee(guest(), number), Some(ann));
    firm.office.is_right();
    firm.joins(guest(), guest());
    firm.office.is_right();
}

#[test]
fn should_give_what_waits_in_all_projects_when_a_great_deal_of_load_goes_away_at_once() {
    let mut firm = Firm::new(&["HOST", "GUEST", "THIRD"]);
    let third = ids::project_id("THIRD");
    firm.opens(host());
    firm.joins(guest(), host());
    firm.joins(third, host());
    for project in [host(), guest(), third] {
        firm.member(project, "ann", 1_200, &[]);
    }
    let ann = ids::user_id("ann@example.org");
    let fill = |firm: &mut Firm, project, count, assignee| {
        for _ in 0..count {
            firm.office.send(about(project, create(OWNER, |c| c.assignee_id = assignee)));
        }
        firm.office.rest();
    };
    fill(&mut firm, guest(), 600, Some(ann));
    // These wait; those of HOST are the older ones.
    fill(&mut firm, host(), 300, None);
    fill(&mut firm, third, 300, None);
    firm.office.is_right();
    firm.joins(guest(), guest());
    assert_eq!((firm.assignee(host(), 300), firm.assignee(third, 300)), (Some(ann), Some(ann)));
    firm.office.is_right();
}

#[test]
fn should_refuse_to_join_what_is_not_there_or_not_open() {
    let mut firm = Firm::new(&["HOST", "GUEST"]);
    firm.refuses(guest(), joining(no_project()), "pool_unknown");
    firm.refuses(guest(), joining(host()), "pool_not_open");
    firm.opens(host());
    firm.opens(guest());
    firm.refuses(guest(), joining(host()), "own_pool_open");
    firm.run(guest(), opening(false));
    firm.joins(guest(), host());
    firm.refuses(guest(), opening(true), "own_pool_open");
    firm.run(guest(), configure_assignment(OWNER, |c| (c.pool, c.pool_open) = (Some(guest()), Some(true))));
    assert_eq!(firm.pool(guest()), guest());
    firm.office.is_right();
}

#[test]
fn should_leave_those_who_joined_when_the_pool_is_closed_or_its_host_moves() {
    let mut firm = shared();
    let third = ids::project_id("THIRD");
    let ann = firm.member(host(), "ann", 4, &[]);
    firm.member(guest(), "ann", 100, &[]);
    firm.ticket(host(), |_| {});
    firm.run(host(), opening(false));
    firm.refuses(third, joining(host()), "pool_not_open");
    // Joining again what it has joined asks nobody.
    firm.joins(guest(), host());
    firm.opens(third);
    firm.joins(host(), third);
    assert_eq!(firm.pool(guest()), host());
    // The host's own ticket is not in its pool any more, so there is room for two.
    let numbers = [(); 3].map(|()| firm.ticket(guest(), |_| {}));
    assert_eq!(numbers.map(|number| firm.assignee(guest(), number)), [Some(ann), Some(ann), None]);
    firm.office.is_right();
    // Whom the host adds or removes, the pool has or has not.
    let bob = firm.member(host(), "bob", 2, &[]);
    firm.member(guest(), "bob", 0, &[]);
    assert_eq!(firm.assignee(guest(), numbers[2]), Some(bob));
    firm.run(host(), remove_member(OWNER, |c| c.user_id = bob));
    let number = firm.ticket(guest(), |_| {});
    assert_eq!(firm.assignee(guest(), number), None);
    firm.office.is_right();
    firm.joins(host(), host());
    firm.office.is_right();
}
