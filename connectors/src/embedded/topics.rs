//! The topics there are, by name and by number.

use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::AHashMap;
use parking_lot::{Mutex, RwLock};
use topology::broker::{BrokerError, Cleanup, TopicName, TopicPartition, TopicSpec};

use super::layout::{self, PartitionId};
use super::partition::Partition;
use super::store::Store;

pub(super) struct Topic {
    pub(super) id: u32,
    spec: RwLock<TopicSpec>,
    pub(super) partitions: Vec<Arc<Partition>>,
}

impl Topic {
    pub(super) fn cleanup(&self) -> Cleanup {
        self.spec.read().cleanup
    }

    pub(super) fn log_append_time(&self) -> bool {
        self.spec.read().log_append_time
    }

    pub(super) fn spec(&self) -> TopicSpec {
        self.spec.read().clone()
    }

    pub(super) fn partition_count(&self) -> u32 {
        self.spec.read().partitions
    }
}

/// Grows only: topics are never deleted.
#[derive(Default)]
pub(super) struct Topics {
    by_name: RwLock<AHashMap<TopicName, Arc<Topic>>>,
    /// Held while topics are made, so that two do not make the same one.
    pub(super) making: Mutex<()>,
}

impl Topics {
    /// Reads the topics and their watermarks, these from the log itself.
    pub(super) fn load(store: &Store) -> Result<Self, BrokerError> {
        let mut specs = Vec::new();
        let mut watermarks = AHashMap::new();
        store.scan_meta(|key, value| {
            match (key.first(), key.get(1..5).and_then(|id| id.try_into().ok()).map(u32::from_be_bytes)) {
                (Some(b'T'), Some(id)) => {
                    let spec = layout::decode_topic(value)
                        .ok_or_else(|| BrokerError::corrupt(format!("the properties of topic number {id}")))?;
                    specs.push((id, spec));
                }
                (Some(b'W'), _) => {
                    let pair = layout::split_key(key).zip(layout::decode_pair(value));
                    let ((id, _), pair) = pair.ok_or_else(|| BrokerError::corrupt("the watermarks of a partition"))?;
                    watermarks.insert(id, pair);
                }
                _ => {}
            }
            Ok(())
        })?;
        let topics = Self::default();
        for (id, spec) in specs {
            topics.add(id, spec, |id| {
                let (low, next) = watermarks.get(&id).copied().unwrap_or_default();
                let last = store.last_batch(id)?;
                Ok((low, last.map_or(next, |b| b.next_offset.max(next))))
            })?;
        }
        Ok(topics)
    }

    /// Adds a topic; `watermarks` says where each of its partitions stands.
    pub(super) fn add(
        &self,
        id: u32,
        spec: TopicSpec,
        watermarks: impl Fn(PartitionId) -> Result<(i64, i64), BrokerError>,
    ) -> Result<(), BrokerError> {
        let partitions = (0..spec.partitions).map(|partition| {
            let pid = PartitionId { topic: id, partition };
            let (low, high) = watermarks(pid)?;
            let name = TopicPartition::new(Arc::clone(&spec.name), partition);
            Ok(Arc::new(Partition::new(pid, name, low, high)))
        });
        let partitions = partitions.collect::<Result<_, BrokerError>>()?;
        let name = Arc::clone(&spec.name);
        self.by_name.write().insert(name, Arc::new(Topic { id, spec: RwLock::new(spec), partitions }));
        Ok(())
    }

    /// A topic takes other properties than it had.
    pub(super) fn alter(topic: &Topic, spec: &TopicSpec) {
        topic.spec.write().clone_from(spec);
    }

    pub(super) fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.by_name.read().get(name).cloned()
    }

    pub(super) fn next_id(&self) -> u32 {
        self.by_name.read().values().map(|t| t.id + 1).max().unwrap_or_default()
    }

    pub(super) fn all(&self) -> Vec<Arc<Topic>> {
        self.by_name.read().values().cloned().collect()
    }

    pub(super) fn counts(&self) -> BTreeMap<TopicName, u32> {
        self.by_name.read().iter().map(|(name, t)| (Arc::clone(name), t.partition_count())).collect()
    }

    pub(super) fn partition(&self, name: &TopicPartition) -> Result<Arc<Partition>, BrokerError> {
        self.place(name).map(|(_, partition)| partition)
    }

    /// A partition and its topic.
    pub(super) fn place(&self, name: &TopicPartition) -> Result<(Arc<Topic>, Arc<Partition>), BrokerError> {
        let place = self.by_name.read().get(&name.topic).and_then(|topic| {
            let partition = topic.partitions.get(name.partition as usize)?;
            Some((Arc::clone(topic), Arc::clone(partition)))
        });
        place.ok_or_else(|| BrokerError::UnknownTopic(name.clone()))
    }

    /// Whether a topic has what is asked for; `None` if it is not there.
    pub(super) fn check(&self, wanted: &TopicSpec) -> Result<Option<Arc<Topic>>, BrokerError> {
        if wanted.partitions == 0 {
            return Err(BrokerError::Fatal(format!("topic {} must have at least one partition", wanted.name)));
        }
        let Some(topic) = self.topic(&wanted.name) else { return Ok(None) };
        let found = topic.partition_count();
        if found != wanted.partitions {
            return Err(BrokerError::TopicMismatch {
                topic: Arc::clone(&wanted.name),
                found: format!("{found} partitions"),
                wanted: wanted.partitions.to_string(),
            });
        }
        Ok(Some(topic))
    }
}
