//! How Kafka's clients are configured: what the engine needs, and what the user adds.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

/// What fits, with what Kafka adds, into a topic whose `max.message.bytes` is Kafka's default, 1,048,588.
pub const MAX_RECORD_BYTES: usize = 1_000_000;

/// How long a record without a transaction may wait for the broker.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

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
    /// Defaults: classic protocol, static membership, 10 s session, 5 min between polls, 10 s transactions, 1 MB records.
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            replication_factor: -1,
            group_protocol: GroupProtocol::Classic,
            static_membership: true,
            session_timeout: Duration::from_secs(10),
            max_poll_interval: Duration::from_secs(300),
            transaction_timeout: Duration::from_secs(10),
            max_record_bytes: MAX_RECORD_BYTES,
            properties: BTreeMap::new(),
        }
    }

    /// What all clients share; the user's properties come last, so that they win.
    pub(super) fn client(&self, purpose: &str) -> ClientConfig {
        let mut config = self.defaults(purpose);
        self.add_properties(&mut config);
        config
    }

    /// A consumer that is no member of a group; all of a log, or only what is committed.
    pub(super) fn reading(&self, purpose: &str, committed_only: bool) -> ClientConfig {
        let mut config = self.defaults(purpose);
        // librdkafka assigns partitions only to consumers that name a group, though this one never joins it.
        config.set("group.id", format!("syncroboard-{purpose}"));
        Self::fetching(&mut config, committed_only);
        config.set("queued.min.messages", "20000");
        self.add_properties(&mut config);
        config
    }

    /// A member of a group.
    pub(super) fn member(&self, group: &str, client_id: &str) -> ClientConfig {
        let mut config = self.defaults(client_id);
        Self::fetching(&mut config, committed_only());
        // A partition that has something to be polled is not asked for again: a request names all the others and is answered as soon
        // as one of them has a record, so fetching ahead while a commit goes on costs the broker more than the commit does.
        config.set("queued.min.messages", "1");
        config.set("group.id", group);
        if self.static_membership {
            config.set("group.instance.id", client_id);
        }
        config.set("max.poll.interval.ms", millis(self.max_poll_interval));
        match self.group_protocol {
            GroupProtocol::Classic => {
                config.set("group.protocol", "classic").set("partition.assignment.strategy", "range");
                config.set("session.timeout.ms", millis(self.session_timeout));
                config
                    .set("heartbeat.interval.ms", millis((self.session_timeout / 10).max(Duration::from_millis(100))));
            }
            GroupProtocol::Consumer => {
                config.set("group.protocol", "consumer").set("group.remote.assignor", "range");
            }
        }
        self.add_properties(&mut config);
        config
    }

    /// A producer; what was acknowledged is on all in-sync replicas, once and in order.
    pub(super) fn producing(&self, purpose: &str) -> ClientConfig {
        let mut config = self.defaults(purpose);
        self.delivering(&mut config);
        // Whoever sent it was told long ago that it was not taken: it must not take effect minutes later.
        config.set("message.timeout.ms", millis(DELIVERY_TIMEOUT));
        self.add_properties(&mut config);
        config
    }

    /// A producer of transactions under an id.
    pub(super) fn transactions(&self, transactional_id: &str) -> ClientConfig {
        let mut config = self.defaults(transactional_id);
        self.delivering(&mut config);
        config
            .set("transactional.id", transactional_id)
            .set("transaction.timeout.ms", millis(self.transaction_timeout))
            .set("message.timeout.ms", millis(self.transaction_timeout))
            // Each transaction's first AddOffsetsToTxn may find the last one still being settled.
            .set("retry.backoff.ms", "1")
            .set("retry.backoff.max.ms", "100");
        self.add_properties(&mut config);
        // The only way to learn whether a commit was tried again inside, so the user's contexts come on top of it.
        let debug = config.get("debug").map_or_else(|| "eos".to_owned(), |others| format!("{others},eos"));
        config.set("debug", debug);
        config.set_log_level(RDKafkaLogLevel::Debug);
        config
    }

    fn defaults(&self, client_id: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", client_id)
            .set("allow.auto.create.topics", "false")
            .set("reconnect.backoff.ms", "20")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "30000");
        config.set_log_level(RDKafkaLogLevel::Info);
        config
    }

    /// The bootstrap servers.
    pub(super) fn servers(&self) -> &str {
        let others = ["bootstrap.servers", "metadata.broker.list"].iter().find_map(|key| self.properties.get(*key));
        others.unwrap_or(&self.bootstrap_servers)
    }

    fn delivering(&self, config: &mut ClientConfig) {
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // The partitioner of the Java client; librdkafka's own default puts keys elsewhere.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "1")
            .set("message.max.bytes", (self.max_record_bytes + (64 << 10)).to_string())
            .set("queue.buffering.max.messages", "500000");
    }

    fn fetching(config: &mut ClientConfig, committed_only: bool) {
        config
            .set("isolation.level", if committed_only { "read_committed" } else { "read_uncommitted" })
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // Where to start is always said; a place that is not there must be an error, not a leap.
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.queue.backoff.ms", "1")
            .set("fetch.message.max.bytes", "1048576")
            .set("queued.max.messages.kbytes", "8192");
    }

    fn add_properties(&self, config: &mut ClientConfig) {
        for (key, value) in &self.properties {
            config.set(key, value);
        }
    }
}

/// Members are given what is committed.
fn committed_only() -> bool {
    #[cfg(feature = "injected-bugs")]
    if crate::bugs::is(crate::bugs::Bug::ReadsUncommitted) {
        return false;
    }
    true
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
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
