//! What crosses a project's way from one pool to another. Each interleaving of ARCHITECTURE.md has a case here, whose commands
//! come before the move, with it, and after each of its steps; each of that is run as it is, with a transaction taken back
//! at each step, and with a restart at each step.

use schemas::{CreateTicket, TicketCommand, TicketEvent, ids};
use uuid::Uuid;

use crate::common::driver::{events, outcomes};
use crate::common::*;
use crate::firm::{Firm, adding, joining, opening};

/// From the command to the last ticket that is told and dropped: the question, the answer, the decision, and what follows.
const STEPS: usize = 8;

/// What goes wrong beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    None,
    /// The transaction of that step is taken back and done again.
    Abort(usize),
    /// All ends without a commit at that step and starts anew, the stores restored.
    Restart(usize),
}

/// HOST, whose pool is open, with ann and bob; GUEST with both and cid, who is not in the pool; THIRD, open too, with bob.
/// GUEST has a ticket with each of its members and one that waits, as nobody has room for it in its own pool.
struct Scene {
    firm: Firm,
    ann: Uuid,
    bob: Uuid,
    cid: Uuid,
}

fn host() -> Uuid {
    ids::project_id("HOST")
}

fn guest() -> Uuid {
    ids::project_id("GUEST")
}

fn third() -> Uuid {
    ids::project_id("THIRD")
}

/// The tickets of GUEST at the start.
const ANNS: i64 = 1;
const BOBS: i64 = 2;
const CIDS: i64 = 3;
const WAITS: i64 = 4;

impl Scene {
    fn new() -> Self {
        let mut firm = Firm::by_hand(&["HOST", "GUEST", "THIRD"]);
        firm.opens(host());
        firm.opens(third());
        let ann = firm.member(host(), "ann", 30, &[]);
        let bob = firm.member(host(), "bob", 7, &[]);
        firm.member(third(), "bob", 5, &[]);
        firm.member(guest(), "ann", 3, &[]);
        firm.member(guest(), "bob", 2, &[]);
        let cid = firm.member(guest(), "cid", 2, &[]);
        firm.register("dan");
        for user in [ann, bob, cid] {
            firm.ticket(guest(), |c| c.assignee_id = Some(user));
        }
        firm.ticket(guest(), |c| c.priority = Some("HIGH".to_owned()));
        assert_eq!(
            [ANNS, BOBS, CIDS, WAITS].map(|n| firm.assignee(guest(), n)),
            [Some(ann), Some(bob), Some(cid), None]
        );
        Self { firm, ann, bob, cid }
    }

    fn steps(&mut self, steps: std::ops::Range<usize>, mishap: Mishap) {
        for step in steps {
            if mishap == Mishap::Abort(step) {
                self.firm.office.driver.abort();
                self.firm.office.driver.run().unwrap();
            }
            if mishap == Mishap::Restart(step) {
                self.firm.office.driver.restart().unwrap();
                self.firm.office.driver.run().unwrap();
            }
            self.firm.office.step();
        }
    }

    fn has(&self, number: i64) -> Option<Uuid> {
        self.firm.assignee(guest(), number)
    }
}

type Commands = Vec<(Uuid, TicketCommand)>;

/// GUEST moves to HOST, and the commands come before that or after so many of its steps. At rest, all is as the oracle says,
/// and as `holds` does, which is told after how many steps they came.
fn crosses(commands: impl Fn(&Scene) -> Commands, holds: impl Fn(&Scene, Option<usize>)) {
    let mishaps = std::iter::once(Mishap::None)
        .chain((0..STEPS).map(Mishap::Abort))
        .chain((0..STEPS).map(Mishap::Restart))
        .collect::<Vec<_>>();
    for when in std::iter::once(None).chain((0..STEPS).map(Some)) {
        for mishap in &mishaps {
            let mut scene = Scene::new();
            let send = |scene: &mut Scene| {
                for (project, command) in commands(scene) {
                    scene.firm.office.send(about(project, command));
                }
            };
            if when.is_none() {
                send(&mut scene);
            }
            scene.firm.office.send(about(guest(), joining(host())));
            let after = when.unwrap_or(0);
            scene.steps(0..after, *mishap);
            if when.is_some() {
                send(&mut scene);
            }
            scene.steps(after..STEPS, *mishap);
            scene.firm.office.rest();
            let said = format!("{when:?}, {mishap:?}");
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                holds(&scene, when);
                scene.firm.office.is_right();
            }));
            assert!(told.is_ok(), "{said}");
        }
    }
}

