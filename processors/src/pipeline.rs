//! The one topology: worker, tests and simulation all run this value.
//!
//! ```text
//! ticket.commands ──► tickets ──► ticket.events, command.outcomes
//!                      │   ▲ (stores shared)
//!  user-lookup-requests│   member-replies ◄── user-lookup-replies
//!                      ▼                            │
//! user.commands ──► users ······ user-lookups ──────┤
//!                      ├────────────────────────────┘
//!                      └──► user.events, command.outcomes
//!
//! tickets, member-replies, assignment-proposals ──► pool-inputs ──► assignments ──► ticket.assignments
//!                              ▲ (stores shared)        ▲               │                 │
//!                              │                        └── pool-work ──┘                 │
//!                              └──────────────────────────────────────────────────────────┘
//!
//! ticket.events ──► fan-out ──► inbox-inputs ──► inboxes ──► notifications, email.outbox
//!                    ▲   │           ▲              · (stores shared)
//!      fan-out-rest ─┘◄──┘         users         preferences ◄── user.events; preferences ──► email.outbox
//! tickets ──► pool-lookup-requests ──► pool-lookups ──► pool-lookup-replies ──► pool-replies   (stores shared)
//! all of these ──► pool-moves ──► project-moves ──► pool-inputs, pool-moves                    (stores shared)
//! ```

use std::sync::Arc;

use schemas::topics::{
    COMMAND_OUTCOMES, EMAIL_OUTBOX, EMAIL_RESULTS, NOTIFICATIONS, TICKET_ASSIGNMENTS, TICKET_COMMANDS, TICKET_EVENTS,
    USER_COMMANDS, USER_EVENTS, WEBHOOK_COMMANDS, WEBHOOK_RESULTS,
};
use schemas::{
    Assignment, EmbeddedRegistry, FanOutContinued, InboxInput, Mail, Notification, PoolInput, PoolLookupReplied,
    PoolLookupRequested, PoolMoved, SchemaRegistry, TicketCommand, TicketEvent, UserCommand, UserEvent,
    UserLookupRequested, UserState, UserTold,
};
use topology::broker::{Cleanup, TopicSpec};
use topology::serde::{RawBytes, Utf8};
use topology::{Partitioning, StoreBuilder, Topology, TopologyBuilder, TopologyError};
use uuid::Uuid;

use crate::assignment::{
    self, ASSIGNMENTS_SINK, AssignmentProcessor, MoveProcessor, POOL_LOOKUPS, POOL_REPLIES, POOL_STORES, POOL_WORK,
    PoolLookupProcessor, PoolReplyProcessor, ProposalProcessor,
};
use crate::desk::{POOL_INPUTS, POOL_MOVES, TICKET_EVENTS_SINK, TICKET_OUTCOMES_SINK};
use crate::failed::AnswerFailed;
use crate::keys::StoreKeySerde;
use crate::memory::{COMMAND_MEMORY, PENDING_COMMANDS, USER_COMMAND_MEMORY, remembered};
use crate::notifications::{
    self, FAN_OUT_REST, FAN_OUT_STORES, FanOutProcessor, INBOX_INPUTS, INBOX_STORES, InboxProcessor, MAILS_SINK,
    NOTIFICATIONS_SINK, PreferencesProcessor, RestProcessor,
};
use crate::reply_processor::ReplyProcessor;
use crate::serdes::{
    Assignments, Commands, Events, Framed, InboxInputs, Mails, Notifications, Outcomes, PoolInputs, RoutingKey,
    RoutingKeys, UserKeys, UsersTold, UuidText,
};
use crate::stores::{self, PROJECT_STORES};
use crate::ticket_processor::{TicketProcessor, USER_LOOKUPS};
use crate::user_processor::{
    LookupProcessor, USER_EVENTS_SINK, USER_OUTCOMES_SINK, USER_REPLIES, USERS, UserProcessor,
};

/// Seven days in milliseconds: how long the answer to a command is remembered, by stream time.
pub const COMMAND_MEMORY_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// How long outcomes are kept: the command memory is restored from them.
pub const OUTCOMES_KEPT_MS: i64 = topology::kept_for_restore_ms(COMMAND_MEMORY_MS);

const TICKETS: &str = "tickets-by-command";
const REPLIES: &str = "member-replies";
const USERS_BY_COMMAND: &str = "users-by-command";
const LOOKUPS: &str = "user-lookups";
const PROPOSALS: &str = "assignment-proposals";
const ASSIGNMENTS: &str = "assignments";
const FAN_OUT: &str = "fan-out";
const FAN_OUT_AGAIN: &str = "fan-out-watchers-left";
const INBOX: &str = "inboxes-by-user";
const PREFERENCES: &str = "inbox-preferences";
const POOL_ANSWERS: &str = "pool-lookups";
const POOL_DECISIONS: &str = "pool-replies";
const MOVES: &str = "project-moves";
const CACHED_USERS: usize = 1_024;

