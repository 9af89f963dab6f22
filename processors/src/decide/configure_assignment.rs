//! ConfigureAssignment: who is given new work, and with whom it is shared.
//!
//! Joining the pool of another project takes two steps: the project's own guards, then the answer of the project that
//! hosts the pool, upon which all guards are asked again.

use schemas::{ConfigureAssignment, ProjectState};
use uuid::Uuid;

use super::update_project::updated;
use crate::decision::Accepted;
use crate::guard::{self, Entry, Issue};
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::role::Role;
use crate::view::{ProjectView, Refused};

/// What the command asks for, found good as far as the project itself can tell.
struct Checked {
    entry: Entry,
    new: ProjectState,
    /// The pool to be joined, which has to be asked.
    joins: Option<Uuid>,
}

/// The decision; none if a pool has to be asked first.
pub(super) fn decide(
    view: &impl ProjectView,
    issue: &Issue,
    command: &ConfigureAssignment,
) -> Result<Option<Accepted>, Refused> {
    let Checked { entry, new, joins } = check(view, issue, command)?;
    if joins.is_some() {
        return Ok(None);
    }
    updated(view, issue, &entry, new).map(Some)
}

/// Decides about a ConfigureAssignment whose pool has answered: whether there is such a project, and whether others may
/// join its pool.
///
/// # Errors
/// The rules refuse the command, or the state cannot be read.
pub fn decide_joined_pool(
    view: &impl ProjectView,
    command: &ConfigureAssignment,
    known: bool,
    open: bool,
    at: i64,
) -> Result<Accepted, Refused> {
    let issue = Issue {
        command_id: command.command_id,
        correlation_id: command.correlation_id,
        project_id: command.project_id,
        actor_id: command.actor_id,
        actor_admin: command.actor_admin,
        at,
    };
    let Checked { entry, new, joins } = check(view, &issue, command)?;
    match joins {
        Some(pool) if !known => Err(Rejection::PoolUnknown { pool }.into()),
        Some(pool) if !open => Err(Rejection::PoolNotOpen { pool }.into()),
        _ => updated(view, &issue, &entry, new),
    }
}

fn check(view: &impl ProjectView, issue: &Issue, command: &ConfigureAssignment) -> Result<Checked, Refused> {
    let entry = guard::enter(view, issue, Role::Maintainer)?;
    let mut new = (*entry.project).clone();
    if let Some(policy) = &command.policy {
        new.assignment_policy = Policy::check(policy.clone())?;
    }
    new.pool_open = command.pool_open.unwrap_or(new.pool_open);
    if let Some(pool) = command.pool {
        new.pool_id = (pool != issue.project_id).then_some(pool);
    }
    // A pool that others join and its host does not use would surprise everybody.
    if new.pool_open && new.pool_id.is_some() {
        return Err(Rejection::OwnPoolOpen.into());
    }
    let joins = new.pool_id.filter(|_| new.pool_id != entry.project.pool_id);
    Ok(Checked { entry, new, joins })
}
