//! What a version of an application must have in common with the one that made its topics, and with those that still run.
//!
//! Operators, stores, sinks, repartitions and whole sub-topologies may come and go while instances of two versions share the
//! group: everything is found by its name, and an instance gets partitions only of topics that it reads. What is refused
//! here would leave partitions that nobody can process, or keys on partitions where nobody looks for them.

use std::collections::BTreeSet;

use crate::broker::{Broker, BrokerError, Cleanup, TopicName, TopicPartition, murmur2};
use crate::config::StreamsConfig;
use crate::errors::{StreamsError, TopologyError};
use crate::output_log;
use crate::plan::Plan;
use crate::topology::Topology;

/// Holds a plan against what is there; an error says what to do.
pub(crate) fn check(
    topology: &Topology,
    plan: &Plan,
    config: &StreamsConfig,
    broker: &dyn Broker,
) -> Result<(), StreamsError> {
    check_internal(plan, broker)?;
    output_log::check_kept(topology, plan, broker)?;
    let group = config.application_id.as_str();
    if broker.has_members(group)? {
        check_sources(topology, plan, group, broker)?;
    }
    warn_of_unread(plan, group, broker)?;
    Ok(())
}

/// A member's id in the group, another one for a version that reads other topics.
///
/// A static member that comes back gets what it had, whatever it subscribes to now, and nobody else is asked (KAFKA-12759):
/// a new topic would be assigned to no one, and one that is no longer read to someone who does not want it. A member by
/// another name makes the group share anew.
pub(crate) fn client_id(member: &str, topics: &[TopicName]) -> String {
    format!("{member}-{:08x}", murmur2(topics.join("\n").as_bytes()))
}

/// Refuses a partition that no task of the plan is for: its topic has grown.
pub(crate) fn check_assigned(plan: &Plan, partitions: &[TopicPartition]) -> Result<(), TopologyError> {
    for partition in partitions {
        let reader = plan.tasks.iter().find(|task| task.sources.contains(&partition.topic));
        if let Some(task) = reader.filter(|task| partition.partition >= task.partitions) {
            return Err(grown(&partition.topic, &format!("more than {}", task.partitions), task.partitions));
        }
    }
    Ok(())
}

fn grown(topic: &TopicName, found: &str, wanted: u32) -> TopologyError {
    TopologyError(format!(
        "topic `{topic}` has {found} partitions, but {wanted} are needed: that number decides which key lies where, so it \
         cannot be changed under an application. Give the topics their old number of partitions again, or start under \
         another application id with topics of its own and process all anew"
    ))
}

/// Internal topics that exist must have as many partitions as are asked for, and changelogs must be those of the kind of
/// store that the topology has.
fn check_internal(plan: &Plan, broker: &dyn Broker) -> Result<(), StreamsError> {
    let names: Vec<_> = plan.internal.iter().map(|spec| spec.name.clone()).collect();
    let existing = broker.describe_topics(&names)?;
    for (wanted, found) in plan.internal.iter().zip(existing) {
        let Some(found) = found else { continue };
        if found.partitions != wanted.partitions {
            return Err(grown(&wanted.name, &found.partitions.to_string(), wanted.partitions).into());
        }
        let kinds = match (wanted.cleanup, found.cleanup) {
            (Cleanup::Compact, Cleanup::CompactAndRetain { .. }) => ("keeps its entries", "one whose entries expire"),
            (Cleanup::CompactAndRetain { .. }, Cleanup::Compact) => ("expires", "one that keeps its entries"),
            _ => continue,
        };
        return Err(TopologyError(format!(
            "the store of topic `{}` {}, but the topic is that of {}: entries would be lost or stay for ever. Give the \
             store another name, and it begins empty; or make it what it was",
            wanted.name, kinds.0, kinds.1
        ))
        .into());
    }
    Ok(())
}

/// Refuses a source that joins others while instances without it run: those would hold the co-partitions that it needs.
/// Every source partition of a task has a committed offset from its start on, so what has none was not read before.
fn check_sources(topology: &Topology, plan: &Plan, group: &str, broker: &dyn Broker) -> Result<(), StreamsError> {
    for task in plan.tasks.iter().filter(|task| task.sources.len() > 1) {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for topic in &task.sources {
            let is_old = read_before(topic, task.partitions, group, broker)?;
            if is_old { old.push(&**topic) } else { new.push(&**topic) }
        }
        if !old.is_empty() && !new.is_empty() {
            return Err(TopologyError(format!(
                "sub-topology `{}` reads [{}] together with [{}], but instances that do not still run: none of the two \
                 versions would get all it needs. Stop every instance, and start this version once the group `{group}` has \
                 no member left; nothing is lost by that",
                topology.inner.sub_topologies[task.sub_topology].name,
                new.join(", "),
                old.join(", "),
            ))
            .into());
        }
    }
    Ok(())
}

fn read_before(topic: &TopicName, partitions: u32, group: &str, broker: &dyn Broker) -> Result<bool, BrokerError> {
    let all: Vec<_> = (0..partitions).map(|p| TopicPartition::new(topic.clone(), p)).collect();
    match broker.committed(group, &all) {
        Ok(committed) => Ok(committed.iter().any(Option::is_some)),
        // A repartition topic that is yet to be made.
        Err(BrokerError::UnknownTopic(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Tells of topics that the application has read, and this version does not: what waits there stays.
fn warn_of_unread(plan: &Plan, group: &str, broker: &dyn Broker) -> Result<(), BrokerError> {
    let read: BTreeSet<_> = plan.tasks.iter().flat_map(|task| task.sources.iter()).collect();
    let others = broker.topics()?.into_iter().filter(|(topic, _)| !read.contains(topic));
    let others: Vec<_> = others.flat_map(|(t, n)| (0..n).map(move |p| TopicPartition::new(t.clone(), p))).collect();
    for (partition, committed) in others.iter().zip(broker.committed(group, &others)?) {
        let Some(committed) = committed else { continue };
        let waiting = broker.watermarks(partition)?.1 - committed;
        if waiting > 0 {
            tracing::warn!(%partition, waiting, "an earlier version has read this, this one does not: what waits there stays unprocessed");
        }
    }
    Ok(())
}
