//! Holds a pool's stores to each other: loads to the tickets that each user has, orders to who may be given work and to what
//! waits, groups to their orders. What the pool is still to be told makes no difference to that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use schemas::reader::{ReadError, Stores};
use schemas::{
    PoolGroupState, PoolHead, PoolLoadState, PoolMembershipState, PoolProjectState, PoolTicketState, Record, frame,
};
use uuid::Uuid;

use super::choice::{member_place, waiting_place};
use super::keys::{GroupKey, Kind, OrderKey, PoolMembershipKey, PoolProjectKey, PoolTicketKey, PoolUserKey, labels_id};
use super::pool::had_key;
use super::stores::{POOL_GROUPS, POOL_LOADS, POOL_MEMBERSHIPS, POOL_ORDER, POOL_PROJECTS, POOL_TICKETS};
use super::told::concerns;
use super::{pool_of, weight};
use crate::fold::Fold;
use crate::keys::KeyBytes;
use crate::policy::Policy;
use crate::verify::{Difference, Problem};

/// Every contradiction of the pools' stores.
///
/// # Errors
/// A store cannot be read.
pub fn verify_pools(stores: &dyn Stores, each: &mut dyn FnMut(Difference)) -> Result<(), ReadError> {
    let mut broken = Vec::new();
    let pools = Pools {
        projects: read(stores, POOL_PROJECTS, &mut broken)?,
        memberships: read(stores, POOL_MEMBERSHIPS, &mut broken)?,
        loads: read(stores, POOL_LOADS, &mut broken)?,
        tickets: read(stores, POOL_TICKETS, &mut broken)?,
    };
    let groups: BTreeMap<GroupKey, PoolGroupState> = read(stores, POOL_GROUPS, &mut broken)?;
    let mut order = BTreeSet::new();
    stores.entries(POOL_ORDER, &mut |key, _| match OrderKey::read(key) {
        Some(key) => drop(order.insert(key)),
        None => broken.push(unreadable(POOL_ORDER, key, "not a key of it")),
    })?;
    broken.into_iter().for_each(&mut *each);

    let loads = pools.loads.iter().map(|(key, load)| (*key, Carried::of(load))).collect();
    compare(POOL_LOADS, &pools.carried(), &loads, each);
    let places = pools.places();
    let expected = places.keys().map(|place| (*place, ())).collect();
    compare(POOL_ORDER, &expected, &order.into_iter().map(|place| (place, ())).collect(), each);
    let groups = groups.into_iter().map(|(key, group)| (key, sorted(group))).collect();
    compare(POOL_GROUPS, &grouped(places), &groups, each);
    Ok(())
}

/// Every difference between what the pools' stores hold and what follows from the events, which is the same only while
/// nothing is on its way between tickets and pools.
///
/// # Errors
/// A store cannot be read.
pub fn verify_pools_at_rest(
    fold: &Fold,
    stores: &dyn Stores,
    each: &mut dyn FnMut(Difference),
) -> Result<(), ReadError> {
    // What cannot be read is told by `verify_pools`.
    let mut broken = Vec::new();
    let tickets: BTreeMap<PoolTicketKey, PoolTicketState> = read(stores, POOL_TICKETS, &mut broken)?;
    let memberships: BTreeMap<PoolMembershipKey, PoolMembershipState> = read(stores, POOL_MEMBERSHIPS, &mut broken)?;
    let (mut expected_tickets, mut expected_memberships) = (BTreeMap::new(), BTreeMap::new());
    for (&id, model) in &fold.models {
        let Some(project) = &model.project else { continue };
        let (pool, since) = (pool_of(id, project), project.pool_since);
        for (number, ticket) in model.tickets.iter().filter(|(_, ticket)| concerns(ticket)) {
            let mut labels = ticket.labels.clone();
            labels.sort_unstable();
            let state = PoolTicketState {
                ticket_id: ticket.ticket_id,
                priority: ticket.priority.clone(),
                labels,
                assignee_id: ticket.assignee_id,
                proposed: false,
                round: ticket.round,
                created_at: ticket.created_at,
                since,
            };
            expected_tickets.insert(PoolTicketKey(pool, id, *number), state);
        }
        for (user_id, member) in &model.members {
            let mut skills = member.skills.clone();
            skills.sort_unstable();
            let (role, capacity) = (member.role.clone(), member.capacity);
            let available = member.available && !member.deactivated;
            let state = PoolMembershipState { role, capacity, skills, available, since: 0 };
            for pool in [pool, id] {
                expected_memberships.insert(PoolMembershipKey(pool, id, *user_id), state.clone());
            }
        }
    }
    compare(POOL_TICKETS, &expected_tickets, &tickets, each);
    // With which move a membership was told last makes no difference.
    let memberships = memberships.into_iter().map(|(key, found)| (key, PoolMembershipState { since: 0, ..found }));
    compare(POOL_MEMBERSHIPS, &expected_memberships, &memberships.collect(), each);
    Ok(())
}

struct Pools {
    projects: BTreeMap<PoolProjectKey, PoolProjectState>,
    memberships: BTreeMap<PoolMembershipKey, PoolMembershipState>,
    loads: BTreeMap<PoolUserKey, PoolLoadState>,
    tickets: BTreeMap<PoolTicketKey, PoolTicketState>,
}

