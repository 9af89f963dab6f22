//! The deliverer's topology: takes what happens to users and projects that have webhooks, posts it, tries again, says on
//! `webhook.results` what became of each attempt, and does it again when that is asked for on `webhook.commands`.
//!
//! A delivery waits in a store until a punctuation posts it ([`Rounds`]). Its body is made once. It leaves the store with the commit
//! after its answer. It is posted again, with the same id, only if the answer was not seen or the process dies before that commit.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use schemas::topics::{NOTIFICATIONS, TICKET_EVENTS, WEBHOOK_COMMANDS, WEBHOOK_RESULTS};
use schemas::{
    DeliveryResult, KeptDeliveryState, Notification, OutgoingDeliveryState, ReplayRequested, SchemaRegistry,
    TicketEvent, WebhookCommand, ids,
};
use topology::serde::{SerializeError, Serializer};
use topology::{
    Context, ExceptionHandler, Failure, InitContext, Output, Partitioning, ProcessingError, Processor, Punctuation,
    PunctuationType, Record, Response, Store, StoreBuilder, Topology, TopologyBuilder, TopologyError,
};
use uuid::Uuid;

use super::inputs::{Input, Inputs};
use super::queue::{KeptKey, KeptKeys, Outgoing, QueueKey, QueueKeys};
use super::rounds::{self, Rounds};
use super::{Client, Hooks};
use crate::outgoing::{Framed, Ids, LOOK_EVERY_MS, Look, Pauses, millis, written};

/// Deliveries that have still to be made.
pub const OUTGOING: &str = "outgoing-deliveries";
/// What was delivered, to be delivered again if somebody asks.
pub const KEPT: &str = "webhook-deliveries";

const DELIVERER: &str = "deliverer";
const RESULTS_SINK: &str = "results";
const SOURCES: [&str; 3] = ["notifications", "events", "commands"];

/// How the deliverer goes about it.
#[derive(Clone)]
#[non_exhaustive]
pub struct WebhooksConfig {
    /// The webhooks.
    pub hooks: Arc<dyn Hooks>,
    /// Posts.
    pub client: Arc<Client>,
    /// Who knows the schemas.
    pub registry: Arc<dyn SchemaRegistry>,
    /// How long until the second attempt; each further one waits twice as long as the one before, a fifth more or less.
    pub first_pause: Duration,
    /// Where that ends.
    pub longest_pause: Duration,
    /// A delivery is given up before it is older.
    pub max_age: Duration,
    /// How long what was delivered can be delivered again, in stream time.
    pub kept_for: Duration,
}

impl WebhooksConfig {
    /// Attempts after 30 seconds, a minute, two, at last every hour, for a day; all can be repeated for seven days.
    pub fn new(hooks: Arc<dyn Hooks>, client: Arc<Client>, registry: Arc<dyn SchemaRegistry>) -> Self {
        Self {
            hooks,
            client,
            registry,
            first_pause: Duration::from_secs(30),
            longest_pause: Duration::from_hours(1),
            max_age: Duration::from_hours(24),
            kept_for: Duration::from_hours(7 * 24),
        }
    }

    pub(super) fn pauses(&self) -> Pauses {
        Pauses { first: self.first_pause, longest: self.longest_pause }
    }
}

impl std::fmt::Debug for WebhooksConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhooksConfig").field("client", &self.client).finish_non_exhaustive()
    }
}

/// The deliverer. All that it reads must have the same number of partitions, as a user or project is on one.
///
/// # Errors
/// None with this code; the topology is checked as a whole, and a mistake in it is named.
pub fn webhooks(config: &WebhooksConfig) -> Result<Topology, TopologyError> {
    let inputs = |read| Inputs { registry: config.registry.clone(), read };
    let [notifications, events, commands] = SOURCES;
    let (each, look) = (config.clone(), Arc::default());
    TopologyBuilder::new()
        .exception_handler(LogAndSkip, false)
        .source::<Uuid, Input, _>(
            notifications,
            [NOTIFICATIONS],
            Ids,
            inputs(|registry, bytes| Notification::decode_with(registry, bytes).map(Input::Notification)),
        )
        .source::<Uuid, Input, _>(
            events,
            [TICKET_EVENTS],
            Ids,
            inputs(|registry, bytes| TicketEvent::decode_with(registry, bytes).map(Input::Event)),
        )
        .source::<Uuid, Input, _>(
            commands,
            [WEBHOOK_COMMANDS],
            Ids,
            inputs(|registry, bytes| WebhookCommand::decode_with(registry, bytes).map(Input::Command)),
        )
        .processor(DELIVERER, move || Deliverer::new(each.clone(), Arc::clone(&look)), &SOURCES, &[OUTGOING, KEPT])
        .store::<QueueKey, OutgoingDeliveryState>(StoreBuilder::persistent(OUTGOING, QueueKeys, Framed))
        .store::<KeptKey, KeptDeliveryState>(
            StoreBuilder::persistent(KEPT, KeptKeys, Framed).expiring(millis(config.kept_for)),
        )
        .sink::<Uuid, DeliveryResult>(
            RESULTS_SINK,
            WEBHOOK_RESULTS,
            Ids,
            Results(config.registry.clone()),
            Partitioning::ByKey,
            &[DELIVERER],
        )
        .build()
}

