//! Consumer groups: who is a member, who owns which partition, and what has been committed.
//!
//! Rebalances are cooperative. A change of members computes a new target; a member that owns what is no longer its own is told so
//! (`Revoked`), lets go with its next poll, and only then the new owner gets it. Nobody waits for a barrier.
//!
//! Fencing is by partition: a commit is taken if the member owns the partition, and has owned it since a generation that the commit
//! knows. That refuses exactly the commits of an ownership that has ended, and no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use parking_lot::{Condvar, Mutex};
use topology::broker::{BrokerError, GroupMetadata, TopicPartition};

use super::assign;
use super::layout::{self, PartitionId};
use super::partition::Partition;
use super::signal::Signal;
use super::store::Store;
use super::topics::Topic;

/// All groups there are.
pub(super) struct Groups(Mutex<AHashMap<String, Arc<Group>>>);

impl Groups {
    /// Reads the committed offsets.
    pub(super) fn load(store: &Store) -> Result<Self, BrokerError> {
        let groups = Self(Mutex::default());
        store.scan_meta(|key, value| {
            if key.first() == Some(&b'O') {
                let corrupt = || BrokerError::corrupt("a committed offset");
                let (id, group) = layout::split_key(key).ok_or_else(corrupt)?;
                let group = std::str::from_utf8(group).map_err(|_| corrupt())?;
                let offset = i64::from_be_bytes(value.try_into().map_err(|_| corrupt())?);
                groups.group(group).state.lock().committed.insert(id, offset);
            }
            Ok(())
        })?;
        Ok(groups)
    }

    /// Those that have members or committed offsets, by name.
    pub(super) fn names(&self) -> Vec<String> {
        let known = |group: &Group| {
            let state = group.state.lock();
            !state.members.is_empty() || !state.committed.is_empty()
        };
        let mut names: Vec<_> = self.0.lock().values().filter(|g| known(g)).map(|g| g.name.clone()).collect();
        names.sort();
        names
    }

    pub(super) fn group(&self, name: &str) -> Arc<Group> {
        let mut groups = self.0.lock();
        if let Some(group) = groups.get(name) {
            return Arc::clone(group);
        }
        let group = Arc::new(Group { name: name.into(), state: Mutex::default(), settled: Condvar::new() });
        groups.insert(name.into(), Arc::clone(&group));
        group
    }
}

/// One group.
pub(super) struct Group {
    pub(super) name: String,
    state: Mutex<State>,
    /// A commit that was being written has landed or failed.
    settled: Condvar,
}

#[derive(Default)]
struct State {
    generation: i64,
    members: BTreeMap<String, Member>,
    committed: AHashMap<PartitionId, i64>,
    /// Offsets that are being written: until they have landed or failed nobody may read the committed offset.
    in_flight: AHashMap<PartitionId, u32>,
    /// A member found an offset in flight, and wants to be told when it is not.
    awaited: bool,
}

struct Member {
    /// The generation in which it joined; tells it from an earlier or later member of the same id.
    joined: i64,
    topics: Vec<Arc<Topic>>,
    owned: BTreeMap<PartitionId, Owned>,
    target: BTreeMap<PartitionId, Arc<Partition>>,
    /// Whether it knows what it is given, be it nothing.
    told: bool,
    /// Told to the member; its next poll lets go of them.
    revoking: Vec<PartitionId>,
    last_poll: Instant,
    /// Inside a poll, where it is alive however long it waits.
    polling: bool,
    signal: Arc<Signal>,
}

struct Owned {
    partition: Arc<Partition>,
    /// The generation in which it became this member's.
    since: i64,
}

/// What a member learns at the start of a poll.
pub(super) enum Step {
    /// No change; `look_again` is when another member may be overdue.
    Steady {
        generation: i64,
        look_again: Option<Instant>,
    },
    Revoked {
        generation: i64,
        partitions: Vec<Arc<Partition>>,
    },
    Assigned {
        generation: i64,
        partitions: Vec<Arc<Partition>>,
    },
    /// No longer a member: polled too late.
    Expired,
    /// Someone else is this member now.
    Replaced,
}

