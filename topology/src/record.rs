//! A typed record, and where it came from.

use crate::batch::Headers;
use crate::broker::TopicName;

/// What processors receive and forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<K, V> {
    /// Key; decides the partition when the record is produced.
    pub key: K,
    /// Value.
    pub value: V,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Headers; go along with the record into a sink's topic.
    pub headers: Headers,
}

impl<K, V> Record<K, V> {
    /// A record without headers.
    pub const fn new(key: K, value: V, timestamp: i64) -> Self {
        Self { key, value, timestamp, headers: Headers::new() }
    }

    /// The same record with another key and value; timestamp and headers stay.
    pub fn with<K2, V2>(self, key: K2, value: V2) -> Record<K2, V2> {
        Record { key, value, timestamp: self.timestamp, headers: self.headers }
    }
}

/// Where the record being processed lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordMetadata {
    /// Its topic.
    pub topic: TopicName,
    /// Its partition, which is the task's.
    pub partition: u32,
    /// Its offset.
    pub offset: i64,
}

/// A sub-topology and a partition: the unit of work, of state and of parallelism.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// The sub-topology's name.
    pub sub_topology: TopicName,
    /// The partition of all its source topics.
    pub partition: u32,
}

impl std::fmt::Display for TaskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.sub_topology, self.partition)
    }
}
