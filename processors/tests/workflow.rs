//! Workflows of projects' own, the guards on their ways, and projects that are archived.
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
use processors::ProjectModel;
use processors::fields::CONTENT_MAX_BYTES;
use rstest::rstest;
use schemas::topics::COMMAND_OUTCOMES;
use schemas::{Outcome, TicketCommand, TicketEvent, Workflow, WorkflowState, WorkflowTransition};
use topology::broker::partition_for_key;
use uuid::Uuid;

/// `OPEN DOING DONE! OPEN>DOING DOING>DONE`: states, those that are closed with a mark, and ways.
fn workflow(text: &str) -> Workflow {
    let mut workflow = Workflow::default();
    for word in text.split_whitespace() {
        if let Some((from, to)) = word.split_once('>') {
            let (from, to) = (from.to_owned(), to.to_owned());
            workflow.transitions.push(WorkflowTransition { from, to, ..WorkflowTransition::default() });
        } else {
            let name = word.trim_end_matches('!').to_owned();
            workflow.states.push(WorkflowState { open: !word.ends_with('!'), name });
        }
    }
    workflow
}

fn configure(actor: Uuid, workflow: impl Into<Option<Workflow>>) -> TicketCommand {
    let workflow = workflow.into();
    configure_workflow(actor, |c| c.workflow = workflow)
}

fn why(model: &ProjectModel, text: &str) -> String {
    let rejection = refusal(model, configure(OWNER, workflow(text))).unwrap();
    assert_eq!(rejection.code(), "workflow_invalid");
    format!("{}: {rejection}", rejection.field().unwrap())
}

#[rstest]
#[case("", "states: there are 0 states, 1 to 50 are possible")]
#[case(
    "OPEN open",
    "states: state \"open\" is not 1 to 40 capital letters, digits and underscores beginning with a letter"
)]
#[case(
    "OPEN _X",
    "states: state \"_X\" is not 1 to 40 capital letters, digits and underscores beginning with a letter"
)]
#[case("OPEN DONE! OPEN", "states: there are two states OPEN")]
#[case("DONE! OPEN", "states: tickets begin in the first state, which must be an open one")]
#[case("OPEN OPEN>DONE", "transitions: the way from \"OPEN\" to \"DONE\" names a state \"DONE\" that there is not")]
#[case("OPEN OPEN>OPEN", "transitions: the way from \"OPEN\" to \"OPEN\" leads nowhere")]
#[case("OPEN DONE! OPEN>DONE OPEN>DONE", "transitions: the way from \"OPEN\" to \"DONE\" is there twice")]
fn should_refuse_a_workflow_that_contradicts_itself(#[case] text: &str, #[case] expected: &str) {
    let mut model = ProjectModel::default();
    accept(&mut model, 1, create_project(OWNER, |_| {}));
    assert_eq!(why(&model, text), expected);
}

#[test]
fn should_refuse_roles_that_there_are_not_or_that_move_nothing() {
    let mut new = workflow("OPEN DONE! OPEN>DONE");
    let mut refuses = |roles: &[&str]| {
        new.transitions[0].only_roles = roles.iter().map(|&role| role.to_owned()).collect();
        refusal(&ProjectModel { ..world_without_tickets() }, configure(OWNER, new.clone())).map(|r| r.to_string())
    };
    let way = "the way from \"OPEN\" to \"DONE\"";
    assert_eq!(refuses(&["boss"]), Some(format!("{way} is for a role \"boss\", which there is not")));
    assert_eq!(refuses(&["owner", "owner"]), Some(format!("{way} names the role owner twice")));
    let viewers = Some(format!("{way} is for viewers alone, who move no tickets"));
    assert_eq!(refuses(&["viewer"]), viewers);
    assert_eq!(refuses(&["viewer", "owner"]), None);
}

fn world_without_tickets() -> ProjectModel {
    let mut model = ProjectModel::default();
    accept(&mut model, 1, create_project(OWNER, |_| {}));
    model
}

#[test]
fn should_leave_no_ticket_in_a_state_that_there_is_not_or_that_means_something_else() {
    // Ticket 1 is OPEN, 2 IN_PROGRESS, 4 DONE.
    let model = world();
    let gone = "states: SYNC-2 is in IN_PROGRESS, which there is to be no more: move such tickets first";
    assert_eq!(why(&model, "OPEN DONE!"), gone);
    let closed = "states: SYNC-2 is in IN_PROGRESS, which would be closed: move such tickets first";
    assert_eq!(why(&model, "OPEN IN_PROGRESS! DONE!"), closed);
    let opened = "states: SYNC-4 is in DONE, which would be open again: move such tickets first";
    assert_eq!(why(&model, "OPEN IN_PROGRESS DONE"), opened);
    assert_eq!(
        refusal(&model, configure(OWNER, workflow("OPEN IN_PROGRESS DONE! NEW OPEN>NEW"))),
        None,
        "REVIEW is empty"
    );
}

