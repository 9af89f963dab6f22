//! What holds for any commands in any order.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod common;

use common::*;
use processors::{Decision, LookedUp, ProjectModel, decide, decide_added_member, decide_joined_pool, evolve};
use proptest::prelude::*;
use schemas::{TicketCommand, TicketEvent, Workflow, WorkflowState, WorkflowTransition};
use uuid::Uuid;

const ACTORS: [Uuid; 6] = [OWNER, MAINTAINER, MEMBER, VIEWER, STRANGER, ADMIN];

fn actor() -> impl Strategy<Value = Uuid> {
    prop::sample::select(&ACTORS[..])
}

fn number() -> impl Strategy<Value = i64> {
    -1_i64..8
}

fn version() -> impl Strategy<Value = Option<i64>> {
    prop::option::weighted(0.2, 1_i64..4)
}

fn status() -> impl Strategy<Value = String> {
    prop::sample::select(&["OPEN", "IN_PROGRESS", "REVIEW", "DONE", "LIMBO"][..]).prop_map(str::to_owned)
}

fn role() -> impl Strategy<Value = String> {
    prop::sample::select(&["owner", "maintainer", "member", "viewer", "boss"][..]).prop_map(str::to_owned)
}

/// The default, with a state that moves to it guarded, without one of its own, or nonsense.
fn own_workflow(which: u8) -> Option<Workflow> {
    let mut workflow = Workflow::standard().clone();
    match which {
        0 => return None,
        1 => {
            workflow.states.push(WorkflowState { name: "LIMBO".to_owned(), open: false });
            let (from, to) = ("OPEN".to_owned(), "LIMBO".to_owned());
            let only_roles = vec!["owner".to_owned()];
            workflow.transitions.push(WorkflowTransition { from, to, only_roles, ..WorkflowTransition::default() });
        }
        2 => {
            workflow.states.retain(|state| state.name != "REVIEW");
            workflow.transitions.retain(|way| way.from != "REVIEW" && way.to != "REVIEW");
        }
        _ => workflow.states.clear(),
    }
    Some(workflow)
}

fn any_command() -> impl Strategy<Value = TicketCommand> {
    let texts = ("\\PC{0,12}", "\\PC{0,20}");
    prop_oneof![
        2 => (actor(), texts).prop_map(|(a, (name, d))| create_project(a, |c| (c.name, c.description) = (name, d))),
        1 => (actor(), prop::option::of("\\PC{0,6}"), prop::option::of(any::<bool>()))
            .prop_map(|(a, n, v)| update_project(a, |c| (c.name, c.viewer_comments) = (n, v))),
        1 => (actor(), prop::bool::weighted(0.3)).prop_map(|(a, yes)| update_project(a, |c| c.archived = Some(yes))),
        1 => (actor(), 0..4_u8).prop_map(|(a, which)| configure_workflow(a, |c| c.workflow = own_workflow(which))),
        4 => (actor(), 0_usize..6, role()).prop_map(|(a, who, role)| add_member(a, |c| {
            (c.user_key, c.role) = (format!("user{who}@example.org"), role);
        })),
        2 => (actor(), actor(), prop::option::of(role()), prop::option::of(-1..20_i32))
            .prop_map(|(a, u, r, cap)| update_member(a, |c| (c.user_id, c.role, c.capacity) = (u, r, cap))),
        1 => (actor(), actor()).prop_map(|(a, u)| remove_member(a, |c| c.user_id = u)),
        8 => (actor(), texts, prop::option::of(actor())).prop_map(|(a, (t, d), u)| create(a, |c| {
            (c.title, c.description, c.assignee_id) = (t, d, u);
        })),
        3 => (actor(), 0..3_u8, status()).prop_map(|(a, id, s)| import(a, |c| {
            (c.external_id, c.status) = (id.to_string(), s);
        })),
        3 => (actor(), number(), version(), prop::option::of("[ab]{0,2}"), prop::option::of(-1_i64..3), any::<bool>())
            .prop_map(|(a, n, v, t, due, clear)| edit(a, |c| {
                (c.number, c.expected_version, c.title, c.due_date, c.clear_due_date) = (n, v, t, due, clear);
            })),
        6 => (actor(), number(), version(), status(), prop::option::of("[ ab]{0,2}"))
            .prop_map(|(a, n, v, s, m)| move_to(a, |c| (c.number, c.expected_version, c.status, c.comment) = (n, v, s, m))),
        3 => (actor(), number(), version(), actor())
            .prop_map(|(a, n, v, u)| assign(a, |c| (c.number, c.expected_version, c.assignee_id) = (n, v, u))),
        2 => (actor(), number(), version()).prop_map(|(a, n, v)| unassign(a, |c| (c.number, c.expected_version) = (n, v))),
        3 => (actor(), number(), "[ ab]{0,2}").prop_map(|(a, n, t)| comment(a, |c| (c.number, c.content) = (n, t))),
        2 => (actor(), number()).prop_map(|(a, n)| watch(a, |c| c.number = n)),
        2 => (actor(), prop::option::of(any::<bool>()), prop::option::of(0..3_usize)).prop_map(|(a, open, pool)| {
            let pool = pool.map(|n| [project_id(), open_project(), no_project()][n]);
            configure_assignment(a, |c| (c.pool_open, c.pool) = (open, pool))
        }),
        1 => (actor(), number()).prop_map(|(a, n)| unwatch(a, |c| c.number = n)),
        1 => (actor(), number(), version()).prop_map(|(a, n, v)| delete(a, |c| (c.number, c.expected_version) = (n, v))),
    ]
}

