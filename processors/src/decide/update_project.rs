//! UpdateProject: the event has the whole new state.

use schemas::UpdateProject;

use crate::decision::{Accepted, event};
use crate::fields;
use crate::guard::{self, Issue};
use crate::role::Role;
use crate::view::{ProjectView, Refused};

pub(super) fn decide(view: &impl ProjectView, issue: &Issue, command: UpdateProject) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Maintainer)?;
    let old = &entry.project;
    let name = command.name.map(fields::name).transpose()?.unwrap_or_else(|| old.name.clone());
    let description =
        command.description.map(fields::description).transpose()?.unwrap_or_else(|| old.description.clone());
    let viewer_comments = command.viewer_comments.unwrap_or(old.viewer_comments);
    if name == old.name && description == old.description && viewer_comments == old.viewer_comments {
        return Ok(Accepted::default());
    }
    let stamp = issue.stamp(view)?;
    let events = vec![event!(
        &stamp,
        0,
        ProjectUpdated { name, description, viewer_comments, updated_by: issue.actor_id, updated_at: issue.at }
    )];
    Ok(Accepted { events, ..Accepted::default() })
}
