//! A topology as text, as a Mermaid flow chart and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::broker::TopicName;
use crate::sub_topology::TopicRef;
use crate::topology::{NodeKind, Topology};

/// A description of a topology, in the manner of Kafka Streams' `TopologyDescription`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Sub-topologies, in declared order.
    pub sub_topologies: Vec<SubTopologyDescription>,
}

/// One sub-topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubTopologyDescription {
    /// Its name.
    pub name: String,
    /// Its nodes, in declared order.
    pub nodes: Vec<NodeDescription>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeDescription {
    /// Its name.
    pub name: String,
    /// `source`, `processor` or `sink`.
    pub kind: &'static str,
    /// The topics that it reads or writes; internal ones without the application's id.
    pub topics: Vec<String>,
    /// The stores that it uses.
    pub stores: Vec<String>,
    /// The nodes that it forwards to.
    pub children: Vec<String>,
}

impl Topology {
    /// The topics that an application reads, internal ones with its id.
    #[must_use]
    pub fn source_topics(&self, application_id: &str) -> Vec<TopicName> {
        let sources = self.inner.sub_topologies.iter().flat_map(|sub| &sub.sources);
        let topics: std::collections::BTreeSet<_> = sources.map(|(_, topic)| topic.resolve(application_id)).collect();
        topics.into_iter().collect()
    }

    /// What the topology is made of.
    #[must_use]
    pub fn describe(&self) -> Description {
        let inner = &self.inner;
        let node = |index: &usize, sub: &crate::sub_topology::SubTopology| {
            let decl = &inner.nodes[*index];
            let topic = |t: &TopicRef| match t {
                TopicRef::Repartition(name) => format!("{name}-repartition"),
                other => other.resolve("").to_string(),
            };
            let (kind, stores) = match &decl.kind {
                NodeKind::Source { .. } | NodeKind::RepartitionSource => ("source", Vec::new()),
                NodeKind::Processor { stores } => ("processor", stores.clone()),
                NodeKind::Sink { .. } | NodeKind::RepartitionSink => ("sink", Vec::new()),
            };
            let ends = sub.sources.iter().chain(&sub.sinks);
            NodeDescription {
                name: decl.name.clone(),
                kind,
                topics: ends.filter(|(n, _)| n == index).map(|(_, t)| topic(t)).collect(),
                stores,
                children: inner.children[*index].iter().map(|c| inner.nodes[*c].name.clone()).collect(),
            }
        };
        let sub_topologies = inner.sub_topologies.iter().map(|sub| SubTopologyDescription {
            name: sub.name.to_string(),
            nodes: sub.nodes.iter().map(|n| node(n, sub)).collect(),
        });
        Description { sub_topologies: sub_topologies.collect() }
    }
}

impl Description {
    /// As Kafka Streams prints it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::from("Topologies:\n");
        for sub in &self.sub_topologies {
            let _ = writeln!(out, "   Sub-topology: {}", sub.name);
            for node in &sub.nodes {
                let detail = match node.kind {
                    "source" => format!("Source: {} (topics: [{}])", node.name, node.topics.join(", ")),
                    "sink" => format!("Sink: {} (topic: {})", node.name, node.topics.join(", ")),
                    _ => format!("Processor: {} (stores: [{}])", node.name, node.stores.join(", ")),
                };
                let _ = writeln!(out, "    {detail}");
                if node.kind != "sink" {
                    let _ = writeln!(out, "      --> {}", or_none(&node.children));
                }
                if node.kind != "source" {
                    let parents = sub.nodes.iter().filter(|p| p.children.contains(&node.name));
                    let parents: Vec<String> = parents.map(|p| p.name.clone()).collect();
                    let _ = writeln!(out, "      <-- {}", or_none(&parents));
                }
            }
        }
        out
    }

    /// As a Mermaid flow chart: topics, nodes grouped by sub-topology, stores.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        for sub in &self.sub_topologies {
            let _ = writeln!(out, "  subgraph {}[\"{}\"]", id("sub", &sub.name), sub.name);
            for node in &sub.nodes {
                let _ = writeln!(out, "    {}[\"{}\"]", id("node", &node.name), node.name);
                for store in &node.stores {
                    let _ = writeln!(out, "    {}[(\"{store}\")]", id("store", store));
                }
            }
            out.push_str("  end\n");
        }
        for node in self.sub_topologies.iter().flat_map(|s| &s.nodes) {
            let me = id("node", &node.name);
            for topic in &node.topics {
                let name = id("topic", topic);
                let _ = match node.kind {
                    "source" => writeln!(out, "  {name}([\"{topic}\"]) --> {me}"),
                    _ => writeln!(out, "  {me} --> {name}([\"{topic}\"])"),
                };
            }
            for child in &node.children {
                let _ = writeln!(out, "  {me} --> {}", id("node", child));
            }
            for store in &node.stores {
                let _ = writeln!(out, "  {me} <--> {}", id("store", store));
            }
        }
        out
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Mermaid ids hold letters, digits and underscores only; different names get different ids.
fn id(kind: &str, name: &str) -> String {
    let escape = |c: char| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("_{:x}_", u32::from(c)) };
    format!("{kind}_{}", name.chars().map(escape).collect::<String>())
}
