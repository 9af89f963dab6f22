//! A pool: takes in what it is told of tickets and answers, and writes down what becomes of a ticket: who has it, where it waits.

use schemas::{AssignmentDeclined, AssignmentProposed, PoolTicketChanged, PoolTicketState};
use topology::{Context, ProcessingError};
use uuid::Uuid;

use super::choice::waiting_place;
use super::keys::{GroupKey, Kind, OrderKey, Place, PoolTicketKey, labels_id};
use super::stores::PoolHandles;
use super::weight;

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
        let known = self.stores.tickets.get(self.ctx, &key)?;
        // What is left of an earlier stay of the project: nobody knows which of its proposals are answered.
        let (stale, old) = match known.as_deref() {
            Some(known) if known.since != told.since => (Some(known), None),
            old => (None, old),
        };
        if stale.is_some() {
            self.put_ticket(key, stale, None)?;
        }
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
            since: told.since,
        });
        // Whatever moved the round on, a proposal's acceptance or somebody's hand.
        let answered = old.map_or(told.round > 0, |old| old.round != told.round);
        let goes_from = |user_id| new.as_ref().is_none_or(|new| new.assignee_id != Some(user_id));
        let freed =
            old.and_then(|old| old.assignee_id).filter(|user_id| goes_from(*user_id) || lighter(old, new.as_ref()));
        match new {
            Some(new) if new.assignee_id.is_none() => self.find_assignee(key, old, new)?,
            new => self.put_ticket(key, old, new)?,
        }
        if let Some(user_id) = freed.or(stale.and_then(|stale| stale.assignee_id)) {
            self.give_waiting_to(user_id)?;
        }
        if answered { self.go_on(told.project_id) } else { Ok(()) }
    }

    /// A proposal was declined: the ticket is as before it, unless the pool has been told otherwise since, or the project
    /// has left.
    pub(crate) fn declined(&mut self, told: &AssignmentDeclined) -> Result<(), ProcessingError> {
        let key = PoolTicketKey(self.id, told.project_id, told.number);
        let project = self.project(told.project_id)?;
        if let Some(old) = self.stores.tickets.get(self.ctx, &key)?
            && old.proposed
            && old.round == told.round
            && !project.left
            && old.since == project.since
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

    /// Proposes somebody for a ticket that nobody has, or lets it wait.
    pub(super) fn find_assignee(
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

    pub(super) fn shift(
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
}

fn lighter(old: Option<&PoolTicketState>, new: Option<&PoolTicketState>) -> bool {
    old.zip(new).is_some_and(|(old, new)| weight(&new.priority) < weight(&old.priority))
}

pub(super) fn had_key(ticket: PoolTicketKey, user_id: Uuid) -> OrderKey {
    let PoolTicketKey(pool, project_id, number) = ticket;
    let group = GroupKey { kind: Kind::Had, pool, of: user_id, labels: project_id };
    OrderKey(group, Place { class: 0, first: number, second: 0, id: Uuid::nil() })
}

fn sorted(mut labels: Vec<String>) -> Vec<String> {
    labels.sort_unstable();
    labels.dedup();
    labels
}
