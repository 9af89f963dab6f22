//! A pool: takes in what it is told, and keeps the books: who carries how much, who has what, what waits.

use std::sync::Arc;

use schemas::{
    AssignmentDeclined, AssignmentProposed, PoolLoadState, PoolMemberChanged, PoolMembershipState, PoolProjectChanged,
    PoolProjectState, PoolTicketChanged, PoolTicketState,
};
use topology::{Context, ProcessingError};
use uuid::Uuid;

use super::choice::{member_place, waiting_place};
use super::keys::{
    GroupKey, Kind, OrderKey, Place, PoolMembershipKey, PoolProjectKey, PoolTicketKey, PoolUserKey, labels_id,
};
use super::stores::PoolHandles;
use super::weight;
use crate::policy::Policy;

/// Most proposals that one record leads to. What is left goes on when they are answered.
pub(crate) const MOST_PROPOSALS: usize = 128;

/// A pool while it takes in one record.
pub(crate) struct Pool<'c, 'x> {
    pub(super) stores: PoolHandles,
    pub(super) ctx: &'c mut Context<'x>,
    pub(super) id: Uuid,
    /// Of what the record tells.
    causation_id: Uuid,
    correlation_id: Uuid,
    /// How many proposals it may still lead to.
    pub(super) left: usize,
    /// What it has led to so far.
    pub(crate) proposals: Vec<AssignmentProposed>,
    turns: i64,
}

impl<'c, 'x> Pool<'c, 'x> {
    pub(crate) fn new(
        stores: PoolHandles,
        ctx: &'c mut Context<'x>,
        id: Uuid,
        causation_id: Uuid,
        correlation_id: Uuid,
    ) -> Self {
        // Later records have higher offsets, so turns only ever move on, and a replay makes the same.
        let turns = (ctx.offset() + 1).saturating_mul(2 * i64::try_from(MOST_PROPOSALS).unwrap_or(i64::MAX));
        Self { stores, ctx, id, causation_id, correlation_id, left: MOST_PROPOSALS, proposals: Vec::new(), turns }
    }

    /// A ticket is other than it was.
    pub(crate) fn ticket_changed(&mut self, told: PoolTicketChanged) -> Result<(), ProcessingError> {
        let key = PoolTicketKey(self.id, told.project_id, told.number);
        let old = self.stores.tickets.get(self.ctx, &key)?;
        let old = old.as_deref();
        // The proposal was made for the round that the ticket is still in: its answer is to come.
        let pending = old.filter(|old| old.proposed && old.round == told.round).and_then(|old| old.assignee_id);
        let assignee_id = pending.or(told.assignee_id);
        let new = (told.open && !(told.held && assignee_id.is_none())).then(|| PoolTicketState {
            ticket_id: told.ticket_id,
            priority: told.priority,
            labels: sorted(told.labels),
            assignee_id,
            proposed: pending.is_some(),
            round: told.round,
            created_at: told.created_at,
        });
        // Whatever moved the round on, a proposal's acceptance or somebody's hand.
        let answered = old.is_some_and(|old| old.round != told.round);
        let goes_from = |user_id| new.as_ref().is_none_or(|new| new.assignee_id != Some(user_id));
        let freed =
            old.and_then(|old| old.assignee_id).filter(|user_id| goes_from(*user_id) || lighter(old, new.as_ref()));
        match new {
            Some(new) if new.assignee_id.is_none() => self.find_assignee(key, old, new)?,
            new => self.put_ticket(key, old, new)?,
        }
        if let Some(user_id) = freed {
            self.give_waiting_to(user_id)?;
        }
        if answered { self.go_on(told.project_id) } else { Ok(()) }
    }

    /// A proposal was declined: the ticket is as before it, unless the pool has been told otherwise since.
    pub(crate) fn declined(&mut self, told: &AssignmentDeclined) -> Result<(), ProcessingError> {
        let key = PoolTicketKey(self.id, told.project_id, told.number);
        if let Some(old) = self.stores.tickets.get(self.ctx, &key)?
            && old.proposed
            && old.round == told.round
        {
            let had_by = old.assignee_id;
            let new = PoolTicketState { assignee_id: None, proposed: false, ..(*old).clone() };
            self.find_assignee(key, Some(&old), new)?;
            if let Some(user_id) = had_by {
                self.give_waiting_to(user_id)?;
            }
        }
        self.go_on(told.project_id)
    }

