//! From a topology to the topics of an application: which there must be, with how many partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::broker::{Cleanup, TopicName, TopicSpec};
use crate::changelog::{self, kept_for_restore_ms};
use crate::errors::TopologyError;
use crate::sub_topology::{SubTopology, TopicRef};
use crate::task::TaskPlan;
use crate::topology::Topology;
use crate::trace::Tracing;

/// Everything that is known once the partition counts of the sources are.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) tasks: Vec<TaskPlan>,
    /// Topics that the application makes for itself.
    pub(crate) internal: Vec<TopicSpec>,
    /// Topics that only the application writes and reads, to be purged once processed.
    pub(crate) repartitions: Vec<TopicName>,
    /// Changelogs that are not shared, though they were declared; and stores that have changelogs, though outputs were declared.
    pub(crate) by_store: Arc<BTreeSet<String>>,
}

pub(crate) fn plan(
    topology: &Topology,
    application_id: &str,
    existing: &BTreeMap<TopicName, u32>,
    max_record_bytes: usize,
    tracing: &Tracing,
) -> Result<Plan, TopologyError> {
    let inner = &topology.inner;
    let counts = partition_counts(&inner.sub_topologies, existing)?;
    let mut internal: BTreeMap<TopicName, TopicSpec> = BTreeMap::new();
    let mut repartitions = Vec::new();
    let mut known = existing.clone();
    let by_store = Arc::new(changelog::by_store(&inner.stores, application_id, existing)?);
    for (sub, &partitions) in inner.sub_topologies.iter().zip(&counts) {
        let mut add = |topic: &TopicRef, cleanup| {
            let name = topic.resolve(application_id);
            known.insert(name.clone(), partitions);
            internal.insert(name.clone(), TopicSpec { name, partitions, cleanup, log_append_time: false });
        };
        for (_, topic) in &sub.sources {
            if matches!(topic, TopicRef::Repartition(_)) {
                add(topic, Cleanup::Keep);
                repartitions.push(topic.resolve(application_id));
            }
            if sub.dead_letters {
                add(&TopicRef::DeadLetter(Box::new(topic.clone())), Cleanup::Keep);
            }
        }
        for store in sub.stores.iter().map(|s| &inner.stores[*s]) {
            let Some((topic @ TopicRef::Changelog(_), _)) = changelog::of(store, &by_store) else { continue };
            let cleanup = store.spec.retention_ms.map_or(Cleanup::Compact, |retention_ms| Cleanup::CompactAndRetain {
                retention_ms: kept_for_restore_ms(retention_ms),
            });
            add(&topic, cleanup);
        }
    }
    let mut tasks = Vec::new();
    for (index, (sub, &partitions)) in inner.sub_topologies.iter().zip(&counts).enumerate() {
        let mut outputs = Vec::new();
        for topic in sub.outputs(&inner.stores, &by_store) {
            let name = topic.resolve(application_id);
            let Some(&count) = known.get(&name) else {
                return Err(TopologyError(format!(
                    "topic `{name}`, which sub-topology `{}` writes, does not exist",
                    sub.name
                )));
            };
            outputs.push((topic, name, count));
        }
        for output in sub.stores.iter().filter_map(|s| changelog::output_of(&inner.stores[*s], &by_store)) {
            let found = known.get(&output.topic).copied().unwrap_or_default();
            if found < partitions {
                return Err(TopologyError(format!(
                    "stores of sub-topology `{}` are restored from `{}`, which has {found} partitions, but {partitions} are needed",
                    sub.name, output.topic
                )));
            }
        }
        tasks.push(TaskPlan {
            sub_topology: index,
            application_id: application_id.to_owned(),
            partitions,
            sources: sub.sources.iter().map(|(_, t)| t.resolve(application_id)).collect(),
            outputs,
            by_store: by_store.clone(),
            max_record_bytes,
            tracing: tracing.clone(),
        });
    }
    Ok(Plan { tasks, internal: internal.into_values().collect(), repartitions, by_store })
}

/// The partition count of each sub-topology: that of its external sources, or, where it has none, the highest of those
/// that write to it.
fn partition_counts(subs: &[SubTopology], existing: &BTreeMap<TopicName, u32>) -> Result<Vec<u32>, TopologyError> {
    let mut counts: Vec<Option<u32>> = Vec::new();
    for sub in subs {
        let mut found: Option<(&TopicName, u32)> = None;
        for (_, topic) in &sub.sources {
            let TopicRef::External(name) = topic else { continue };
            let Some(&count) = existing.get(name) else {
                return Err(TopologyError(format!(
                    "source topic `{name}` of sub-topology `{}` does not exist",
                    sub.name
                )));
            };
            match found {
                Some((other, n)) if n != count => {
                    return Err(TopologyError(format!(
                        "topics `{other}` and `{name}` are read together by sub-topology `{}`, but have {n} and {count} partitions",
                        sub.name
                    )));
                }
                _ => found = Some((name, count)),
            }
        }
        counts.push(found.map(|(_, n)| n));
    }
    // Repartition topics may chain: settle from the known ones on.
    for _ in 0..subs.len() {
        for (reader, sub) in subs.iter().enumerate() {
            if counts[reader].is_some() {
                continue;
            }
            let writes_to_it = |other: &SubTopology| {
                other
                    .sinks
                    .iter()
                    .any(|(_, t)| matches!(t, TopicRef::Repartition(_)) && sub.sources.iter().any(|(_, s)| s == t))
            };
            let upstream = subs.iter().enumerate().filter(|(_, o)| writes_to_it(o)).filter_map(|(w, _)| counts[w]);
            counts[reader] = upstream.max();
        }
    }
    let named = subs.iter().zip(counts);
    named
        .map(|(sub, n)| {
            n.ok_or_else(|| TopologyError(format!("nothing writes to the sources of sub-topology `{}`", sub.name)))
        })
        .collect()
}
