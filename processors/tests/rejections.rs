//! Every rejection of every command, one line a case; those of workflows and archived projects are in `workflow.rs`. A case that breaks two
//! rules holds their precedence.
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
use processors::fields::{CONTENT_MAX_BYTES, DATE_MAX_MS, DESCRIPTION_MAX_BYTES};
use processors::{ActivityChange, Rejection, decide_activity, decide_user, evolve_user};
use rstest::rstest;
use schemas::{RegisterUser, TicketCommand, UserState, ids};
use uuid::Uuid;

fn long(n: usize) -> String {
    "x".repeat(n)
}

fn texts(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("label{i}")).collect()
}

#[rstest]
#[case::key_form(create_project(STRANGER, |c| c.key = "sync".into()), "key_invalid")]
#[case::key_of_another_id(create_project(STRANGER, |c| c.key = "OTHER".into()), "key_invalid")]
#[case::key_taken(create_project(STRANGER, |_| {}), "key_taken")]
#[case::key_taken_even_for_admin(create_project(ADMIN, |_| {}), "key_taken")]
#[case::key_invalid_before_name(create_project(STRANGER, |c| (c.key, c.name) = ("S".into(), String::new())), "key_invalid")]
#[case::key_taken_before_name(create_project(STRANGER, |c| c.name = String::new()), "key_taken")]
fn should_reject_create_project(#[case] command: TicketCommand, #[case] code: &str) {
    rejected(command, code);
}

#[rstest]
#[case::name_empty(create_project(STRANGER, |c| c.name = " ".into()), "name_empty")]
#[case::name_too_long(create_project(STRANGER, |c| c.name = long(201)), "name_too_long")]
#[case::description(create_project(STRANGER, |c| c.description = long(DESCRIPTION_MAX_BYTES + 1)), "description_too_long")]
#[case::handle(create_project(STRANGER, |c| c.owner_handle = Some("no blanks".into())), "handle_invalid")]
#[case::name_before_description(create_project(STRANGER, |c| (c.name, c.description) = (String::new(), long(DESCRIPTION_MAX_BYTES + 1))), "name_empty")]
#[case::configure(configure_assignment(OWNER, |_| {}), "project_not_found")]
#[case::update(update_project(OWNER, |_| {}), "project_not_found")]
#[case::workflow(configure_workflow(OWNER, |c| c.workflow = Some(schemas::Workflow::default())), "project_not_found")]
#[case::add(add_member(OWNER, |_| {}), "project_not_found")]
#[case::update_member(update_member(OWNER, |_| {}), "project_not_found")]
#[case::remove(remove_member(OWNER, |_| {}), "project_not_found")]
#[case::create(create(OWNER, |c| c.title = String::new()), "project_not_found")]
#[case::create_by_admin(create(ADMIN, |_| {}), "project_not_found")]
#[case::import(import(OWNER, |_| {}), "project_not_found")]
#[case::edit(edit(OWNER, |c| c.number = 1), "project_not_found")]
#[case::move_to(move_to(OWNER, |c| c.number = 1), "project_not_found")]
#[case::assign(assign(OWNER, |c| c.number = 1), "project_not_found")]
#[case::unassign(unassign(OWNER, |c| c.number = 1), "project_not_found")]
#[case::comment(comment(OWNER, |c| c.number = 1), "project_not_found")]
#[case::watch(watch(OWNER, |c| c.number = 1), "project_not_found")]
#[case::delete(delete(OWNER, |c| c.number = 1), "project_not_found")]
fn should_reject_where_there_is_no_project(#[case] command: TicketCommand, #[case] code: &str) {
    let found = refusal(&processors::ProjectModel::default(), command).map(|r| r.code());
    assert_eq!(found, Some(code));
}

