//! What the engine asks of a broker. `connectors` implements it twice: embedded and on Apache Kafka.
//!
//! All calls block the calling thread; handles belong to one thread each unless they say otherwise. Offsets are those of
//! the next record to read, as everywhere in Kafka.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::batch::{Headers, RecordBatch, content_bytes};

/// A topic's name; cloning is cheap.
pub type TopicName = Arc<str>;

/// One partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition, from 0.
    pub partition: u32,
}

impl TopicPartition {
    /// A partition of a topic.
    #[must_use]
    pub fn new(topic: impl Into<TopicName>, partition: u32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// What a broker can answer instead of a result.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// A newer producer with the same transactional id, or a newer generation of the group, has taken over.
    /// Drop the producer and the uncommitted work; the successor goes on.
    #[error("fenced: {0}")]
    Fenced(String),
    /// The transaction cannot be committed but the producer is good: abort, restore and go on.
    #[error("transaction must be aborted: {0}")]
    Abortable(String),
    /// Nobody knows whether the commit landed: drop the producer, build a new one, restore, read the committed offsets.
    #[error("outcome of the commit unknown: {0}")]
    Suspect(String),
    /// The record is larger than the topic takes.
    #[error("record of {size_bytes} bytes for {topic} exceeds the limit of {limit_bytes}")]
    TooLarge {
        /// The topic.
        topic: TopicName,
        /// Size of key, value and headers.
        size_bytes: usize,
        /// The topic's limit.
        limit_bytes: usize,
    },
    /// The topic or partition does not exist.
    #[error("unknown topic or partition {0}")]
    UnknownTopic(TopicPartition),
    /// The topic exists with other properties than asked for.
    #[error("topic {topic} exists with {found}, but {wanted} is asked for")]
    TopicMismatch {
        /// The topic.
        topic: TopicName,
        /// What it has.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// The asked offset is no longer, or not yet, in the log.
    #[error("offset {offset} of {partition} is outside {low}..{high}")]
    OffsetOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// What was asked for.
        offset: i64,
        /// First offset that is there.
        low: i64,
        /// Offset of the next record to be written.
        high: i64,
    },
    /// What is stored cannot be read.
    #[error("corrupt data: {0}")]
    Corrupt(String),
    /// The broker cannot be reached or does not answer in time; trying again may help.
    #[error("broker unavailable: {0}")]
    Unavailable(String),
    /// The broker is closed, or refuses writes after a failed one.
    #[error("broker closed: {0}")]
    Closed(String),
    /// Anything else; not to be tried again.
    #[error("{0}")]
    Fatal(String),
}

impl BrokerError {
    /// Stored data that cannot be read.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }

    /// Refuses a record of more bytes than its topic takes.
    pub fn check_size(partition: &TopicPartition, size_bytes: usize, limit_bytes: usize) -> Result<(), Self> {
        if size_bytes <= limit_bytes {
            return Ok(());
        }
        Err(Self::TooLarge { topic: Arc::clone(&partition.topic), size_bytes, limit_bytes })
    }
}

/// A broker; shared by all threads.
pub trait Broker: Send + Sync {
    /// Creates topics that are missing. One that exists stays as it is, whatever is asked for, and with another partition
    /// count it is a [`BrokerError::TopicMismatch`]; then, or if another topic cannot be made, some may have been made.
    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), BrokerError>;

    /// Gives topics that exist the cleanup and the kind of timestamp that are asked for; what else is set of them stays.
    /// Once it returns, [`Self::describe_topics`] shows it. Records that are there keep their timestamps, and go when the new
    /// cleanup says so. [`BrokerError::UnknownTopic`] for one that does not exist, [`BrokerError::TopicMismatch`] for one
    /// with another partition count.
    fn alter_topics(&self, topics: &[TopicSpec]) -> Result<(), BrokerError>;

    /// Which cluster this is, for brokers that are one of several; what is kept of one means nothing in another.
    fn cluster_id(&self) -> Result<Option<String>, BrokerError> {
        Ok(None)
    }

    /// How many servers make up the broker now: asked anew, and [`BrokerError::Unavailable`] if none answers in time.
    fn servers(&self, _timeout: Duration) -> Result<usize, BrokerError> {
        Ok(1)
    }

