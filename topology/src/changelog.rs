//! Where a store is restored from: a changelog of its own, one that it shares with others of its sub-topology, or a topic that its
//! sub-topology writes to anyway.
//!
//! A commit costs by the partition that it touches, so a sub-topology with many stores commits faster, and for less CPU, with
//! one changelog. There each record's key has the store's name in front, and `:`, which no name has. Less still costs what need not
//! be written: a store whose entries all stand in an output has them from there (`output_log`).
//!
//! An application that has changelogs of its stores' own keeps them, as what the stores hold is in there. Which of these it
//! has is thus a property of the topics, and the same for all its instances.

use std::collections::{BTreeMap, BTreeSet};

use state::{StoreId, StoreSpec};

use crate::broker::TopicName;
use crate::errors::TopologyError;
use crate::output_log::OutputLog;
use crate::sub_topology::{SubTopology, TopicRef};
use crate::topology::StoreDecl;

/// Between a store's name and its key.
const SEPARATOR: u8 = b':';

/// A deleted key's tombstone and a duplicate's memory need no longer than this, beyond the store's own retention, in what an
/// expiring store is restored from.
const GRACE_MS: i64 = 24 * 3_600 * 1_000;

/// How long records must be kept that an expiring store is restored from, for a store that keeps its entries for so long.
#[must_use]
pub const fn kept_for_restore_ms(retention_ms: i64) -> i64 {
    retention_ms.saturating_add(GRACE_MS)
}

/// A store and its place in what it is restored from.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) store: StoreId,
    /// The topic's index among the task's outputs.
    pub(crate) output: usize,
    pub(crate) form: Form,
    /// The name that the store's serdes are given, whatever topic its values lie in.
    pub(crate) subject: TopicName,
}

/// How a store's entries stand in what it is restored from.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// As they are, with this in front of their keys; empty if the topic is the store's own.
    Changelog(Vec<u8>),
    /// In what a sink has written.
    Output(OutputLog),
}

impl Logged {
    /// The store's key, if the record of a changelog is the store's.
    pub(crate) fn key<'a>(&self, key: &'a [u8]) -> Option<&'a [u8]> {
        match &self.form {
            Form::Changelog(prefix) => key.strip_prefix(&prefix[..]),
            Form::Output(_) => None,
        }
    }
}

/// What a store is restored from, and how its entries stand there; `None` if it has nothing of the kind. `by_store`: changelogs that are
/// not shared, though they were declared, and stores that have changelogs, though outputs were declared.
pub(crate) fn of(store: &StoreDecl, by_store: &BTreeSet<String>) -> Option<(TopicRef, Form)> {
    let name = &store.spec.name;
    if !store.spec.logged {
        return None;
    }
    if let Some(output) = output_of(store, by_store) {
        return Some((TopicRef::External(output.topic.clone()), Form::Output(output.clone())));
    }
    Some(match store.changelog.as_ref().filter(|shared| !by_store.contains(*shared)) {
        Some(shared) => {
            (TopicRef::Changelog(shared.clone()), Form::Changelog([name.as_bytes(), &[SEPARATOR]].concat()))
        }
        None => (TopicRef::Changelog(name.clone()), Form::Changelog(Vec::new())),
    })
}

/// The output that a store is restored from.
pub(crate) fn output_of<'s>(store: &'s StoreDecl, by_store: &BTreeSet<String>) -> Option<&'s OutputLog> {
    store.output.as_ref().filter(|_| !by_store.contains(&store.spec.name))
}

/// The stores of a sub-topology as they are opened.
pub(crate) fn specs(sub: &SubTopology, stores: &[StoreDecl], by_store: &BTreeSet<String>) -> Vec<StoreSpec> {
    let spec = |index: &usize| {
        let spec = stores[*index].spec.clone();
        match output_of(&stores[*index], by_store) {
            Some(output) => spec.restored_from(&*output.topic),
            None => spec,
        }
    };
    sub.stores.iter().map(spec).collect()
}

/// The declared changelogs of which one of the stores has its own already, and the stores with an output that have. A changelog of
/// which there are both kinds is refused: where the stores stand would be offsets of the wrong one.
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
    let with_output = stores.iter().filter(|store| store.output.is_some()).map(|store| &store.spec.name);
    let with_output = with_output.filter(|own| exists(own)).map(|own| Ok(own.clone()));
    sharing.filter(|(_, own)| exists(own)).map(keeps_its_own).chain(with_output).collect()
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