#[rstest]
#[case::configure(configure_assignment(STRANGER, |c| c.policy = Some(String::new())), "not_a_member")]
#[case::workflow(configure_workflow(STRANGER, |c| c.workflow = Some(schemas::Workflow::default())), "not_a_member")]
#[case::update(update_project(STRANGER, |c| c.name = Some(String::new())), "not_a_member")]
#[case::add(add_member(STRANGER, |c| c.role = "x".into()), "not_a_member")]
#[case::update_member(update_member(STRANGER, |c| c.user_id = STRANGER), "not_a_member")]
#[case::remove(remove_member(STRANGER, |c| c.user_id = STRANGER), "not_a_member")]
#[case::create(create(STRANGER, |c| c.title = String::new()), "not_a_member")]
#[case::import(import(STRANGER, |c| c.title = String::new()), "not_a_member")]
#[case::edit(edit(STRANGER, |c| c.number = 9), "not_a_member")]
#[case::move_to(move_to(STRANGER, |c| c.number = 9), "not_a_member")]
#[case::assign(assign(STRANGER, |c| c.number = 9), "not_a_member")]
#[case::unassign(unassign(STRANGER, |c| c.number = 9), "not_a_member")]
#[case::comment(comment(STRANGER, |c| c.number = 9), "not_a_member")]
#[case::watch(watch(STRANGER, |c| c.number = 9), "not_a_member")]
#[case::unwatch(unwatch(STRANGER, |c| c.number = 9), "not_a_member")]
#[case::watch_by_admin(watch(ADMIN, |c| c.number = 9), "not_a_member")]
#[case::delete(delete(STRANGER, |c| c.number = 9), "not_a_member")]
fn should_reject_strangers_before_anything_else(#[case] command: TicketCommand, #[case] code: &str) {
    rejected(command, code);
}

#[rstest]
#[case::configure(configure_assignment(MEMBER, |c| c.policy = Some(String::new())), "insufficient_role")]
#[case::workflow(configure_workflow(MEMBER, |c| c.workflow = Some(schemas::Workflow::default())), "insufficient_role")]
#[case::update(update_project(MEMBER, |c| c.name = Some(String::new())), "insufficient_role")]
#[case::add(add_member(MEMBER, |c| c.role = "x".into()), "insufficient_role")]
#[case::update_member(update_member(MEMBER, |c| c.user_id = STRANGER), "insufficient_role")]
#[case::remove(remove_member(MEMBER, |c| c.user_id = MEMBER), "insufficient_role")]
#[case::create(create(VIEWER, |c| c.title = String::new()), "insufficient_role")]
#[case::import(import(MEMBER, |c| c.title = String::new()), "insufficient_role")]
#[case::edit(edit(VIEWER, |c| c.number = 9), "insufficient_role")]
#[case::move_to(move_to(VIEWER, |c| c.number = 9), "insufficient_role")]
#[case::assign(assign(VIEWER, |c| c.number = 9), "insufficient_role")]
#[case::unassign(unassign(VIEWER, |c| c.number = 9), "insufficient_role")]
#[case::comment(comment(VIEWER, |c| c.number = 9), "insufficient_role")]
#[case::delete(delete(MEMBER, |c| c.number = 9), "insufficient_role")]
#[case::owners_are_made_by_owners(add_member(MAINTAINER, |c| c.role = "owner".into()), "insufficient_role")]
#[case::promotion_to_owner(update_member(MAINTAINER, |c| (c.user_id, c.role) = (MAINTAINER, Some("owner".into()))), "insufficient_role")]
#[case::demotion_of_an_owner(update_member(MAINTAINER, |c| (c.user_id, c.role) = (OWNER, Some("viewer".into()))), "insufficient_role")]
#[case::removal_of_an_owner(remove_member(MAINTAINER, |c| c.user_id = OWNER), "insufficient_role")]
fn should_reject_a_role_that_is_not_enough_before_looking_further(#[case] command: TicketCommand, #[case] code: &str) {
    rejected(command, code);
}

#[rstest]
#[case::policy(configure_assignment(MAINTAINER, |c| c.policy = Some("fair".into())), "policy_invalid")]
#[case::policy_first(configure_assignment(MAINTAINER, |c| (c.policy, c.pool_open, c.pool) = (Some("fair".into()), Some(true), Some(no_project()))), "policy_invalid")]
#[case::own_pool_open(configure_assignment(MAINTAINER, |c| (c.pool_open, c.pool) = (Some(true), Some(no_project()))), "own_pool_open")]
#[case::pool_unknown(configure_assignment(MAINTAINER, |c| c.pool = Some(no_project())), "pool_unknown")]
#[case::pool_not_open(configure_assignment(MAINTAINER, |c| c.pool = Some(ids::project_id("SHUT"))), "pool_not_open")]
#[case::name_empty(update_project(MAINTAINER, |c| c.name = Some("\n".into())), "name_empty")]
#[case::name_too_long(update_project(MAINTAINER, |c| c.name = Some(long(201))), "name_too_long")]
#[case::description(update_project(MAINTAINER, |c| c.description = Some(long(DESCRIPTION_MAX_BYTES + 1))), "description_too_long")]
fn should_reject_update_project(#[case] command: TicketCommand, #[case] code: &str) {
    rejected(command, code);
}