fn one(project: Uuid, command: TicketCommand) -> Commands {
    vec![(project, command)]
}

fn to(number: i64, status: &str) -> (Uuid, TicketCommand) {
    (guest(), move_to(OWNER, |c| (c.number, c.status) = (number, status.to_owned())))
}

fn done(number: i64) -> Commands {
    ["IN_PROGRESS", "REVIEW", "DONE"].map(|status| to(number, status)).into()
}

fn moved(scene: &Scene, _: Option<usize>) {
    assert_eq!(scene.firm.pool(guest()), host());
}

#[test]
fn should_move_with_nothing_in_the_way() {
    crosses(
        |_| vec![],
        |s, when| {
            moved(s, when);
            assert_eq!(
                [ANNS, BOBS, CIDS, WAITS].map(|n| s.has(n)),
                [Some(s.ann), Some(s.bob), Some(s.cid), Some(s.ann)]
            );
        },
    );
}

#[test]
fn should_decline_what_the_former_pool_proposes() {
    // Ann has room for it in either pool.
    let created = |set: fn(&mut CreateTicket)| one(guest(), create(OWNER, set));
    crosses(
        |_| created(|c| c.priority = Some("LOW".to_owned())),
        |s, when| {
            moved(s, when);
            assert!([Some(s.ann), Some(s.bob)].contains(&s.has(WAITS + 1)));
        },
    );
    // And for this one in none.
    crosses(|_| created(|c| c.labels = vec!["x".to_owned()]), moved);
}

#[test]
fn should_let_work_by_hand_win() {
    let give = |user| one(guest(), assign(OWNER, |c| (c.number, c.assignee_id) = (WAITS, user)));
    crosses(
        |s| give(s.bob),
        |s, when| {
            moved(s, when);
            assert_eq!(s.has(WAITS), Some(s.bob));
        },
    );
    // Also to somebody who is not in the pool.
    crosses(
        |s| give(s.cid),
        |s, when| {
            moved(s, when);
            assert_eq!(s.has(WAITS), Some(s.cid));
        },
    );
}

#[test]
fn should_leave_with_nobody_what_is_taken_away_by_hand() {
    crosses(
        |_| one(guest(), unassign(OWNER, |c| c.number = ANNS)),
        |s, when| {
            moved(s, when);
            assert_eq!(s.has(ANNS), None);
        },
    );
}

#[test]
fn should_take_their_tickets_from_members_who_leave_the_project() {
    for name in [|s: &Scene| s.ann, |s: &Scene| s.bob, |s: &Scene| s.cid] {
        let gone = move |s: &Scene| one(guest(), remove_member(OWNER, |c| c.user_id = name(s)));
        crosses(gone, move |s, when| {
            moved(s, when);
            assert!([ANNS, BOBS, CIDS, WAITS].iter().all(|n| s.has(*n) != Some(name(s))));
        });
    }
}

#[test]
fn should_leave_their_tickets_to_members_who_leave_the_host() {
    crosses(
        |s| one(host(), remove_member(OWNER, |c| c.user_id = s.ann)),
        |s, when| {
            moved(s, when);
            assert_eq!(s.has(ANNS), Some(s.ann));
        },
    );
}

#[test]
fn should_give_work_to_members_who_come_to_the_project_or_the_host() {
    crosses(
        |_| vec![(host(), adding("dan", 50, &[])), (guest(), adding("dan", 0, &[]))],
        |s, when| {
            moved(s, when);
            assert!(s.has(WAITS).is_some());
        },
    );
    crosses(|_| one(host(), adding("cid", 50, &[])), moved);
}

#[test]
fn should_be_right_when_a_member_leaves_and_comes_back() {
    let back =
        |s: &Scene| vec![(guest(), remove_member(OWNER, |c| c.user_id = s.ann)), (guest(), adding("ann", 3, &[]))];
    crosses(back, moved);
}

#[test]
fn should_ask_the_memberships_as_they_have_become() {
    let away = |s: &Scene| one(guest(), update_member(OWNER, |c| (c.user_id, c.available) = (s.ann, Some(false))));
    crosses(away, moved);
    let viewer =
        |s: &Scene| one(host(), update_member(OWNER, |c| (c.user_id, c.role) = (s.ann, Some("viewer".to_owned()))));
    crosses(viewer, moved);
    let less = |s: &Scene| one(host(), update_member(OWNER, |c| (c.user_id, c.capacity) = (s.ann, Some(2))));
    crosses(less, moved);
}

