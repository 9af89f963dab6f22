//! One look after the other at what is due: posts it, hears the answers, and says what became of it.
//!
//! Requests run beside the processor. A look begins what is due, for each webhook one at a time, and waits a moment for the answers;
//! one that takes longer is heard by a later look, so a slow receiver holds up its own queue and no other's. What the answer says
//! is remembered: when a commit is refused, what was posted since the last one comes again, and is answered from memory.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use schemas::{DeliveryFailed, DeliveryResult, DeliverySucceeded, OutgoingDeliveryState, Record as _, event, ids};
use topology::{Context, ProcessingError, Record};
use uuid::Uuid;

use super::deliverer::{WebhooksConfig, Wired};
use super::queue::{QueueKey, due, first_due};
use super::{Answer, Request, sign};
use crate::outgoing::{Done, Look, Rest, millis, reason};

/// Most requests that are under way for a task.
const AT_ONCE: usize = 32;
/// Most deliveries that a look handles.
const MOST_IN_A_LOOK: usize = 500;
/// How many answers a task keeps in mind: more than it hears between two commits.
const KEPT_IN_MIND: usize = 4 * MOST_IN_A_LOOK;
/// A webhook that is not known may not be known *yet*: its deliveries are given up when they are so old.
const UNKNOWN_FOR: Duration = Duration::from_mins(1);

/// What a receiver answered to one attempt.
struct Told {
    key: QueueKey,
    /// Which attempt it was, from 1.
    attempt: i32,
    answer: Answer,
}

/// What a task knows beside its stores.
pub(super) struct Rounds {
    look: Arc<Mutex<Look>>,
    tell: Sender<Told>,
    told: Receiver<Told>,
    /// The webhooks that a request is under way to.
    under_way: HashSet<Uuid>,
    /// Those of which the last request failed.
    rests: HashMap<Uuid, Rest>,
    /// Answers to attempts, and when they were heard. A processor lives on when its transaction is taken back; a request cannot be.
    heard: Done<(Uuid, i32), (Answer, i64)>,
}

/// What became of the first delivery that is due for a webhook.
enum Begun {
    UnderWay,
    Ended,
    Nothing,
}

impl Rounds {
    pub(super) fn new(look: Arc<Mutex<Look>>) -> Self {
        let (tell, told) = channel();
        let (under_way, rests) = (HashSet::new(), HashMap::new());
        Self { look, tell, told, under_way, rests, heard: Done::new(KEPT_IN_MIND) }
    }

    /// Hears what was answered meanwhile, begins what is due, and waits for what answers soon.
    pub(super) fn look(
        &mut self,
        ctx: &mut Context<'_>,
        wired: Wired,
        config: &WebhooksConfig,
        now: i64,
    ) -> Result<(), ProcessingError> {
        let begun = Instant::now();
        let deadline = begun + self.look.lock().left(now);
        while let Ok(told) = self.told.try_recv() {
            self.hear(ctx, wired, config, told, now)?;
        }
        let due = due(ctx, wired.outgoing, now, |hook_id| self.is_stepped_over(hook_id, now))?;
        let mut ready = VecDeque::from(due);
        // Those that this look has begun: it waits for no others.
        let mut own = HashSet::new();
        for _ in 0..MOST_IN_A_LOOK {
            if Instant::now() >= deadline {
                break;
            }
            if self.under_way.len() < AT_ONCE
                && let Some(hook_id) = ready.pop_front()
            {
                match self.begin(ctx, wired, config, hook_id, now)? {
                    Begun::UnderWay => drop(own.insert(hook_id)),
                    Begun::Ended => ready.push_back(hook_id),
                    Begun::Nothing => {}
                }
                continue;
            }
            if own.is_empty() {
                break;
            }
            let Ok(told) = self.told.recv_timeout(deadline.saturating_duration_since(Instant::now())) else { break };
            let hook_id = told.key.hook_id;
            self.hear(ctx, wired, config, told, now)?;
            own.remove(&hook_id);
            if !self.is_stepped_over(hook_id, now) {
                ready.push_back(hook_id);
            }
        }
        self.look.lock().took(now, begun.elapsed());
        Ok(())
    }

    fn is_stepped_over(&self, hook_id: Uuid, now: i64) -> bool {
        self.under_way.contains(&hook_id) || self.rests.get(&hook_id).is_some_and(|rest| rest.rests(now))
    }

    /// Posts what is due first for a webhook, unless there is another end to it.
    fn begin(
        &mut self,
        ctx: &mut Context<'_>,
        wired: Wired,
        config: &WebhooksConfig,
        hook_id: Uuid,
        now: i64,
    ) -> Result<Begun, ProcessingError> {
        let Some((key, waiting)) = first_due(ctx, wired.outgoing, hook_id, now)? else { return Ok(Begun::Nothing) };
        let attempt = waiting.attempts + 1;
        if let Some((answer, at)) = self.heard.get(&(key.id, attempt)) {
            settle(ctx, wired, config, key, waiting, answer, *at)?;
            return Ok(Begun::Ended);
        }
        let age = now.saturating_sub(waiting.since);
        let hooks = config.hooks.of(waiting.owner_id);
        let why = match hooks.iter().find(|hook| hook.id == hook_id) {
            Some(hook) if age <= millis(config.max_age) => {
                self.under_way.insert(hook_id);
                let request = Request {
                    url: hook.url.clone(),
                    delivery_id: key.id,
                    kind: waiting.kind,
                    signature: sign::signature(&hook.secret, now.div_euclid(1_000), &waiting.body),
                    body: waiting.body,
                };
                let tell = self.tell.clone();
                // Nobody hears it if the task has gone elsewhere.
                config.client.post(request, move |answer| drop(tell.send(Told { key, attempt, answer })));
                return Ok(Begun::UnderWay);
            }
            Some(_) if waiting.why.is_empty() => "it was too old when its turn came",
            Some(_) => &waiting.why,
            None if age < millis(UNKNOWN_FOR) => return Ok(Begun::Nothing),
            None => {
                self.rests.remove(&hook_id);
                "the webhook was deleted"
            }
        };
        wired.outgoing.delete(ctx, &key)?;
        ctx.forward(wired.results, Record::new(waiting.owner_id, ended(&waiting, why, now), now));
        Ok(Begun::Ended)
    }

