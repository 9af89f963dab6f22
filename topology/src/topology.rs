//! A topology as one declared value, checked as a whole before anything runs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use state::StoreId;

use crate::broker::TopicName;
use crate::changelog;
use crate::errors::{ExceptionHandler, LogAndFail, TopologyError};
use crate::metrics::StoreMetrics;
use crate::node::{Node, Partitioning, ProcessorNode, SinkNode, SourceNode};
use crate::output_log::{self, OutputLog};
use crate::processor::{AnyQueue, InitContext, Offer, Processor, Queue, Schedule, TypeTag};
use crate::serde::{Deserializer, Serde, Serializer};
use crate::store::{AnyStore, StoreBuilder, StoreKey};
use crate::sub_topology::{self, SubTopology, TopicRef};

/// Builds one node of a task: its index, its children, the index of its output topic.
pub(crate) type MakeNode = Arc<dyn Fn(NodeInit) -> Box<dyn Node> + Send + Sync>;
pub(crate) type MakeQueue = fn() -> Box<dyn AnyQueue>;
pub(crate) type MakeStore = Arc<dyn Fn(StoreId, &str, &Arc<StoreMetrics>) -> Box<dyn AnyStore> + Send + Sync>;

pub(crate) struct NodeInit {
    pub(crate) index: usize,
    pub(crate) children: Vec<usize>,
    pub(crate) output: usize,
    pub(crate) topic: String,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Source {
        topics: Vec<TopicName>,
    },
    Processor {
        stores: Vec<String>,
    },
    Sink {
        topic: TopicName,
        /// Whether all goes to the partition of the task's number.
        own_partition: bool,
    },
    /// The writing half of a repartition; the reading half is the next node.
    RepartitionSink,
    RepartitionSource,
}

pub(crate) struct NodeDecl {
    pub(crate) name: String,
    pub(crate) kind: NodeKind,
    pub(crate) parents: Vec<String>,
    /// What it takes (a source: what it gives).
    pub(crate) types: TypeTag,
    pub(crate) make: MakeNode,
    pub(crate) queue: MakeQueue,
}

pub(crate) struct StoreDecl {
    pub(crate) spec: state::StoreSpec,
    /// The changelog that it shares with others.
    pub(crate) changelog: Option<String>,
    /// The output that it is restored from in the place of a changelog.
    pub(crate) output: Option<OutputLog>,
    pub(crate) types: TypeTag,
    pub(crate) make: MakeStore,
}

/// Declares a topology: sources, processors, sinks, stores, repartitions, in any order. Parents are named.
pub struct TopologyBuilder {
    nodes: Vec<NodeDecl>,
    stores: Vec<StoreDecl>,
    handler: Arc<dyn ExceptionHandler>,
    dead_letters: bool,
}

impl Default for TopologyBuilder {
    fn default() -> Self {
        Self { nodes: Vec::new(), stores: Vec::new(), handler: Arc::new(LogAndFail), dead_letters: false }
    }
}

impl TopologyBuilder {
    /// Nothing declared yet; failed records end the thread.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads topics.
    #[must_use]
    pub fn source<K, V, T: Into<TopicName>>(
        self,
        name: &str,
        topics: impl IntoIterator<Item = T>,
        key: impl Deserializer<K> + 'static,
        value: impl Deserializer<V> + 'static,
    ) -> Self
    where
        K: Clone + Send + 'static,
        V: Clone + Send + 'static,
    {
        let kind = NodeKind::Source { topics: topics.into_iter().map(Into::into).collect() };
        self.node::<K, V>(name, kind, &[], make_source(Arc::new(key), Arc::new(value)))
    }

