//! Who is chosen, and what a person is told of why.

use schemas::{Workflow, WorkflowState, WorkflowTransition};

use crate::common::*;
use crate::office::{Office, owned};

fn policy(office: &mut Office, policy: &str) {
    office.run(configure_assignment(OWNER, |c| c.policy = Some(policy.to_owned())));
}

#[test]
fn should_give_a_ticket_to_whoever_has_the_lowest_share_of_load() {
    let mut office = Office::new();
    let (small, large) = (office.member("small", 10, &[]), office.member("large", 20, &[]));
    let first = office.ticket(|c| c.assignee_id = Some(small));
    assert_eq!(office.assignee(first), Some(small));
    // 2 of 10 against 0, 2, 4 of 20; then 4 of 20 against 2 of 10, who had one last longer ago.
    let given: Vec<_> = (0..3).map(|_| office.given_to(|_| {})).collect();
    assert_eq!(given, [large, large, small]);
    office.is_right();
}

#[test]
fn should_say_why_with_numbers() {
    let mut office = Office::new();
    office.member("ann", 10, &["rust"]);
    office.member("bob", 10, &[]);
    let with_skill = office.ticket(|c| c.labels = owned(&["rust"]));
    let again = office.ticket(|c| (c.labels, c.priority) = (owned(&["rust"]), Some("URGENT".to_owned())));
    let without = office.ticket(|c| c.labels = owned(&["go"]));
    let plain = office.ticket(|_| {});
    let reasons = [with_skill, again, without, plain].map(|n| office.given(n)[0].reason.clone().unwrap());
    assert_eq!(
        reasons,
        [
            "with the lowest share of those with room and the skills rust: load 0 of 10, 2 with this ticket",
            "with the lowest share of those with room and the skills rust: load 2 of 10, 7 with this ticket",
            "with the lowest share of those with room; nobody with room has the skills go: load 0 of 10, 2 with this ticket",
            "with the lowest share of those with room: load 2 of 10, 4 with this ticket",
        ]
    );
}

#[test]
fn should_prefer_skills_that_cover_all_labels_to_a_low_load() {
    let mut office = Office::new();
    let both = office.member("both", 10, &["sql", "rust"]);
    let one = office.member("one", 10, &["rust"]);
    office.ticket(|c| (c.assignee_id, c.priority) = (Some(both), Some("URGENT".to_owned())));
    let number = office.ticket(|c| c.labels = owned(&["rust", "sql"]));
    assert_eq!(office.assignee(number), Some(both));
    let number = office.ticket(|c| c.labels = owned(&["rust"]));
    assert_eq!(office.assignee(number), Some(one));
    // Nobody can do all of it: then the lowest share.
    let number = office.ticket(|c| c.labels = owned(&["rust", "cobol"]));
    assert_eq!(office.assignee(number), Some(one));
    office.is_right();
}

#[test]
fn should_take_the_one_assigned_longest_ago_and_then_the_lowest_id() {
    let mut office = Office::new();
    let mut members: Vec<_> = ["a", "b", "c"].iter().map(|name| office.member(name, 100, &[])).collect();
    members.sort_unstable();
    let given: Vec<_> = (0..7).map(|_| office.given_to(|_| {})).collect();
    assert_eq!(given, [0, 1, 2, 0, 1, 2, 0].map(|i| members[i]));
    office.is_right();
}

#[test]
fn should_never_choose_a_viewer_or_somebody_who_is_away_or_has_no_room() {
    let mut office = Office::new();
    office.member_as("viewer", "viewer", 100, &[]);
    let away = office.member("away", 100, &[]);
    office.run(update_member(OWNER, |c| (c.user_id, c.available) = (away, Some(false))));
    let full = office.member("full", 4, &[]);
    let (first, second) = (office.ticket(|_| {}), office.ticket(|_| {}));
    let (third, low) = (office.ticket(|c| c.priority = Some("LOW".to_owned())), office.ticket(|_| {}));
    assert_eq!([first, second].map(|n| office.assignee(n)), [Some(full); 2]);
    assert_eq!([third, low].map(|n| office.assignee(n)), [None; 2]);
    office.is_right();
}

#[test]
fn should_look_past_those_who_have_room_but_too_little() {
    let mut office = Office::new();
    let small = office.member("small", 4, &[]);
    let large = office.member("large", 100, &[]);
    office.ticket(|c| (c.assignee_id, c.priority) = (Some(large), Some("URGENT".to_owned())));
    let number = office.ticket(|c| c.priority = Some("URGENT".to_owned()));
    assert_eq!(office.assignee(number), Some(large));
    let number = office.ticket(|c| c.priority = Some("HIGH".to_owned()));
    assert_eq!(office.assignee(number), Some(small));
    office.is_right();
}

#[test]
fn should_go_round_under_round_robin_whatever_the_load() {
    let mut office = Office::new();
    let (a, b) = (office.member("a", 100, &[]), office.member("b", 20, &[]));
    let first = office.ticket(|_| {});
    let (first, other) = if office.assignee(first) == Some(a) { (a, b) } else { (b, a) };
    policy(&mut office, "round_robin");
    let urgent = |c: &mut schemas::CreateTicket| c.priority = Some("URGENT".to_owned());
    let given: Vec<_> = (0..4).map(|_| office.given_to(urgent)).collect();
    assert_eq!(given, [other, first, other, first]);
    assert!(office.given(2)[0].reason.as_ref().unwrap().starts_with("whose turn is longest ago"));
    // And back: 5 + 5 + 2 of 100 or of 20 is not the same share any more.
    policy(&mut office, "least_loaded");
    let number = office.ticket(|_| {});
    assert_eq!(office.assignee(number), Some(a));
    office.is_right();
}