    fn hear(
        &mut self,
        ctx: &mut Context<'_>,
        wired: Wired,
        config: &WebhooksConfig,
        told: Told,
        now: i64,
    ) -> Result<(), ProcessingError> {
        let Told { key, attempt, answer } = told;
        self.under_way.remove(&key.hook_id);
        if let Answer::Again { retry_after, .. } = &answer {
            let rest = self.rests.entry(key.hook_id).or_default();
            rest.fails(false, now, config.first_pause);
            if let Some(asked) = retry_after {
                rest.asks_for(now.saturating_add(millis(*asked)));
            }
        } else {
            self.rests.remove(&key.hook_id);
        }
        self.heard.insert((key.id, attempt), (answer.clone(), now));
        // If it is not there, the transaction that took it up was taken back: it comes again, and is answered then.
        match wired.outgoing.get(ctx, &key)? {
            Some(waiting) if waiting.attempts + 1 == attempt => {
                settle(ctx, wired, config, key, (*waiting).clone(), &answer, now)
            }
            _ => Ok(()),
        }
    }
}

/// What an answer means for a delivery that waits.
fn settle(
    ctx: &mut Context<'_>,
    wired: Wired,
    config: &WebhooksConfig,
    key: QueueKey,
    mut waiting: OutgoingDeliveryState,
    answer: &Answer,
    at: i64,
) -> Result<(), ProcessingError> {
    waiting.attempts += 1;
    wired.outgoing.delete(ctx, &key)?;
    let result = match answer {
        Answer::Taken { status } => {
            waiting.status = i32::from(*status);
            succeeded(&waiting, at)
        }
        Answer::Refused { status, why } => {
            waiting.status = i32::from(*status);
            tracing::warn!(delivery = %key.id, webhook = %key.hook_id, "a delivery is given up: {why}");
            failed(&waiting, why, true, at).into()
        }
        Answer::Again { status, why, retry_after } => {
            waiting.status = i32::from(*status);
            waiting.why = reason(why);
            let pause = config.pauses().after(key.id, waiting.attempts).max(retry_after.map_or(0, millis));
            let again = at.saturating_add(pause);
            let too_late = again.saturating_sub(waiting.since) > millis(config.max_age);
            let result = failed(&waiting, why, too_late, at).into();
            if !too_late {
                wired.outgoing.put(ctx, &QueueKey { at: again, ..key }, waiting.clone())?;
            }
            tracing::debug!(delivery = %key.id, webhook = %key.hook_id, attempts = waiting.attempts, "an attempt failed: {why}");
            result
        }
    };
    ctx.forward(wired.results, Record::new(waiting.owner_id, result, at));
    Ok(())
}

/// A delivery ends without a further attempt.
pub(super) fn ended(delivery: &OutgoingDeliveryState, why: &str, at: i64) -> DeliveryResult {
    let event_id = ids::delivery_result_id(delivery.delivery_id, None);
    DeliveryFailed { event_id, ..failed(delivery, why, true, at) }.into()
}

fn succeeded(delivery: &OutgoingDeliveryState, at: i64) -> DeliveryResult {
    DeliverySucceeded {
        event_id: ids::delivery_result_id(delivery.delivery_id, Some(delivery.attempts)),
        correlation_id: delivery.correlation_id,
        causation_id: delivery.causation_id,
        published_at: at,
        version: DeliverySucceeded::VERSION,
        source: event::SOURCE.to_owned(),
        owner_id: delivery.owner_id,
        delivery_id: delivery.delivery_id,
        hook_id: delivery.hook_id,
        subject_id: delivery.subject_id,
        kind: delivery.kind.clone(),
        replay_of: delivery.replay_of,
        attempts: delivery.attempts,
        status: delivery.status,
    }
    .into()
}

fn failed(delivery: &OutgoingDeliveryState, why: &str, given_up: bool, at: i64) -> DeliveryFailed {
    DeliveryFailed {
        event_id: ids::delivery_result_id(delivery.delivery_id, Some(delivery.attempts)),
        correlation_id: delivery.correlation_id,
        causation_id: delivery.causation_id,
        published_at: at,
        version: DeliveryFailed::VERSION,
        source: event::SOURCE.to_owned(),
        owner_id: delivery.owner_id,
        delivery_id: delivery.delivery_id,
        hook_id: delivery.hook_id,
        subject_id: delivery.subject_id,
        kind: delivery.kind.clone(),
        replay_of: delivery.replay_of,
        attempts: delivery.attempts,
        status: delivery.status,
        why: reason(why),
        given_up,
    }
}
