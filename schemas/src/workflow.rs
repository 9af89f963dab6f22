//! The states of a project's tickets and the ways between them: a part of several records, and the default of all projects.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{TicketCreated, TicketStatusUpdated};
use crate::ids;
use crate::state::{ProjectState, TicketState};

/// The states of a project's tickets and the ways between them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workflow {
    /// The states, in the order of the board's columns; tickets begin in the first.
    pub states: Vec<WorkflowState>,
    /// The ways between them.
    pub transitions: Vec<WorkflowTransition>,
}

/// A state of a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowState {
    /// Name, such as `IN_PROGRESS`.
    pub name: String,
    /// Whether there is still work to do.
    pub open: bool,
}

/// A way from one state to another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowTransition {
    /// State that it leads from.
    pub from: String,
    /// State that it leads to.
    pub to: String,
    /// Only a ticket that somebody has may go it.
    #[serde(default)]
    pub requires_assignee: bool,
    /// Only with a comment.
    #[serde(default)]
    pub requires_comment: bool,
    /// Only members with one of these roles may go it; none: everybody who may move tickets.
    #[serde(default)]
    pub only_roles: Vec<String>,
}

/// Name of the state that is closed in the default workflow.
const DONE: &str = "DONE";

static DEFAULT: LazyLock<Workflow> = LazyLock::new(|| {
    let state = |name: &str| WorkflowState { name: name.to_owned(), open: name != DONE };
    let way = |(from, to): (&str, &str)| WorkflowTransition {
        from: from.to_owned(),
        to: to.to_owned(),
        ..Default::default()
    };
    let ways = [
        ("OPEN", "IN_PROGRESS"),
        ("IN_PROGRESS", "REVIEW"),
        ("IN_PROGRESS", "OPEN"),
        ("REVIEW", DONE),
        ("REVIEW", "IN_PROGRESS"),
        (DONE, "OPEN"),
    ];
    Workflow { states: ["OPEN", "IN_PROGRESS", "REVIEW", DONE].map(state).into(), transitions: ways.map(way).into() }
});

impl Workflow {
    /// That of projects that have configured none.
    #[must_use]
    pub fn standard() -> &'static Self {
        &DEFAULT
    }

    /// The workflow, or the default in the place of none.
    #[must_use]
    pub fn or_standard(configured: Option<&Self>) -> &Self {
        configured.unwrap_or(&DEFAULT)
    }

    /// The state of a new ticket; empty if there is no state at all.
    #[must_use]
    pub fn initial(&self) -> &str {
        self.states.first().map_or("", |state| &state.name)
    }

    /// The state of that name.
    #[must_use]
    pub fn state(&self, name: &str) -> Option<&WorkflowState> {
        self.states.iter().find(|state| state.name == name)
    }

    /// True if there is still work to do in the state of that name; in one that there is not, too.
    #[must_use]
    pub fn is_open(&self, name: &str) -> bool {
        self.state(name).is_none_or(|state| state.open)
    }

    /// Tells this workflow from others.
    #[must_use]
    pub fn digest(&self) -> Uuid {
        let mut text = Vec::new();
        // Each text with its length, so that nothing can move from one into the next.
        let mut add = |part: &str| {
            text.extend_from_slice(&part.len().to_be_bytes());
            text.extend_from_slice(part.as_bytes());
        };
        for WorkflowState { name, open } in &self.states {
            add(name);
            add(if *open { "open" } else { "closed" });
        }
        for way in &self.transitions {
            add(&way.from);
            add(&way.to);
            add(if way.requires_assignee { "assignee" } else { "" });
            add(if way.requires_comment { "comment" } else { "" });
            way.only_roles.iter().for_each(|role| add(role));
        }
        ids::digest(&text)
    }

    /// The ways from a state, in the order in which they were configured.
    pub fn ways_from<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a WorkflowTransition> {
        self.transitions.iter().filter(move |way| way.from == name)
    }
}

impl ProjectState {
    /// The workflow of the project's tickets.
    #[must_use]
    pub fn workflow(&self) -> &Workflow {
        Workflow::or_standard(self.workflow.as_ref())
    }
}

impl TicketState {
    /// True if there is still work to do.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.unwrap_or(self.status != DONE)
    }
}

impl TicketCreated {
    /// True if there is still work to do.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.unwrap_or(self.status != DONE)
    }
}

impl TicketStatusUpdated {
    /// True if there was work to do before.
    #[must_use]
    pub fn was_open(&self) -> bool {
        self.old_open.unwrap_or(self.old_status != DONE)
    }

    /// True if there still is.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.new_open.unwrap_or(self.new_status != DONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_lead_only_to_its_own_states_and_never_to_the_same_by_default() {
        let workflow = Workflow::standard();
        assert_eq!(workflow.initial(), "OPEN");
        for state in &workflow.states {
            assert!(workflow.ways_from(&state.name).count() > 0, "{} is a dead end", state.name);
            for way in workflow.ways_from(&state.name) {
                assert!(workflow.state(&way.to).is_some() && way.to != state.name, "{way:?}");
            }
        }
    }

    #[test]
    fn should_tell_workflows_apart_by_their_digests() {
        let standard = Workflow::standard();
        assert_eq!(standard.digest(), standard.clone().digest());
        let changes: [fn(&mut Workflow); 6] = [
            |own| own.states[0].name.push('X'),
            |own| own.states[1].open = false,
            |own| drop(own.transitions.pop()),
            |own| own.transitions[0].requires_assignee = true,
            |own| own.transitions[0].requires_comment = true,
            |own| own.transitions[0].only_roles.push("owner".to_owned()),
        ];
        for change in changes {
            let mut own = standard.clone();
            change(&mut own);
            assert_ne!(own.digest(), standard.digest(), "{own:?}");
        }
    }

    #[test]
    fn should_take_records_from_before_workflows_for_those_of_the_default() {
        let moved = |old: &str, new: &str| TicketStatusUpdated {
            old_status: old.to_owned(),
            new_status: new.to_owned(),
            ..TicketStatusUpdated::default()
        };
        assert!(moved("REVIEW", "DONE").was_open() && !moved("REVIEW", "DONE").is_open());
        assert!(!TicketState { status: "DONE".to_owned(), ..TicketState::default() }.is_open());
        let said = TicketState { status: "DONE".to_owned(), open: Some(true), ..TicketState::default() };
        assert!(said.is_open());
    }
}