impl Group {
    /// Adds a member, or puts a new one in the place of one with the same id. Returns the generation it joined in.
    pub(super) fn join(&self, member: &str, topics: Vec<Arc<Topic>>, signal: &Arc<Signal>) -> i64 {
        let mut state = self.state.lock();
        let joined = state.generation + 1;
        let new = Member {
            joined,
            topics,
            owned: BTreeMap::new(),
            target: BTreeMap::new(),
            told: false,
            revoking: Vec::new(),
            last_poll: Instant::now(),
            polling: false,
            signal: Arc::clone(signal),
        };
        if let Some(old) = state.members.insert(member.to_owned(), new) {
            old.signal.notify();
        }
        state.rebalance();
        joined
    }

    /// Removes a member, if it is still the one that joined in that generation.
    pub(super) fn leave(&self, member: &str, joined: i64) {
        let mut state = self.state.lock();
        if state.members.get(member).is_some_and(|m| m.joined == joined) {
            state.members.remove(member);
            state.rebalance();
        }
    }

    /// The start of a poll: lets go of what was revoked, removes members that are overdue, tells what has changed.
    pub(super) fn poll(&self, member: &str, joined: i64, max_poll_interval: Duration) -> Step {
        let mut state = self.state.lock();
        let now = Instant::now();
        let Some(me) = state.members.get_mut(member) else { return Step::Expired };
        if me.joined != joined {
            return Step::Replaced;
        }
        me.polling = true;
        let let_go = std::mem::take(&mut me.revoking);
        for id in &let_go {
            me.owned.remove(id);
        }
        if !let_go.is_empty() {
            state.notify_all();
        }
        state.expire(now, max_poll_interval);
        state.step(member, max_poll_interval)
    }

    /// The end of a poll: from here the member's time runs.
    pub(super) fn poll_ended(&self, member: &str, joined: i64) {
        let mut state = self.state.lock();
        if let Some(me) = state.members.get_mut(member).filter(|m| m.joined == joined) {
            me.polling = false;
            me.last_poll = Instant::now();
        }
    }

    /// How many members there are.
    pub(super) fn members(&self) -> usize {
        self.state.lock().members.len()
    }

    /// The committed offset; outer `None` while one is being written: the member is then notified once it is settled.
    pub(super) fn try_committed(&self, id: PartitionId) -> Option<Option<i64>> {
        let mut state = self.state.lock();
        if state.in_flight.contains_key(&id) {
            state.awaited = true;
            return None;
        }
        Some(state.committed.get(&id).copied())
    }

    /// The committed offsets, once none of them is being written any more.
    pub(super) fn committed(&self, ids: &[PartitionId]) -> Vec<Option<i64>> {
        let mut state = self.state.lock();
        while ids.iter().any(|id| state.in_flight.contains_key(id)) {
            self.settled.wait(&mut state);
        }
        ids.iter().map(|id| state.committed.get(id).copied()).collect()
    }

    /// Checks that the member may commit these; if so they count as being written until [`Group::settle`].
    pub(super) fn begin_commit(
        &self,
        metadata: &GroupMetadata,
        offsets: &[(Arc<Partition>, i64)],
    ) -> Result<(), BrokerError> {
        let mut state = self.state.lock();
        for (partition, _) in offsets {
            state.check_owner(metadata, partition.id, &partition.name)?;
        }
        for (partition, _) in offsets {
            *state.in_flight.entry(partition.id).or_default() += 1;
        }
        Ok(())
    }

    /// The commit has landed, or failed.
    pub(super) fn settle(&self, offsets: &[(Arc<Partition>, i64)], landed: bool) {
        let mut state = self.state.lock();
        for (partition, offset) in offsets {
            if landed {
                state.committed.insert(partition.id, *offset);
            }
            if let Some(count) = state.in_flight.get_mut(&partition.id) {
                *count -= 1;
                if *count == 0 {
                    state.in_flight.remove(&partition.id);
                }
            }
        }
        if std::mem::take(&mut state.awaited) {
            state.notify_all();
        }
        self.settled.notify_all();
    }
}