#[test]
fn should_wait_for_the_skill_under_skills_only() {
    let mut office = Office::new();
    office.member("anybody", 100, &[]);
    policy(&mut office, "skills_only");
    let number = office.ticket(|c| c.labels = owned(&["rust"]));
    let plain = office.ticket(|_| {});
    assert_eq!(office.assignee(number), None);
    assert!(office.assignee(plain).is_some());
    let expert = office.member("expert", 100, &["rust", "go"]);
    assert_eq!(office.assignee(number), Some(expert));
    office.is_right();
}

#[test]
fn should_assign_nothing_under_manual_and_all_of_it_when_that_ends() {
    let mut office = Office::new();
    let ann = office.member("ann", 100, &[]);
    policy(&mut office, "manual");
    let numbers = [office.ticket(|_| {}), office.ticket(|_| {})];
    assert_eq!(numbers.map(|n| office.assignee(n)), [None; 2]);
    office.is_right();
    office.run(assign(OWNER, |c| (c.number, c.assignee_id) = (numbers[1], ann)));
    policy(&mut office, "least_loaded");
    assert_eq!(numbers.map(|n| office.assignee(n)), [Some(ann); 2]);
    assert_eq!(office.given(numbers[1]), []);
    office.is_right();
}

#[test]
fn should_give_nothing_in_an_archived_project_and_what_waits_after() {
    let mut office = Office::new();
    let number = office.ticket(|_| {});
    let archive = |office: &mut Office, yes| office.run(update_project(OWNER, |c| c.archived = Some(yes)));
    let ann = office.member("ann", 0, &[]);
    assert_eq!(office.assignee(number), None);
    // Room comes with the last command before: whatever it leads to is on its way when the project is archived.
    office.send(update_member(OWNER, |c| (c.user_id, c.capacity) = (ann, Some(10))));
    archive(&mut office, true);
    office.is_right();
    let given = office.assignee(number);
    archive(&mut office, false);
    assert_eq!(office.assignee(number), Some(ann), "given {given:?} before");
    office.is_right();
}

#[test]
fn should_count_the_load_of_a_projects_own_open_and_closed_states() {
    let mut office = Office::new();
    let ann = office.member("ann", 2, &[]);
    let state = |name: &str, open| WorkflowState { name: name.to_owned(), open };
    let way =
        |from: &str, to: &str| WorkflowTransition { from: from.to_owned(), to: to.to_owned(), ..Default::default() };
    let workflow = Workflow {
        states: vec![state("NEW", true), state("DONE", true), state("SHIPPED", false)],
        transitions: vec![way("NEW", "DONE"), way("DONE", "SHIPPED"), way("SHIPPED", "NEW")],
    };
    office.run(configure_workflow(OWNER, |c| c.workflow = Some(workflow.clone())));
    let first = office.ticket(|_| {});
    let second = office.ticket(|_| {});
    assert_eq!([first, second].map(|n| office.assignee(n)), [Some(ann), None]);
    office.run(move_to(OWNER, |c| (c.number, c.status) = (first, "DONE".to_owned())));
    assert_eq!(office.assignee(second), None, "DONE is open here");
    office.run(move_to(OWNER, |c| (c.number, c.status) = (first, "SHIPPED".to_owned())));
    assert_eq!(office.assignee(second), Some(ann));
    office.is_right();
}

#[test]
fn should_leave_what_was_imported_for_nobody_with_nobody_until_it_is_opened_again() {
    let mut office = Office::new();
    let ann = office.member("ann", 100, &[]);
    office.run(import(OWNER, |c| "OPEN".clone_into(&mut c.status)));
    office.run(import(OWNER, |c| ("8".clone_into(&mut c.external_id), "DONE".clone_into(&mut c.status)).1));
    assert_eq!([1, 2].map(|n| office.assignee(n)), [None; 2]);
    office.run(move_to(OWNER, |c| (c.number, c.status) = (2, "OPEN".to_owned())));
    assert_eq!([1, 2].map(|n| office.assignee(n)), [None, Some(ann)]);
    office.is_right();
}

#[test]
fn should_leave_the_version_alone_and_count_rounds() {
    let mut office = Office::new();
    let (ann, bob) = (office.member("ann", 100, &[]), office.member("bob", 100, &[]));
    let number = office.ticket(|_| {});
    let given = office.given(number).remove(0);
    assert_eq!((given.ticket_version, given.round, given.assigned_by.is_nil()), (1, 1, true));
    let other = if given.assignee_id == ann { bob } else { ann };
    office.run(assign(OWNER, |c| (c.number, c.assignee_id, c.expected_version) = (number, other, Some(1))));
    office.run(unassign(OWNER, |c| c.number = number));
    // By hand is by hand: nobody is given it behind the back of whoever took it away.
    assert_eq!(office.assignee(number), None);
    office.is_right();
}
