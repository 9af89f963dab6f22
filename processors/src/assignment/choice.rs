//! The choice: of a member for a ticket, and of the waiting tickets that somebody with room is given.

use std::collections::BTreeSet;

use schemas::{PoolGroupState, PoolLoadState, PoolMembershipState, PoolTicketState};
use topology::ProcessingError;
use uuid::Uuid;

use super::keys::{Kind, Place, PoolTicketKey, labels_id};
use super::order::heads;
use super::pool::Pool;
use super::weight;
use crate::policy::Policy;
use crate::role::Role;

/// The classes of waiting tickets, the first to be given first.
const PRIORITIES: [&str; 4] = ["URGENT", "HIGH", "MEDIUM", "LOW"];

/// Two shares of a load in a capacity differ by at least 1 / (1,000,000 x 1,000,000), which is more than 2^-41.
const SHARE_BITS: u32 = 41;

/// Who is chosen.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) user_id: Uuid,
    pub(super) reason: String,
}

/// Where a member stands among those who can be given work of a project; none if the member cannot. Capacity and skills
/// are those of the `host`'s membership, but both that and the project's `own` must let the member work.
pub(super) fn member_place(
    policy: Policy,
    user_id: Uuid,
    load: &PoolLoadState,
    host: &PoolMembershipState,
    own: &PoolMembershipState,
) -> Option<Place> {
    let works = |of: &PoolMembershipState| of.available && Role::of_stored(&of.role) >= Role::Member;
    if !works(host) || !works(own) {
        return None;
    }
    let capacity = i64::from(host.capacity);
    // Weights are 1, 2, 3 and 5: a member with room for 4 can be given what one with room for 3 can.
    let class = [5, 3, 2, 1].into_iter().find(|weight| load.load + i64::from(*weight) <= capacity)?;
    let share = || i64::try_from((i128::from(load.load) << SHARE_BITS) / i128::from(capacity)).unwrap_or(i64::MAX);
    let first = if policy == Policy::RoundRobin { 0 } else { share() };
    Some(Place { class, first, second: load.last_assigned, id: user_id })
}

/// Where a ticket stands among those that wait.
pub(super) fn waiting_place(key: PoolTicketKey, ticket: &PoolTicketState) -> Place {
    let class = PRIORITIES.iter().position(|priority| *priority == ticket.priority).unwrap_or(2);
    let class = u8::try_from(class).unwrap_or(u8::MAX);
    Place { class, first: ticket.created_at, second: key.2, id: Uuid::nil() }
}

fn weight_of(class: u8) -> i64 {
    PRIORITIES.get(usize::from(class)).map_or(i64::MAX, |priority| weight(priority))
}

/// Both are sorted.
fn covers(skills: &[String], labels: &[String]) -> bool {
    labels.iter().all(|label| skills.binary_search(label).is_ok())
}

impl Pool<'_, '_> {
    /// The member who is to have a ticket with these labels, if anybody can.
    pub(super) fn choose(
        &mut self,
        project_id: Uuid,
        labels: &[String],
        weight: i64,
    ) -> Result<Option<Choice>, ProcessingError> {
        let Some(policy) = self.gives(project_id)? else { return Ok(None) };
        let groups = self.stores.order.groups(self.ctx, Kind::Members, self.id, project_id)?;
        let mut best: Option<(bool, i64, i64, Uuid)> = None;
        for group in &groups {
            let lacks = !covers(&group.labels, labels);
            if lacks && policy == Policy::SkillsOnly {
                continue;
            }
            for place in heads(group).filter(|place| i64::from(place.class) >= weight) {
                let rank = (lacks, place.first, place.second, place.id);
                if best.is_none_or(|best| rank < best) {
                    best = Some(rank);
                }
            }
        }
        let Some((lacks, _, _, user_id)) = best else { return Ok(None) };
        let load = self.load(user_id)?.load;
        let capacity = self.membership(self.id, user_id)?.map_or(0, |host| host.capacity);
        let most = if policy == Policy::RoundRobin { "whose turn is longest ago" } else { "with the lowest share" };
        let whom = match (labels, lacks) {
            ([], _) => String::new(),
            (labels, false) => format!(" and the skills {}", labels.join(", ")),
            (labels, true) => format!("; nobody with room has the skills {}", labels.join(", ")),
        };
        let reason =
            format!("{most} of those with room{whom}: load {load} of {capacity}, {} with this ticket", load + weight);
        Ok(Some(Choice { user_id, reason }))
    }