#[rstest]
#[case::role(add_member(OWNER, |c| (c.role, c.capacity) = ("boss".into(), Some(-1))), "role_invalid")]
#[case::capacity(add_member(OWNER, |c| (c.capacity, c.skills) = (Some(-1), vec![String::new()])), "capacity_invalid")]
#[case::skills(add_member(OWNER, |c| (c.skills, c.handle) = (vec![String::new()], Some("@".into()))), "skill_invalid")]
#[case::too_many_skills(add_member(OWNER, |c| c.skills = texts(51)), "skill_invalid")]
#[case::handle(add_member(OWNER, |c| (c.handle, c.user_key) = (Some("a b".into()), "nobody@example.org".into())), "handle_invalid")]
#[case::unknown(add_member(OWNER, |c| c.user_key = "nobody@example.org".into()), "user_unknown")]
#[case::deactivated(add_member(OWNER, |c| c.user_key = "gone@example.org".into()), "user_deactivated")]
#[case::already(add_member(OWNER, |c| c.user_key = "member@example.org".into()), "already_member")]
#[case::update_of_no_member(update_member(OWNER, |c| (c.user_id, c.role) = (STRANGER, Some("boss".into()))), "member_not_found")]
#[case::update_role(update_member(OWNER, |c| (c.user_id, c.role) = (MEMBER, Some("boss".into()))), "role_invalid")]
#[case::update_capacity(update_member(OWNER, |c| (c.user_id, c.capacity) = (MEMBER, Some(-1))), "capacity_invalid")]
#[case::update_skills(update_member(OWNER, |c| (c.user_id, c.skills) = (MEMBER, Some(vec![long(51)]))), "skill_invalid")]
#[case::demote_last_owner(update_member(OWNER, |c| (c.user_id, c.role) = (OWNER, Some("member".into()))), "last_owner")]
#[case::demote_last_owner_by_admin(update_member(ADMIN, |c| (c.user_id, c.role) = (OWNER, Some("member".into()))), "last_owner")]
#[case::remove_last_owner(remove_member(OWNER, |c| c.user_id = OWNER), "last_owner")]
#[case::remove_no_member(remove_member(OWNER, |c| c.user_id = STRANGER), "member_not_found")]
fn should_reject_memberships(#[case] command: TicketCommand, #[case] code: &str) {
    rejected(command, code);
}

#[rstest]
#[case::title_empty(create(MEMBER, |c| (c.title, c.description) = ("\t".into(), long(DESCRIPTION_MAX_BYTES + 1))), "title_empty")]
#[case::title_too_long(create(MEMBER, |c| (c.title, c.description) = (long(201), long(DESCRIPTION_MAX_BYTES + 1))), "title_too_long")]
#[case::description(create(MEMBER, |c| (c.description, c.priority) = (long(DESCRIPTION_MAX_BYTES + 1), Some("x".into()))), "description_too_long")]
#[case::priority(create(MEMBER, |c| (c.priority, c.labels) = (Some("high".into()), texts(21))), "priority_invalid")]
#[case::too_many_labels(create(MEMBER, |c| (c.labels, c.assignee_id) = (texts(21), Some(STRANGER))), "too_many_labels")]
#[case::label_empty(create(MEMBER, |c| (c.labels, c.assignee_id) = (vec![" ".into()], Some(STRANGER))), "label_invalid")]
#[case::label_too_long(create(MEMBER, |c| c.labels = vec![long(51)]), "label_invalid")]
#[case::assignee(create(MEMBER, |c| (c.assignee_id, c.due_date) = (Some(STRANGER), Some(-1))), "assignee_not_a_member")]
#[case::viewer(create(MEMBER, |c| (c.assignee_id, c.due_date) = (Some(VIEWER), Some(-1))), "assignee_is_viewer")]
#[case::before_1970(create(MEMBER, |c| c.due_date = Some(-1)), "date_invalid")]
#[case::after_9999(create(MEMBER, |c| c.due_date = Some(DATE_MAX_MS + 1)), "date_invalid")]
fn should_reject_create_ticket(#[case] command: TicketCommand, #[case] code: &str) {
    rejected(command, code);
}