/// What the deliverer writes to.
#[derive(Clone, Copy)]
pub(super) struct Wired {
    pub(super) outgoing: Outgoing,
    kept: Store<KeptKey, KeptDeliveryState>,
    pub(super) results: Output<Uuid, DeliveryResult>,
}

struct Deliverer {
    config: WebhooksConfig,
    wired: Option<Wired>,
    rounds: Rounds,
}

impl Deliverer {
    fn new(config: WebhooksConfig, look: Arc<Mutex<Look>>) -> Self {
        Self { config, wired: None, rounds: Rounds::new(look) }
    }

    fn wired(&self) -> Result<Wired, ProcessingError> {
        self.wired.ok_or_else(|| ProcessingError::record("not_initialised", "called before init"))
    }
}

impl Processor for Deliverer {
    type KIn = Uuid;
    type VIn = Input;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.wired =
            Some(Wired { outgoing: ctx.store(OUTGOING)?, kept: ctx.store(KEPT)?, results: ctx.output(RESULTS_SINK)? });
        ctx.schedule(LOOK_EVERY_MS, PunctuationType::WallClockTime);
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Uuid, Input>) -> Result<(), ProcessingError> {
        let (wired, owner_id) = (self.wired()?, record.key);
        if let Input::Command(WebhookCommand::ReplayRequested(command)) = &record.value {
            return replay(ctx, wired, owner_id, command);
        }
        // Most have none: that is found out before anything else.
        let hooks = self.config.hooks.of(owner_id);
        if hooks.is_empty() {
            return Ok(());
        }
        let Some(subject) = record.value.subject() else { return Ok(()) };
        for hook in hooks {
            if !hook.wants(subject.kind, subject.at) && !hook.wants(subject.alias, subject.at) {
                continue;
            }
            let id = ids::delivery_id(subject.id, hook.id);
            let delivery = OutgoingDeliveryState {
                owner_id,
                delivery_id: id,
                hook_id: hook.id,
                subject_id: subject.id,
                correlation_id: subject.correlation_id,
                causation_id: subject.causation_id,
                kind: subject.kind.to_owned(),
                body: subject.body(id)?,
                since: subject.at,
                ..OutgoingDeliveryState::default()
            };
            take_up(ctx, wired, delivery, subject.sequence)?;
        }
        Ok(())
    }

    fn punctuate(&mut self, ctx: &mut Context<'_>, which: Punctuation) -> Result<(), ProcessingError> {
        let wired = self.wired()?;
        self.rounds.look(ctx, wired, &self.config, which.timestamp)
    }
}

/// It is due, and it is kept for those who want it again.
fn take_up(
    ctx: &mut Context<'_>,
    wired: Wired,
    delivery: OutgoingDeliveryState,
    sequence: i64,
) -> Result<(), ProcessingError> {
    let kept = KeptDeliveryState {
        hook_id: delivery.hook_id,
        subject_id: delivery.subject_id,
        kind: delivery.kind.clone(),
        body: delivery.body.clone(),
    };
    wired.kept.put(ctx, &KeptKey { owner_id: delivery.owner_id, id: delivery.delivery_id }, kept)?;
    // Other clocks may be ahead of this one: what has happened is due.
    let at = delivery.since.min(ctx.wall_clock_time());
    let key = QueueKey { hook_id: delivery.hook_id, at, sequence, id: delivery.delivery_id };
    wired.outgoing.put(ctx, &key, delivery)
}

fn replay(
    ctx: &mut Context<'_>,
    wired: Wired,
    owner_id: Uuid,
    command: &ReplayRequested,
) -> Result<(), ProcessingError> {
    let (of, command_id) = (command.delivery_id, command.event_id);
    let id = ids::replay_id(of, command_id);
    if wired.kept.contains(ctx, &KeptKey { owner_id, id })? {
        // The command came twice.
        return Ok(());
    }
    let mut delivery = OutgoingDeliveryState {
        owner_id,
        delivery_id: id,
        correlation_id: command.correlation_id,
        causation_id: command_id,
        replay_of: Some(of),
        since: command.published_at,
        ..OutgoingDeliveryState::default()
    };
    let Some(kept) = wired.kept.get(ctx, &KeptKey { owner_id, id: of })? else {
        let result = rounds::ended(&delivery, "what was delivered is not known any more", ctx.timestamp());
        ctx.forward(wired.results, Record::new(owner_id, result, ctx.timestamp()));
        return Ok(());
    };
    delivery.hook_id = kept.hook_id;
    delivery.subject_id = kept.subject_id;
    delivery.kind.clone_from(&kept.kind);
    delivery.body.clone_from(&kept.body);
    take_up(ctx, wired, delivery, 0)
}

/// What became of deliveries, with the ids that the registry knows.
struct Results(Arc<dyn SchemaRegistry>);

impl Serializer<DeliveryResult> for Results {
    fn serialize(&self, _topic: &str, value: &DeliveryResult, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(value.encode_with(&*self.0, out))
    }
}

/// Leaves out what cannot be read, without a dead letter: the pipeline, which reads the same topics, has one, and one put back would
/// be an event again for everybody.
struct LogAndSkip;

impl ExceptionHandler for LogAndSkip {
    fn handle(&self, failure: &Failure<'_>) -> Response {
        let Failure { topic, partition, class, message, .. } = failure;
        tracing::warn!(%topic, partition, offset = failure.record.offset, %class, "nothing is delivered of a record: {message}");
        Response::Resume(Vec::new())
    }
}
