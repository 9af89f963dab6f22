//! AddMember, UpdateMember, RemoveMember.
//!
//! AddMember takes two steps: the project's own guards, then the answer of the user sub-topology, upon which all guards
//! are asked again, as the project has gone on meanwhile.

use schemas::{AddMember, MemberState, RemoveMember, UpdateMember};
use uuid::Uuid;

use crate::decision::{Accepted, event};
use crate::fields;
use crate::guard::{self, Entry, Issue};
use crate::rejection::Rejection;
use crate::role::Role;
use crate::view::{Fault, ProjectView, Refused};

/// A user who was looked up.
#[derive(Debug, Clone, Copy)]
pub struct LookedUp<'a> {
    /// Who it is.
    pub user_id: Uuid,
    /// The handle that the e-mail or login suggests.
    pub suggested_handle: Option<&'a str>,
    /// Whether they may do nothing any more.
    pub deactivated: bool,
}

/// Decides about an AddMember whose user was looked up: `user` is none if no such user is known.
///
/// # Errors
/// The rules refuse the command, or the state cannot be read.
pub fn decide_added_member(
    view: &impl ProjectView,
    command: AddMember,
    user: Option<LookedUp<'_>>,
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
    let Checked { role, capacity, skills, handle } = check_add(view, &issue, &command)?;
    let Some(LookedUp { user_id, suggested_handle, deactivated }) = user else {
        return Err(Rejection::UserUnknown { user_key: command.user_key }.into());
    };
    if view.member(user_id)?.is_some() {
        return Err(Rejection::AlreadyMember.into());
    }
    if deactivated {
        return Err(Rejection::UserDeactivated { user_key: command.user_key }.into());
    }
    let wanted = handle.as_deref().or(suggested_handle).unwrap_or("member");
    let handle = free_handle(view, wanted)?;
    let stamp = issue.stamp(view)?;
    let events = vec![event!(
        &stamp,
        0,
        ProjectMemberAdded {
            user_id,
            handle,
            role: role.name().to_owned(),
            capacity,
            skills,
            available: true,
            changed_by: issue.actor_id,
            changed_at: at,
        }
    )];
    Ok(Accepted { events, user_id: Some(user_id), ..Accepted::default() })
}

/// What an AddMember asks for, found good.
pub(super) struct Checked {
    role: Role,
    capacity: i32,
    skills: Vec<String>,
    handle: Option<String>,
}

/// The guards that need no answer.
pub(super) fn check_add(view: &impl ProjectView, issue: &Issue, command: &AddMember) -> Result<Checked, Refused> {
    let entry = guard::enter(view, issue, Role::Maintainer)?;
    let role = fields::role(&command.role)?;
    owners_only(&entry, role)?;
    Ok(Checked {
        role,
        capacity: fields::capacity(command.capacity)?,
        skills: fields::skills(command.skills.clone())?,
        handle: command.handle.as_deref().map(fields::handle).transpose()?,
    })
}

pub(super) fn decide_update(
    view: &impl ProjectView,
    issue: &Issue,
    command: UpdateMember,
) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Maintainer)?;
    let user_id = command.user_id;
    let old = view.member(user_id)?.ok_or(Rejection::MemberNotFound { user_id })?;
    let old_role = Role::of_stored(&old.role);
    let role = command.role.as_deref().map(fields::role).transpose()?.unwrap_or(old_role);
    owners_only(&entry, old_role.max(role))?;
    let new = MemberState {
        role: role.name().to_owned(),
        capacity: fields::capacity(command.capacity.or(Some(old.capacity)))?,
        skills: command.skills.map(fields::skills).transpose()?.unwrap_or_else(|| old.skills.clone()),
        available: command.available.unwrap_or(old.available),
        handle: old.handle.clone(),
        deactivated: old.deactivated,
    };
    if old_role == Role::Owner && role != Role::Owner {
        another_owner(&entry)?;
    }
    if new == *old {
        return Ok(Accepted { user_id: Some(user_id), ..Accepted::default() });
    }
    let stamp = issue.stamp(view)?;
    let events = vec![event!(
        &stamp,
        0,
        ProjectMemberUpdated {
            user_id,
            handle: new.handle,
            role: new.role,
            capacity: new.capacity,
            skills: new.skills,
            available: new.available,
            deactivated: new.deactivated,
            changed_by: issue.actor_id,
            changed_at: issue.at,
        }
    )];
    Ok(Accepted { events, user_id: Some(user_id), ..Accepted::default() })
}

pub(super) fn decide_remove(
    view: &impl ProjectView,
    issue: &Issue,
    command: &RemoveMember,
) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Maintainer)?;
    let user_id = command.user_id;
    let old = view.member(user_id)?.ok_or(Rejection::MemberNotFound { user_id })?;
    let old_role = Role::of_stored(&old.role);
    owners_only(&entry, old_role)?;
    if old_role == Role::Owner {
        another_owner(&entry)?;
    }
    let stamp = issue.stamp(view)?;
    let events =
        vec![event!(&stamp, 0, ProjectMemberRemoved { user_id, changed_by: issue.actor_id, changed_at: issue.at })];
    Ok(Accepted { events, user_id: Some(user_id), ..Accepted::default() })
}

/// Else a maintainer could make themselves an owner.
fn owners_only(entry: &Entry, touched: Role) -> Result<(), Rejection> {
    if touched == Role::Owner { entry.needs(Role::Owner) } else { Ok(()) }
}

fn another_owner(entry: &Entry) -> Result<(), Rejection> {
    if entry.project.owners > 1 { Ok(()) } else { Err(Rejection::LastOwner) }
}

/// The handle, with the lowest number from 2 that makes it unique if it is taken.
fn free_handle(view: &impl ProjectView, wanted: &str) -> Result<String, Fault> {
    let mut handle = wanted.to_owned();
    let mut number = 2_u64;
    while view.handle_taken(&handle)? {
        handle = format!("{wanted}{number}");
        number += 1;
    }
    Ok(handle)
}
