//! What accepted commands bring: events, versions, ids, state.
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
use processors::{
    Decision, LookedUp, decide, decide_added_member, decide_joined_pool, decide_user, evolve, evolve_user, handle_of,
};
use rstest::rstest;
use schemas::{RegisterUser, TicketCommand, TicketEvent, UserEvent, ids};
use uuid::Uuid;

#[test]
fn should_make_the_creator_an_owner_and_the_only_member() {
    let mut model = processors::ProjectModel::default();
    let accepted = accept(&mut model, 1, create_project(STRANGER, |c| c.owner_handle = Some("Ana".into())));
    let names: Vec<_> = accepted.events.iter().map(TicketEvent::event_name).collect();
    assert_eq!(names, ["project.created", "project.member.added"]);
    assert_eq!(model.members[&STRANGER].role, "owner");
    assert_eq!(model.handles["ana"], STRANGER);
    let project = model.project.unwrap();
    assert_eq!((project.members, project.owners), (1, 1));
}

#[test]
fn should_number_tickets_without_gaps_and_never_again() {
    let mut model = world();
    let next = accept(&mut model, 50, create(MEMBER, |_| {})).ticket.unwrap();
    assert_eq!((next.number, next.code.as_str(), next.version), (5, "SYNC-5", 1));
    accept(&mut model, 51, delete(OWNER, |c| c.number = 5));
    assert_eq!(accept(&mut model, 52, create(MEMBER, |_| {})).ticket.unwrap().number, 6);
}

#[test]
fn should_make_ids_that_a_replay_makes_again() {
    let accepted = |id| match decide(&world(), with_id(create(MEMBER, |_| {}), id), AT) {
        Ok(Decision::Accepted(accepted)) => accepted,
        other => panic!("{other:?}"),
    };
    assert_eq!(accepted(1), accepted(1));
    assert_ne!(accepted(1).ticket.unwrap().id, accepted(2).ticket.unwrap().id);
}

#[test]
fn should_fill_in_the_envelope() {
    let mut model = world();
    let before = model.counters.sequence;
    let command = move_to(MEMBER, |c| {
        c.correlation_id = Uuid::from_u128(77);
        (c.number, c.status, c.comment) = (1, "IN_PROGRESS".into(), Some("on it".into()));
    });
    let accepted = accept(&mut model, 50, command);
    let [TicketEvent::TicketStatusUpdated(moved), TicketEvent::TicketCommented(said)] = &accepted.events[..] else {
        panic!("{accepted:?}")
    };
    assert_eq!((moved.sequence, said.sequence), (before + 1, before + 2));
    assert_eq!((moved.causation_id, moved.correlation_id), (Uuid::from_u128(50), Uuid::from_u128(77)));
    assert_eq!(
        (moved.event_id, said.event_id),
        (ids::event_id(moved.causation_id, 0), ids::event_id(moved.causation_id, 1))
    );
    assert_eq!((moved.published_at, moved.version, moved.source.as_str()), (AT, 2, "syncroboard"));
    assert_eq!((moved.ticket_version, accepted.ticket.unwrap().version), (2, 2));
    assert_eq!(accepted.comment_id, Some(said.comment_id));
    assert_eq!((model.tickets[&1].comments, model.tickets[&1].version), (2, 2));
}

#[rstest]
#[case::same_edit(edit(MEMBER, |c| (c.number, c.title, c.description, c.priority, c.labels, c.clear_due_date) = (1, Some(" A title".into()), Some(String::new()), Some("MEDIUM".into()), Some(vec![]), true)))]
#[case::empty_edit(edit(MEMBER, |c| c.number = 1))]
#[case::same_assignee(assign(MEMBER, |c| (c.number, c.assignee_id) = (1, MEMBER)))]
#[case::nobody_to_unassign(unassign(MEMBER, |c| c.number = 2))]
#[case::nothing_to_unwatch(unwatch(VIEWER, |c| c.number = 2))]
#[case::same_policy(configure_assignment(OWNER, |c| c.policy = Some("least_loaded".into())))]
#[case::own_pool(configure_assignment(OWNER, |c| (c.pool, c.pool_open) = (Some(project_id()), Some(false))))]
#[case::same_project(update_project(OWNER, |c| c.name = Some("SyncroBoard".into())))]
#[case::same_member(update_member(OWNER, |c| (c.user_id, c.role) = (MEMBER, Some("member".into()))))]
fn should_accept_without_an_event_what_is_so_already(#[case] command: TicketCommand) {
    let mut model = world();
    assert_eq!(accept(&mut model, 50, command).events, []);
    assert_eq!(model, world());
}

