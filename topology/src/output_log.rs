//! A topic that a sub-topology writes to anyway, as what a store is restored from.
//!
//! It is to a store what a changelog is: the offset after what a transaction wrote there is known once it has committed, and goes with
//! the store's entries into one batch. So the writes of the store must all be in there, those of a task in the partition of its number,
//! to which nobody else writes anything that is an entry of the store. Whose the other records are does not matter: they are read, and are
//! nothing. What others have open there is waited for, as what is open of a changelog.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use state::StoreId;

use crate::batch::{RecordBatch, RecordRef};
use crate::broker::{Broker, BrokerError, Cleanup, TopicName};
use crate::changelog::{self, Form, Logged, kept_for_restore_ms};
use crate::config::StreamsConfig;
use crate::errors::{StreamsError, TopologyError};
use crate::plan::Plan;
use crate::sub_topology::{SubTopology, TopicRef};
use crate::topology::{NodeDecl, NodeKind, StoreDecl, Topology};

/// What a record says of a store; a key and a value stand in the buffers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Nothing,
    Put,
    Delete,
    Bad(String),
    NotYet(String),
}

/// Reads a record for a store. Takes the name that the store's serdes are given, and buffers for key and value.
pub(crate) type Reading = Arc<dyn Fn(&str, &RecordRef<'_>, &mut Vec<u8>, &mut Vec<u8>) -> Said + Send + Sync>;

/// An output that a store is restored from.
#[derive(Clone)]
pub(crate) struct OutputLog {
    pub(crate) topic: TopicName,
    pub(crate) read: Reading,
}

impl fmt::Debug for OutputLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutputLog({})", self.topic)
    }
}

/// Entries of stores as they were read of records: store, key, value or none for a deletion, timestamp.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    bytes: Vec<u8>,
    value: Vec<u8>,
    list: Vec<(StoreId, Range<usize>, Option<Range<usize>>, i64)>,
}

impl Entries {
    /// What the records of a batch with these offsets say of stores, each from an offset on.
    pub(crate) fn read(
        stores: &[(Logged, i64)],
        batch: &RecordBatch,
        wanted: &Range<i64>,
    ) -> Result<Self, BrokerError> {
        let mut entries = Self::default();
        for record in batch.iter().filter(|record| wanted.contains(&record.offset)) {
            for (logged, _) in stores.iter().filter(|(_, from)| record.offset >= *from) {
                entries.add(logged, &record)?;
            }
        }
        Ok(entries)
    }

    /// In the order in which they were read.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (StoreId, &[u8], Option<&[u8]>, i64)> {
        self.list.iter().map(|(store, key, value, timestamp)| {
            (*store, &self.bytes[key.clone()], value.clone().map(|value| &self.bytes[value]), *timestamp)
        })
    }

    fn add(&mut self, logged: &Logged, record: &RecordRef<'_>) -> Result<(), BrokerError> {
        let Form::Output(output) = &logged.form else { return Ok(()) };
        let Self { bytes, value, list } = self;
        let start = bytes.len();
        value.clear();
        let said = (output.read)(&logged.subject, record, bytes, value);
        let key = start..bytes.len();
        match said {
            Said::Put => {
                bytes.extend_from_slice(value);
                list.push((logged.store, key.clone(), Some(key.end..bytes.len()), record.timestamp));
            }
            Said::Delete => list.push((logged.store, key, None, record.timestamp)),
            Said::Nothing => bytes.truncate(start),
            Said::Bad(why) => {
                bytes.truncate(start);
                tracing::error!(topic = %output.topic, offset = record.offset, "left out of what is restored: {why}");
            }
            Said::NotYet(why) => {
                let what = format!("what {} has at offset {} cannot be read yet: {why}", output.topic, record.offset);
                return Err(BrokerError::Unavailable(what));
            }
        }
        Ok(())
    }
}