#[test]
fn should_free_the_load_of_what_is_done_or_deleted() {
    crosses(
        |_| done(ANNS),
        |s, when| {
            moved(s, when);
            assert_eq!(s.has(ANNS), Some(s.ann));
        },
    );
    crosses(|_| one(guest(), delete(OWNER, |c| c.number = ANNS)), moved);
    crosses(|_| one(guest(), delete(OWNER, |c| c.number = WAITS)), moved);
}

#[test]
fn should_count_what_is_opened_again() {
    crosses(
        |_| done(BOBS).into_iter().chain([to(BOBS, "OPEN")]).collect(),
        |s, when| {
            moved(s, when);
            assert_eq!(s.has(BOBS), Some(s.bob));
        },
    );
}

#[test]
fn should_follow_priority_and_labels() {
    let edited = |number| one(guest(), edit(OWNER, |c| (c.number, c.priority) = (number, Some("URGENT".to_owned()))));
    crosses(|_| edited(ANNS), moved);
    crosses(|_| edited(WAITS), moved);
    crosses(|_| one(guest(), edit(OWNER, |c| (c.number, c.labels) = (WAITS, Some(vec!["x".to_owned()])))), moved);
}

#[test]
fn should_assign_as_the_policy_has_become() {
    for policy in ["manual", "round_robin", "skills_only"] {
        crosses(|_| one(guest(), configure_assignment(OWNER, |c| c.policy = Some(policy.to_owned()))), moved);
    }
}

#[test]
fn should_join_if_the_pool_was_open_when_it_was_asked() {
    crosses(
        |_| one(host(), opening(false)),
        |s, when| {
            let pool = s.firm.pool(guest());
            match when {
                None => assert_eq!(pool, guest()),
                // Asked one step before, it has answered.
                Some(1..) => assert_eq!(pool, host()),
                Some(_) => assert!([host(), guest()].contains(&pool)),
            }
        },
    );
}

#[test]
fn should_ask_again_whether_its_own_pool_is_closed_when_the_answer_comes() {
    crosses(
        |_| one(guest(), opening(true)),
        |s, when| {
            // Whichever was decided first has been refused the other.
            let pool = s.firm.pool(guest());
            assert!(when.is_some() || pool == guest());
        },
    );
}

#[test]
fn should_be_right_when_it_moves_back_before_all_is_told() {
    crosses(
        |_| one(guest(), joining(guest())),
        |s, when| {
            let pool = s.firm.pool(guest());
            assert!(pool == if when.is_none() { host() } else { pool });
        },
    );
    // There, back, and there again.
    crosses(|_| vec![(guest(), joining(guest())), (guest(), joining(host()))], moved);
}

#[test]
fn should_be_right_when_it_moves_on_before_all_is_told() {
    crosses(|_| one(guest(), joining(third())), |s, _| assert_ne!(s.firm.pool(guest()), guest()));
}

#[test]
fn should_be_right_when_the_host_moves_too() {
    crosses(
        |_| vec![(host(), opening(false)), (host(), joining(third()))],
        |s, _| {
            assert_eq!(s.firm.pool(host()), third());
        },
    );
}

#[test]
fn should_be_right_when_work_crosses_a_move_there_and_back() {
    let busy = |s: &Scene| {
        vec![
            (guest(), joining(guest())),
            (guest(), create(OWNER, |_| {})),
            (guest(), remove_member(OWNER, |c| c.user_id = s.bob)),
            (guest(), joining(host())),
            (host(), create(OWNER, |c| c.priority = Some("URGENT".to_owned()))),
        ]
    };
    crosses(busy, moved);
}

#[test]
fn should_be_right_when_it_comes_back_before_the_former_pool_has_dropped_all() {
    for when in 0..6 {
        let (mut scene, proposed) = leaves_with(1_000, when);
        let bob = scene.bob;
        let send = |scene: &mut Scene, command| scene.firm.office.send(about(guest(), command));
        for number in [300, 600, 900] {
            send(&mut scene, delete(OWNER, |c| c.number = number));
            send(&mut scene, unassign(OWNER, |c| c.number = number + 1));
            send(&mut scene, assign(OWNER, |c| (c.number, c.assignee_id) = (number + 2, bob)));
        }
        send(&mut scene, joining(host()));
        scene.firm.office.rest();
        moved(&scene, None);
        assert_eq!(scene.has(proposed), Some(bob), "{when}");
        scene.firm.office.is_right();
        let proposals = scene.firm.office.driver.all("ticket.assignments").len();
        assert!(proposals < 20, "what was declined is not proposed again: {proposals}");
    }
}

