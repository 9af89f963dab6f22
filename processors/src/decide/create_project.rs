//! CreateProject: whoever creates a project owns it. One partition decides who gets a key.

use schemas::{CreateProject, ids};

use crate::decision::{Accepted, event};
use crate::fields;
use crate::guard::Issue;
use crate::rejection::Rejection;
use crate::role::Role;
use crate::view::{ProjectView, Refused};

const OWNER_HANDLE_DEFAULT: &str = "owner";

pub(super) fn decide(view: &impl ProjectView, issue: &Issue, command: CreateProject) -> Result<Accepted, Refused> {
    let CreateProject { key, name, description, owner_handle, .. } = command;
    if !fields::is_project_key(&key) || ids::project_id(&key) != issue.project_id {
        return Err(Rejection::KeyInvalid { key }.into());
    }
    if view.project()?.is_some() {
        return Err(Rejection::KeyTaken { key }.into());
    }
    let name = fields::name(name)?;
    let description = fields::description(description)?;
    let handle = match owner_handle {
        Some(handle) => fields::handle(&handle)?,
        None => OWNER_HANDLE_DEFAULT.to_owned(),
    };
    let stamp = issue.stamp(view)?;
    let owner_id = issue.actor_id;
    let events = vec![
        event!(&stamp, 0, ProjectCreated { key, name, description, owner_id, created_at: issue.at }),
        event!(
            &stamp,
            1,
            ProjectMemberAdded {
                user_id: owner_id,
                handle,
                role: Role::Owner.name().to_owned(),
                capacity: fields::CAPACITY_DEFAULT,
                skills: Vec::new(),
                available: true,
                changed_by: owner_id,
                changed_at: issue.at,
            }
        ),
    ];
    Ok(Accepted { events, user_id: Some(owner_id), ..Accepted::default() })
}
