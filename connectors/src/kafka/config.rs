//! How Kafka's clients are configured: what the engine needs, and what the user adds.

use std::collections::BTreeMap;
use std::time::Duration;

/// Configuration of a [`KafkaBroker`](super::KafkaBroker).
#[derive(Clone)]
#[non_exhaustive]
pub struct KafkaConfig {
    /// `HOST:PORT`, several of them with commas between.
    pub bootstrap_servers: String,
    /// Replicas of topics that are made; -1 leaves it to the broker.
    pub replication_factor: i32,
    /// How members of a group agree on who reads what.
    pub group_protocol: GroupProtocol,
    /// Members keep their partitions while they restart (`group.instance.id`).
    pub static_membership: bool,
    /// A member that is not heard of for so long loses its partitions. Classic protocol only: the server says it otherwise.
    pub session_timeout: Duration,
    /// A member that does not poll for so long loses its partitions.
    pub max_poll_interval: Duration,
    /// A transaction that is open for so long is aborted by the broker.
    pub transaction_timeout: Duration,
    /// Key, value and headers of a record may have so many bytes together.
    pub max_record_bytes: usize,
    /// Handed to librdkafka as they are, for all clients; may hold secrets, so it is never printed.
    pub properties: BTreeMap<String, String>,
}

/// How members of a group agree on who reads what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupProtocol {
    /// The members' leader assigns, with the range assignor.
    Classic,
    /// The server assigns (KIP-848), with its range assignor.
    Consumer,
}

impl KafkaConfig {
    /// Defaults: classic protocol, static membership, 10 s session, 5 min between polls, 10 s transactions, 1 MiB records.
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            replication_factor: -1,
            group_protocol: GroupProtocol::Classic,
            static_membership: true,
            session_timeout: Duration::from_secs(10),
            max_poll_interval: Duration::from_secs(300),
            transaction_timeout: Duration::from_secs(10),
            max_record_bytes: 1 << 20,
            properties: BTreeMap::new(),
        }
    }
}

impl std::fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group_protocol", &self.group_protocol)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