    /// Runs a processor, one instance a task, on what its parents forward; it may use the named stores.
    #[must_use]
    pub fn processor<P: Processor>(
        self,
        name: &str,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        parents: &[&str],
        stores: &[&str],
    ) -> Self {
        let kind = NodeKind::Processor { stores: stores.iter().map(|s| (*s).to_owned()).collect() };
        let make: MakeNode = Arc::new(move |n| Box::new(ProcessorNode { index: n.index, processor: supplier() }));
        self.node::<P::KIn, P::VIn>(name, kind, parents, make)
    }

    /// Writes to a topic.
    #[must_use]
    pub fn sink<K: Send + 'static, V: Send + 'static>(
        self,
        name: &str,
        topic: impl Into<TopicName>,
        key: impl Serializer<K> + 'static,
        value: impl Serializer<V> + 'static,
        partitioning: Partitioning,
        parents: &[&str],
    ) -> Self {
        let own_partition = matches!(partitioning, Partitioning::SamePartition);
        let make = make_sink(Arc::new(key), Arc::new(value), partitioning);
        self.node::<K, V>(name, NodeKind::Sink { topic: topic.into(), own_partition }, parents, make)
    }

    /// Passes records through an internal topic of their own, partitioned by their key anew: what is behind it is another
    /// sub-topology. Parents forward to it by its name, children name it as their parent.
    #[must_use]
    pub fn repartition<K, V, SK, SV>(self, name: &str, key: SK, value: SV, parents: &[&str]) -> Self
    where
        K: Clone + Send + 'static,
        V: Clone + Send + 'static,
        SK: Serde<K> + 'static,
        SV: Serde<V> + 'static,
    {
        let (key, value) = (Arc::new(key), Arc::new(value));
        let sink = make_sink::<K, V>(key.clone(), value.clone(), Partitioning::ByKey);
        let source = make_source::<K, V>(key, value);
        self.node::<K, V>(name, NodeKind::RepartitionSink, parents, sink).node::<K, V>(
            &sub_topology::reading_half(name),
            NodeKind::RepartitionSource,
            &[],
            source,
        )
    }