#[test]
fn should_let_any_member_watch_and_leave_the_ticket_as_it_is() {
    let mut model = world();
    let events = |accepted: processors::Accepted| accepted.events.len();
    assert_eq!(events(accept(&mut model, 50, watch(VIEWER, |c| c.number = 1))), 1);
    assert_eq!(events(accept(&mut model, 51, watch(VIEWER, |c| c.number = 1))), 0);
    assert_eq!(events(accept(&mut model, 52, watch(MEMBER, |c| c.number = 1))), 1);
    assert!(
        model.watchers.keys().eq(&[(1, MEMBER), (1, VIEWER)]) || model.watchers.keys().eq(&[(1, VIEWER), (1, MEMBER)])
    );
    assert_eq!(model.tickets, world().tickets);
    assert_eq!(events(accept(&mut model, 53, unwatch(VIEWER, |c| c.number = 1))), 1);
    assert!(model.watchers.keys().eq(&[(1, MEMBER)]));
    accept(&mut model, 54, delete(OWNER, |c| c.number = 1));
    assert!(model.watchers.is_empty());
}

#[test]
fn should_ask_another_project_before_it_shares_its_pool() {
    let mut model = world();
    let joins = |pool| configure_assignment(OWNER, |c| c.pool = Some(pool));
    let TicketCommand::ConfigureAssignment(command) = with_id(joins(open_project()), 50) else { unreachable!() };
    let asked = decide(&model, command.clone().into(), AT).unwrap();
    assert_eq!(asked, Decision::LookUpPool(Box::new(command.clone())));
    assert_eq!(model, world());
    let joined = decide_joined_pool(&model, &command, true, true, AT).unwrap();
    joined.events.iter().for_each(|e| evolve(&mut model, e).unwrap());
    let project = model.project.clone().unwrap();
    assert_eq!((project.pool_id, project.pool_since), (Some(open_project()), model.counters.sequence));
    // What is so already asks nobody, and other changes leave it as it is.
    assert_eq!(accept(&mut model, 51, joins(open_project())).events, []);
    accept(&mut model, 52, update_project(OWNER, |c| c.name = Some("Other".into())));
    accept(&mut model, 53, configure_assignment(OWNER, |c| c.policy = Some("manual".into())));
    assert_eq!(model.project.clone().unwrap().pool_since, project.pool_since);
    // Nor does it ask when it goes back to its own.
    assert_eq!(accept(&mut model, 54, joins(project_id())).events.len(), 1);
    let project = model.project.clone().unwrap();
    assert_eq!((project.pool_id, project.pool_since), (None, model.counters.sequence));
    accept(&mut model, 55, configure_assignment(OWNER, |c| c.pool_open = Some(true)));
    assert!(model.project.clone().unwrap().pool_open);
}

#[test]
fn should_say_only_what_an_edit_changes() {
    let mut model = world();
    let command = edit(MEMBER, |c| {
        (c.number, c.expected_version) = (1, Some(1));
        (c.title, c.due_date, c.clear_due_date) = (Some("A title".into()), Some(5), true);
        c.description = Some("new".into());
    });
    let accepted = accept(&mut model, 50, command);
    let [TicketEvent::TicketUpdated(e)] = &accepted.events[..] else { panic!("{accepted:?}") };
    assert_eq!(
        (&e.title, e.description.as_deref(), e.due_date, e.clear_due_date),
        (&None, Some("new"), Some(5), false)
    );
    accept(&mut model, 51, edit(MEMBER, |c| (c.number, c.clear_due_date) = (1, true)));
    assert_eq!((model.tickets[&1].due_date, model.tickets[&1].version), (None, 3));
}

#[test]
fn should_let_an_admin_do_what_an_owner_may() {
    let mut model = world();
    accept(&mut model, 50, create(ADMIN, |_| {}));
    accept(&mut model, 51, delete(ADMIN, |c| c.number = 1));
    accept(&mut model, 52, update_member(ADMIN, |c| (c.user_id, c.role) = (MEMBER, Some("owner".into()))));
    accept(&mut model, 53, remove_member(ADMIN, |c| c.user_id = OWNER));
    assert_eq!(model.project.unwrap().owners, 1);
}

