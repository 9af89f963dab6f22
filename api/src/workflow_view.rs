//! How a workflow looks in JSON.

use schemars::JsonSchema;
use serde::Serialize;

/// The states of a project's tickets and the ways between them.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Workflow {
    /// In the order of the board's columns; tickets begin in the first.
    states: Vec<WorkflowState>,
    transitions: Vec<WorkflowTransition>,
}

#[derive(Serialize, JsonSchema)]
struct WorkflowState {
    name: String,
    /// Whether there is still work to do.
    open: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WorkflowTransition {
    from: String,
    to: String,
    /// Only a ticket that somebody has may go it.
    requires_assignee: bool,
    /// Only with a comment.
    requires_comment: bool,
    /// Only members with one of these roles may go it; none: everybody who may move tickets.
    only_roles: Vec<String>,
}

impl From<schemas::Workflow> for Workflow {
    fn from(workflow: schemas::Workflow) -> Self {
        let state = |schemas::WorkflowState { name, open }| WorkflowState { name, open };
        let transition = |way: schemas::WorkflowTransition| WorkflowTransition {
            from: way.from,
            to: way.to,
            requires_assignee: way.requires_assignee,
            requires_comment: way.requires_comment,
            only_roles: way.only_roles,
        };
        Self {
            states: workflow.states.into_iter().map(state).collect(),
            transitions: workflow.transitions.into_iter().map(transition).collect(),
        }
    }
}
