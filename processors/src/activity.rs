//! Users who may do nothing any more: DeactivateUser and ReactivateUser, and what becomes of their memberships.
//!
//! Guards of DeactivateUser, in their order: insufficient_role (for oneself, or by an admin), user_unknown; of ReactivateUser:
//! insufficient_role (by an admin), user_unknown. Asking for what is so already is accepted without an event of the user,
//! and tells the projects again: what a membership has missed, by whatever way it came about, is so put right.
//!
//! The user sub-topology does not know who is a member where, and the ticket sub-topology has no users. So each partition of projects
//! is told, in one order with the answers to AddMember: nobody becomes a member on an answer from before, and is missed.

use schemas::{MemberState, TicketEvent, UserActivityTold, UserEvent, UserState, UserUpdated, ids};
use topology::broker::partition_for_key;
use uuid::Uuid;

use crate::decision::{Stamp, event};
use crate::rejection::{Needed, Rejection};
use crate::user::{changed, themselves};
use crate::view::{Fault, ProjectView};

/// What a DeactivateUser or ReactivateUser asks for.
#[derive(Debug, Clone)]
pub struct ActivityChange {
    /// Id of the command.
    pub command_id: Uuid,
    /// Id that ties together everything one request caused.
    pub correlation_id: Uuid,
    /// Who asks.
    pub actor_id: Uuid,
    /// Whether that is an admin.
    pub actor_admin: bool,
    /// Who the user is.
    pub user_key: String,
    /// Whether they are to do nothing any more.
    pub deactivated: bool,
}

/// Decides about a DeactivateUser or ReactivateUser; no event if it asks for what is so already. `at` is the timestamp of
/// the command's record, in milliseconds since the Unix epoch.
///
/// # Errors
/// The rules refuse the command.
pub fn decide_activity(
    known: Option<&UserState>,
    change: &ActivityChange,
    at: i64,
) -> Result<Option<UserEvent>, Rejection> {
    // Whoever has nothing any more cannot give it back to themselves.
    if !change.deactivated && !change.actor_admin {
        return Err(Rejection::InsufficientRole { needed: Needed::Admin });
    }
    let user = themselves(known, &change.user_key, change.actor_id, change.actor_admin)?;
    if user.deactivated == change.deactivated {
        return Ok(None);
    }
    let deactivated = change.deactivated;
    let event = UserUpdated { deactivated, ..changed(user, change.command_id, change.correlation_id, at) };
    Ok(Some(event.into()))
}

/// What the partitions of projects are told of a change that was accepted, each with the key that it goes by.
pub(crate) fn told(change: &ActivityChange, partitions: u32) -> impl Iterator<Item = (Uuid, UserActivityTold)> {
    let told = UserActivityTold {
        correlation_id: change.correlation_id,
        causation_id: change.command_id,
        user_id: ids::user_id(&change.user_key),
        changed_by: change.actor_id,
        deactivated: change.deactivated,
    };
    (0..partitions).filter_map(move |partition| Some((key_on(partition, partitions)?, told.clone())))
}

/// The first id that lies on a partition.
fn key_on(partition: u32, partitions: u32) -> Option<Uuid> {
    let lies_there = |id: &Uuid| partition_for_key(id.to_string().as_bytes(), partitions) == partition;
    (0..u128::MAX).map(Uuid::from_u128).find(lies_there)
}

/// The event of a project that was told of a user; none if the user is no member, or is known to be so already. `at` is the
/// timestamp of the record, in milliseconds since the Unix epoch.
///
/// It goes beyond roles and archived projects: it is not the project that decides about this.
///
/// # Errors
/// The state cannot be read.
pub fn decide_membership(
    view: &impl ProjectView,
    project_id: Uuid,
    told: &UserActivityTold,
    at: i64,
) -> Result<Option<TicketEvent>, Fault> {
    let UserActivityTold { correlation_id, causation_id, user_id, changed_by, deactivated } = *told;
    let Some(member) = view.member(user_id)?.filter(|member| member.deactivated != deactivated) else {
        return Ok(None);
    };
    let MemberState { handle, role, capacity, skills, available, .. } = (*member).clone();
    // One command changes memberships in many projects, so its own id does not tell their events apart.
    let seed = ids::membership_id(causation_id, project_id);
    let stamp = Stamp { seed, ..Stamp::new(view, causation_id, correlation_id, project_id, at)? };
    Ok(Some(event!(
        &stamp,
        0,
        ProjectMemberUpdated {
            user_id,
            handle,
            role,
            capacity,
            skills,
            available,
            changed_by,
            changed_at: at,
            deactivated,
        }
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_find_a_key_for_every_partition() {
        for partitions in [1, 4, 12, 48] {
            let change = ActivityChange {
                command_id: Uuid::nil(),
                correlation_id: Uuid::nil(),
                actor_id: Uuid::nil(),
                actor_admin: false,
                user_key: "ada@example.org".to_owned(),
                deactivated: true,
            };
            let keys: Vec<u32> = told(&change, partitions)
                .map(|(key, _)| partition_for_key(key.to_string().as_bytes(), partitions))
                .collect();
            assert_eq!(keys, (0..partitions).collect::<Vec<_>>());
        }
    }
}