#[test]
fn should_replace_only_the_workflow_that_is_expected() {
    let mut model = world_without_tickets();
    let (old, new) = (Workflow::standard().digest(), workflow("NEW"));
    let expecting =
        |expected| configure_workflow(OWNER, |c| (c.workflow, c.expected) = (Some(workflow("NEW")), Some(expected)));
    assert_eq!(refusal(&model, expecting(new.digest())).unwrap().code(), "workflow_conflict");
    accept(&mut model, 2, expecting(old));
    assert_eq!(refusal(&model, expecting(old)).unwrap().code(), "workflow_conflict");
    accept(&mut model, 3, expecting(new.digest()));
}

#[test]
fn should_look_at_no_more_than_a_million_tickets() {
    let mut model = world();
    model.counters.last_number = 1_000_001;
    let wrong = "states: with more than 1000000 tickets, a project's states can only become more";
    assert_eq!(why(&model, "OPEN IN_PROGRESS DONE!"), wrong, "REVIEW is empty, but who knows");
    assert_eq!(refusal(&model, configure(OWNER, workflow("OPEN IN_PROGRESS REVIEW DONE! NEW"))), None);
}

#[test]
fn should_say_who_may_configure_a_workflow() {
    let refused = |actor| refusal(&world(), configure(actor, None)).map(|r| r.code());
    assert_eq!(refused(MEMBER), Some("insufficient_role"));
    assert_eq!(refused(STRANGER), Some("not_a_member"));
    assert_eq!([refused(MAINTAINER), refused(ADMIN)], [None; 2]);
}

#[test]
fn should_move_tickets_along_the_projects_own_ways_only() {
    let mut model = world_without_tickets();
    let new = workflow("NEW SHIPPED! DROPPED! NEW>SHIPPED NEW>DROPPED DROPPED>NEW");
    accept(&mut model, 2, configure(OWNER, new.clone()));
    assert_eq!(model.project.as_ref().unwrap().workflow, Some(new));
    let made = accept(&mut model, 3, create(OWNER, |_| {}));
    let TicketEvent::TicketCreated(created) = &made.events[0] else { panic!("{made:?}") };
    assert_eq!((created.status.as_str(), created.open), ("NEW", Some(true)));
    let to = |status: &str| move_to(OWNER, |c| (c.number, c.status) = (1, status.to_owned()));
    let illegal = refusal(&model, to("DONE")).unwrap();
    assert_eq!((illegal.code(), illegal.allowed()), ("transition_illegal", vec!["SHIPPED".into(), "DROPPED".into()]));
    let moved = accept(&mut model, 4, to("DROPPED"));
    let TicketEvent::TicketStatusUpdated(event) = &moved.events[0] else { panic!("{moved:?}") };
    assert_eq!((event.old_open, event.new_open), (Some(true), Some(false)));
    assert!(!model.tickets[&1].is_open());
    accept(&mut model, 5, to("NEW"));
    assert!(model.tickets[&1].is_open());
    let foreign = refusal(&model, import(OWNER, |c| c.status = "DONE".to_owned())).unwrap();
    assert_eq!((foreign.code(), foreign.allowed().len()), ("status_unknown", 3));
    let imported = accept(&mut model, 6, import(OWNER, |c| c.status = "SHIPPED".to_owned()));
    let TicketEvent::TicketCreated(created) = &imported.events[0] else { panic!("{imported:?}") };
    assert_eq!(created.open, Some(false));
}

#[test]
fn should_go_back_to_the_default_and_say_nothing_where_nothing_changes() {
    let mut model = world_without_tickets();
    accept(&mut model, 2, configure(OWNER, workflow("NEW")));
    let back = accept(&mut model, 3, configure(OWNER, Workflow::standard().clone()));
    assert_eq!(back.events.len(), 1);
    assert_eq!(model.project.as_ref().unwrap().workflow, None);
    assert_eq!(accept(&mut model, 4, configure(OWNER, None)).events, []);
}

