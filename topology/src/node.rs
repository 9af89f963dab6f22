//! The nodes of a running task, with their types erased to what the task needs.

use std::sync::Arc;

use crate::batch::{Headers, RecordRef};
use crate::broker::partition_for_key;
use crate::errors::{FailureKind, ProcessingError, TopologyError};
use crate::processor::{Context, Core, InitContext, Processor, Punctuation};
use crate::record::Record;
use crate::serde::{Deserialized, Deserializer, Serializer};

/// Which partition of a sink's topic a record goes to.
#[derive(Clone)]
#[non_exhaustive]
pub enum Partitioning {
    /// By the serialised key, as every Kafka client does.
    ByKey,
    /// The partition number of the task, whatever the key.
    SamePartition,
    /// By a function of the serialised key and the partition count.
    Custom(Arc<dyn Fn(&[u8], u32) -> u32 + Send + Sync>),
}

impl std::fmt::Debug for Partitioning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ByKey => "ByKey",
            Self::SamePartition => "SamePartition",
            Self::Custom(_) => "Custom",
        })
    }
}

/// Why a node did not finish.
pub(crate) struct NodeError {
    pub(crate) node: usize,
    pub(crate) kind: FailureKind,
    pub(crate) error: ProcessingError,
}

/// What a source made of a record.
pub(crate) enum Sourced {
    Forwarded,
    Bad(String),
    NotYet(String),
}

pub(crate) trait Node: Send {
    fn init(&mut self, _ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        Ok(())
    }

    /// Handles one record of this node's queue.
    fn run(&mut self, core: &mut Core) -> Result<(), NodeError>;

    fn punctuate(&mut self, _core: &mut Core, _which: Punctuation) -> Result<(), ProcessingError> {
        Ok(())
    }

    /// Reads a raw record and forwards it; only sources do.
    fn source(&mut self, _core: &mut Core, _record: &RecordRef<'_>) -> Sourced {
        Sourced::Bad("not a source".to_owned())
    }
}

pub(crate) struct SourceNode<K, V> {
    pub(crate) key: Arc<dyn Deserializer<K>>,
    pub(crate) value: Arc<dyn Deserializer<V>>,
    pub(crate) children: Vec<usize>,
}

impl<K: Clone + Send + 'static, V: Clone + Send + 'static> Node for SourceNode<K, V> {
    fn run(&mut self, _core: &mut Core) -> Result<(), NodeError> {
        Ok(())
    }

    fn source(&mut self, core: &mut Core, record: &RecordRef<'_>) -> Sourced {
        let key = match self.key.deserialize(&core.topic, record.headers, record.key) {
            Deserialized::Value(key) => key,
            Deserialized::Bad(why) => return Sourced::Bad(format!("key: {why}")),
            Deserialized::NotYet(why) => return Sourced::NotYet(format!("key: {why}")),
        };
        let value = match self.value.deserialize(&core.topic, record.headers, record.value) {
            Deserialized::Value(value) => value,
            Deserialized::Bad(why) => return Sourced::Bad(format!("value: {why}")),
            Deserialized::NotYet(why) => return Sourced::NotYet(format!("value: {why}")),
        };
        let headers = if record.headers.is_empty() { Headers::new() } else { record.headers.to_owned() };
        let typed = Record { key, value, timestamp: record.timestamp, headers };
        if let Some((last, others)) = self.children.split_last() {
            for child in others {
                core.forward(*child, typed.clone());
            }
            core.forward(*last, typed);
        }
        Sourced::Forwarded
    }
}

pub(crate) struct ProcessorNode<P> {
    pub(crate) index: usize,
    pub(crate) processor: P,
}

impl<P: Processor> Node for ProcessorNode<P> {
    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.processor.init(ctx)
    }

    fn run(&mut self, core: &mut Core) -> Result<(), NodeError> {
        let Some(record) = core.take::<P::KIn, P::VIn>(self.index) else { return Ok(()) };
        self.processor.process(&mut Context { core }, record).map_err(|error| NodeError {
            node: self.index,
            kind: FailureKind::Processing,
            error,
        })
    }

    fn punctuate(&mut self, core: &mut Core, which: Punctuation) -> Result<(), ProcessingError> {
        self.processor.punctuate(&mut Context { core }, which)
    }
}

pub(crate) struct SinkNode<K, V> {
    pub(crate) index: usize,
    /// Index of the topic among the task's outputs.
    pub(crate) output: usize,
    pub(crate) topic: String,
    pub(crate) key: Arc<dyn Serializer<K>>,
    pub(crate) value: Arc<dyn Serializer<V>>,
    pub(crate) partitioning: Partitioning,
}

impl<K: 'static, V: 'static> SinkNode<K, V> {
    fn write(&self, core: &mut Core, record: &Record<K, V>) -> Result<(), String> {
        core.key_bytes.clear();
        core.value_bytes.clear();
        let has_key = self.key.serialize(&self.topic, &record.key, &mut core.key_bytes).map_err(|e| e.0)?;
        let has_value = self.value.serialize(&self.topic, &record.value, &mut core.value_bytes).map_err(|e| e.0)?;
        let count = core.collector.partitions(self.output);
        let partition = match &self.partitioning {
            Partitioning::ByKey => partition_for_key(&core.key_bytes, count),
            Partitioning::SamePartition => core.id.partition,
            Partitioning::Custom(f) => f(&core.key_bytes, count),
        };
        core.collector.push_within(
            &core.trace,
            self.output,
            partition,
            record.timestamp,
            has_key.then_some(&core.key_bytes[..]),
            has_value.then_some(&core.value_bytes[..]),
            &record.headers,
        )
    }
}

impl<K: Send + 'static, V: Send + 'static> Node for SinkNode<K, V> {
    fn run(&mut self, core: &mut Core) -> Result<(), NodeError> {
        let Some(record) = core.take::<K, V>(self.index) else { return Ok(()) };
        self.write(core, &record).map_err(|why| NodeError {
            node: self.index,
            kind: FailureKind::Production,
            error: ProcessingError::record("production", why),
        })
    }
}
