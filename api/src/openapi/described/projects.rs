//! `/projects`, and what there is one of in each.

use serde_json::json;

use super::{ABOUT_PROJECT, ENTER};
use crate::openapi::bodies::{
    AssignmentChange, NewProject, NewWorkflow, NewWorkflowState, NewWorkflowTransition, Policy, ProjectChange, Role,
};
use crate::openapi::examples;
use crate::openapi::operation::{Operation, Tag};
use crate::openapi::parameters::Query;

pub(crate) fn list() -> Operation {
    let mine = Query::new("member", "`me`: an administrator's own only.", json!({ "type": "string", "enum": ["me"] }));
    Operation::new("listProjects", Tag::Projects, "The projects that the caller belongs to")
        .about("For an administrator all. By key.")
        .query([mine])
        .paged()
        .gives(200, "A page of projects.", &examples::list(examples::project()))
}

pub(crate) fn create() -> Operation {
    let body = NewProject {
        key: "WEB".to_owned(),
        name: "The web site".to_owned(),
        description: Some("What people see of us.".to_owned()),
        owner_handle: None,
    };
    Operation::new("createProject", Tag::Projects, "Makes a project")
        .about("Whoever makes it owns it.")
        .takes(&body)
        .gives(201, "The project.", &examples::project())
        .with(201, &["Location"])
        .command(&[&["key_invalid", "key_taken", "handle_invalid", "project_not_found"], ABOUT_PROJECT])
}

pub(crate) fn read() -> Operation {
    Operation::new("getProject", Tag::Projects, "A project")
        .gives(200, "The project.", &examples::project())
        .refuses(&["project_not_found"])
}

pub(crate) fn update() -> Operation {
    let body = ProjectChange { description: Some("All that people see of us.".to_owned()), ..Default::default() };
    Operation::new("updateProject", Tag::Projects, "Changes or archives a project")
        .takes(&body)
        .gives(200, "The project as it is then.", &examples::project())
        .command(&[ENTER, ABOUT_PROJECT])
}

pub(crate) fn read_board() -> Operation {
    Operation::new("getBoard", Tag::Projects, "A project's board")
        .about(
            "Up to 100 tickets a state, without their texts, the highest number first. A column's `nextCursor` goes on \
             in the list of the project's tickets, with its `status`. The `ETag` is the project's sequence.",
        )
        .gives(200, "The board.", &examples::board())
        .conditional()
        .refuses(&["project_not_found"])
}

pub(crate) fn read_workflow() -> Operation {
    Operation::new("getWorkflow", Tag::Projects, "The states of a project's tickets and the ways between them")
        .gives(200, "The workflow.", &examples::workflow())
        .conditional()
        .refuses(&["project_not_found"])
}

pub(crate) fn update_workflow() -> Operation {
    let state = |name: &str, open| NewWorkflowState { name: name.to_owned(), open };
    let way = |from: &str, to: &str| NewWorkflowTransition {
        from: from.to_owned(),
        to: to.to_owned(),
        ..NewWorkflowTransition::default()
    };
    let shipped = NewWorkflowTransition {
        requires_comment: Some(true),
        only_roles: Some(vec![Role::Maintainer, Role::Owner]),
        ..way("REVIEW", "SHIPPED")
    };
    let body = NewWorkflow {
        states: Some(vec![state("OPEN", None), state("REVIEW", None), state("SHIPPED", Some(false))]),
        transitions: Some(vec![way("OPEN", "REVIEW"), shipped]),
        expected_workflow: None,
    };
    Operation::new("replaceWorkflow", Tag::Projects, "Replaces a project's workflow")
        .about(
            "As a whole: without `states` by the default. No ticket is left behind: a state that tickets are in can \
             neither go nor become open or closed.",
        )
        .takes(&body)
        .gives(200, "The project as it is then.", &examples::project())
        .needs_if_match()
        .command(&[ENTER, &["workflow_invalid"]])
}

pub(crate) fn update_assignment() -> Operation {
    let body = AssignmentChange { policy: Some(Policy::LeastLoaded), ..AssignmentChange::default() };
    Operation::new("configureAssignment", Tag::Projects, "Says how a project gives its tickets to members")
        .about("What is absent stays as it is.")
        .takes(&body)
        .gives(200, "The project as it is then.", &examples::project())
        .command(&[ENTER, &["policy_invalid", "own_pool_open", "pool_unknown", "pool_not_open"]])
}
