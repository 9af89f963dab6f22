//! UpdateProject: the event has the whole new state.

use schemas::{ProjectState, UpdateProject};

use crate::decision::{Accepted, event};
use crate::fields;
use crate::guard::{self, Entry, Issue};
use crate::role::Role;
use crate::view::{ProjectView, Refused};

pub(super) fn decide(view: &impl ProjectView, issue: &Issue, command: UpdateProject) -> Result<Accepted, Refused> {
    let entry = guard::enter_archived(view, issue, Role::Maintainer)?;
    let mut new = (*entry.project).clone();
    if let Some(name) = command.name {
        new.name = fields::name(name)?;
    }
    if let Some(description) = command.description {
        new.description = fields::description(description)?;
    }
    new.viewer_comments = command.viewer_comments.unwrap_or(new.viewer_comments);
    new.archived = command.archived.unwrap_or(new.archived);
    if new.archived && new != *entry.project {
        entry.is_active()?;
    }
    updated(view, issue, &entry, new)
}

/// The event that makes the project what it is to be, if it is not so already.
pub(super) fn updated(
    view: &impl ProjectView,
    issue: &Issue,
    entry: &Entry,
    new: ProjectState,
) -> Result<Accepted, Refused> {
    if new == *entry.project {
        return Ok(Accepted::default());
    }
    let stamp = issue.stamp(view)?;
    let events = vec![event!(
        &stamp,
        0,
        ProjectUpdated {
            name: new.name,
            description: new.description,
            viewer_comments: new.viewer_comments,
            updated_by: issue.actor_id,
            updated_at: issue.at,
            assignment_policy: new.assignment_policy,
            pool_id: new.pool_id,
            pool_open: new.pool_open,
            workflow: new.workflow,
            archived: new.archived,
        }
    )];
    Ok(Accepted { events, ..Accepted::default() })
}