#[rstest]
#[case::title(import(MAINTAINER, |c| (c.title, c.status) = (String::new(), "x".into())), "title_empty")]
#[case::title_too_long(import(MAINTAINER, |c| c.title = long(201)), "title_too_long")]
#[case::description(import(MAINTAINER, |c| c.description = long(DESCRIPTION_MAX_BYTES + 1)), "description_too_long")]
#[case::priority(import(MAINTAINER, |c| c.priority = Some(String::new())), "priority_invalid")]
#[case::too_many_labels(import(MAINTAINER, |c| c.labels = texts(21)), "too_many_labels")]
#[case::label(import(MAINTAINER, |c| c.labels = vec![String::new()]), "label_invalid")]
#[case::assignee(import(MAINTAINER, |c| c.assignee_id = Some(STRANGER)), "assignee_not_a_member")]
#[case::viewer(import(MAINTAINER, |c| c.assignee_id = Some(VIEWER)), "assignee_is_viewer")]
#[case::due_date(import(MAINTAINER, |c| (c.due_date, c.status) = (Some(-1), "x".into())), "date_invalid")]
#[case::status(import(MAINTAINER, |c| (c.status, c.created_at) = ("CLOSED".into(), -1)), "status_unknown")]
#[case::created_at(import(MAINTAINER, |c| (c.created_at, c.external_id) = (-1, String::new())), "date_invalid")]
#[case::updated_at(import(MAINTAINER, |c| (c.updated_at, c.external_id) = (Some(-1), String::new())), "date_invalid")]
#[case::no_reference(import(MAINTAINER, |c| c.external_id = String::new()), "external_reference_invalid")]
#[case::control_in_reference(import(MAINTAINER, |c| c.external_source = "a\0b".into()), "external_reference_invalid")]
#[case::long_address(import(MAINTAINER, |c| c.external_url = Some(long(2049))), "external_reference_invalid")]
#[case::again(import(OWNER, |c| c.external_id = "77".into()), "already_imported")]
#[case::again_but_other(import(OWNER, |c| (c.external_id, c.title) = ("77".into(), "B".into())), "already_imported")]
fn should_reject_import_ticket(#[case] command: TicketCommand, #[case] code: &str) {
    rejected(command, code);
}

#[rstest]
#[case::unknown(edit(MEMBER, |c| (c.number, c.expected_version, c.title) = (9, Some(7), Some(String::new()))), "ticket_not_found")]
#[case::zero(edit(MEMBER, |c| c.number = 0), "ticket_not_found")]
#[case::negative(edit(MEMBER, |c| c.number = -1), "ticket_not_found")]
#[case::deleted(edit(MEMBER, |c| c.number = 3), "ticket_not_found")]
#[case::version(edit(MEMBER, |c| (c.number, c.expected_version, c.title) = (1, Some(7), Some(String::new()))), "version_conflict")]
#[case::title(edit(MEMBER, |c| (c.number, c.title, c.priority) = (1, Some(String::new()), Some("x".into()))), "title_empty")]
#[case::title_too_long(edit(MEMBER, |c| (c.number, c.title) = (1, Some(long(201)))), "title_too_long")]
#[case::description(edit(MEMBER, |c| (c.number, c.description) = (1, Some(long(DESCRIPTION_MAX_BYTES + 1)))), "description_too_long")]
#[case::priority(edit(MEMBER, |c| (c.number, c.priority) = (1, Some("x".into()))), "priority_invalid")]
#[case::too_many_labels(edit(MEMBER, |c| (c.number, c.labels) = (1, Some(texts(21)))), "too_many_labels")]
#[case::label(edit(MEMBER, |c| (c.number, c.labels) = (1, Some(vec![String::new()]))), "label_invalid")]
#[case::due_date(edit(MEMBER, |c| (c.number, c.due_date) = (1, Some(-1))), "date_invalid")]
fn should_reject_edit_ticket(#[case] command: TicketCommand, #[case] code: &str) {
    rejected(command, code);
}