/// What may be chosen about the pipeline.
#[derive(Clone)]
pub struct PipelineConfig {
    /// How long the answer to a command is remembered, in milliseconds of stream time.
    pub command_memory_ms: i64,
    /// Who knows the schemas of commands, and the ids that events and outcomes carry; by default those of this build.
    pub registry: Arc<dyn SchemaRegistry>,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self { command_memory_ms: COMMAND_MEMORY_MS, registry: Arc::new(EmbeddedRegistry) }
    }
}

impl std::fmt::Debug for PipelineConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipelineConfig").field("command_memory_ms", &self.command_memory_ms).finish_non_exhaustive()
    }
}

/// The pipeline: every processor, store and topic of the domain.
///
/// # Errors
/// None with this code; the topology is checked as a whole, and a mistake in it is named.
pub fn pipeline(config: &PipelineConfig) -> Result<Topology, TopologyError> {
    let memory = |name| {
        StoreBuilder::<Uuid, Vec<u8>>::persistent(name, StoreKeySerde, RawBytes).expiring(config.command_memory_ms)
    };
    let commands = Commands(config.registry.clone());
    let events = Events(config.registry.clone());
    let outcomes = Outcomes(config.registry.clone());
    let ticket_stores: Vec<&str> = PROJECT_STORES.into_iter().chain([COMMAND_MEMORY, PENDING_COMMANDS]).collect();
    let outcomes_read = config.registry.clone();
    let command_memory =
        memory(COMMAND_MEMORY).restored_from(COMMAND_OUTCOMES, move |record| remembered(&*outcomes_read, record));
    let assignments = Assignments(config.registry.clone());
    let all = [TICKETS, REPLIES, PROPOSALS, POOL_ANSWERS, POOL_DECISIONS, MOVES];
    let tellers: Vec<&str> = all.into_iter().chain([POOL_WORK]).collect();
    let builder = TopologyBuilder::new()
        .exception_handler(AnswerFailed::new(config.registry.clone()), true)
        .source::<RoutingKey, TicketCommand, _>("ticket-commands", [TICKET_COMMANDS], RoutingKeys, commands.clone())
        .processor(TICKETS, TicketProcessor::default, &["ticket-commands"], &ticket_stores)
        .repartition::<String, UserLookupRequested, _, _>(USER_LOOKUPS, Utf8, Framed, &[TICKETS])
        .source::<Option<String>, UserCommand, _>("user-commands", [USER_COMMANDS], UserKeys, commands)
        .processor(USERS_BY_COMMAND, UserProcessor::default, &["user-commands"], &[USERS, USER_COMMAND_MEMORY])
        .processor(LOOKUPS, LookupProcessor::default, &[USER_LOOKUPS], &[USERS])
        .repartition::<Uuid, UserTold, _, _>(USER_REPLIES, UuidText, UsersTold, &[LOOKUPS, USERS_BY_COMMAND])
        .processor(REPLIES, ReplyProcessor::default, &[USER_REPLIES], &ticket_stores)
        .source::<Uuid, Assignment, _>("proposals", [TICKET_ASSIGNMENTS], UuidText, assignments.clone())
        .processor(PROPOSALS, ProposalProcessor::default, &["proposals"], &ticket_stores)
        .repartition::<Uuid, PoolLookupRequested, _, _>(POOL_LOOKUPS, UuidText, Framed, &[TICKETS])
        .processor(POOL_ANSWERS, PoolLookupProcessor::default, &[POOL_LOOKUPS], &ticket_stores)
        .repartition::<Uuid, PoolLookupReplied, _, _>(POOL_REPLIES, UuidText, Framed, &[POOL_ANSWERS])
        .processor(POOL_DECISIONS, PoolReplyProcessor::default, &[POOL_REPLIES], &ticket_stores)
        .repartition::<Uuid, PoolMoved, _, _>(POOL_MOVES, UuidText, Framed, &all)
        .processor(MOVES, MoveProcessor::default, &[POOL_MOVES], &ticket_stores)
        .repartition::<Uuid, PoolInput, _, _>(POOL_INPUTS, UuidText, PoolInputs, &tellers)
        .processor(ASSIGNMENTS, AssignmentProcessor::default, &[POOL_INPUTS], &POOL_STORES)
        // Back to the pool by way of its inputs, so that all that a pool takes in lies in one order.
        .repartition::<Uuid, PoolInput, _, _>(POOL_WORK, UuidText, PoolInputs, &[ASSIGNMENTS])
        .sink::<Uuid, Assignment>(
            ASSIGNMENTS_SINK,
            TICKET_ASSIGNMENTS,
            UuidText,
            assignments,
            Partitioning::ByKey,
            &[ASSIGNMENTS],
        )
        .sink::<Uuid, TicketEvent>(
            TICKET_EVENTS_SINK,
            TICKET_EVENTS,
            UuidText,
            events.clone(),
            Partitioning::ByKey,
            &all,
        )
        .sink::<Uuid, Vec<u8>>(
            TICKET_OUTCOMES_SINK,
            COMMAND_OUTCOMES,
            UuidText,
            outcomes.clone(),
            Partitioning::SamePartition,
            &all,
        )
        .sink::<Uuid, UserEvent>(
            USER_EVENTS_SINK,
            USER_EVENTS,
            UuidText,
            events.clone(),
            Partitioning::ByKey,
            &[USERS_BY_COMMAND],
        )
        .sink::<Uuid, Vec<u8>>(
            USER_OUTCOMES_SINK,
            COMMAND_OUTCOMES,
            UuidText,
            outcomes,
            Partitioning::SamePartition,
            &[USERS_BY_COMMAND],
        )
        .source::<Uuid, TicketEvent, _>("ticket-events-to-tell", [TICKET_EVENTS], UuidText, events.clone())
        .processor(FAN_OUT, FanOutProcessor::default, &["ticket-events-to-tell"], &FAN_OUT_STORES)
        .repartition::<Uuid, FanOutContinued, _, _>(FAN_OUT_REST, UuidText, Framed, &[FAN_OUT, FAN_OUT_AGAIN])
        .processor(FAN_OUT_AGAIN, RestProcessor::default, &[FAN_OUT_REST], &FAN_OUT_STORES)
        .repartition::<Uuid, InboxInput, _, _>(
            INBOX_INPUTS,
            UuidText,
            InboxInputs,
            &[FAN_OUT, FAN_OUT_AGAIN, USERS_BY_COMMAND],
        )
        .processor(INBOX, InboxProcessor::default, &[INBOX_INPUTS], &INBOX_STORES)
        .source::<Uuid, Option<UserEvent>, _>("users-to-tell", [USER_EVENTS], UuidText, events)
        .processor(PREFERENCES, PreferencesProcessor::default, &["users-to-tell"], &INBOX_STORES)
        .sink::<Uuid, Notification>(
            NOTIFICATIONS_SINK,
            NOTIFICATIONS,
            UuidText,
            Notifications(config.registry.clone()),
            Partitioning::ByKey,
            &[INBOX],
        )
        .sink::<Uuid, Mail>(
            MAILS_SINK,
            EMAIL_OUTBOX,
            UuidText,
            Mails(config.registry.clone()),
            Partitioning::ByKey,
            &[INBOX, PREFERENCES],
        )
        .store::<String, UserState>(StoreBuilder::persistent(USERS, Utf8, Framed).cached(CACHED_USERS))
        .store::<Uuid, Vec<u8>>(command_memory)
        .store::<Uuid, Vec<u8>>(memory(USER_COMMAND_MEMORY));
    let builder = notifications::declare(builder, config.command_memory_ms);
    assignment::declare(stores::declare(builder)).build()
}