    /// Gives somebody who may have room now what waits longest, the most urgent first. All others had no room for it before.
    pub(super) fn give_waiting_to(&mut self, user_id: Uuid) -> Result<(), ProcessingError> {
        while self.left > 0 {
            let load = self.load(user_id)?;
            let Some(host) = self.membership(self.id, user_id)? else { return Ok(()) };
            let mut best: Option<(Place, Uuid, Vec<String>)> = None;
            for &project_id in &load.projects {
                let Some(policy) = self.gives(project_id)? else { continue };
                let Some(own) = self.membership(project_id, user_id)? else { continue };
                let Some(Place { class: room, .. }) = member_place(policy, user_id, &load, &host, &own) else {
                    continue;
                };
                for group in self.stores.order.groups(self.ctx, Kind::Waiting, self.id, project_id)? {
                    if policy == Policy::SkillsOnly && !covers(&host.skills, &group.labels) {
                        continue;
                    }
                    let fitting = heads(&group).filter(|place| weight_of(place.class) <= i64::from(room));
                    let first = fitting.min().filter(|place| best.as_ref().is_none_or(|(best, ..)| place < best));
                    if let Some(place) = first {
                        best = Some((place, project_id, group.labels));
                    }
                }
            }
            let Some((place, project_id, labels)) = best else { return Ok(()) };
            if !self.give(project_id, place, &labels)? {
                return Ok(());
            }
        }
        for &project_id in &self.load(user_id)?.projects {
            self.drain_later(project_id)?;
        }
        Ok(())
    }

    /// Gives what waits in a project to whoever has room.
    pub(super) fn give_waiting_of(&mut self, project_id: Uuid) -> Result<(), ProcessingError> {
        if self.gives(project_id)?.is_none() {
            return self.drained(project_id);
        }
        // Classes of groups that nobody has room for; nobody gains any meanwhile.
        let mut hopeless = BTreeSet::new();
        while self.left > 0 {
            let groups = self.stores.order.groups(self.ctx, Kind::Waiting, self.id, project_id)?;
            let ids = groups.iter().map(|group| labels_id(&group.labels));
            let all = groups.iter().zip(ids).flat_map(|(group, id)| heads(group).map(move |place| (place, id, group)));
            let first =
                all.filter(|(place, id, _)| !hopeless.contains(&(*id, place.class))).min_by_key(|(place, ..)| *place);
            let Some((place, id, PoolGroupState { labels, .. })) = first else {
                return self.drained(project_id);
            };
            if !self.give(project_id, place, labels)? {
                hopeless.insert((id, place.class));
            }
        }
        self.drain_later(project_id)
    }

    /// Proposes somebody for a waiting ticket; false if nobody can be.
    fn give(&mut self, project_id: Uuid, place: Place, labels: &[String]) -> Result<bool, ProcessingError> {
        let Some(choice) = self.choose(project_id, labels, weight_of(place.class))? else { return Ok(false) };
        let key = PoolTicketKey(self.id, project_id, place.second);
        let Some(ticket) = self.stores.tickets.get(self.ctx, &key)? else {
            let what = format!("ticket {} of project {project_id} waits, but is not known", place.second);
            return Err(ProcessingError::record("contradiction", what));
        };
        self.propose(key, &ticket, Some(choice.user_id), choice.reason);
        let new = PoolTicketState { assignee_id: Some(choice.user_id), proposed: true, ..(*ticket).clone() };
        self.put_ticket(key, Some(&ticket), Some(new))?;
        Ok(true)
    }
}