    /// Declares a store; processors name it.
    #[must_use]
    pub fn store<K: StoreKey, V: Send + Sync + 'static>(mut self, store: StoreBuilder<K, V>) -> Self {
        self.stores.push(StoreDecl {
            spec: store.spec(),
            changelog: store.changelog.clone(),
            output: store.output.clone(),
            types: TypeTag::of::<K, V>(),
            make: Arc::new(move |id, changelog, metrics| store.instantiate(id, changelog, metrics)),
        });
        self
    }

    /// Decides about failed records. With `dead_letters`, `<topic>.dlq` is created for each source topic.
    #[must_use]
    pub fn exception_handler(mut self, handler: impl ExceptionHandler + 'static, dead_letters: bool) -> Self {
        self.handler = Arc::new(handler);
        self.dead_letters = dead_letters;
        self
    }

    /// The topology, if it is sound. The error names the node, store or output at fault.
    pub fn build(self) -> Result<Topology, TopologyError> {
        let names = unique_names(&self.nodes, &self.stores)?;
        let children = self.children(&names)?;
        self.check_stores()?;
        self.check_topics()?;
        let sub_topologies = sub_topology::split(&self.nodes, &children, &self.stores, self.dead_letters)?;
        changelog::check(&sub_topologies, &self.stores)?;
        output_log::check(&sub_topologies, &self.nodes, &self.stores)?;
        let topology = Topology {
            inner: Arc::new(Inner {
                nodes: self.nodes,
                stores: self.stores,
                children,
                sub_topologies,
                handler: self.handler,
            }),
        };
        for sub in &topology.inner.sub_topologies {
            topology.instantiate(sub, "check", &sub.outputs(&topology.inner.stores, &BTreeSet::new()))?;
        }
        Ok(topology)
    }

    fn node<K: Send + 'static, V: Send + 'static>(
        mut self,
        name: &str,
        kind: NodeKind,
        parents: &[&str],
        make: MakeNode,
    ) -> Self {
        self.nodes.push(NodeDecl {
            name: name.to_owned(),
            kind,
            parents: parents.iter().map(|p| (*p).to_owned()).collect(),
            types: TypeTag::of::<K, V>(),
            make,
            queue: || Box::new(Queue::<K, V>::new()),
        });
        self
    }

    fn children(&self, names: &BTreeMap<String, usize>) -> Result<Vec<Vec<usize>>, TopologyError> {
        let mut children = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let is_source = matches!(node.kind, NodeKind::Source { .. } | NodeKind::RepartitionSource);
            if node.parents.is_empty() && !is_source {
                return Err(TopologyError(format!("node `{}` has no parent, so nothing reaches it", node.name)));
            }
            for parent in &node.parents {
                let Some(&p) = names.get(parent) else {
                    return Err(TopologyError(format!("node `{}` names an unknown parent `{parent}`", node.name)));
                };
                let p = if self.nodes[p].kind == NodeKind::RepartitionSink { p + 1 } else { p };
                let parent = &self.nodes[p];
                match parent.kind {
                    NodeKind::Sink { .. } => {
                        return Err(TopologyError(format!(
                            "node `{}` names the sink `{}` as its parent, but a sink forwards nothing",
                            node.name, parent.name
                        )));
                    }
                    NodeKind::Source { .. } | NodeKind::RepartitionSource if parent.types != node.types => {
                        return Err(TopologyError(format!(
                            "node `{}` takes {}, but its parent `{}` gives {}",
                            node.name, node.types.name, parent.name, parent.types.name
                        )));
                    }
                    _ => children[p].push(index),
                }
            }
        }
        Ok(children)
    }

    fn check_stores(&self) -> Result<(), TopologyError> {
        let declared: HashSet<&str> = self.stores.iter().map(|s| s.spec.name.as_str()).collect();
        let mut attached = HashSet::new();
        for node in &self.nodes {
            if let NodeKind::Processor { stores } = &node.kind {
                for store in stores {
                    if !declared.contains(store.as_str()) {
                        return Err(TopologyError(format!(
                            "processor `{}` names an unknown store `{store}`",
                            node.name
                        )));
                    }
                    attached.insert(store.as_str());
                }
            }
        }
        match declared.difference(&attached).min() {
            Some(store) => Err(TopologyError(format!("store `{store}` is attached to no processor"))),
            None => Ok(()),
        }
    }

    fn check_topics(&self) -> Result<(), TopologyError> {
        let mut read_by: HashMap<&TopicName, &str> = HashMap::new();
        for node in &self.nodes {
            if let NodeKind::Source { topics } = &node.kind {
                if topics.is_empty() {
                    return Err(TopologyError(format!("source `{}` has no topic", node.name)));
                }
                for topic in topics {
                    if let Some(other) = read_by.insert(topic, &node.name) {
                        return Err(TopologyError(format!(
                            "topic `{topic}` is read by two sources, `{other}` and `{}`",
                            node.name
                        )));
                    }
                }
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for TopologyBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.nodes.iter().map(|n| &n.name)).finish()
    }
}

/// A topology that was checked; cloning is cheap. Threads and test drivers make tasks of it.
#[derive(Clone)]
pub struct Topology {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) nodes: Vec<NodeDecl>,
    pub(crate) stores: Vec<StoreDecl>,
    pub(crate) children: Vec<Vec<usize>>,
    pub(crate) sub_topologies: Vec<SubTopology>,
    pub(crate) handler: Arc<dyn ExceptionHandler>,
}

/// The nodes of one task, by their index in the topology; `None` where a node belongs to another sub-topology.
pub(crate) struct Nodes {
    pub(crate) nodes: Vec<Option<Box<dyn Node>>>,
    pub(crate) queues: Vec<Option<Box<dyn AnyQueue>>>,
    pub(crate) schedules: Vec<Schedule>,
}

