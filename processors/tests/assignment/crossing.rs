//! What crosses on the way between the ticket's partition and the pool's. Each interleaving of ARCHITECTURE.md has a case
//! here, which is run as it is, with a transaction taken back at each step, and with a restart at each step.

use schemas::TicketCommand;
use uuid::Uuid;

use crate::common::*;
use crate::office::Office;

/// The members: ann and bob; and the ticket that ann is about to be given.
struct Scene {
    office: Office,
    ann: Uuid,
    bob: Uuid,
}

/// What goes wrong beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    None,
    /// The transaction of that step is taken back and done again.
    Abort(usize),
    /// All ends without a commit at that step and starts anew, the stores restored.
    Restart(usize),
}

const MISHAPS: [Mishap; 9] = [
    Mishap::None,
    Mishap::Abort(0),
    Mishap::Abort(1),
    Mishap::Abort(2),
    Mishap::Abort(3),
    Mishap::Restart(0),
    Mishap::Restart(1),
    Mishap::Restart(2),
    Mishap::Restart(3),
];

impl Scene {
    /// Ann has room, and bob only if he is `free`.
    fn new(free: bool) -> Self {
        let mut office = Office::by_hand();
        let bob = office.member("bob", if free { 100 } else { 0 }, &[]);
        let ann = office.member("ann", 1_000, &[]);
        if free {
            // So that his share is higher than ann's.
            office.ticket(|c| (c.assignee_id, c.priority) = (Some(bob), Some("URGENT".to_owned())));
        }
        Self { office, ann, bob }
    }

    /// Works `steps` commits on.
    fn steps(&mut self, steps: usize, mishap: Mishap, from: usize) {
        for step in from..from + steps {
            if mishap == Mishap::Abort(step) {
                self.office.driver.abort();
                self.office.driver.run().unwrap();
            }
            if mishap == Mishap::Restart(step) {
                self.office.driver.restart().unwrap();
                self.office.driver.run().unwrap();
            }
            self.office.step();
        }
    }
}

/// Makes a ticket; when ann is proposed for it and nobody else knows yet, the commands come. In the end the ticket belongs to
/// whom `expected` says.
fn crosses(
    free: bool,
    commands: impl Fn(&Scene, i64) -> Vec<TicketCommand>,
    expected: impl Fn(&Scene) -> Option<Uuid>,
) {
    for mishap in MISHAPS {
        let mut scene = Scene::new(free);
        scene.office.send(create(OWNER, |_| {}));
        // Committed: the ticket, and that the pool is told. Worked on: the pool proposes ann.
        scene.steps(1, mishap, 0);
        let number = scene.office.last_number();
        for command in commands(&scene, number) {
            scene.office.send(command);
        }
        scene.steps(3, mishap, 1);
        scene.office.rest();
        assert_eq!(scene.office.assignee(number), expected(&scene), "{mishap:?}");
        scene.office.is_right();
    }
}

#[test]
fn should_let_a_manual_assignment_win_that_crosses_an_automatic_one() {
    crosses(true, |s, n| vec![assign(OWNER, |c| (c.number, c.assignee_id) = (n, s.bob))], |s| Some(s.bob));
}

#[test]
fn should_let_a_manual_assignment_to_the_same_member_win_too() {
    crosses(true, |s, n| vec![assign(OWNER, |c| (c.number, c.assignee_id) = (n, s.ann))], |s| Some(s.ann));
}

#[test]
fn should_leave_with_nobody_what_was_given_and_taken_by_hand_meanwhile() {
    let commands = |s: &Scene, n| {
        vec![assign(OWNER, |c| (c.number, c.assignee_id) = (n, s.bob)), unassign(OWNER, |c| c.number = n)]
    };
    crosses(true, commands, |_| None);
}

#[test]
fn should_decline_what_is_done_meanwhile() {
    let commands = |_: &Scene, n| {
        let to = |status: &str| move_to(OWNER, |c| (c.number, c.status) = (n, status.to_owned()));
        vec![to("IN_PROGRESS"), to("REVIEW"), to("DONE")]
    };
    crosses(true, commands, |_| None);
}

#[test]
fn should_give_what_is_done_and_opened_again_meanwhile() {
    let commands = |_: &Scene, n| {
        let to = |status: &str| move_to(OWNER, |c| (c.number, c.status) = (n, status.to_owned()));
        vec![to("IN_PROGRESS"), to("REVIEW"), to("DONE"), to("OPEN")]
    };
    crosses(true, commands, |s| Some(s.ann));
}

#[test]
fn should_decline_what_is_deleted_meanwhile() {
    crosses(true, |_, n| vec![delete(OWNER, |c| c.number = n)], |_| None);
}

#[test]
fn should_choose_again_when_the_chosen_has_left_meanwhile() {
    let remove = |s: &Scene, _| vec![remove_member(OWNER, |c| c.user_id = s.ann)];
    crosses(true, remove, |s| Some(s.bob));
    crosses(false, remove, |_| None);
}

#[test]
fn should_choose_again_when_the_chosen_has_become_a_viewer_meanwhile() {
    let lower = |s: &Scene, _| vec![update_member(OWNER, |c| (c.user_id, c.role) = (s.ann, Some("viewer".to_owned())))];
    crosses(true, lower, |s| Some(s.bob));
    crosses(false, lower, |_| None);
}