#[rstest]
#[case::unknown(move_to(MEMBER, |c| (c.number, c.status) = (9, "IN_PROGRESS".into())), "ticket_not_found")]
#[case::deleted(move_to(MEMBER, |c| (c.number, c.status) = (3, "IN_PROGRESS".into())), "ticket_not_found")]
#[case::open_to_done(move_to(MEMBER, |c| (c.number, c.status) = (1, "DONE".into())), "transition_illegal")]
#[case::open_to_review(move_to(MEMBER, |c| (c.number, c.status) = (1, "REVIEW".into())), "transition_illegal")]
#[case::to_itself(move_to(MEMBER, |c| (c.number, c.status) = (1, "OPEN".into())), "transition_illegal")]
#[case::to_nowhere(move_to(MEMBER, |c| (c.number, c.status) = (1, "LIMBO".into())), "transition_illegal")]
#[case::even_for_admin(move_to(ADMIN, |c| (c.number, c.status) = (1, "DONE".into())), "transition_illegal")]
#[case::transition_first(move_to(MEMBER, |c| (c.number, c.status, c.expected_version, c.comment) = (1, "DONE".into(), Some(7), Some(long(CONTENT_MAX_BYTES + 1)))), "transition_illegal")]
#[case::then_comment(move_to(MEMBER, |c| (c.number, c.status, c.expected_version, c.comment) = (1, "IN_PROGRESS".into(), Some(7), Some(long(CONTENT_MAX_BYTES + 1)))), "content_too_long")]
#[case::then_version(move_to(MEMBER, |c| (c.number, c.status, c.expected_version) = (2, "REVIEW".into(), Some(1))), "version_conflict")]
fn should_reject_move_ticket(#[case] command: TicketCommand, #[case] code: &str) {
    rejected(command, code);
}

#[rstest]
#[case::unknown(assign(MEMBER, |c| (c.number, c.assignee_id) = (9, STRANGER)), "ticket_not_found")]
#[case::stranger(assign(MEMBER, |c| (c.number, c.assignee_id, c.expected_version) = (1, STRANGER, Some(7))), "assignee_not_a_member")]
#[case::viewer(assign(MEMBER, |c| (c.number, c.assignee_id, c.expected_version) = (1, VIEWER, Some(7))), "assignee_is_viewer")]
#[case::version(assign(MEMBER, |c| (c.number, c.assignee_id, c.expected_version) = (1, MEMBER, Some(7))), "version_conflict")]
#[case::unassign_unknown(unassign(MEMBER, |c| c.number = 9), "ticket_not_found")]
#[case::unassign_version(unassign(MEMBER, |c| (c.number, c.expected_version) = (1, Some(7))), "version_conflict")]
#[case::watch_unknown(watch(VIEWER, |c| c.number = 9), "ticket_not_found")]
#[case::unwatch_unknown(unwatch(VIEWER, |c| c.number = 9), "ticket_not_found")]
#[case::comment_unknown(comment(MEMBER, |c| (c.number, c.content) = (9, String::new())), "ticket_not_found")]
#[case::comment_empty(comment(MEMBER, |c| (c.number, c.content, c.parent_id) = (1, " \n".into(), Some(STRANGER))), "content_empty")]
#[case::comment_too_long(comment(MEMBER, |c| (c.number, c.content, c.parent_id) = (1, long(CONTENT_MAX_BYTES + 1), Some(STRANGER))), "content_too_long")]
#[case::parent(comment(MEMBER, |c| (c.number, c.parent_id) = (1, Some(STRANGER))), "parent_unknown")]
#[case::parent_of_another_ticket(comment(MEMBER, |c| (c.number, c.parent_id) = (2, Some(known_comment()))), "parent_unknown")]
#[case::delete_unknown(delete(MAINTAINER, |c| c.number = 9), "ticket_not_found")]
#[case::delete_deleted(delete(MAINTAINER, |c| c.number = 3), "ticket_not_found")]
#[case::delete_version(delete(MAINTAINER, |c| (c.number, c.expected_version) = (1, Some(7))), "version_conflict")]
fn should_reject_the_rest(#[case] command: TicketCommand, #[case] code: &str) {
    rejected(command, code);
}

