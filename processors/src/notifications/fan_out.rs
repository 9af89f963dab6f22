//! The processors of the fan-out.

use std::ops::{Bound, ControlFlow};

use schemas::{FanOutContinued, FanOutRestState, InboxInput, TicketEvent};
use topology::{Context, InitContext, Output, ProcessingError, Processor, Record, TopologyError};
use uuid::Uuid;

use super::WATCHERS_AT_ONCE;
use super::inbox::INBOX_INPUTS;
use super::recipients::{self, News, Reason, intended};
use super::stores::FanOutHandles;
use crate::keys::{KeyBytes, TicketKey, TicketPartKey};

/// Name of the repartition by which the fan-out sends itself that something is left.
pub(crate) const FAN_OUT_REST: &str = "fan-out-rest";

#[derive(Debug, Clone, Copy)]
struct FanOut {
    stores: FanOutHandles,
    inboxes: Output<Uuid, InboxInput>,
    rests: Output<Uuid, FanOutContinued>,
}

/// Tells of each event those who must know.
#[derive(Debug, Default)]
pub(crate) struct FanOutProcessor {
    wired: Option<FanOut>,
}

impl Processor for FanOutProcessor {
    type KIn = Uuid;
    type VIn = TicketEvent;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.wired = Some(FanOut::new(ctx)?);
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Uuid, TicketEvent>) -> Result<(), ProcessingError> {
        let Some(fan_out) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        fan_out.tell(ctx, &record.value)
    }
}

/// Goes on telling those who watch a ticket.
#[derive(Debug, Default)]
pub(crate) struct RestProcessor {
    wired: Option<FanOut>,
}

impl Processor for RestProcessor {
    type KIn = Uuid;
    type VIn = FanOutContinued;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.wired = Some(FanOut::new(ctx)?);
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Uuid, FanOutContinued>) -> Result<(), ProcessingError> {
        let Some(fan_out) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let key = TicketKey(record.value.project_id, record.value.sequence);
        // It is gone if this record was put back from the dead letters after all were told.
        let Some(rest) = fan_out.stores.rests.get(ctx, &key)? else { return Ok(()) };
        fan_out.tell_watchers(ctx, (*rest).clone(), true)
    }
}

impl FanOut {
    fn new(ctx: &InitContext<'_>) -> Result<Self, TopologyError> {
        Ok(Self {
            stores: FanOutHandles::new(ctx)?,
            inboxes: ctx.output(INBOX_INPUTS)?,
            rests: ctx.output(FAN_OUT_REST)?,
        })
    }

    fn tell(&self, ctx: &mut Context<'_>, event: &TicketEvent) -> Result<(), ProcessingError> {
        let Some(subject) = self.stores.apply(ctx, event)? else { return Ok(()) };
        let Some(news) = recipients::news(event, &subject.ticket, &subject.mentioned) else { return Ok(()) };
        let News { actor_id, detail, concerned, watchers } = news;
        let watched = watchers && subject.ticket.watchers > 0;
        if concerned.is_empty() && !watched {
            return Ok(());
        }
        let mut about = recipients::occasion(event, subject.number, &subject.ticket, actor_id, detail);
        about.actor = self.stores.handle(ctx, about.project_id, actor_id)?;
        if let TicketEvent::TicketAssigned(assigned) = event {
            about.assignee = self.stores.handle(ctx, about.project_id, assigned.assignee_id)?;
        }
        let (correlation_id, causation_id) = (event.correlation_id(), event.causation_id());
        for (user_id, reason) in &concerned {
            if self.stores.is_member(ctx, about.project_id, *user_id)? {
                self.send(ctx, intended((correlation_id, causation_id), &about, *user_id, *reason), about.at);
            }
        }
        if !watched {
            return Ok(());
        }
        let told = concerned.iter().map(|(user_id, _)| *user_id).chain([actor_id]).collect();
        let last = matches!(event, TicketEvent::TicketDeleted(_));
        let rest = FanOutRestState { correlation_id, causation_id, about, told, after: Uuid::nil(), last };
        self.tell_watchers(ctx, rest, false)
    }

    /// Tells the next of those who watch, and sees to it that it goes on if there may be more.
    fn tell_watchers(
        &self,
        ctx: &mut Context<'_>,
        mut rest: FanOutRestState,
        is_stored: bool,
    ) -> Result<(), ProcessingError> {
        let (project_id, sequence, at) = (rest.about.project_id, rest.about.sequence, rest.about.at);
        let watchers = self.next_watchers(ctx, &rest)?;
        for (key, since) in &watchers {
            let TicketPartKey(_, _, user_id) = *key;
            // Whoever began to watch only after the event is not told of it.
            let concerned = *since < sequence && !rest.told.contains(&user_id);
            if concerned && self.stores.is_member(ctx, project_id, user_id)? {
                let causes = (rest.correlation_id, rest.causation_id);
                self.send(ctx, intended(causes, &rest.about, user_id, Reason::Watcher), at);
            }
            if rest.last {
                self.stores.watchers.delete(ctx, key)?;
            }
        }
        let key = TicketKey(project_id, sequence);
        match watchers.last() {
            Some((TicketPartKey(_, _, user_id), _)) if watchers.len() == WATCHERS_AT_ONCE => {
                rest.after = *user_id;
                self.stores.rests.put(ctx, &key, rest)?;
                ctx.forward(self.rests, Record::new(project_id, FanOutContinued { project_id, sequence }, at));
                Ok(())
            }
            _ if is_stored => self.stores.rests.delete(ctx, &key),
            _ => Ok(()),
        }
    }

    /// The next of those who watch, with the sequence since which they do.
    fn next_watchers(
        &self,
        ctx: &mut Context<'_>,
        rest: &FanOutRestState,
    ) -> Result<Vec<(TicketPartKey, i64)>, ProcessingError> {
        let (mut ticket, mut after) = (Vec::with_capacity(24), Vec::with_capacity(40));
        TicketKey(rest.about.project_id, rest.about.number).write(&mut ticket);
        TicketPartKey(rest.about.project_id, rest.about.number, rest.after).write(&mut after);
        let mut watchers = Vec::new();
        self.stores.watchers.prefix_scan_after(ctx, &ticket, Bound::Excluded(&after), |key, watcher| {
            watchers.extend(TicketPartKey::read(key).map(|key| (key, watcher.sequence)));
            if watchers.len() < WATCHERS_AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(watchers)
    }

    fn send(&self, ctx: &mut Context<'_>, intended: schemas::NotificationIntended, at: i64) {
        ctx.forward(self.inboxes, Record::new(intended.user_id, intended.into(), at));
    }
}
