//! Ordered entries in groups of equal labels. A group knows the first entry of each of its classes, so that finding it
//! walks over nothing, not even over what was deleted before it.

use std::ops::{Bound, ControlFlow};

use schemas::{PoolGroupState, PoolHead};
use topology::{Context, InitContext, ProcessingError, Store, TopologyError};
use uuid::Uuid;

use super::keys::{GROUP_BYTES, GroupKey, Kind, OrderKey, Place};
use super::stores::{POOL_GROUPS, POOL_ORDER};
use crate::keys::KeyBytes;

/// What stands at a place: that it is taken.
const TAKEN: &[u8] = b"1";

/// The orders of a task's pools.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    entries: Store<OrderKey, Vec<u8>>,
    groups: Store<GroupKey, PoolGroupState>,
}

impl Order {
    pub(crate) fn new(ctx: &InitContext<'_>) -> Result<Self, TopologyError> {
        Ok(Self { entries: ctx.store(POOL_ORDER)?, groups: ctx.store(POOL_GROUPS)? })
    }

    /// Takes an entry from one place of a group to another; none is outside of it.
    pub(crate) fn shift(
        &self,
        ctx: &mut Context<'_>,
        group: GroupKey,
        labels: &[String],
        from: Option<Place>,
        to: Option<Place>,
    ) -> Result<(), ProcessingError> {
        if from == to {
            return Ok(());
        }
        let known = self.groups.get(ctx, &group)?;
        let mut state = known.map_or_else(
            || PoolGroupState { labels: labels.to_vec(), ..PoolGroupState::default() },
            |known| (*known).clone(),
        );
        if let Some(from) = from {
            self.entries.delete(ctx, &OrderKey(group, from))?;
            state.entries -= 1;
            if let Some(index) = state.heads.iter().position(|head| Place::from(*head) == from) {
                match self.next(ctx, group, from)? {
                    Some(next) => state.heads[index] = next.into(),
                    None => drop(state.heads.swap_remove(index)),
                }
            }
        }
        if let Some(to) = to {
            self.entries.put(ctx, &OrderKey(group, to), TAKEN.to_vec())?;
            state.entries += 1;
            match state.heads.iter_mut().find(|head| head.class == i32::from(to.class)) {
                Some(head) if to < Place::from(*head) => *head = to.into(),
                Some(_) => {}
                None => state.heads.push(to.into()),
            }
        }
        if state.entries == 0 { self.groups.delete(ctx, &group) } else { self.groups.put(ctx, &group, state) }
    }

    /// Puts an entry into a group that needs no first.
    pub(crate) fn put(&self, ctx: &mut Context<'_>, key: &OrderKey) -> Result<(), ProcessingError> {
        self.entries.put(ctx, key, TAKEN.to_vec())
    }

    /// Takes such an entry away.
    pub(crate) fn delete(&self, ctx: &mut Context<'_>, key: &OrderKey) -> Result<(), ProcessingError> {
        self.entries.delete(ctx, key)
    }

    /// The groups of a kind, with the first of each of their classes.
    pub(crate) fn groups(
        &self,
        ctx: &mut Context<'_>,
        kind: Kind,
        pool: Uuid,
        of: Uuid,
    ) -> Result<Vec<PoolGroupState>, ProcessingError> {
        let mut groups = Vec::new();
        self.groups.prefix_scan(ctx, &GroupKey::prefix(kind, pool, of), |_, group| {
            groups.push(group);
            ControlFlow::Continue(())
        })?;
        Ok(groups)
    }

    /// The places of all entries whose group's key begins with `prefix`, `most` of them at the most.
    pub(crate) fn places(
        &self,
        ctx: &mut Context<'_>,
        prefix: &[u8],
        most: usize,
    ) -> Result<Vec<Place>, ProcessingError> {
        let mut places = Vec::new();
        self.entries.prefix_scan(ctx, prefix, |key, _| {
            places.extend(OrderKey::read(key).map(|OrderKey(_, place)| place));
            if places.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(places)
    }

    /// The entry of the same class that comes after a place.
    fn next(&self, ctx: &mut Context<'_>, group: GroupKey, place: Place) -> Result<Option<Place>, ProcessingError> {
        let mut key = Vec::with_capacity(GROUP_BYTES + 33);
        OrderKey(group, place).write(&mut key);
        let class = &key[..=GROUP_BYTES];
        let mut next = None;
        self.entries.prefix_scan_after(ctx, class, Bound::Excluded(&key), |key, _| {
            next = OrderKey::read(key).map(|OrderKey(_, place)| place);
            ControlFlow::Break(())
        })?;
        Ok(next)
    }
}

/// The heads of a group as places.
pub(crate) fn heads(group: &PoolGroupState) -> impl Iterator<Item = Place> {
    group.heads.iter().copied().map(<PoolHead as Into<Place>>::into)
}
