//! The embedded broker: Kafka's topics, groups and transactions inside one process, kept durably in RocksDB.
//!
//! It is no broker of its own: no network, no replication, no second process. It is to Kafka what SQLite is to Postgres.
//!
//! - One thread appends ([`writer`](self)): it takes whatever waits, writes it in one RocksDB batch, with one `fsync` if so configured,
//!   and then shows it to readers. What was acknowledged survives the death of the process always, and with [`SyncMode::Commit`] a power cut.
//! - A transaction is gathered in its producer and appended in that one batch, offsets included, or not at all.
//! - Consumers read the newest batches from memory without a copy, older ones from RocksDB. Nothing polls: whoever waits is woken.
//!
//! | file | what is in it |
//! |---|---|
//! | `config` | settings, and the hooks for clock and faults |
//! | `store`, `layout` | RocksDB; keys and values |
//! | `topics`, `partition` | what there is, in memory |
//! | `queue`, `writer`, `transaction` | the way in |
//! | `fetch`, `reader`, `consumer` | the way out |
//! | `group`, `assign` | membership, rebalances, committed offsets, fencing |
//! | `maintain`, `compaction` | retention, deletion, compaction |
//! | `signal` | how threads wait for one another |

mod assign;
mod compaction;
mod config;
mod consumer;
mod fetch;
mod format;
mod group;
mod layout;
mod maintain;
mod partition;
mod queue;
mod reader;
mod signal;
mod store;
mod topics;
mod transaction;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use rocksdb::WriteBatch;
use topology::broker::{
    Broker, BrokerError, Consumer, Producer, Reader, TopicName, TopicPartition, TopicSpec, TransactionalProducer,
};

pub use config::{Clock, EmbeddedConfig, FaultAction, FaultHook, FaultPoint, SyncMode};

use consumer::EmbeddedConsumer;
use group::{Group, Groups};
use maintain::Housekeeping;
use queue::{EmbeddedProducer, Queue};
use reader::EmbeddedReader;
use store::Store;
use topics::Topics;
use transaction::EmbeddedTransactionalProducer;
use writer::Writer;

/// The embedded broker. Dropped, it writes what waits, flushes and stops; the directory is free again once its consumers, readers
/// and producers are dropped too.
pub struct EmbeddedBroker {
    core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the broker, its threads and its handles share.
struct Core {
    config: EmbeddedConfig,
    topics: Topics,
    groups: Groups,
    queue: Queue,
    housekeeping: Housekeeping,
    store: Store,
}

impl EmbeddedBroker {
    /// Opens the log, or makes it. Fails with [`BrokerError::Unavailable`] if another process has it open, and with
    /// [`BrokerError::Corrupt`] if it cannot be read.
    pub fn open(config: EmbeddedConfig) -> Result<Arc<Self>, BrokerError> {
        let store = Store::open(&config)?;
        let topics = Topics::load(&store)?;
        let groups = Groups::load(&store)?;
        let (queue, housekeeping) = (Queue::default(), Housekeeping::default());
        let core = Arc::new(Core { config, topics, groups, queue, housekeeping, store });
        let broker = Arc::new(Self { core: Arc::clone(&core), threads: Mutex::default() });
        let writer = Writer::new(Arc::clone(&core));
        broker.spawn("log-writer", move || writer.run())?;
        broker.spawn("log-housekeeper", move || maintain::run(&core))?;
        Ok(broker)
    }

    /// Removes what is too old, and compacts, now. The housekeeper does the same at intervals; `now_ms` (since the Unix epoch) is
    /// the time by which ages are measured.
    pub fn maintain(&self, now_ms: i64) -> Result<(), BrokerError> {
        maintain::maintain(&self.core, now_ms)
    }