/// What of a load follows from the other stores.
#[derive(Debug, Default, PartialEq, Eq)]
struct Carried {
    load: i64,
    projects: BTreeSet<Uuid>,
}

impl Carried {
    fn of(load: &PoolLoadState) -> Self {
        Self { load: load.load, projects: load.projects.iter().copied().collect() }
    }
}

impl Pools {
    fn carried(&self) -> BTreeMap<PoolUserKey, Carried> {
        let mut carried: BTreeMap<PoolUserKey, Carried> = BTreeMap::new();
        for (key, ticket) in &self.tickets {
            if let Some(user_id) = ticket.assignee_id {
                carried.entry(PoolUserKey(key.0, user_id)).or_default().load += weight(&ticket.priority);
            }
        }
        for PoolMembershipKey(pool, project_id, user_id) in self.memberships.keys() {
            carried.entry(PoolUserKey(*pool, *user_id)).or_default().projects.insert(*project_id);
        }
        carried
    }

    /// Every place that should be taken, with the labels of its group; none where the group needs no state.
    fn places(&self) -> BTreeMap<OrderKey, Option<&[String]>> {
        let mut places = BTreeMap::new();
        for (key, ticket) in &self.tickets {
            let (pool, of) = (key.0, key.1);
            match ticket.assignee_id {
                Some(user_id) => places.insert(had_key(*key, user_id), None),
                None => {
                    let group = GroupKey { kind: Kind::Waiting, pool, of, labels: labels_id(&ticket.labels) };
                    places.insert(OrderKey(group, waiting_place(*key, ticket)), Some(&*ticket.labels))
                }
            };
        }
        for (PoolMembershipKey(pool, project_id, user_id), own) in &self.memberships {
            let host = self.memberships.get(&PoolMembershipKey(*pool, *pool, *user_id));
            let project = self.projects.get(&PoolProjectKey(*pool, *project_id));
            let policy = project.map_or(Policy::default(), |project| Policy::of_stored(&project.policy));
            let unloaded = PoolLoadState::default();
            let load = self.loads.get(&PoolUserKey(*pool, *user_id)).unwrap_or(&unloaded);
            let place = |host| member_place(policy, *user_id, load, host, own);
            if let Some((host, place)) = host.and_then(|host| Some((host, place(host)?))) {
                let labels = labels_id(&host.skills);
                let group = GroupKey { kind: Kind::Members, pool: *pool, of: *project_id, labels };
                places.insert(OrderKey(group, place), Some(&host.skills));
            }
        }
        places
    }
}

/// The groups that these places make up. Places come in the order of their classes, so the first of a class is its head.
fn grouped(places: BTreeMap<OrderKey, Option<&[String]>>) -> BTreeMap<GroupKey, PoolGroupState> {
    let mut groups: BTreeMap<GroupKey, PoolGroupState> = BTreeMap::new();
    for (OrderKey(group, place), labels) in places {
        let Some(labels) = labels else { continue };
        let state = groups
            .entry(group)
            .or_insert_with(|| PoolGroupState { labels: labels.to_vec(), ..PoolGroupState::default() });
        state.entries += 1;
        if state.heads.last().is_none_or(|head| head.class != i32::from(place.class)) {
            state.heads.push(place.into());
        }
    }
    groups
}

/// With the heads in the order of their classes.
fn sorted(mut group: PoolGroupState) -> PoolGroupState {
    group.heads.sort_by_key(|head: &PoolHead| head.class);
    group
}

fn compare<K: Ord + Debug, V: PartialEq + Debug>(
    place: &'static str,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
    each: &mut dyn FnMut(Difference),
) {
    for key in expected.keys().chain(found.keys().filter(|key| !expected.contains_key(key))) {
        let problem = match (expected.get(key), found.get(key)) {
            (Some(expected), Some(found)) if expected == found => continue,
            (Some(expected), Some(found)) => {
                Problem::Differs { expected: format!("{expected:?}"), found: format!("{found:?}") }
            }
            (Some(_), None) => Problem::Missing,
            (None, _) => Problem::Unexpected,
        };
        each(Difference { place, key: format!("{key:?}"), problem });
    }
}

fn read<K: KeyBytes + Ord, V: Record>(
    stores: &dyn Stores,
    place: &'static str,
    broken: &mut Vec<Difference>,
) -> Result<BTreeMap<K, V>, ReadError> {
    let mut entries = BTreeMap::new();
    stores.entries(place, &mut |key, value| match (K::read(key), frame::decode(value)) {
        (Some(key), Ok(value)) => drop(entries.insert(key, value)),
        (None, _) => broken.push(unreadable(place, key, "not a key of it")),
        (_, Err(error)) => broken.push(unreadable(place, key, &error.to_string())),
    })?;
    Ok(entries)
}

fn unreadable(place: &'static str, key: &[u8], why: &str) -> Difference {
    let problem = Problem::Differs { expected: "an entry that can be read".to_owned(), found: why.to_owned() };
    Difference { place, key: format!("{key:02x?}"), problem }
}