#[test]
fn should_keep_what_is_told_of_a_new_stay_while_the_former_one_is_dropped() {
    const TICKETS: i64 = 2_500;
    for when in 0..4 {
        let (mut scene, proposed) = leaves_with(TICKETS, when);
        let bob = scene.bob;
        let send = |scene: &mut Scene, command| scene.firm.office.send(about(guest(), command));
        send(&mut scene, joining(host()));
        while joined(&scene) < 2 {
            scene.firm.office.step();
        }
        assert!(left_over(&scene) > 500, "the host has much to drop still: {}", left_over(&scene));
        // The host is told of these at once, before it has dropped them, and long before they are told as part of the move.
        for number in [TICKETS - 300, TICKETS - 200, TICKETS - 100] {
            send(&mut scene, unassign(OWNER, |c| c.number = number));
            send(&mut scene, assign(OWNER, |c| (c.number, c.assignee_id) = (number + 1, bob)));
            send(&mut scene, edit(OWNER, |c| (c.number, c.priority) = (number + 2, Some("URGENT".to_owned()))));
            send(&mut scene, delete(OWNER, |c| c.number = number + 3));
        }
        send(&mut scene, edit(OWNER, |c| (c.number, c.title) = (proposed, Some("again".to_owned()))));
        send(&mut scene, edit(OWNER, |c| (c.number, c.priority) = (proposed, Some("HIGH".to_owned()))));
        scene.firm.office.rest();
        moved(&scene, None);
        assert_eq!(scene.has(proposed), Some(bob), "{when}");
        scene.firm.office.is_right();
    }
}

/// GUEST has been in the pool of HOST, with so many tickets, and leaves it so many steps ago. Bob is proposed for a last one by then, whose number
/// comes with it, and nobody has room for that in GUEST's own pool.
fn leaves_with(tickets: i64, steps: usize) -> (Scene, i64) {
    let mut scene = Scene::new();
    let (ann, bob) = (scene.ann, scene.bob);
    scene.firm.joins(guest(), host());
    scene.firm.run(host(), update_member(OWNER, |c| (c.user_id, c.capacity) = (bob, Some(100))));
    let send = |scene: &mut Scene, command| scene.firm.office.send(about(guest(), command));
    for _ in 0..tickets {
        send(&mut scene, create(OWNER, |c| c.assignee_id = Some(ann)));
    }
    scene.firm.office.rest();
    send(&mut scene, create(OWNER, |_| {}));
    scene.firm.office.step();
    let proposed = scene.firm.last_number(guest());
    send(&mut scene, joining(guest()));
    scene.steps(0..steps, Mishap::None);
    (scene, proposed)
}

/// How often GUEST has joined HOST.
fn joined(scene: &Scene) -> usize {
    let events = events(&scene.firm.office.driver);
    let joins = |e: &&TicketEvent| matches!(e, TicketEvent::ProjectUpdated(e) if e.project_id == guest() && e.pool_id == Some(host()));
    events.iter().filter(joins).count()
}

/// How many tickets of GUEST stand in the pool of HOST.
fn left_over(scene: &Scene) -> usize {
    let prefix = [host().as_bytes().as_slice(), guest().as_bytes()].concat();
    let stored = scene.firm.office.driver.store_entries(processors::POOL_TICKETS).unwrap();
    stored.keys().filter(|key| key.starts_with(&prefix)).count()
}

#[test]
fn should_answer_a_repeated_command_once_it_is_decided() {
    let mut scene = Scene::new();
    outcomes(&mut scene.firm.office.driver);
    let command = with_id(about(guest(), joining(host())), 77);
    for _ in 0..2 {
        crate::common::driver::send(&mut scene.firm.office.driver, command.clone(), AT);
    }
    scene.firm.office.rest();
    crate::common::driver::send(&mut scene.firm.office.driver, command, AT);
    scene.firm.office.rest();
    let outcomes = outcomes(&mut scene.firm.office.driver);
    let duplicates: Vec<_> = outcomes.iter().map(schemas::Outcome::duplicate).collect();
    assert_eq!(duplicates, [false, true], "{outcomes:?}");
}
