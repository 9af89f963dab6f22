//! The stores of the fan-out and of the inboxes.

use schemas::{
    FanOutRestState, FanOutTicketState, FanOutWatcherState, GatheredState, HandleState, InboxState, MemberState,
};
use topology::serde::RawBytes;
use topology::{InitContext, Store, StoreBuilder, TopologyBuilder, TopologyError};
use uuid::Uuid;

use crate::keys::{DueKey, HandleKey, MemberKey, StoreKeySerde, TicketKey, TicketPartKey};
use crate::serdes::Framed;

/// Members by project and user.
const FAN_OUT_MEMBERS: &str = "fan-out-members";
/// Users by project and handle.
const FAN_OUT_HANDLES: &str = "fan-out-handles";
/// Tickets by project and number.
const FAN_OUT_TICKETS: &str = "fan-out-tickets";
/// Who watches, by project, ticket and user.
const FAN_OUT_WATCHERS: &str = "fan-out-watchers";
/// Events of which some have still to be told, by project and sequence.
const FAN_OUT_RESTS: &str = "fan-out-rests";
/// Inboxes by user.
pub const INBOXES: &str = "inboxes";
/// Notifications that were made, by id.
const INBOX_MEMORY: &str = "inbox-memory";
/// Notifications that wait for a digest, by user and sequence.
pub const GATHERED: &str = "gathered-notifications";
/// Users by the time at which their digest is due.
const DIGESTS_DUE: &str = "digests-due";

/// Every store of the fan-out.
pub const FAN_OUT_STORES: [&str; 5] =
    [FAN_OUT_MEMBERS, FAN_OUT_HANDLES, FAN_OUT_TICKETS, FAN_OUT_WATCHERS, FAN_OUT_RESTS];
/// Every store of the inboxes.
pub const INBOX_STORES: [&str; 4] = [INBOXES, INBOX_MEMORY, GATHERED, DIGESTS_DUE];

/// Decoded values that each task keeps.
const CACHED_MEMBERS: usize = 4_096;
const CACHED_TICKETS: usize = 4_096;
const CACHED_INBOXES: usize = 4_096;

/// What the stores of each of the two share.
const FAN_OUT_CHANGELOG: &str = "fan-out-state";
const INBOX_CHANGELOG: &str = "inbox-state";

/// Declares the stores; a notification is remembered for `memory_ms` of stream time.
pub(crate) fn declare(builder: TopologyBuilder, memory_ms: i64) -> TopologyBuilder {
    builder
        .store::<MemberKey, MemberState>(
            StoreBuilder::persistent(FAN_OUT_MEMBERS, StoreKeySerde, Framed)
                .changelog(FAN_OUT_CHANGELOG)
                .cached(CACHED_MEMBERS),
        )
        .store::<HandleKey, HandleState>(
            StoreBuilder::persistent(FAN_OUT_HANDLES, StoreKeySerde, Framed).changelog(FAN_OUT_CHANGELOG),
        )
        .store::<TicketKey, FanOutTicketState>(
            StoreBuilder::persistent(FAN_OUT_TICKETS, StoreKeySerde, Framed)
                .changelog(FAN_OUT_CHANGELOG)
                .cached(CACHED_TICKETS),
        )
        .store::<TicketPartKey, FanOutWatcherState>(
            StoreBuilder::persistent(FAN_OUT_WATCHERS, StoreKeySerde, Framed).changelog(FAN_OUT_CHANGELOG),
        )
        .store::<TicketKey, FanOutRestState>(
            StoreBuilder::persistent(FAN_OUT_RESTS, StoreKeySerde, Framed).changelog(FAN_OUT_CHANGELOG),
        )
        .store::<Uuid, InboxState>(
            StoreBuilder::persistent(INBOXES, StoreKeySerde, Framed).changelog(INBOX_CHANGELOG).cached(CACHED_INBOXES),
        )
        .store::<Uuid, Vec<u8>>(StoreBuilder::persistent(INBOX_MEMORY, StoreKeySerde, RawBytes).expiring(memory_ms))
        .store::<TicketKey, GatheredState>(
            StoreBuilder::persistent(GATHERED, StoreKeySerde, Framed).changelog(INBOX_CHANGELOG),
        )
        .store::<DueKey, Vec<u8>>(
            StoreBuilder::persistent(DIGESTS_DUE, StoreKeySerde, RawBytes).changelog(INBOX_CHANGELOG),
        )
}

/// The fan-out's handles on its stores.
#[derive(Debug, Clone, Copy)]
pub(super) struct FanOutHandles {
    pub(super) members: Store<MemberKey, MemberState>,
    pub(super) handles: Store<HandleKey, HandleState>,
    pub(super) tickets: Store<TicketKey, FanOutTicketState>,
    pub(super) watchers: Store<TicketPartKey, FanOutWatcherState>,
    /// By project and the event's sequence.
    pub(super) rests: Store<TicketKey, FanOutRestState>,
}

impl FanOutHandles {
    pub(super) fn new(ctx: &InitContext<'_>) -> Result<Self, TopologyError> {
        Ok(Self {
            members: ctx.store(FAN_OUT_MEMBERS)?,
            handles: ctx.store(FAN_OUT_HANDLES)?,
            tickets: ctx.store(FAN_OUT_TICKETS)?,
            watchers: ctx.store(FAN_OUT_WATCHERS)?,
            rests: ctx.store(FAN_OUT_RESTS)?,
        })
    }
}

/// The inboxes' handles on their stores.
#[derive(Debug, Clone, Copy)]
pub(super) struct InboxHandles {
    pub(super) inboxes: Store<Uuid, InboxState>,
    pub(super) memory: Store<Uuid, Vec<u8>>,
    /// By user and the notification's sequence.
    pub(super) gathered: Store<TicketKey, GatheredState>,
    pub(super) due: Store<DueKey, Vec<u8>>,
}

impl InboxHandles {
    pub(super) fn new(ctx: &InitContext<'_>) -> Result<Self, TopologyError> {
        Ok(Self {
            inboxes: ctx.store(INBOXES)?,
            memory: ctx.store(INBOX_MEMORY)?,
            gathered: ctx.store(GATHERED)?,
            due: ctx.store(DIGESTS_DUE)?,
        })
    }
}
