//! ConfigureWorkflow: other states for a project's tickets, or other ways between them. No ticket is left in a state that there is not, and
//! none becomes open or closed without being moved.

use schemas::{ConfigureWorkflow, Workflow};

use super::update_project::updated;
use crate::decision::{Accepted, code};
use crate::guard::{self, Entry, Issue};
use crate::rejection::Rejection;
use crate::role::Role;
use crate::view::{ProjectView, Refused};
use crate::workflow::{self, LOOKED_AT_MAX};

pub(super) fn decide(view: &impl ProjectView, issue: &Issue, command: ConfigureWorkflow) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Maintainer)?;
    let mut new = (*entry.project).clone();
    new.workflow = workflow::check(command.workflow)?;
    if command.expected.is_some_and(|expected| expected != entry.project.workflow().digest()) {
        return Err(Rejection::WorkflowConflict.into());
    }
    check_tickets(view, &entry, new.workflow())?;
    updated(view, issue, &entry, new)
}

/// workflow_invalid, for tickets in a state that is to go or to mean something else.
fn check_tickets(view: &impl ProjectView, entry: &Entry, new: &Workflow) -> Result<(), Refused> {
    let old = &entry.project.workflow().states;
    let changed: Vec<&str> =
        old.iter().filter(|old| new.state(&old.name) != Some(*old)).map(|old| &*old.name).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let invalid = |why| Err(Rejection::WorkflowInvalid { field: "states", why }.into());
    // The thread does nothing else meanwhile.
    let ever = view.counters()?.last_number;
    if ever > LOOKED_AT_MAX {
        return invalid(format!("with more than {LOOKED_AT_MAX} tickets, a project's states can only become more"));
    }
    let Some((number, status)) = view.first_ticket_in(&changed)? else { return Ok(()) };
    let what = match new.state(&status) {
        None => "which there is to be no more",
        Some(new) if new.open => "which would be open again",
        Some(_) => "which would be closed",
    };
    invalid(format!("{} is in {status}, {what}: move such tickets first", code(&entry.project.key, number)))
}