#[rstest]
#[case::email(user("Ana@Example.org", |u| u.email = Some("not one".into())), false, "email_invalid")]
#[case::key_of_another(user("ana@example.org", |u| u.user_key = "eva@example.org".into()), false, "email_invalid")]
#[case::neither(user("ana@example.org", |u| u.email = None), false, "login_invalid")]
#[case::colon_in_source(placeholder("git:hub", "ana"), false, "login_invalid")]
#[case::login_with_blank(placeholder("github", "a b"), false, "login_invalid")]
#[case::email_first(user("ana@example.org", |u| (u.email, u.actor_id) = (Some("@".into()), STRANGER)), true, "email_invalid")]
#[case::somebody_else(user("ana@example.org", |u| (u.actor_id, u.name) = (STRANGER, long(201))), true, "insufficient_role")]
#[case::admin_by_oneself(user("ana@example.org", |u| u.admin = true), true, "insufficient_role")]
#[case::name(user("ana@example.org", |u| u.name = long(201)), true, "name_too_long")]
#[case::taken(user("ana@example.org", |_| {}), true, "email_taken")]
#[case::placeholder_taken(placeholder("github", "ana"), true, "email_taken")]
fn should_reject_register_user(#[case] command: RegisterUser, #[case] known: bool, #[case] code: &str) {
    let known = known.then(UserState::default);
    let rejection = decide_user(known.as_ref(), command, AT).unwrap_err();
    assert_eq!(rejection.code(), code, "{rejection}");
}

#[rstest]
#[case::create(create(MEMBER, |c| c.title = String::new()), Some("actor_deactivated"))]
#[case::update(update_project(MEMBER, |_| {}), Some("actor_deactivated"))]
#[case::watch(watch(MEMBER, |c| c.number = 1), Some("actor_deactivated"))]
#[case::assignee(create(OWNER, |c| (c.assignee_id, c.due_date) = (Some(MEMBER), Some(-1))), Some("assignee_deactivated"))]
#[case::assign(assign(OWNER, |c| (c.number, c.assignee_id, c.expected_version) = (2, MEMBER, Some(7))), Some("assignee_deactivated"))]
#[case::assign_what_they_have(assign(OWNER, |c| (c.number, c.assignee_id) = (1, MEMBER)), Some("assignee_deactivated"))]
#[case::import(import(OWNER, |c| c.assignee_id = Some(MEMBER)), None)]
#[case::unassign(unassign(OWNER, |c| c.number = 1), None)]
#[case::edit(edit(OWNER, |c| (c.number, c.title) = (1, Some("B".into()))), None)]
#[case::update_member(update_member(OWNER, |c| (c.user_id, c.available) = (MEMBER, Some(true))), None)]
#[case::remove(remove_member(OWNER, |c| c.user_id = MEMBER), None)]
fn should_let_a_deactivated_member_do_and_be_given_nothing(#[case] command: TicketCommand, #[case] code: Option<&str>) {
    let mut world = world();
    assert!(tell_activity(&mut world, MEMBER, true));
    assert_eq!(refusal(&world, command.clone()).as_ref().map(Rejection::code), code);
    assert!(tell_activity(&mut world, MEMBER, false));
    let now = refusal(&world, command).map(|rejection| rejection.code());
    assert!(now.is_none_or(|now| !now.ends_with("_deactivated")), "{now:?}");
}