impl Topology {
    /// Makes one task's nodes and lets the processors ask for what they need. `outputs`: the task's output topics.
    pub(crate) fn instantiate(
        &self,
        sub: &SubTopology,
        application_id: &str,
        outputs: &[TopicRef],
    ) -> Result<Nodes, TopologyError> {
        let inner = &*self.inner;
        let mut nodes = Nodes { nodes: Vec::new(), queues: Vec::new(), schedules: Vec::new() };
        for (index, decl) in inner.nodes.iter().enumerate() {
            if !sub.nodes.contains(&index) {
                nodes.nodes.push(None);
                nodes.queues.push(None);
                continue;
            }
            let topic = sub.output_of(index);
            let mut node = (decl.make)(NodeInit {
                index,
                children: inner.children[index].clone(),
                output: outputs.iter().position(|o| Some(o) == topic).unwrap_or(usize::MAX),
                topic: topic.map(|t| t.resolve(application_id).to_string()).unwrap_or_default(),
            });
            let offer =
                |i: &usize| Offer { name: inner.nodes[*i].name.clone(), index: *i, types: inner.nodes[*i].types };
            let children: Vec<Offer> = inner.children[index].iter().map(offer).collect();
            let stores = self.attached_stores(sub, &decl.kind);
            node.init(&mut InitContext {
                node: index,
                name: &decl.name,
                outputs: &children,
                stores: &stores,
                schedules: &mut nodes.schedules,
            })?;
            nodes.nodes.push(Some(node));
            nodes.queues.push(Some((decl.queue)()));
        }
        Ok(nodes)
    }

    fn attached_stores(&self, sub: &SubTopology, kind: &NodeKind) -> Vec<Offer> {
        let NodeKind::Processor { stores } = kind else { return Vec::new() };
        let find = |name: &String| {
            let index = sub.stores.iter().position(|s| self.inner.stores[*s].spec.name == *name)?;
            let types = self.inner.stores[sub.stores[index]].types;
            Some(Offer { name: name.clone(), index, types })
        };
        stores.iter().filter_map(find).collect()
    }
}

impl std::fmt::Debug for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.describe().to_text())
    }
}

fn unique_names(nodes: &[NodeDecl], stores: &[StoreDecl]) -> Result<BTreeMap<String, usize>, TopologyError> {
    let mut names = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        check_name("node", &node.name)?;
        if names.insert(node.name.clone(), index).is_some() {
            return Err(TopologyError(format!("two nodes are named `{}`", node.name)));
        }
    }
    let mut seen = HashSet::new();
    for store in stores {
        check_name("store", &store.spec.name)?;
        store.changelog.iter().try_for_each(|changelog| check_name("changelog", changelog))?;
        if !seen.insert(&store.spec.name) {
            return Err(TopologyError(format!("two stores are named `{}`", store.spec.name)));
        }
    }
    Ok(names)
}

/// Names become parts of topic and directory names.
fn check_name(what: &str, name: &str) -> Result<(), TopologyError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || !name.chars().all(fits) || name.chars().all(|c| c == '.') {
        return Err(TopologyError(format!(
            "{what} name `{name}` may hold only ASCII letters, digits, `.`, `_` and `-`"
        )));
    }
    Ok(())
}

fn make_source<K, V>(key: Arc<dyn Deserializer<K>>, value: Arc<dyn Deserializer<V>>) -> MakeNode
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    Arc::new(move |n| Box::new(SourceNode { key: key.clone(), value: value.clone(), children: n.children }))
}

fn make_sink<K: Send + 'static, V: Send + 'static>(
    key: Arc<dyn Serializer<K>>,
    value: Arc<dyn Serializer<V>>,
    partitioning: Partitioning,
) -> MakeNode {
    Arc::new(move |n| {
        Box::new(SinkNode {
            index: n.index,
            output: n.output,
            topic: n.topic,
            key: key.clone(),
            value: value.clone(),
            partitioning: partitioning.clone(),
        })
    })
}