    /// Partition count of each topic there is.
    fn topics(&self) -> Result<BTreeMap<TopicName, u32>, BrokerError>;

    /// How each of these topics is made; `None` where there is no such topic.
    fn describe_topics(&self, topics: &[TopicName]) -> Result<Vec<Option<TopicSpec>>, BrokerError>;

    /// Every group that has members or committed offsets.
    fn groups(&self) -> Result<Vec<String>, BrokerError>;

    /// How many members a group has now; `None` if the broker does not say. For whoever watches lag: a process that is to
    /// live asks [`Broker::has_members`].
    fn members(&self, _group: &str) -> Result<Option<usize>, BrokerError> {
        Ok(None)
    }

    /// Whether a group has members now; false if the broker does not say.
    fn has_members(&self, group: &str) -> Result<bool, BrokerError> {
        Ok(self.members(group)?.is_some_and(|members| members > 0))
    }

    /// First offset there is, and the offset of the next record to be written (the high watermark).
    fn watermarks(&self, partition: &TopicPartition) -> Result<(i64, i64), BrokerError>;

    /// The committed offset of a group, for whoever watches lag; `None` where nothing was committed.
    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, BrokerError>;

    /// Removes records below an offset: repartition topics are purged once all have been processed.
    fn delete_records(&self, partition: &TopicPartition, before_offset: i64) -> Result<(), BrokerError>;

    /// A consumer that is a member of `group` once it subscribes; `client_id` is unique in the group and survives a restart.
    fn consumer(&self, group: &str, client_id: &str) -> Result<Box<dyn Consumer>, BrokerError>;

    /// A consumer outside any group, for restore, sinks with offsets of their own, and tools. Reads committed records only.
    fn reader(&self) -> Result<Box<dyn Reader>, BrokerError>;

    /// A transactional producer. Fences every earlier one of the same id, and settles what it left open.
    fn transactional_producer(&self, transactional_id: &str) -> Result<Box<dyn TransactionalProducer>, BrokerError>;

    /// A producer without transactions; may be shared by threads.
    fn producer(&self) -> Result<Arc<dyn Producer>, BrokerError>;
}

/// How a topic is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Name.
    pub name: TopicName,
    /// Partition count, at least 1.
    pub partitions: u32,
    /// What happens to old records.
    pub cleanup: Cleanup,
    /// True: records get the broker's time when appended (LogAppendTime), whatever the producer says.
    pub log_append_time: bool,
}

/// What happens to old records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cleanup {
    /// Kept for ever.
    Keep,
    /// Removed when older than so many milliseconds.
    Retain {
        /// Age in milliseconds.
        retention_ms: i64,
    },
    /// The last record of each key is kept; a tombstone goes after a while.
    Compact,
    /// Compacted, and the rest removed when older than so many milliseconds.
    CompactAndRetain {
        /// Age in milliseconds.
        retention_ms: i64,
    },
}

/// A batch and where it lies.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The partition.
    pub partition: TopicPartition,
    /// Committed records, in offset order. May be empty: then only the position moves, to `next_offset`.
    pub batch: RecordBatch,
}

/// What a poll brings.
#[derive(Debug)]
#[non_exhaustive]
pub enum Polled {
    /// Nothing within the timeout.
    Nothing,
    /// Batches, at most one a partition.
    Batches(Vec<Fetched>),
    /// These partitions are now this consumer's. Reading starts at the group's committed offset, or at the log's start,
    /// once the consumer polls again. A member that is given nothing is told so, with no partitions.
    Assigned(Vec<TopicPartition>),
    /// These partitions are about to be taken away: commit what is done. The next poll lets go of them.
    Revoked(Vec<TopicPartition>),
    /// These partitions are gone already, to someone else: drop the work, commits of it will be fenced.
    Lost(Vec<TopicPartition>),
}

/// A member of a consumer group.
pub trait Consumer: Send {
    /// Joins the group. The range assignor gives partition n of every topic with equal counts to the same member.
    fn subscribe(&mut self, topics: &[TopicName]) -> Result<(), BrokerError>;

    /// Waits up to `timeout` for records or a change of assignment. Must be called regularly, also when all is paused.
    fn poll(&mut self, timeout: Duration) -> Result<Polled, BrokerError>;