/// Decides one command and applies what comes of it. `None`: refused.
fn step(model: &mut ProjectModel, command: TicketCommand) -> Option<Vec<TicketEvent>> {
    let accepted = match decide(model, command, AT) {
        Ok(Decision::Accepted(accepted)) => accepted,
        Ok(Decision::LookUpUser(command)) => {
            let who = ACTORS.into_iter().zip(0..).find(|(_, n)| command.user_key == format!("user{n}@example.org"));
            let user = who.map(|(user_id, _)| LookedUp { user_id, suggested_handle: Some("user"), deactivated: false });
            decide_added_member(model, *command, user, AT).ok()?
        }
        Ok(Decision::LookUpPool(command)) => {
            let (known, open) = (command.pool != Some(no_project()), command.pool == Some(open_project()));
            decide_joined_pool(model, &command, known, open, AT).ok()?
        }
        Err(_) => return None,
    };
    for event in &accepted.events {
        evolve(model, event).unwrap();
    }
    Some(accepted.events)
}

fn run(commands: Vec<TicketCommand>) -> (ProjectModel, Vec<TicketEvent>) {
    let mut model = ProjectModel::default();
    let mut log = Vec::new();
    // A project to begin with, or nearly nothing would ever be accepted.
    for (id, command) in std::iter::once(create_project(OWNER, |_| {})).chain(commands).enumerate() {
        log.extend(step(&mut model, with_id(command, id as u128)).unwrap_or_default());
    }
    (model, log)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn should_give_the_same_state_when_the_events_are_replayed(commands in prop::collection::vec(any_command(), 0..80)) {
        let (model, log) = run(commands);
        let mut replayed = ProjectModel::default();
        for event in &log {
            evolve(&mut replayed, event).unwrap();
        }
        prop_assert_eq!(model, replayed);
    }

    #[test]
    fn should_number_tickets_and_events_without_gaps(commands in prop::collection::vec(any_command(), 0..80)) {
        let (model, log) = run(commands);
        let sequences: Vec<i64> = log.iter().map(TicketEvent::sequence).collect();
        prop_assert_eq!(&sequences, &(1..=log.len() as i64).collect::<Vec<_>>());
        let numbers: Vec<i64> =
            log.iter().filter_map(|e| if let TicketEvent::TicketCreated(e) = e { Some(e.number) } else { None }).collect();
        prop_assert_eq!(&numbers, &(1..=numbers.len() as i64).collect::<Vec<_>>());
        prop_assert_eq!(model.counters.last_number, numbers.len() as i64);
    }

    #[test]
    fn should_change_nothing_by_a_rejection(commands in prop::collection::vec(any_command(), 0..60), last in any_command()) {
        let (mut model, _) = run(commands);
        let before = model.clone();
        if step(&mut model, with_id(last, 1_000)).is_none_or(|events| events.is_empty()) {
            prop_assert_eq!(model, before);
        } else {
            prop_assert_ne!(model, before);
        }
    }

    #[test]
    fn should_keep_counts_and_handles_true_and_an_owner_in_every_project(commands in prop::collection::vec(any_command(), 0..80)) {
        let (model, _) = run(commands);
        let project = model.project.clone().unwrap();
        let owners = model.members.values().filter(|m| m.role == "owner").count();
        prop_assert!(owners > 0);
        prop_assert_eq!((project.members as usize, project.owners as usize), (model.members.len(), owners));
        let handles: Vec<_> = model.handles.iter().map(|(h, u)| (h.clone(), *u)).collect();
        let mut held: Vec<_> = model.members.iter().map(|(u, m)| (m.handle.clone(), *u)).collect();
        held.sort();
        prop_assert_eq!(handles, held);
        for (number, _) in model.comments.keys() {
            prop_assert!(model.tickets.contains_key(number));
        }
    }
}