/// The topics that stand between the pipeline and the rest of the world. Internal topics are the engine's.
#[must_use]
pub fn topic_specs(partitions: u32) -> Vec<TopicSpec> {
    let topic =
        |name: &str, cleanup, log_append_time| TopicSpec { name: name.into(), partitions, cleanup, log_append_time };
    // No producer's clock can move stream time, so commands get the log's.
    let commands = Cleanup::Retain { retention_ms: COMMAND_MEMORY_MS };
    vec![
        topic(TICKET_COMMANDS, commands, true),
        topic(USER_COMMANDS, commands, true),
        topic(TICKET_EVENTS, Cleanup::Keep, false),
        topic(USER_EVENTS, Cleanup::Compact, false),
        topic(COMMAND_OUTCOMES, Cleanup::Retain { retention_ms: OUTCOMES_KEPT_MS }, false),
        topic(TICKET_ASSIGNMENTS, Cleanup::Retain { retention_ms: COMMAND_MEMORY_MS }, false),
        topic(NOTIFICATIONS, Cleanup::Keep, false),
        topic(EMAIL_OUTBOX, Cleanup::Retain { retention_ms: COMMAND_MEMORY_MS }, false),
        topic(EMAIL_RESULTS, Cleanup::Retain { retention_ms: COMMAND_MEMORY_MS }, false),
        topic(WEBHOOK_COMMANDS, Cleanup::Retain { retention_ms: COMMAND_MEMORY_MS }, false),
        topic(WEBHOOK_RESULTS, Cleanup::Retain { retention_ms: COMMAND_MEMORY_MS }, false),
    ]
}