    /// Wakes a poll that waits, from another thread.
    fn waker(&self) -> Waker;

    /// Stops fetching these until they are resumed, or assigned anew after they were revoked or lost; nothing already fetched
    /// is lost.
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;

    /// Fetches these again.
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;

    /// Reads on from there.
    fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError>;

    /// The group's committed offsets, in the order asked; `None` where nothing was committed.
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, BrokerError>;

    /// Commits offsets of partitions that are held, outside any transaction. May come back before it has landed: only for who
    /// watches lag, where nothing depends on it.
    fn commit(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), BrokerError>;

    /// What a transaction needs to commit offsets for this member, and to be refused once it is no longer one.
    fn group_metadata(&self) -> GroupMetadata;

    /// Leaves the group at once, so that others take over without waiting for a timeout.
    fn leave(&mut self) -> Result<(), BrokerError>;
}

/// Wakes a waiting poll; cheap to clone, callable from any thread.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// A reader of chosen partitions, outside any group.
pub trait Reader: Send {
    /// Reads exactly these, from these offsets.
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError>;

    /// Waits up to `timeout` for batches; empty if there is nothing.
    fn poll(&mut self, timeout: Duration) -> Result<Vec<Fetched>, BrokerError>;

    /// Wakes a poll that waits, from another thread.
    fn waker(&self) -> Waker;
}

/// A consumer's membership at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The group.
    pub group: String,
    /// The member's id in it.
    pub member: String,
    /// The group's generation that the member knows.
    pub generation: i64,
}

/// A producer of transactions; at most one is open.
pub trait TransactionalProducer: Send {
    /// Opens a transaction.
    fn begin(&mut self) -> Result<(), BrokerError>;

    /// Adds a batch to the open transaction; it may be sent before the commit, but is not visible before.
    fn send(&mut self, partition: &TopicPartition, batch: RecordBatch) -> Result<(), BrokerError>;

    /// Adds consumed offsets (of the next record to read) to the open transaction.
    fn send_offsets(&mut self, offsets: &[(TopicPartition, i64)], group: &GroupMetadata) -> Result<(), BrokerError>;

    /// Commits all or nothing; returns the offset after the last record written, for each partition that was sent to.
    fn commit(&mut self) -> Result<Vec<(TopicPartition, i64)>, BrokerError>;

    /// Throws the open transaction away.
    fn abort(&mut self) -> Result<(), BrokerError>;
}

/// Where a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in the log.
    pub timestamp: i64,
}

/// Called once when a record is durable, or is not; on the broker's thread, so it must not block.
pub type Delivery = Box<dyn FnOnce(Result<Written, BrokerError>) + Send>;

/// A producer without transactions.
pub trait Producer: Send + Sync {
    /// Hands over a record; `delivery` is called when it is durable. Records of one caller to one partition keep their order.
    fn send(&self, partition: &TopicPartition, record: NewRecord<'_>, delivery: Delivery) -> Result<(), BrokerError>;
}

/// A record to be produced.
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    /// Milliseconds since the Unix epoch; ignored by topics with LogAppendTime.
    pub timestamp: i64,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers.
    pub headers: &'a Headers,
}

impl NewRecord<'_> {
    /// Bytes of key, value and headers: what a broker's limit is about.
    #[must_use]
    pub fn content_bytes(&self) -> usize {
        content_bytes(self.key, self.value, self.headers.iter())
    }
}

/// The partition that every Kafka client gives a key by default: murmur2 of the key, positive, modulo the count.
/// Source: `org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey`.
#[must_use]
pub fn partition_for_key(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions.max(1)
}

pub(crate) fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    #[expect(clippy::cast_possible_truncation, reason = "Kafka hashes the length's low 32 bits")]
    let mut h = 0x9747_b28c_u32 ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    let tail = words.remainder();
    for (i, &byte) in tail.iter().enumerate() {
        h ^= u32::from(byte) << (8 * i);
    }
    if !tail.is_empty() {
        h = h.wrapping_mul(M);
    }
    h = (h ^ (h >> 13)).wrapping_mul(M);
    h ^ (h >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_hash_as_the_java_client_does() {
        // Expected values: org.apache.kafka.common.utils.UtilsTest.testMurmur2, as signed integers there.
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }
}
