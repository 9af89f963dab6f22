//! The projects of a pool: how each wants its tickets assigned, those that come and go, and what one record was too little
//! for.

use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use schemas::{PoolProjectChanged, PoolProjectLeft, PoolProjectState, PoolTicketState};
use topology::ProcessingError;
use uuid::Uuid;

use super::choice::member_place;
use super::keys::{GroupKey, Kind, PoolMembershipKey, PoolProjectKey, PoolTicketKey};
use super::pool::Pool;
use crate::keys::KeyBytes;
use crate::policy::Policy;

/// Most tickets and memberships of a project that has left that one record looks at.
const MOST_DROPPED: usize = 256;

impl Pool<'_, '_> {
    /// A project has come, or wants its tickets assigned in another way.
    pub(crate) fn project_changed(&mut self, told: &PoolProjectChanged) -> Result<(), ProcessingError> {
        let mut project = self.project(told.project_id)?;
        let comes = project.left || project.since != told.since;
        if project.policy == told.policy && !comes {
            return Ok(());
        }
        let (old, new) = (Policy::of_stored(&project.policy), Policy::of_stored(&told.policy));
        let prefix = GroupKey::prefix(Kind::Members, self.id, told.project_id);
        for from in self.stores.order.places(self.ctx, &prefix, usize::MAX)? {
            let (user_id, load) = (from.id, self.load(from.id)?);
            let host = self.membership(self.id, user_id)?;
            let own = self.membership(told.project_id, user_id)?;
            let Some((host, own)) = host.zip(own) else { continue };
            let place = |policy| Some((&*host.skills, member_place(policy, user_id, &load, &host, &own)?));
            self.move_member(told.project_id, place(old), place(new))?;
        }
        project.policy.clone_from(&told.policy);
        if comes {
            (project.since, project.left) = (told.since, false);
            project.leaving.clear();
        }
        self.put_project(told.project_id, project)?;
        self.give_waiting_of(told.project_id)
    }

    /// A project has left: drops what it told until then, a part of it for each record. The record that goes on, if there
    /// may be more.
    pub(crate) fn project_left(&mut self, told: &PoolProjectLeft) -> Result<Option<PoolProjectLeft>, ProcessingError> {
        let PoolProjectLeft { project_id, since, .. } = *told;
        let mut project = self.project(project_id)?;
        // Unless it has come back since.
        if project.since <= since && !project.left {
            project.left = true;
            project.leaving.clear();
            self.put_project(project_id, project)?;
        }
        let mut freed = BTreeSet::new();
        #[cfg(feature = "injected-bugs")]
        if crate::bugs::is(crate::bugs::Bug::LoadKeptOnLeaving) {
            return Ok(None);
        }
        let tickets = self.tickets_after(project_id, told.number)?;
        for (key, ticket) in tickets.iter().filter(|(_, ticket)| ticket.since <= since) {
            self.put_ticket(*key, Some(ticket), None)?;
            freed.extend(ticket.assignee_id);
        }
        let mut next = tickets
            .last()
            .filter(|_| tickets.len() == MOST_DROPPED)
            .map(|(key, _)| PoolProjectLeft { number: key.2, ..told.clone() });
        // The memberships of the host make up the pool, whether it is in it or not.
        if next.is_none() && project_id != self.id {
            next = self.drop_memberships(told)?;
        }
        let project = self.project(project_id)?;
        if next.is_none() && project_id != self.id && project.left && project.since <= since {
            self.stores.projects.delete(self.ctx, &PoolProjectKey(self.id, project_id))?;
        }
        freed.into_iter().try_for_each(|user_id| self.give_waiting_to(user_id))?;
        Ok(next)
    }