    /// A membership is other than it was.
    pub(crate) fn member_changed(&mut self, told: PoolMemberChanged) -> Result<(), ProcessingError> {
        let PoolMemberChanged { project_id, user_id, removed, role, capacity, skills, available, .. } = told;
        let key = PoolMembershipKey(self.id, user_id, project_id);
        let old = self.stores.memberships.get(self.ctx, &key)?;
        let new =
            (!removed).then(|| PoolMembershipState { role, capacity, skills: sorted(skills), available }).map(Arc::new);
        let policy = self.policy(project_id)?;
        let load = self.load(user_id)?;
        let place = |membership: &Option<Arc<PoolMembershipState>>| {
            membership.as_ref().and_then(|membership| member_place(policy, user_id, &load, membership))
        };
        let (from, to) = (place(&old), place(&new));
        self.move_member(project_id, old.as_deref(), new.as_deref(), from, to)?;
        let mut load = (*load).clone();
        load.projects.retain(|project| *project != project_id);
        match new {
            Some(new) => {
                self.stores.memberships.put(self.ctx, &key, (*new).clone())?;
                load.projects.push(project_id);
            }
            None => self.stores.memberships.delete(self.ctx, &key)?,
        }
        self.put_load(user_id, load)?;
        let mut project = self.project(project_id)?;
        project.leaving.retain(|leaving| *leaving != user_id);
        if removed {
            project.leaving.push(user_id);
        }
        self.put_project(project_id, project)?;
        if removed { self.take_from_leaving(project_id) } else { self.give_waiting_to(user_id) }
    }

    /// A project wants its tickets assigned in another way.
    pub(crate) fn project_changed(&mut self, told: &PoolProjectChanged) -> Result<(), ProcessingError> {
        let mut project = self.project(told.project_id)?;
        if project.policy == told.policy {
            return Ok(());
        }
        let (old, new) = (Policy::of_stored(&project.policy), Policy::of_stored(&told.policy));
        let prefix = GroupKey::prefix(Kind::Members, self.id, told.project_id);
        for from in self.stores.order.places(self.ctx, &prefix, usize::MAX)? {
            let (user_id, load) = (from.id, self.load(from.id)?);
            let key = PoolMembershipKey(self.id, user_id, told.project_id);
            let Some(membership) = self.stores.memberships.get(self.ctx, &key)? else { continue };
            let place = |policy| member_place(policy, user_id, &load, &membership);
            self.move_member(told.project_id, Some(&membership), Some(&membership), place(old), place(new))?;
        }
        project.policy.clone_from(&told.policy);
        self.put_project(told.project_id, project)?;
        self.give_waiting_of(told.project_id)
    }

    /// After an answer: what one record was too little for.
    fn go_on(&mut self, project_id: Uuid) -> Result<(), ProcessingError> {
        let project = self.project(project_id)?;
        if !project.leaving.is_empty() {
            self.take_from_leaving(project_id)?;
        }
        if project.draining { self.give_waiting_of(project_id) } else { Ok(()) }
    }

