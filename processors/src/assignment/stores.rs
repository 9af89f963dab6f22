//! The stores of the assignment sub-topology.

use schemas::{PoolGroupState, PoolLoadState, PoolMembershipState, PoolProjectState, PoolState, PoolTicketState};
use topology::serde::RawBytes;
use topology::{InitContext, Store, StoreBuilder, TopologyBuilder, TopologyError};
use uuid::Uuid;

use super::keys::{GroupKey, OrderKey, PoolMembershipKey, PoolProjectKey, PoolTicketKey, PoolUserKey};
use super::order::Order;
use crate::keys::StoreKeySerde;
use crate::serdes::Framed;

/// What pools have still to do, by pool.
const POOLS: &str = "pools";
/// Projects by pool and project.
pub(super) const POOL_PROJECTS: &str = "pool-projects";
/// Memberships by pool, project and user.
pub(super) const POOL_MEMBERSHIPS: &str = "pool-memberships";
/// Loads by pool and user.
pub const POOL_LOADS: &str = "pool-loads";
/// Open tickets by pool, project and number.
pub const POOL_TICKETS: &str = "pool-tickets";
/// Members who can be given work, tickets that wait, and what each member has, in their order.
pub(super) const POOL_ORDER: &str = "pool-order";
/// Groups of that order with the first of each class.
pub(super) const POOL_GROUPS: &str = "pool-groups";

/// Every store of the sub-topology.
pub const POOL_STORES: [&str; 7] =
    [POOLS, POOL_PROJECTS, POOL_MEMBERSHIPS, POOL_LOADS, POOL_TICKETS, POOL_ORDER, POOL_GROUPS];

/// Decoded values that each task keeps.
const CACHED_PROJECTS: usize = 2_048;
const CACHED_MEMBERS: usize = 4_096;
const CACHED_TICKETS: usize = 4_096;

/// What they share.
const CHANGELOG: &str = "pool-state";

/// Declares the stores.
pub(crate) fn declare(builder: TopologyBuilder) -> TopologyBuilder {
    builder
        .store::<Uuid, PoolState>(
            StoreBuilder::persistent(POOLS, StoreKeySerde, Framed).changelog(CHANGELOG).cached(CACHED_PROJECTS),
        )
        .store::<PoolProjectKey, PoolProjectState>(
            StoreBuilder::persistent(POOL_PROJECTS, StoreKeySerde, Framed).changelog(CHANGELOG).cached(CACHED_PROJECTS),
        )
        .store::<PoolMembershipKey, PoolMembershipState>(
            StoreBuilder::persistent(POOL_MEMBERSHIPS, StoreKeySerde, Framed)
                .changelog(CHANGELOG)
                .cached(CACHED_MEMBERS),
        )
        .store::<PoolUserKey, PoolLoadState>(
            StoreBuilder::persistent(POOL_LOADS, StoreKeySerde, Framed).changelog(CHANGELOG).cached(CACHED_MEMBERS),
        )
        .store::<PoolTicketKey, PoolTicketState>(
            StoreBuilder::persistent(POOL_TICKETS, StoreKeySerde, Framed).changelog(CHANGELOG).cached(CACHED_TICKETS),
        )
        .store::<OrderKey, Vec<u8>>(StoreBuilder::persistent(POOL_ORDER, StoreKeySerde, RawBytes).changelog(CHANGELOG))
        .store::<GroupKey, PoolGroupState>(
            StoreBuilder::persistent(POOL_GROUPS, StoreKeySerde, Framed).changelog(CHANGELOG).cached(CACHED_PROJECTS),
        )
}

/// A processor's handles on the stores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolHandles {
    pub(crate) pools: Store<Uuid, PoolState>,
    pub(crate) projects: Store<PoolProjectKey, PoolProjectState>,
    pub(crate) memberships: Store<PoolMembershipKey, PoolMembershipState>,
    pub(crate) loads: Store<PoolUserKey, PoolLoadState>,
    pub(crate) tickets: Store<PoolTicketKey, PoolTicketState>,
    pub(crate) order: Order,
}

impl PoolHandles {
    pub(crate) fn new(ctx: &InitContext<'_>) -> Result<Self, TopologyError> {
        Ok(Self {
            pools: ctx.store(POOLS)?,
            projects: ctx.store(POOL_PROJECTS)?,
            memberships: ctx.store(POOL_MEMBERSHIPS)?,
            loads: ctx.store(POOL_LOADS)?,
            tickets: ctx.store(POOL_TICKETS)?,
            order: Order::new(ctx)?,
        })
    }
}