    /// Writes the properties of topics, by their numbers: all or none.
    fn write_topics(&self, topics: &BTreeMap<u32, &TopicSpec>) -> Result<(), BrokerError> {
        if topics.is_empty() {
            return Ok(());
        }
        let mut batch = WriteBatch::default();
        for (id, spec) in topics {
            batch.put_cf(self.core.store.meta()?, layout::topic_key(*id), layout::encode_topic(spec));
        }
        self.core.store.write(batch, &self.core.config)
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), BrokerError> {
        let thread = thread::Builder::new().name(name.into()).spawn(run);
        let thread = thread.map_err(|e| BrokerError::Fatal(format!("thread {name}: {e}")))?;
        self.threads.lock().push(thread);
        Ok(())
    }
}

impl Broker for EmbeddedBroker {
    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), BrokerError> {
        let core = &self.core;
        let _making = core.topics.making.lock();
        let mut missing: BTreeMap<u32, &TopicSpec> = BTreeMap::new();
        for spec in topics {
            if core.topics.check(spec)?.is_none() && missing.values().all(|s| s.name != spec.name) {
                let id = missing.last_key_value().map_or_else(|| core.topics.next_id(), |(id, _)| id + 1);
                missing.insert(id, spec);
            }
        }
        self.write_topics(&missing)?;
        missing.into_iter().try_for_each(|(id, spec)| core.topics.add(id, spec.clone(), |_| Ok((0, 0))))
    }

    fn alter_topics(&self, topics: &[TopicSpec]) -> Result<(), BrokerError> {
        let core = &self.core;
        let _making = core.topics.making.lock();
        let unknown = |spec: &TopicSpec| BrokerError::UnknownTopic(TopicPartition::new(spec.name.clone(), 0));
        let found = topics.iter().map(|spec| Ok((core.topics.check(spec)?.ok_or_else(|| unknown(spec))?, spec)));
        let found: Vec<_> = found.collect::<Result<_, BrokerError>>()?;
        self.write_topics(&found.iter().map(|(topic, spec)| (topic.id, *spec)).collect())?;
        found.iter().for_each(|(topic, spec)| Topics::alter(topic, spec));
        Ok(())
    }

    fn topics(&self) -> Result<BTreeMap<TopicName, u32>, BrokerError> {
        Ok(self.core.topics.counts())
    }

    fn describe_topics(&self, topics: &[TopicName]) -> Result<Vec<Option<TopicSpec>>, BrokerError> {
        Ok(topics.iter().map(|name| self.core.topics.topic(name).map(|topic| topic.spec())).collect())
    }

    fn groups(&self) -> Result<Vec<String>, BrokerError> {
        Ok(self.core.groups.names())
    }

    fn members(&self, group: &str) -> Result<Option<usize>, BrokerError> {
        Ok(Some(self.core.groups.group(group).members()))
    }

    fn watermarks(&self, partition: &TopicPartition) -> Result<(i64, i64), BrokerError> {
        let partition = self.core.topics.partition(partition)?;
        Ok((partition.low(), partition.high()))
    }

    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, BrokerError> {
        self.core.committed(&self.core.groups.group(group), partitions)
    }

    fn delete_records(&self, partition: &TopicPartition, before_offset: i64) -> Result<(), BrokerError> {
        let partition = self.core.topics.partition(partition)?;
        maintain::delete_records(&self.core, &partition, before_offset)
    }

    fn consumer(&self, group: &str, client_id: &str) -> Result<Box<dyn Consumer>, BrokerError> {
        Ok(Box::new(EmbeddedConsumer::new(Arc::clone(&self.core), group, client_id)))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, BrokerError> {
        Ok(Box::new(EmbeddedReader::new(Arc::clone(&self.core))))
    }

    fn transactional_producer(&self, transactional_id: &str) -> Result<Box<dyn TransactionalProducer>, BrokerError> {
        Ok(Box::new(EmbeddedTransactionalProducer::new(Arc::clone(&self.core), transactional_id)?))
    }

    fn producer(&self) -> Result<Arc<dyn Producer>, BrokerError> {
        Ok(Arc::new(EmbeddedProducer { core: Arc::clone(&self.core) }))
    }
}

impl Core {
    fn committed(&self, group: &Group, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, BrokerError> {
        let ids = partitions.iter().map(|p| Ok(self.topics.partition(p)?.id));
        let ids: Vec<_> = ids.collect::<Result<_, BrokerError>>()?;
        Ok(group.committed(&ids))
    }

    fn check_size(&self, partition: &TopicPartition, size_bytes: usize) -> Result<(), BrokerError> {
        BrokerError::check_size(partition, size_bytes, self.config.max_record_bytes)
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.core.queue.close();
        self.core.housekeeping.stop();
        for thread in self.threads.get_mut().drain(..) {
            // A delivery may hold the last handle: the writer cannot wait for itself.
            if thread.thread().id() != thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread of the embedded broker has died");
            }
        }
    }
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBroker").field("config", &self.core.config).finish_non_exhaustive()
    }
}