#[test]
fn should_let_viewers_comment_where_the_project_says_so() {
    let mut model = world();
    accept(&mut model, 50, update_project(MAINTAINER, |c| c.viewer_comments = Some(true)));
    accept(&mut model, 51, comment(VIEWER, |c| (c.number, c.parent_id) = (1, Some(known_comment()))));
    assert_eq!(refusal(&model, create(VIEWER, |_| {})).unwrap().code(), "insufficient_role");
}

#[test]
fn should_number_a_handle_that_is_taken_and_free_it_again() {
    let mut model = world();
    let add = |model: &mut processors::ProjectModel, id: u128, handle: Option<&str>, suggested: Option<&str>| {
        let command = add_member(OWNER, |c| c.handle = handle.map(str::to_owned));
        let TicketCommand::AddMember(command) = with_id(command, id) else { unreachable!() };
        let user = LookedUp { user_id: Uuid::from_u128(id), suggested_handle: suggested, deactivated: false };
        let accepted = decide_added_member(model, command, Some(user), AT).unwrap();
        accepted.events.iter().for_each(|e| processors::evolve(model, e).unwrap());
        model.members[&Uuid::from_u128(id)].handle.clone()
    };
    assert_eq!(add(&mut model, 100, None, Some("viewer")), "viewer2");
    assert_eq!(add(&mut model, 101, Some("Viewer"), Some("x")), "viewer3");
    assert_eq!(add(&mut model, 102, None, None), "member2");
    accept(&mut model, 103, remove_member(OWNER, |c| c.user_id = Uuid::from_u128(100)));
    assert_eq!(add(&mut model, 104, None, Some("viewer")), "viewer2");
}

#[test]
fn should_keep_an_imported_ticket_as_it_was() {
    let mut model = world();
    let command = import(MAINTAINER, |c| {
        (c.reporter_id, c.updated_at) = (Some(STRANGER), Some(1_600_000_000_001));
        c.external_url = Some("https://example.org/99".into());
    });
    let accepted = accept(&mut model, 50, command);
    let [TicketEvent::TicketCreated(e)] = &accepted.events[..] else { panic!("{accepted:?}") };
    assert!(e.imported);
    assert_eq!((e.created_at, e.updated_at, e.timestamp), (1_600_000_000_000, 1_600_000_000_001, AT));
    assert_eq!((e.reporter_id, e.created_by, e.status.as_str()), (STRANGER, MAINTAINER, "DONE"));
}

#[test]
fn should_not_bring_a_deleted_import_back() {
    let mut model = world();
    accept(&mut model, 50, delete(OWNER, |c| c.number = 4));
    let again = import(OWNER, |c| c.external_id = "77".into());
    assert_eq!(refusal(&model, again).unwrap().code(), "already_imported");
}

#[test]
fn should_forget_the_comments_of_a_deleted_ticket_only() {
    let mut model = world();
    accept(&mut model, 50, comment(MEMBER, |c| c.number = 2));
    accept(&mut model, 51, delete(OWNER, |c| c.number = 1));
    assert_eq!(model.comments.keys().map(|(n, _)| *n).collect::<Vec<_>>(), [2]);
}

#[test]
fn should_register_a_user_in_lower_case_and_a_placeholder_under_its_login() {
    let register = |email: Option<&str>, login: Option<&str>, name: &str| {
        let key = email.map_or_else(|| ids::placeholder_key("github", login.unwrap_or_default()), str::to_lowercase);
        let command = RegisterUser {
            actor_id: ids::user_id(&key),
            email: email.map(str::to_owned),
            source: login.map(|_| "github".to_owned()),
            login: login.map(str::to_owned),
            name: name.to_owned(),
            user_key: key,
            ..RegisterUser::default()
        };
        decide_user(None, command, AT).unwrap()
    };
    let (key, ana) = evolve_user(&register(Some("Ana.Ruiz@Example.org"), None, ""));
    assert_eq!((key.as_str(), ana.name.as_str()), ("ana.ruiz@example.org", "ana.ruiz"));
    assert_eq!(ana.user_id, ids::user_id("ana.ruiz@example.org"));
    assert_eq!(handle_of(&ana).as_deref(), Some("ana.ruiz"));
    let event = register(None, Some("Octocat"), "The Cat");
    let UserEvent::UserCreated(created) = &event else { panic!("{event:?}") };
    assert_eq!((created.email.as_deref(), created.role.as_str()), (None, "member"));
    let (key, cat) = evolve_user(&event);
    assert_eq!((key.as_str(), handle_of(&cat).as_deref()), ("github:octocat", Some("octocat")));
}
