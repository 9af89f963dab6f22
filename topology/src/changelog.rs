//! Where a store's changelog is: in a topic of its own, or in one that it shares with others of its sub-topology.
//!
//! A commit costs by the partition that it touches, so a sub-topology with many stores commits faster, and for less CPU, with
//! one changelog. There each record's key has the store's name in front, and `:`, which no name has.
//!
//! An application that has changelogs of its stores' own keeps them, as what the stores hold is in there. Which of the two it
//! has is thus a property of the topics, and the same for all its instances.

use std::collections::{BTreeMap, BTreeSet};

use state::StoreId;

use crate::broker::TopicName;
use crate::errors::TopologyError;
use crate::sub_topology::{SubTopology, TopicRef};
use crate::topology::StoreDecl;

/// Between a store's name and its key.
const SEPARATOR: u8 = b':';

/// A store and its place in its changelog.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) store: StoreId,
    /// The changelog's index among the task's outputs.
    pub(crate) output: usize,
    /// In front of its keys; empty if the topic is its own.
    pub(crate) prefix: Vec<u8>,
}

impl Logged {
    /// The store's key, if the record is the store's.
    pub(crate) fn key<'a>(&self, key: &'a [u8]) -> Option<&'a [u8]> {
        key.strip_prefix(&self.prefix[..])
    }
}

/// A store's changelog, and what its keys have in front there; `None` if it has none. `by_store`: changelogs that are not shared,
/// though they were declared.
pub(crate) fn of(store: &StoreDecl, by_store: &BTreeSet<String>) -> Option<(TopicRef, Vec<u8>)> {
    let name = &store.spec.name;
    if !store.spec.logged {
        return None;
    }
    Some(match store.changelog.as_ref().filter(|shared| !by_store.contains(*shared)) {
        Some(shared) => (TopicRef::Changelog(shared.clone()), [name.as_bytes(), &[SEPARATOR]].concat()),
        None => (TopicRef::Changelog(name.clone()), Vec::new()),
    })
}

/// The declared changelogs of which one of the stores has its own already. One of which there are both kinds is refused: where the
/// stores stand would be offsets of the wrong one.
pub(crate) fn by_store(
    stores: &[StoreDecl],
    application_id: &str,
    existing: &BTreeMap<TopicName, u32>,
) -> Result<BTreeSet<String>, TopologyError> {
    let exists = |name: &String| existing.contains_key(&TopicRef::Changelog(name.clone()).resolve(application_id));
    let sharing = stores.iter().filter_map(|store| Some((store.changelog.as_ref()?, &store.spec.name)));
    let keeps_its_own = |(shared, own): (&String, &String)| {
        if exists(shared) {
            return Err(TopologyError(format!(
                "store `{own}` has a changelog of its own, and shares the changelog `{shared}`, which exists too: give the store \
                 another name, and it begins empty; or let it keep its own"
            )));
        }
        Ok(shared.clone())
    };
    sharing.filter(|(_, own)| exists(own)).map(keeps_its_own).collect()
}

/// Whether what is declared can be: stores of one sub-topology, with changelogs that are cleaned up in one way and not read whole
/// at each start, under a name that no store has.
pub(crate) fn check(subs: &[SubTopology], stores: &[StoreDecl]) -> Result<(), TopologyError> {
    let mut homes: BTreeMap<&String, &SubTopology> = BTreeMap::new();
    for (index, store) in stores.iter().enumerate() {
        let (Some(changelog), spec) = (&store.changelog, &store.spec) else { continue };
        if !spec.logged || !spec.persistent || spec.retention_ms.is_some() {
            return Err(TopologyError(format!(
                "store `{}` shares the changelog `{changelog}`, but only persistent stores that do not expire can",
                spec.name
            )));
        }
        if stores.iter().any(|other| other.spec.name == *changelog) {
            return Err(TopologyError(format!(
                "store `{}` shares the changelog `{changelog}`, but that is the name of a store, whose own it would be",
                spec.name
            )));
        }
        for sub in subs.iter().filter(|sub| sub.stores.contains(&index)) {
            let home = homes.entry(changelog).or_insert(sub);
            if home.name != sub.name {
                return Err(TopologyError(format!(
                    "changelog `{changelog}` is shared by stores of the sub-topologies `{}` and `{}`",
                    home.name, sub.name
                )));
            }
        }
    }
    Ok(())
}