    /// Gives the tickets of members who have left to others; what nobody has room for is taken from them all the same.
    fn take_from_leaving(&mut self, project_id: Uuid) -> Result<(), ProcessingError> {
        let mut project = self.project(project_id)?;
        while let Some(&user_id) = project.leaving.first() {
            let mut prefix = GroupKey::prefix(Kind::Had, self.id, user_id);
            prefix.extend_from_slice(project_id.as_bytes());
            let places = self.stores.order.places(self.ctx, &prefix, self.left)?;
            // Each that is found leads to a proposal; so if none is left, there may be more.
            let all = places.len() < self.left;
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
                if self.proposals.len() == before {
                    self.propose(
                        key,
                        &new,
                        None,
                        "whoever had it has left the project, and nobody has room".to_owned(),
                    );
                }
            }
            if !all {
                break;
            }
            project.leaving.remove(0);
        }
        self.put_project(project_id, project)
    }

    /// Proposes somebody for a ticket that nobody has, or lets it wait.
    fn find_assignee(
        &mut self,
        key: PoolTicketKey,
        old: Option<&PoolTicketState>,
        mut new: PoolTicketState,
    ) -> Result<(), ProcessingError> {
        let waiting = new.clone();
        // Whoever had it has room for it now.
        let old = if old.is_some_and(|old| old.assignee_id.is_some()) {
            self.put_ticket(key, old, Some(new.clone()))?;
            Some(&waiting)
        } else {
            old
        };
        if let Some(choice) = self.choose(key.1, &new.labels, weight(&new.priority))? {
            self.propose(key, &new, Some(choice.user_id), choice.reason);
            new.assignee_id = Some(choice.user_id);
            new.proposed = true;
        }
        self.put_ticket(key, old, Some(new))
    }

    /// Writes a proposal.
    pub(super) fn propose(&mut self, key: PoolTicketKey, ticket: &PoolTicketState, to: Option<Uuid>, reason: String) {
        let PoolTicketKey(pool_id, project_id, number) = key;
        self.left = self.left.saturating_sub(1);
        self.proposals.push(AssignmentProposed {
            pool_id,
            project_id,
            causation_id: self.causation_id,
            correlation_id: self.correlation_id,
            number,
            ticket_id: ticket.ticket_id,
            round: ticket.round,
            assignee_id: to,
            reason,
            proposed_at: self.ctx.timestamp(),
        });
    }

    /// Writes down what becomes of a ticket: its entry, whose load it is, where it waits.
    pub(super) fn put_ticket(
        &mut self,
        key: PoolTicketKey,
        old: Option<&PoolTicketState>,
        new: Option<PoolTicketState>,
    ) -> Result<(), ProcessingError> {
        self.move_waiting(key, old, new.as_ref())?;
        let had = old.and_then(|old| Some((old.assignee_id?, weight(&old.priority))));
        let has = new.as_ref().and_then(|new| Some((new.assignee_id?, weight(&new.priority))));
        match (had, has) {
            (Some((before, was)), Some((after, is))) if before == after => {
                if was != is {
                    self.change_load(after, |load| load.load += is - was)?;
                }
            }
            _ => {
                if let Some((user_id, weight)) = had {
                    self.stores.order.delete(self.ctx, &had_key(key, user_id))?;
                    self.change_load(user_id, |load| load.load -= weight)?;
                }
                if let Some((user_id, weight)) = has {
                    self.turns += 1;
                    let turn = self.turns;
                    self.stores.order.put(self.ctx, &had_key(key, user_id))?;
                    self.change_load(user_id, |load| {
                        load.load += weight;
                        load.last_assigned = turn;
                    })?;
                }
            }
        }
        match new {
            Some(new) if old == Some(&new) => Ok(()),
            Some(new) => self.stores.tickets.put(self.ctx, &key, new),
            None if old.is_none() => Ok(()),
            None => self.stores.tickets.delete(self.ctx, &key),
        }
    }

    fn move_waiting(
        &mut self,
        key: PoolTicketKey,
        old: Option<&PoolTicketState>,
        new: Option<&PoolTicketState>,
    ) -> Result<(), ProcessingError> {
        let waiting = |ticket: &&PoolTicketState| ticket.assignee_id.is_none();
        let (old, new) = (old.filter(waiting), new.filter(waiting));
        let place = |ticket| waiting_place(key, ticket);
        let group =
            |labels: &[String]| GroupKey { kind: Kind::Waiting, pool: key.0, of: key.1, labels: labels_id(labels) };
        self.shift(group, old.map(|t| (&*t.labels, place(t))), new.map(|t| (&*t.labels, place(t))))
    }

    fn move_member(
        &mut self,
        project_id: Uuid,
        old: Option<&PoolMembershipState>,
        new: Option<&PoolMembershipState>,
        from: Option<Place>,
        to: Option<Place>,
    ) -> Result<(), ProcessingError> {
        let pool = self.id;
        let group =
            |labels: &[String]| GroupKey { kind: Kind::Members, pool, of: project_id, labels: labels_id(labels) };
        self.shift(
            group,
            old.zip(from).map(|(m, place)| (&*m.skills, place)),
            new.zip(to).map(|(m, place)| (&*m.skills, place)),
        )
    }

    fn shift(
        &mut self,
        group: impl Fn(&[String]) -> GroupKey,
        from: Option<(&[String], Place)>,
        to: Option<(&[String], Place)>,
    ) -> Result<(), ProcessingError> {
        let order = self.stores.order;
        match (from, to) {
            (Some((labels, from)), Some((same, to))) if labels == same => {
                order.shift(self.ctx, group(labels), labels, Some(from), Some(to))
            }
            _ => {
                if let Some((labels, from)) = from {
                    order.shift(self.ctx, group(labels), labels, Some(from), None)?;
                }
                let Some((labels, to)) = to else { return Ok(()) };
                order.shift(self.ctx, group(labels), labels, None, Some(to))
            }
        }
    }

    /// Changes what a user carries, and with it the user's place in each project of the pool.
    fn change_load(&mut self, user_id: Uuid, change: impl FnOnce(&mut PoolLoadState)) -> Result<(), ProcessingError> {
        let old = self.load(user_id)?;
        let mut new = (*old).clone();
        change(&mut new);
        if new.load < 0 {
            let what = format!("user {user_id} would carry {} in pool {}", new.load, self.id);
            return Err(ProcessingError::record("contradiction", what));
        }
        for &project_id in &old.projects {
            let key = PoolMembershipKey(self.id, user_id, project_id);
            let Some(membership) = self.stores.memberships.get(self.ctx, &key)? else { continue };
            let policy = self.policy(project_id)?;
            let place = |load| member_place(policy, user_id, load, &membership);
            self.move_member(project_id, Some(&membership), Some(&membership), place(&old), place(&new))?;
        }
        self.put_load(user_id, new)
    }

    pub(super) fn load(&mut self, user_id: Uuid) -> Result<Arc<PoolLoadState>, ProcessingError> {
        let load = self.stores.loads.get(self.ctx, &PoolUserKey(self.id, user_id))?;
        Ok(load.unwrap_or_default())
    }

    fn put_load(&mut self, user_id: Uuid, load: PoolLoadState) -> Result<(), ProcessingError> {
        let key = PoolUserKey(self.id, user_id);
        if load.load == 0 && load.projects.is_empty() {
            return self.stores.loads.delete(self.ctx, &key);
        }
        self.stores.loads.put(self.ctx, &key, load)
    }

    pub(super) fn policy(&mut self, project_id: Uuid) -> Result<Policy, ProcessingError> {
        let project = self.stores.projects.get(self.ctx, &PoolProjectKey(self.id, project_id))?;
        Ok(project.map_or(Policy::default(), |project| Policy::of_stored(&project.policy)))
    }

    pub(super) fn project(&mut self, project_id: Uuid) -> Result<PoolProjectState, ProcessingError> {
        let project = self.stores.projects.get(self.ctx, &PoolProjectKey(self.id, project_id))?;
        let unset = || PoolProjectState { policy: Policy::default().name().to_owned(), ..PoolProjectState::default() };
        Ok(project.map_or_else(unset, |project| (*project).clone()))
    }

    pub(super) fn put_project(&mut self, project_id: Uuid, project: PoolProjectState) -> Result<(), ProcessingError> {
        if self.project(project_id)? == project {
            return Ok(());
        }
        self.stores.projects.put(self.ctx, &PoolProjectKey(self.id, project_id), project)
    }
}

fn lighter(old: Option<&PoolTicketState>, new: Option<&PoolTicketState>) -> bool {
    old.zip(new).is_some_and(|(old, new)| weight(&new.priority) < weight(&old.priority))
}

fn had_key(ticket: PoolTicketKey, user_id: Uuid) -> OrderKey {
    let PoolTicketKey(pool, project_id, number) = ticket;
    let group = GroupKey { kind: Kind::Had, pool, of: user_id, labels: project_id };
    OrderKey(group, Place { class: 0, first: number, second: 0, id: Uuid::nil() })
}

fn sorted(mut labels: Vec<String>) -> Vec<String> {
    labels.sort_unstable();
    labels.dedup();
    labels
}