#[test]
fn should_guard_ways_by_role_assignee_and_comment_in_this_order() {
    let mut new = workflow("OPEN IN_PROGRESS DONE! OPEN>IN_PROGRESS IN_PROGRESS>DONE");
    let way = &mut new.transitions[1];
    way.only_roles = vec!["maintainer".to_owned(), "owner".to_owned()];
    (way.requires_assignee, way.requires_comment) = (true, true);
    let mut model = world();
    accept(&mut model, 50, configure(OWNER, new));
    let done = |actor, comment: Option<&str>| {
        let comment = comment.map(str::to_owned);
        move_to(actor, |c| (c.number, c.status, c.comment) = (2, "DONE".to_owned(), comment))
    };
    let unmet = |model: &ProjectModel, command| {
        let rejection = refusal(model, command).unwrap();
        assert_eq!(rejection.code(), "transition_guarded");
        (rejection.to_string(), rejection.field())
    };
    let only = "a ticket goes from IN_PROGRESS to DONE only ";
    let roles = (format!("{only}by members with the role maintainer or owner"), None);
    assert_eq!(unmet(&model, done(MEMBER, Some("done"))), roles);
    assert_eq!(unmet(&model, done(MAINTAINER, Some("done"))), (format!("{only}if somebody has it"), None));
    accept(&mut model, 51, assign(MEMBER, |c| (c.number, c.assignee_id) = (2, MEMBER)));
    let silent = (format!("{only}with a comment"), Some("comment"));
    assert_eq!(unmet(&model, done(MAINTAINER, None)), silent);
    assert_eq!(unmet(&model, done(MAINTAINER, Some(" "))), silent, "an empty comment is none");
    // What was said too much comes before, another version after.
    let with = |comment: String, version| {
        let command = move_to(MAINTAINER, |c| {
            (c.number, c.status, c.comment, c.expected_version) = (2, "DONE".to_owned(), Some(comment), Some(version));
        });
        refusal(&model, command).unwrap().code()
    };
    assert_eq!(with("x".repeat(CONTENT_MAX_BYTES + 1), 7), "content_too_long");
    assert_eq!(with(String::new(), 7), "transition_guarded");
    assert_eq!(with("done".to_owned(), 7), "version_conflict");
    // An administrator counts as an owner.
    let accepted = accept(&mut model, 52, done(ADMIN, Some("done")));
    assert_eq!(accepted.events.len(), 2, "the comment is one of the ticket");
}

#[test]
fn should_change_nothing_of_an_archived_project_until_it_is_none() {
    let mut model = world();
    let archive = |archived| update_project(MAINTAINER, |c| c.archived = Some(archived));
    assert_eq!(
        refusal(&model, update_project(MEMBER, |c| c.archived = Some(true))).unwrap().code(),
        "insufficient_role"
    );
    assert_eq!(accept(&mut model, 50, archive(true)).events.len(), 1);
    assert_eq!(accept(&mut model, 51, archive(true)).events, [], "it is so already");
    let each = [
        create(MEMBER, |_| {}),
        import(OWNER, |_| {}),
        edit(MEMBER, |c| c.number = 1),
        move_to(MEMBER, |c| (c.number, c.status) = (1, "IN_PROGRESS".to_owned())),
        assign(MEMBER, |c| (c.number, c.assignee_id) = (1, MEMBER)),
        unassign(MEMBER, |c| c.number = 1),
        comment(MEMBER, |c| c.number = 1),
        watch(MEMBER, |c| c.number = 1),
        unwatch(MEMBER, |c| c.number = 1),
        delete(OWNER, |c| c.number = 1),
        add_member(OWNER, |_| {}),
        update_member(OWNER, |c| c.user_id = MEMBER),
        remove_member(OWNER, |c| c.user_id = MEMBER),
        configure_assignment(OWNER, |_| {}),
        configure(OWNER, None),
        update_project(OWNER, |c| c.name = Some("Another".to_owned())),
        create(ADMIN, |_| {}),
    ];
    for command in each {
        assert_eq!(refusal(&model, command.clone()).map(|r| r.code()), Some("project_archived"), "{command:?}");
    }
    assert_eq!(refusal(&model, create(STRANGER, |_| {})).unwrap().code(), "not_a_member", "strangers learn nothing");
    let back = update_project(MAINTAINER, |c| (c.archived, c.name) = (Some(false), Some("Back".to_owned())));
    accept(&mut model, 52, back);
    accept(&mut model, 53, create(MEMBER, |_| {}));
    assert_eq!(model.project.unwrap().name, "Back");
}

#[test]
fn should_find_tickets_by_state_in_the_stores_of_the_project_alone() {
    let mut driver = with_project();
    let partition = |id: Uuid| partition_for_key(id.to_string().as_bytes(), PARTITIONS);
    let keys = (0..).map(|n| format!("T{n}"));
    let key = keys.into_iter().find(|key| partition(schemas::ids::project_id(key)) == partition(project_id())).unwrap();
    let other = schemas::ids::project_id(&key);
    let second = about(other, create_project(OWNER, |c| c.key.clone_from(&key)));
    send(&mut driver, with_id(second, 2), AT);
    send(&mut driver, with_id(about(other, create(OWNER, |_| {})), 3), AT);
    driver.read(COMMAND_OUTCOMES);
    let mut answer = |command, id| {
        send(&mut driver, with_id(command, id), AT);
        outcomes(&mut driver).pop().unwrap()
    };
    // In the same store, but of the other one.
    assert!(matches!(answer(configure(OWNER, workflow("NEW")), 4), Outcome::Accepted(_)));
    let Outcome::Rejected(rejected) = answer(about(other, configure(OWNER, workflow("NEW"))), 5) else { panic!() };
    let detail = format!("{key}-1 is in OPEN, which there is to be no more: move such tickets first");
    assert_eq!((rejected.field.as_deref(), rejected.detail), (Some("states"), detail));
}