#[rstest]
#[case::by_another(STRANGER, false, true, Some(false), Err("insufficient_role"))]
#[case::unknown_by_another(STRANGER, false, true, None, Err("insufficient_role"))]
#[case::unknown(ADMIN, true, true, None, Err("user_unknown"))]
#[case::by_oneself(ids::user_id("ana@example.org"), false, true, Some(false), Ok(true))]
#[case::by_an_admin(ADMIN, true, true, Some(false), Ok(true))]
#[case::again(ADMIN, true, true, Some(true), Ok(false))]
#[case::back_by_oneself(ids::user_id("ana@example.org"), false, false, Some(true), Err("insufficient_role"))]
#[case::back_unknown(ADMIN, true, false, None, Err("user_unknown"))]
#[case::back_by_an_admin(ADMIN, true, false, Some(true), Ok(true))]
#[case::back_again(ADMIN, true, false, Some(false), Ok(false))]
fn should_let_admins_and_oneself_deactivate_and_only_admins_reactivate(
    #[case] actor_id: Uuid,
    #[case] actor_admin: bool,
    #[case] deactivated: bool,
    #[case] was: Option<bool>,
    #[case] expected: Result<bool, &str>,
) {
    let known = was.map(|deactivated| UserState { sequence: 4, deactivated, ..UserState::default() });
    let (command_id, correlation_id, user_key) = (Uuid::from_u128(9), Uuid::nil(), "ana@example.org".to_owned());
    let change = ActivityChange { command_id, correlation_id, actor_id, actor_admin, user_key, deactivated };
    let decided = decide_activity(known.as_ref(), &change, AT).map_err(|rejection| rejection.code());
    assert_eq!(decided.as_ref().map(Option::is_some).map_err(|code| *code), expected);
    if let Ok(Some(event)) = decided {
        let (_, state) = evolve_user(&event);
        assert_eq!((state.deactivated, state.sequence), (deactivated, 5));
    }
}

#[test]
fn should_keep_what_a_membership_is_while_its_user_is_deactivated() {
    let mut world = world();
    let before = world.members[&MEMBER].clone();
    assert!(!tell_activity(&mut world, STRANGER, true), "no member");
    assert!(!tell_activity(&mut world, MEMBER, false), "is active");
    assert!(tell_activity(&mut world, MEMBER, true));
    assert!(!tell_activity(&mut world, MEMBER, true), "told again");
    accept(&mut world, 90, update_member(OWNER, |c| (c.user_id, c.skills) = (MEMBER, Some(texts(1)))));
    assert!(world.members[&MEMBER].deactivated, "whoever changes the membership does not reactivate the user");
    assert!(tell_activity(&mut world, MEMBER, false));
    accept(&mut world, 91, update_member(OWNER, |c| (c.user_id, c.skills) = (MEMBER, Some(Vec::new()))));
    assert_eq!(world.members[&MEMBER], before);
}

#[test]
fn should_say_what_is_allowed_instead() {
    let illegal = move_to(MEMBER, |c| (c.number, c.status) = (2, "DONE".into()));
    let rejection = refusal(&world(), illegal).unwrap();
    assert_eq!(rejection.allowed(), ["REVIEW", "OPEN"]);
    assert_eq!(rejection.field(), Some("status"));
    assert_eq!(rejection.to_string(), "a ticket cannot go from IN_PROGRESS to \"DONE\"");
}

#[test]
fn should_tell_an_unchanged_import_from_a_changed_one() {
    let detail = |command| refusal(&world(), command).unwrap().to_string();
    let same = import(OWNER, |c| c.external_id = "77".into());
    assert_eq!(detail(same), "unchanged: github:o/r 77 was imported before, as SYNC-4");
    let other = import(OWNER, |c| (c.external_id, c.title) = ("77".into(), "B".into()));
    assert_eq!(detail(other), "differs: github:o/r 77 was imported before, as SYNC-4");
}

#[test]
fn should_keep_details_short_whatever_was_sent() {
    let rejection = refusal(&world(), create(MEMBER, |c| c.priority = Some(long(1_000_000)))).unwrap();
    assert!(rejection.to_string().len() < 200);
}

fn rejected(command: TicketCommand, code: &str) {
    let model = world();
    let found = refusal(&model, command).map(|r| r.code());
    assert_eq!(found, Some(code));
    assert_eq!(model, world(), "a rejection changes nothing");
}

fn user(email: &str, set: impl FnOnce(&mut RegisterUser)) -> RegisterUser {
    let user_key = email.to_lowercase();
    let mut command = RegisterUser {
        command_id: Uuid::from_u128(9),
        actor_id: ids::user_id(&user_key),
        email: Some(email.to_owned()),
        name: "Ana".to_owned(),
        user_key,
        ..RegisterUser::default()
    };
    set(&mut command);
    command
}

fn placeholder(source: &str, login: &str) -> RegisterUser {
    let (source, login) = (source.to_owned(), login.to_owned());
    let user_key = ids::placeholder_key(&source, &login);
    RegisterUser { actor_id: STRANGER, user_key, source: Some(source), login: Some(login), ..RegisterUser::default() }
}