impl State {
    fn rebalance(&mut self) {
        self.generation += 1;
        let mut subscribers: BTreeMap<u32, (Arc<Topic>, Vec<String>)> = BTreeMap::new();
        for (id, member) in &mut self.members {
            member.target.clear();
            for topic in &member.topics {
                let entry = subscribers.entry(topic.id).or_insert_with(|| (Arc::clone(topic), Vec::new()));
                // Members come in the order of their ids.
                entry.1.push(id.clone());
            }
        }
        for (topic, members) in subscribers.values() {
            for (index, id) in members.iter().enumerate() {
                let Some(member) = self.members.get_mut(id) else { continue };
                for n in assign::range(topic.partition_count(), members.len(), index) {
                    if let Some(partition) = topic.partitions.get(n as usize) {
                        member.target.insert(partition.id, Arc::clone(partition));
                    }
                }
            }
        }
        self.notify_all();
    }

    fn expire(&mut self, now: Instant, max_poll_interval: Duration) {
        let before = self.members.len();
        self.members.retain(|id, m| {
            let overdue = !m.polling && now.duration_since(m.last_poll) > max_poll_interval;
            if overdue {
                tracing::warn!(member = %id, "has not polled for {max_poll_interval:?} and loses its partitions");
                m.signal.notify();
            }
            !overdue
        });
        if self.members.len() != before {
            self.rebalance();
        }
    }

    fn step(&mut self, member: &str, max_poll_interval: Duration) -> Step {
        let generation = self.generation;
        let others = || self.members.iter().filter(|(id, _)| *id != member).map(|(_, m)| m);
        let look_again = others().filter(|m| !m.polling).map(|m| m.last_poll + max_poll_interval).min();
        let Some(me) = self.members.get(member) else { return Step::Expired };
        let free: Vec<_> = me
            .target
            .values()
            .filter(|p| !me.owned.contains_key(&p.id) && !others().any(|m| m.owned.contains_key(&p.id)))
            .cloned()
            .collect();
        let Some(me) = self.members.get_mut(member) else { return Step::Expired };
        let revoked: Vec<_> = me
            .owned
            .values()
            .filter(|o| !me.target.contains_key(&o.partition.id))
            .map(|o| Arc::clone(&o.partition))
            .collect();
        if !revoked.is_empty() {
            me.revoking = revoked.iter().map(|p| p.id).collect();
            return Step::Revoked { generation, partitions: revoked };
        }
        if !free.is_empty() || (me.target.is_empty() && !me.told) {
            me.told = true;
            me.owned.extend(free.iter().map(|p| (p.id, Owned { partition: Arc::clone(p), since: generation })));
            return Step::Assigned { generation, partitions: free };
        }
        Step::Steady { generation, look_again }
    }

    fn check_owner(&self, metadata: &GroupMetadata, id: PartitionId, name: &TopicPartition) -> Result<(), BrokerError> {
        let GroupMetadata { group, member, generation } = metadata;
        if member.is_empty() && self.members.is_empty() {
            // A tool that sets the offsets of a group which nobody is in.
            return Ok(());
        }
        match self.members.get(member).and_then(|m| m.owned.get(&id)) {
            Some(owned) if owned.since <= *generation => Ok(()),
            Some(owned) => Err(BrokerError::Fenced(format!(
                "{name}: generation {generation} of member {member} in group {group} is older than {}, since which the \
                 partition is held",
                owned.since
            ))),
            None => Err(BrokerError::Fenced(format!("{name} is not held by member {member} of group {group}"))),
        }
    }

    fn notify_all(&self) {
        for member in self.members.values() {
            member.signal.notify();
        }
    }
}
