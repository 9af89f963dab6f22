//! Sub-topologies: what falls apart when the graph is cut at its topics. Nodes that share an edge or a store stay together.

use std::collections::BTreeSet;

use crate::broker::TopicName;
use crate::changelog;
use crate::errors::{TopologyError, dead_letter_topic};
use crate::topology::{NodeDecl, NodeKind, StoreDecl};

/// A topic as the topology knows it: internal ones get the application's id in front when it runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TopicRef {
    /// Named by the user.
    External(TopicName),
    /// The dead letters of a topic.
    DeadLetter(Box<TopicRef>),
    /// Between a repartition's two halves; the repartition's name.
    Repartition(String),
    /// A store's, or one that stores share; its name.
    Changelog(String),
}

impl TopicRef {
    /// The name that the topic has in an application.
    pub(crate) fn resolve(&self, application_id: &str) -> TopicName {
        match self {
            Self::External(name) => name.clone(),
            Self::DeadLetter(topic) => dead_letter_topic(&topic.resolve(application_id)),
            Self::Repartition(name) => format!("{application_id}-{name}-repartition").into(),
            Self::Changelog(name) => format!("{application_id}-{name}-changelog").into(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct SubTopology {
    /// The name of its first declared processor (or node), so that it stays when others join.
    pub(crate) name: TopicName,
    pub(crate) nodes: BTreeSet<usize>,
    /// Indices of its stores, in declared order: a store's place here is its id in the task.
    pub(crate) stores: Vec<usize>,
    /// Source node and topic of each input.
    pub(crate) sources: Vec<(usize, TopicRef)>,
    /// Sink node and topic of each output.
    pub(crate) sinks: Vec<(usize, TopicRef)>,
    pub(crate) dead_letters: bool,
}

impl SubTopology {
    pub(crate) fn output_of(&self, node: usize) -> Option<&TopicRef> {
        self.sinks.iter().find(|(n, _)| *n == node).map(|(_, t)| t)
    }

    /// Every topic that its tasks may write to: sinks', changelogs', dead letters.
    pub(crate) fn outputs(&self, stores: &[StoreDecl], by_store: &BTreeSet<String>) -> Vec<TopicRef> {
        let mut all: BTreeSet<TopicRef> = self.sinks.iter().map(|(_, t)| t.clone()).collect();
        let changelogs = self.stores.iter().filter_map(|s| changelog::of(&stores[*s], by_store));
        all.extend(changelogs.map(|(topic, _)| topic));
        if self.dead_letters {
            all.extend(self.sources.iter().map(|(_, t)| TopicRef::DeadLetter(Box::new(t.clone()))));
        }
        all.into_iter().collect()
    }
}

/// The name of the node that reads a repartition's topic.
pub(crate) fn reading_half(name: &str) -> String {
    format!("{name}.source")
}

pub(crate) fn split(
    nodes: &[NodeDecl],
    children: &[Vec<usize>],
    stores: &[StoreDecl],
    dead_letters: bool,
) -> Result<Vec<SubTopology>, TopologyError> {
    let mut sets = Sets::new(nodes.len());
    for (parent, children) in children.iter().enumerate() {
        for child in children {
            sets.join(parent, *child);
        }
    }
    for store in stores {
        let users: Vec<usize> = (0..nodes.len()).filter(|n| uses(&nodes[*n], &store.spec.name)).collect();
        for pair in users.windows(2) {
            sets.join(pair[0], pair[1]);
        }
    }
    let roots: BTreeSet<usize> = (0..nodes.len()).map(|n| sets.root(n)).collect();
    let subs = roots.into_iter().map(|root| {
        let members: BTreeSet<usize> = (0..nodes.len()).filter(|n| sets.root(*n) == root).collect();
        sub_topology(nodes, stores, members, dead_letters)
    });
    subs.collect()
}

fn sub_topology(
    nodes: &[NodeDecl],
    stores: &[StoreDecl],
    members: BTreeSet<usize>,
    dead_letters: bool,
) -> Result<SubTopology, TopologyError> {
    let is_processor = |n: &&usize| matches!(nodes[**n].kind, NodeKind::Processor { .. });
    let first = members.iter().find(is_processor).or_else(|| members.first()).copied().unwrap_or_default();
    let mut sources = Vec::new();
    let mut sinks = Vec::new();
    for &n in &members {
        match &nodes[n].kind {
            NodeKind::Source { topics } => sources.extend(topics.iter().map(|t| (n, TopicRef::External(t.clone())))),
            NodeKind::RepartitionSource => sources.push((n, TopicRef::Repartition(nodes[n - 1].name.clone()))),
            NodeKind::Sink { topic, .. } => sinks.push((n, TopicRef::External(topic.clone()))),
            NodeKind::RepartitionSink => sinks.push((n, TopicRef::Repartition(nodes[n].name.clone()))),
            NodeKind::Processor { .. } => {}
        }
    }
    if sources.is_empty() {
        return Err(TopologyError(format!("no source leads to node `{}`", nodes[first].name)));
    }
    let used = |s: &usize| members.iter().any(|n| uses(&nodes[*n], &stores[*s].spec.name));
    Ok(SubTopology {
        name: nodes[first].name.as_str().into(),
        stores: (0..stores.len()).filter(used).collect(),
        nodes: members,
        sources,
        sinks,
        dead_letters,
    })
}

fn uses(node: &NodeDecl, store: &str) -> bool {
    matches!(&node.kind, NodeKind::Processor { stores } if stores.iter().any(|s| s == store))
}

/// Disjoint sets; the root is the smallest member.
struct Sets(Vec<usize>);

impl Sets {
    fn new(n: usize) -> Self {
        Self((0..n).collect())
    }

    fn root(&self, mut n: usize) -> usize {
        while self.0[n] != n {
            n = self.0[n];
        }
        n
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