#[test]
fn should_give_it_all_the_same_when_the_chosen_has_gone_away_meanwhile() {
    // Being away is no reason to take work back: who was chosen before has it.
    let away = |s: &Scene, _| vec![update_member(OWNER, |c| (c.user_id, c.available) = (s.ann, Some(false)))];
    crosses(true, away, |s| Some(s.ann));
}

#[test]
fn should_assign_nothing_any_more_when_the_policy_has_become_manual_meanwhile() {
    crosses(true, |_, _| vec![go_manual()], |_| None);
}

#[test]
fn should_assign_all_the_same_when_the_policy_was_manual_for_a_moment() {
    let set = |policy: &str| configure_assignment(OWNER, |c| c.policy = Some(policy.to_owned()));
    crosses(true, |_, _| vec![set("manual"), set("least_loaded")], |s| Some(s.ann));
}

#[test]
fn should_count_the_new_weight_when_the_priority_changes_meanwhile() {
    let edited = |_: &Scene, n| vec![edit(OWNER, |c| (c.number, c.priority) = (n, Some("URGENT".to_owned())))];
    crosses(true, edited, |s| Some(s.ann));
}

fn go_manual() -> TicketCommand {
    configure_assignment(OWNER, |c| c.policy = Some("manual".to_owned()))
}

fn come_back() -> TicketCommand {
    add_member(OWNER, |c| ("ann@example.org".clone_into(&mut c.user_key), c.capacity = Some(1_000)).1)
}

/// Ann has a ticket and leaves; when the pool has proposed who is to have it, the commands come.
fn leaves(free: bool, commands: impl Fn(&Scene) -> Vec<TicketCommand>, expected: impl Fn(&Scene) -> Option<Uuid>) {
    for mishap in MISHAPS {
        let mut scene = Scene::new(free);
        let ann = scene.ann;
        let number = scene.office.ticket(|_| {});
        assert_eq!(scene.office.assignee(number), Some(ann));
        scene.office.send(remove_member(OWNER, |c| c.user_id = ann));
        scene.steps(1, mishap, 0);
        for command in commands(&scene) {
            scene.office.send(command);
        }
        scene.steps(3, mishap, 1);
        scene.office.rest();
        assert_eq!(scene.office.assignee(number), expected(&scene), "{mishap:?}");
        scene.office.is_right();
    }
}

/// The ticket that ann has in `leaves`.
fn hers(s: &Scene) -> i64 {
    s.office.last_number()
}

#[test]
fn should_give_the_tickets_of_whoever_leaves_to_others() {
    leaves(true, |_| vec![], |s| Some(s.bob));
    leaves(false, |_| vec![], |_| None);
}

#[test]
fn should_let_a_manual_assignment_win_that_crosses_the_taking_from_whoever_leaves() {
    leaves(true, |s| vec![assign(OWNER, |c| (c.number, c.assignee_id) = (hers(s), s.bob))], |s| Some(s.bob));
    leaves(false, |s| vec![assign(OWNER, |c| (c.number, c.assignee_id) = (hers(s), s.bob))], |s| Some(s.bob));
}

#[test]
fn should_leave_what_is_done_meanwhile_with_whoever_did_it() {
    let done = |s: &Scene| {
        let to = |status: &str| move_to(OWNER, |c| (c.number, c.status) = (hers(s), status.to_owned()));
        vec![to("IN_PROGRESS"), to("REVIEW"), to("DONE")]
    };
    leaves(true, done, |s| Some(s.ann));
    leaves(false, done, |s| Some(s.ann));
}

#[test]
fn should_be_right_when_whoever_left_comes_back_meanwhile() {
    let back = |_: &Scene| vec![come_back()];
    // Bob was proposed, and keeps it.
    leaves(true, back, |s| Some(s.bob));
    // It was taken from ann, waited, and she has room.
    leaves(false, back, |s| Some(s.ann));
}

#[test]
fn should_be_right_when_somebody_gains_room_while_a_ticket_is_being_taken_from_whoever_leaves() {
    let room = |s: &Scene| vec![update_member(OWNER, |c| (c.user_id, c.capacity) = (s.bob, Some(50)))];
    leaves(false, room, |s| Some(s.bob));
}

#[test]
fn should_take_the_tickets_from_whoever_leaves_also_when_the_policy_has_become_manual_meanwhile() {
    for free in [true, false] {
        leaves(free, |_| vec![go_manual()], |_| None);
    }
}

#[test]
fn should_take_the_tickets_from_whoever_left_and_came_back_when_the_policy_has_become_manual_meanwhile() {
    for free in [true, false] {
        leaves(free, |_| vec![come_back(), go_manual()], |_| None);
        leaves(free, |_| vec![go_manual(), come_back()], |_| None);
    }
}

#[test]
fn should_take_the_tickets_from_whoever_leaves_also_when_the_chosen_cannot_have_them_any_more() {
    leaves(true, |s| vec![remove_member(OWNER, |c| c.user_id = s.bob)], |_| None);
    let lower = |s: &Scene| vec![update_member(OWNER, |c| (c.user_id, c.role) = (s.bob, Some("viewer".to_owned())))];
    leaves(true, lower, |_| None);
}

#[test]
fn should_choose_again_for_the_tickets_of_whoever_leaves_when_the_chosen_has_left_and_another_has_come_meanwhile() {
    leaves(true, |s| vec![come_back(), remove_member(OWNER, |c| c.user_id = s.bob)], |s| Some(s.ann));
}
