//! What a workflow may be, and who may go which of its ways.

use schemas::{TicketState, Workflow, WorkflowState, WorkflowTransition};

use crate::rejection::{Rejection, Short, Unmet};
use crate::role::Role;

/// Most states of a workflow.
pub const STATES_MAX: usize = 50;
/// Most ways between them.
pub const TRANSITIONS_MAX: usize = 1_000;
/// Most characters in the name of a state.
pub const STATE_MAX_CHARS: usize = 40;
/// Most tickets that a project may ever have had for them to be looked at one by one.
pub const LOOKED_AT_MAX: i64 = 1_000_000;

/// The workflow as it is kept: none in the place of the default.
pub(crate) fn check(workflow: Option<Workflow>) -> Result<Option<Workflow>, Rejection> {
    let Some(workflow) = workflow.filter(|workflow| workflow != Workflow::standard()) else { return Ok(None) };
    let wrong = wrong_states(&workflow.states).map(|why| ("states", why));
    match wrong.or_else(|| wrong_ways(&workflow).map(|why| ("transitions", why))) {
        None => Ok(Some(workflow)),
        Some((field, why)) => Err(Rejection::WorkflowInvalid { field, why }),
    }
}

fn wrong_states(states: &[WorkflowState]) -> Option<String> {
    if !(1..=STATES_MAX).contains(&states.len()) {
        return Some(format!("there are {} states, 1 to {STATES_MAX} are possible", states.len()));
    }
    for (at, state) in states.iter().enumerate() {
        if !is_name(&state.name) {
            return Some(format!(
                "state {:?} is not 1 to {STATE_MAX_CHARS} capital letters, digits and underscores beginning with a letter",
                Short(&state.name)
            ));
        }
        if states.iter().take(at).any(|before| before.name == state.name) {
            return Some(format!("there are two states {}", state.name));
        }
    }
    let first_is_open = states.first().is_some_and(|first| first.open);
    (!first_is_open).then(|| "tickets begin in the first state, which must be an open one".to_owned())
}

fn wrong_ways(workflow: &Workflow) -> Option<String> {
    let ways = &workflow.transitions;
    if ways.len() > TRANSITIONS_MAX {
        return Some(format!("there are {} ways, {TRANSITIONS_MAX} are possible", ways.len()));
    }
    for (at, way) in ways.iter().enumerate() {
        let named = || format!("the way from {:?} to {:?}", Short(&way.from), Short(&way.to));
        if let Some(missing) = [&way.from, &way.to].into_iter().find(|name| workflow.state(name).is_none()) {
            return Some(format!("{} names a state {:?} that there is not", named(), Short(missing)));
        }
        if way.from == way.to {
            return Some(format!("{} leads nowhere", named()));
        }
        if ways.iter().take(at).any(|before| (&before.from, &before.to) == (&way.from, &way.to)) {
            return Some(format!("{} is there twice", named()));
        }
        for (at, role) in way.only_roles.iter().enumerate() {
            if Role::parse(role).is_none() {
                return Some(format!("{} is for a role {:?}, which there is not", named(), Short(role)));
            }
            if way.only_roles.iter().take(at).any(|before| before == role) {
                return Some(format!("{} names the role {role} twice", named()));
            }
        }
        if way.only_roles.len() == 1 && way.only_roles.iter().all(|role| Role::parse(role) == Some(Role::Viewer)) {
            return Some(format!("{} is for viewers alone, who move no tickets", named()));
        }
    }
    None
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=STATE_MAX_CHARS).contains(&name.len())
        && name.bytes().all(fits)
        && name.as_bytes().first().is_some_and(u8::is_ascii_uppercase)
}

/// The names of the states that a ticket may go to from `status`.
pub(crate) fn allowed_from(workflow: &Workflow, status: &str) -> Vec<String> {
    workflow.ways_from(status).map(|way| way.to.clone()).collect()
}

/// What keeps a ticket from going a way, if anything does.
pub(crate) fn unmet(way: &WorkflowTransition, ticket: &TicketState, commented: bool, role: Role) -> Option<Unmet> {
    if !way.only_roles.is_empty() && !way.only_roles.iter().any(|name| name == role.name()) {
        return Some(Unmet::OnlyRoles(way.only_roles.clone()));
    }
    if way.requires_assignee && ticket.assignee_id.is_none() {
        return Some(Unmet::RequiresAssignee);
    }
    (way.requires_comment && !commented).then_some(Unmet::RequiresComment)
}