/// Whether each declared output can be what its store is restored from.
pub(crate) fn check(subs: &[SubTopology], nodes: &[NodeDecl], stores: &[StoreDecl]) -> Result<(), TopologyError> {
    let mut homes: BTreeMap<&TopicName, &SubTopology> = BTreeMap::new();
    for (index, store) in stores.iter().enumerate() {
        let Some(OutputLog { topic, .. }) = &store.output else { continue };
        let name = &store.spec.name;
        if !store.spec.logged || store.changelog.is_some() {
            return Err(TopologyError(format!(
                "store `{name}` is restored from `{topic}`, and has a changelog that it shares, or is never restored"
            )));
        }
        for sub in subs.iter().filter(|sub| sub.stores.contains(&index)) {
            let written = TopicRef::External(topic.clone());
            let mut sinks = sub.sinks.iter().filter(|(_, sink)| *sink == written).peekable();
            let fits =
                |(node, _): &(usize, TopicRef)| matches!(nodes[*node].kind, NodeKind::Sink { own_partition: true, .. });
            if sinks.peek().is_none() || !sinks.all(fits) {
                return Err(TopologyError(format!(
                    "store `{name}` is restored from `{topic}`, but not all that sub-topology `{}` writes there lies on the task's own \
                     partition",
                    sub.name
                )));
            }
            let home = homes.entry(topic).or_insert(sub);
            if home.name != sub.name {
                return Err(TopologyError(format!(
                    "stores of the sub-topologies `{}` and `{}` are restored from `{topic}`",
                    home.name, sub.name
                )));
            }
        }
    }
    Ok(())
}

/// Outputs that stores are restored from, and how long records must be kept there; `None`: for ever.
fn needed<'t>(topology: &'t Topology, plan: &'t Plan) -> impl Iterator<Item = (&'t str, &'t TopicName, Option<i64>)> {
    topology.inner.stores.iter().filter_map(|store| {
        let output = changelog::output_of(store, &plan.by_store)?;
        Some((&*store.spec.name, &output.topic, store.spec.retention_ms.map(kept_for_restore_ms)))
    })
}

/// Refuses outputs that lose what stores are restored from.
pub(crate) fn check_kept(topology: &Topology, plan: &Plan, broker: &dyn Broker) -> Result<(), StreamsError> {
    for (store, topic, needed_ms) in needed(topology, plan) {
        let found = match broker.describe_topics(std::slice::from_ref(topic)).map(|mut found| found.pop()) {
            Ok(Some(Some(found))) => found,
            Ok(_) => continue,
            Err(error @ (BrokerError::Unavailable(_) | BrokerError::Closed(_))) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%topic, store, "whether it keeps what the store is restored from cannot be found out: {error}");
                continue;
            }
        };
        let kept = match (found.cleanup, needed_ms) {
            (Cleanup::Keep, _) => true,
            (Cleanup::Retain { retention_ms }, Some(needed_ms)) => retention_ms >= needed_ms,
            (Cleanup::Retain { .. } | Cleanup::Compact | Cleanup::CompactAndRetain { .. }, _) => false,
        };
        if !kept {
            let wanted = needed_ms.map_or(Cleanup::Keep, |retention_ms| Cleanup::Retain { retention_ms });
            return Err(TopologyError(format!(
                "store `{store}` is restored from topic `{topic}`, whose records are {} and must be {wanted}: alter the topic",
                found.cleanup
            ))
            .into());
        }
    }
    Ok(())
}

/// Changelogs that an application has of stores which could be restored from a topic: the changelog, and that topic. As long as there is such a
/// changelog, the store has it. Once all instances have stopped it can be deleted, and the store is then restored
/// from the topic, if that has been kept as long as it must be by then; from there on no version may run that knows only the changelog.
///
/// # Errors
/// The topology does not fit the topics.
pub fn superseded_changelogs(
    topology: &Topology,
    config: &StreamsConfig,
    existing: &BTreeMap<TopicName, u32>,
) -> Result<Vec<(TopicName, TopicName)>, StreamsError> {
    let stores = &topology.inner.stores;
    let kept = changelog::by_store(stores, &config.application_id, existing)?;
    let superseded = stores.iter().filter(|store| kept.contains(&store.spec.name)).filter_map(|store| {
        let changelog = TopicRef::Changelog(store.spec.name.clone()).resolve(&config.application_id);
        Some((changelog, store.output.as_ref()?.topic.clone()))
    });
    Ok(superseded.collect())
}