    fn drop_memberships(&mut self, told: &PoolProjectLeft) -> Result<Option<PoolProjectLeft>, ProcessingError> {
        let PoolProjectLeft { project_id, since, user_id, .. } = *told;
        let mut prefix = Vec::with_capacity(48);
        PoolProjectKey(self.id, project_id).write(&mut prefix);
        let mut after = prefix.clone();
        let from = user_id.map_or(Bound::Included(prefix.as_slice()), |user_id| {
            user_id.write(&mut after);
            Bound::Excluded(after.as_slice())
        });
        let mut members = Vec::new();
        self.stores.memberships.prefix_scan_after(self.ctx, &prefix, from, |key, membership| {
            members.extend(PoolMembershipKey::read(key).map(|key| (key.2, Arc::new(membership))));
            if members.len() < MOST_DROPPED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let last = members.last().map(|(user_id, _)| *user_id).filter(|_| members.len() == MOST_DROPPED);
        for (user_id, membership) in members {
            if membership.since <= since {
                self.put_membership(project_id, user_id, &Some(membership), None)?;
            }
        }
        Ok(last.map(|user_id| PoolProjectLeft { number: i64::MAX, user_id: Some(user_id), ..told.clone() }))
    }

    /// The tickets of a project after a number, in their order.
    fn tickets_after(
        &mut self,
        project_id: Uuid,
        number: i64,
    ) -> Result<Vec<(PoolTicketKey, PoolTicketState)>, ProcessingError> {
        let (mut prefix, mut after) = (Vec::with_capacity(32), Vec::with_capacity(40));
        PoolProjectKey(self.id, project_id).write(&mut prefix);
        PoolTicketKey(self.id, project_id, number).write(&mut after);
        let mut tickets = Vec::new();
        self.stores.tickets.prefix_scan_after(self.ctx, &prefix, Bound::Excluded(&after), |key, ticket| {
            tickets.extend(PoolTicketKey::read(key).map(|key| (key, ticket)));
            if tickets.len() < MOST_DROPPED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(tickets)
    }

    /// After an answer: what one record was too little for.
    pub(super) fn go_on(&mut self, project_id: Uuid) -> Result<(), ProcessingError> {
        let project = self.stores.projects.get(self.ctx, &PoolProjectKey(self.id, project_id))?;
        if project.is_some_and(|project| !project.leaving.is_empty()) {
            self.take_from_leaving(project_id)?;
        }
        let Some(pool) = self.stores.pools.get(self.ctx, &self.id)? else { return Ok(()) };
        pool.draining.iter().try_for_each(|project_id| self.give_waiting_of(*project_id))
    }

    /// A member has left a project.
    pub(super) fn leaves(&mut self, project_id: Uuid, user_id: Uuid) -> Result<(), ProcessingError> {
        let mut project = self.project(project_id)?;
        if !project.leaving.contains(&user_id) {
            project.leaving.push(user_id);
            self.put_project(project_id, project)?;
        }
        self.take_from_leaving(project_id)
    }

    /// Gives the tickets of members who have left to others; what nobody has room for is taken from them all the same. In the
    /// pool's other projects that they are members of they have room then.
    fn take_from_leaving(&mut self, project_id: Uuid) -> Result<(), ProcessingError> {
        let mut project = self.project(project_id)?;
        let mut freed = BTreeSet::new();
        while let Some(&user_id) = project.leaving.first() {
            let mut prefix = GroupKey::prefix(Kind::Had, self.id, user_id);
            prefix.extend_from_slice(project_id.as_bytes());
            let most = self.left.max(1);
            let places = self.stores.order.places(self.ctx, &prefix, most)?;
            // Each that is found leads to a proposal, or is one that is to be answered; so there may be more then.
            let all = places.len() < most;
            for place in places {
                let key = PoolTicketKey(self.id, project_id, place.first);
                let Some(old) = self.stores.tickets.get(self.ctx, &key)? else { continue };
                // One that they are only proposed for will be declined.
                if old.proposed {
                    continue;
                }
                let new = PoolTicketState { assignee_id: None, ..(*old).clone() };
                let before = self.proposals.len();
                self.find_assignee(key, Some(&old), new.clone())?;
                freed.insert(user_id);
                if self.proposals.len() == before {
                    let why = "whoever had it has left the project, and nobody has room".to_owned();
                    self.propose(key, &new, None, why);
                }
            }
            if !all {
                break;
            }
            project.leaving.remove(0);
        }
        self.put_project(project_id, project)?;
        freed.into_iter().try_for_each(|user_id| self.give_waiting_to(user_id))
    }

    /// Has what waits in a project tried again as soon as a proposal is answered.
    pub(super) fn drain_later(&mut self, project_id: Uuid) -> Result<(), ProcessingError> {
        let pool = self.stores.pools.get(self.ctx, &self.id)?.unwrap_or_default();
        if pool.draining.contains(&project_id) {
            return Ok(());
        }
        let mut pool = Arc::unwrap_or_clone(pool);
        pool.draining.push(project_id);
        self.stores.pools.put(self.ctx, &self.id, pool)
    }

    /// Nothing waits in a project that anybody has room for.
    pub(super) fn drained(&mut self, project_id: Uuid) -> Result<(), ProcessingError> {
        let Some(pool) = self.stores.pools.get(self.ctx, &self.id)? else { return Ok(()) };
        if !pool.draining.contains(&project_id) {
            return Ok(());
        }
        let mut pool = Arc::unwrap_or_clone(pool);
        pool.draining.retain(|draining| *draining != project_id);
        if pool.draining.is_empty() {
            return self.stores.pools.delete(self.ctx, &self.id);
        }
        self.stores.pools.put(self.ctx, &self.id, pool)
    }

    /// The policy by which members are ordered.
    pub(super) fn policy(&mut self, project_id: Uuid) -> Result<Policy, ProcessingError> {
        let project = self.stores.projects.get(self.ctx, &PoolProjectKey(self.id, project_id))?;
        Ok(project.map_or(Policy::default(), |project| Policy::of_stored(&project.policy)))
    }

    /// The policy by which the project's tickets are given; none if none are: it wants that, or has left.
    pub(super) fn gives(&mut self, project_id: Uuid) -> Result<Option<Policy>, ProcessingError> {
        let project = self.stores.projects.get(self.ctx, &PoolProjectKey(self.id, project_id))?;
        let (policy, left) = match project.as_deref() {
            Some(project) => (Policy::of_stored(&project.policy), project.left),
            None => (Policy::default(), project_id != self.id),
        };
        Ok((policy != Policy::Manual && !left).then_some(policy))
    }

    /// A project as the pool knows it. The host is in its pool from the start, any other must come first.
    pub(super) fn project(&mut self, project_id: Uuid) -> Result<PoolProjectState, ProcessingError> {
        let project = self.stores.projects.get(self.ctx, &PoolProjectKey(self.id, project_id))?;
        let policy = || Policy::default().name().to_owned();
        let unset =
            || PoolProjectState { policy: policy(), left: project_id != self.id, ..PoolProjectState::default() };
        Ok(project.map_or_else(unset, |project| (*project).clone()))
    }

    fn put_project(&mut self, project_id: Uuid, project: PoolProjectState) -> Result<(), ProcessingError> {
        if self.project(project_id)? == project {
            return Ok(());
        }
        self.stores.projects.put(self.ctx, &PoolProjectKey(self.id, project_id), project)
    }
}
