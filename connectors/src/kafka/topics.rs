//! Which topics there are, and what else a client can be asked that belongs to no group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use futures_executor::block_on;
use parking_lot::Mutex;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};
use topology::broker::{BrokerError, Cleanup, TopicName, TopicPartition, TopicSpec};

use super::config::KafkaConfig;
use super::context::LogContext;
use super::patience::Kept;
use super::{errors, native, silence};

/// How long an answer may take.
pub(super) const ANSWER: Duration = Duration::from_secs(15);
/// How long a group's coordinator may take to tell of its members.
const COORDINATOR: Duration = Duration::from_secs(5);
/// The client of a group that nobody has asked about for so long is let go.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// How often clients that get no answers are told of their servers again, at most.
const REVIVED: Duration = Duration::from_secs(10);
/// How long to wait before asking again for what is about to be there.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long the brokers may take until all of them know of a topic that one of them knows.
const AGREED: Duration = Duration::from_secs(10);
/// A producer fills batches up to this size (librdkafka's `batch.size`), so that a topic must take them.
const BATCH_BYTES: usize = 1 << 20;
/// Room in a topic's batches for what Kafka adds to a record of the largest size.
const BATCH_OVERHEAD_BYTES: usize = 4 << 10;

/// A client for metadata and administration.
pub(super) struct Topics {
    admin: AdminClient<LogContext>,
    /// Asks for offsets with `read_uncommitted`, so that an end is the high watermark and not the last stable offset.
    client: Kept<BaseConsumer<LogContext>>,
    /// For each group that was asked about of late a client that is no member of it, and when that was.
    groups: Mutex<AHashMap<String, (Arc<Kept<BaseConsumer<LogContext>>>, Instant)>>,
    /// Partition counts, and when a broker last told of them.
    known: Mutex<BTreeMap<TopicName, (u32, Instant)>>,
    /// When the clients were last told of their servers, if they were.
    revived: Mutex<Option<Instant>>,
    config: KafkaConfig,
}

impl Topics {
    pub(super) fn open(config: &KafkaConfig) -> Result<Self, BrokerError> {
        let failed = |e| errors::from_error(&e, "Kafka client");
        Ok(Self {
            admin: config.client("admin").create_with_context(LogContext::default()).map_err(failed)?,
            client: Kept::new(
                config.reading("metadata", false).create_with_context(LogContext::default()).map_err(failed)?,
            ),
            groups: Mutex::default(),
            known: Mutex::default(),
            revived: Mutex::default(),
            config: config.clone(),
        })
    }

    /// What a client was answered. One that is not answered may have been left without a broker; as nobody polls these, they
    /// do not say so.
    fn answered<T>(&self, answer: KafkaResult<T>) -> KafkaResult<T> {
        let unanswered = |error| matches!(errors::from_error(error, ""), BrokerError::Unavailable(_));
        if answer.as_ref().is_err_and(unanswered) {
            let (mut revived, now) = (self.revived.lock(), Instant::now());
            if revived.is_none_or(|last| now - last > REVIVED) {
                *revived = Some(now);
                silence::revive(self.client.client(), &self.config);
                silence::revive(self.admin.inner(), &self.config);
            }
        }
        answer
    }

    pub(super) fn cluster_id(&self) -> Result<Option<String>, BrokerError> {
        let id = self.client.client().fetch_cluster_id(ANSWER);
        id.map(Some).ok_or_else(|| BrokerError::Unavailable("the cluster does not say its id".to_owned()))
    }

    /// How many brokers the cluster's metadata names: those that a controller hears of.
    pub(super) fn servers(&self, timeout: Duration) -> Result<usize, BrokerError> {
        // Of any topic: without one it would be the metadata of all. Whether it is there, or may be seen, is the same.
        let metadata = self.answered(self.client.client().fetch_metadata(Some("__consumer_offsets"), timeout));
        Ok(metadata.map_err(|e| errors::from_error(&e, "brokers"))?.brokers().len())
    }

    /// Partition counts, asked anew. Another broker may not have heard yet of a topic that one has told of.
    pub(super) fn all(&self) -> Result<BTreeMap<TopicName, u32>, BrokerError> {
        let metadata = self.answered(self.client.client().fetch_metadata(None, ANSWER));
        let metadata = metadata.map_err(|e| self.explained(&e))?;
        let count = |t: &rdkafka::metadata::MetadataTopic| u32::try_from(t.partitions().len()).unwrap_or_default();
        let topics: BTreeMap<TopicName, u32> =
            metadata.topics().iter().filter(|t| t.error().is_none()).map(|t| (t.name().into(), count(t))).collect();
        let now = Instant::now();
        let mut known = self.known.lock();
        known.extend(topics.into_iter().map(|(topic, count)| (topic, (count, now))));
        known.retain(|_, (_, told)| now - *told < AGREED);
        Ok(known.iter().map(|(topic, (count, _))| (topic.clone(), *count)).collect())
    }

    /// Why the brokers did not answer, with what they said when they refused, if they did.
    fn explained(&self, error: &KafkaError) -> BrokerError {
        // Errors wait in the client's queue until someone takes them; it has no records. One that looks for
        // brokers in vain says so many times a second, and only once why.
        for _ in 0..10_000 {
            if self.client.poll(Duration::ZERO).is_none() && self.client.context().refused().is_some() {
                break;
            }
        }
        match self.client.context().refused() {
            Some(why) => errors::from_error(error, format_args!("topics: {why}")),
            None => errors::from_error(error, "topics"),
        }
    }

    /// How many partitions a topic has; asks the broker only about a topic that was not there the last time.
    pub(super) fn count(&self, topic: &TopicName) -> Result<Option<u32>, BrokerError> {
        if let Some((count, _)) = self.known.lock().get(topic) {
            return Ok(Some(*count));
        }
        Ok(self.all()?.get(topic).copied())
    }

    /// Refuses a partition that is not there.
    pub(super) fn check(&self, partition: &TopicPartition) -> Result<(), BrokerError> {
        match self.count(&partition.topic)? {
            Some(count) if partition.partition < count => Ok(()),
            _ => Err(BrokerError::UnknownTopic(partition.clone())),
        }
    }

    pub(super) fn create(&self, specs: &[TopicSpec]) -> Result<(), BrokerError> {
        let existing = self.all()?;
        let mut missing = Vec::new();
        for spec in specs {
            match existing.get(&spec.name) {
                None => missing.push(spec),
                Some(found) => check_count(spec, *found)?,
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let settings: Vec<Vec<(&str, String)>> = missing.iter().map(|spec| self.settings(spec)).collect();
        let topics: Vec<NewTopic<'_>> = missing.iter().zip(&settings).map(|(s, c)| self.new_topic(s, c)).collect();
        let made = self.answered(block_on(self.admin.create_topics(&topics, &options())));
        for result in made.map_err(|e| errors::from_error(&e, "making topics"))? {
            match result {
                // Another process was faster; the counts are compared below.
                Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
                Err((name, code)) => return Err(errors::from_code(code, format_args!("making topic {name}"))),
            }
        }
        self.await_metadata(&missing)
    }

    /// Waits until the broker tells of the topics that it has just made.
    fn await_metadata(&self, specs: &[&TopicSpec]) -> Result<(), BrokerError> {
        await_change("topics that were made do not appear", || {
            let topics = self.all()?;
            let known: Vec<_> = specs.iter().filter_map(|s| topics.get(&s.name).map(|n| (*s, *n))).collect();
            let all = known.len() == specs.len();
            if all {
                known.into_iter().try_for_each(|(spec, found)| check_count(spec, found))?;
            }
            Ok(all)
        })
    }

    fn new_topic<'a>(&self, spec: &'a TopicSpec, settings: &'a [(&'a str, String)]) -> NewTopic<'a> {
        let partitions = i32::try_from(spec.partitions).unwrap_or(i32::MAX);
        let replication = TopicReplication::Fixed(self.config.replication_factor);
        let topic = NewTopic::new(&spec.name, partitions, replication);
        settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
    }

    fn settings(&self, spec: &TopicSpec) -> Vec<(&'static str, String)> {
        let (policy, retention) = match spec.cleanup {
            Cleanup::Retain { retention_ms } => ("delete", Some(retention_ms)),
            Cleanup::Compact => ("compact", None),
            Cleanup::CompactAndRetain { retention_ms } => ("compact,delete", Some(retention_ms)),
            _ => ("delete", Some(-1)),
        };
        let mut settings = vec![("cleanup.policy", policy.to_owned())];
        // A limit of the cluster's by size would remove records of any age.
        settings.push(("retention.bytes", "-1".to_owned()));
        settings.push((
            "max.message.bytes",
            (self.config.max_record_bytes.max(BATCH_BYTES) + BATCH_OVERHEAD_BYTES).to_string(),
        ));
        settings.extend(retention.map(|ms| ("retention.ms", ms.to_string())));
        let timestamps = if spec.log_append_time { "LogAppendTime" } else { "CreateTime" };
        settings.push(("message.timestamp.type", timestamps.to_owned()));
        settings
    }

    pub(super) fn alter(&self, specs: &[TopicSpec]) -> Result<(), BrokerError> {
        if specs.is_empty() {
            return Ok(());
        }
        let existing = self.all()?;
        for spec in specs {
            let unknown = || BrokerError::UnknownTopic(TopicPartition::new(spec.name.clone(), 0));
            check_count(spec, *existing.get(&spec.name).ok_or_else(unknown)?)?;
        }
        // The request replaces all that is set of a topic, so what else is set goes along.
        let mut settings: Vec<BTreeMap<String, String>> = Vec::new();
        for (spec, resource) in specs.iter().zip(self.configs(specs.iter().map(|spec| &spec.name))?) {
            let set = resource.entries.into_iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
            let mut all: BTreeMap<_, _> = set.filter_map(|entry| Some((entry.name, entry.value?))).collect();
            all.extend(self.settings(spec).into_iter().map(|(key, value)| (key.to_owned(), value)));
            settings.push(all);
        }
        let changes: Vec<AlterConfig<'_>> = specs
            .iter()
            .zip(&settings)
            .map(|(spec, settings)| {
                let change = AlterConfig::new(ResourceSpecifier::Topic(&spec.name));
                settings.iter().fold(change, |change, (key, value)| change.set(key, value))
            })
            .collect();
        let altered = self.answered(block_on(self.admin.alter_configs(&changes, &options())));
        for (spec, result) in specs.iter().zip(altered.map_err(|e| errors::from_error(&e, "altering topics"))?) {
            let name = &spec.name;
            result.map_err(|(_, code)| errors::from_code(code, format_args!("altering topic {name}")))?;
        }
        self.await_description(specs)
    }

    /// Waits until the broker describes topics as they have just been altered.
    fn await_description(&self, specs: &[TopicSpec]) -> Result<(), BrokerError> {
        let names: Vec<TopicName> = specs.iter().map(|spec| spec.name.clone()).collect();
        await_change("topics that were altered do not show it", || {
            let described = self.describe(&names)?;
            Ok(described.iter().zip(specs).all(|(found, wanted)| found.as_ref() == Some(wanted)))
        })
    }

    pub(super) fn describe(&self, names: &[TopicName]) -> Result<Vec<Option<TopicSpec>>, BrokerError> {
        let counts = self.all()?;
        let existing = || names.iter().filter(|n| counts.contains_key(*n));
        let mut specs: BTreeMap<&str, TopicSpec> = BTreeMap::new();
        for (name, resource) in existing().zip(self.configs(existing())?) {
            let partitions = counts.get(name).copied().unwrap_or_default();
            specs.insert(name, read_spec(name, partitions, &resource));
        }
        Ok(names.iter().map(|name| specs.get(&**name).cloned()).collect())
    }

    /// The settings of topics that are there, in their order.
    fn configs<'a>(&self, names: impl Iterator<Item = &'a TopicName>) -> Result<Vec<ConfigResource>, BrokerError> {
        let names: Vec<_> = names.collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let described = self.answered(block_on(self.admin.describe_configs(&asked, &options())));
        let described = described.map_err(|e| errors::from_error(&e, "describing topics"))?;
        let failed = |name, code| errors::from_code(code, format_args!("describing topic {name}"));
        names.iter().zip(described).map(|(name, result)| result.map_err(|code| failed(name, code))).collect()
    }

    pub(super) fn groups(&self) -> Result<Vec<String>, BrokerError> {
        let list = self.answered(settled(|| self.client.client().fetch_group_list(None, ANSWER)));
        let list = list.map_err(|e| errors::from_error(&e, "consumer groups"))?;
        let mut names: Vec<_> = list.groups().iter().map(|g| g.name().to_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// How many members a group of the classic protocol has; `None` if it is none.
    fn classic_members(&self, group: &str) -> Result<Option<usize>, BrokerError> {
        let list = self.answered(settled(|| self.client.client().fetch_group_list(Some(group), ANSWER)));
        let list = list.map_err(|e| errors::from_error(&e, format_args!("members of group {group}")))?;
        Ok(list.groups().iter().find(|g| g.name() == group).and_then(|g| match g.state() {
            "Empty" => Some(0),
            "Stable" | "PreparingRebalance" | "CompletingRebalance" => Some(g.members().len()),
            _ => None,
        }))
    }

    pub(super) fn has_members(&self, group: &str) -> Result<bool, BrokerError> {
        if let Some(count) = self.classic_members(group)? {
            return Ok(count > 0);
        }
        // To ask the group's coordinator who they are may abort the process, if its connection ends at that moment
        // (librdkafka#4605).
        let list =
            || native::is_listed_with_members(self.admin.inner(), group, COORDINATOR).map_err(KafkaError::Global);
        // A broker that is away must not keep from starting who can do without it.
        Ok(settled_within(COORDINATOR, list).unwrap_or_else(|error| {
            tracing::debug!("members of group {group}: {error}");
            false
        }))
    }

    pub(super) fn members(&self, group: &str) -> Result<Option<usize>, BrokerError> {
        let told = self.classic_members(group)?;
        if told.is_some() {
            return Ok(told);
        }
        // This one may wait in vain for a coordinator that has died (librdkafka#5511), which must not take the rest of what is
        // asked with it.
        Ok(native::members(self.admin.inner(), group, COORDINATOR).unwrap_or_else(|code| {
            tracing::debug!("members of group {group}: {code}");
            None
        }))
    }

    pub(super) fn watermarks(&self, partition: &TopicPartition) -> Result<(i64, i64), BrokerError> {
        self.check(partition)?;
        let number = number(partition);
        let found = self.answered(settled(|| self.client.client().fetch_watermarks(&partition.topic, number, ANSWER)));
        found.map_err(|e| self.error_at(&e, "watermarks of", partition))
    }

    /// What an error means that an operation on one partition answered. A broker that takes over a partition may say for a
    /// moment that it does not know it; whether it is there, the metadata says.
    pub(super) fn error_at(&self, error: &KafkaError, what: &str, partition: &TopicPartition) -> BrokerError {
        if !error.rdkafka_error_code().is_some_and(errors::is_unknown) {
            return errors::from_error(error, format_args!("{what} {partition}"));
        }
        match self.all() {
            Err(unanswered) => unanswered,
            Ok(topics) if topics.get(&partition.topic).is_some_and(|count| partition.partition < *count) => {
                BrokerError::Unavailable(format!("{what} {partition}: not known to its broker yet"))
            }
            Ok(_) => BrokerError::UnknownTopic(partition.clone()),
        }
    }

    pub(super) fn committed(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<i64>>, BrokerError> {
        let client = {
            let (mut groups, now) = (self.groups.lock(), Instant::now());
            groups.retain(|name, (_, asked)| name == group || now - *asked < FORGOTTEN);
            match groups.get_mut(group) {
                Some((client, asked)) => {
                    *asked = now;
                    client.clone()
                }
                None => {
                    let mut config = self.config.reading("offsets", true);
                    config.set("group.id", group);
                    let client = config.create_with_context(LogContext::default());
                    let client: BaseConsumer<_> = client.map_err(|e| errors::from_error(&e, "Kafka client"))?;
                    let client = Arc::new(Kept::new(client));
                    groups.insert(group.to_owned(), (Arc::clone(&client), now));
                    client
                }
            }
        };
        let told = committed(&**client, partitions);
        if told.is_err() {
            // It may have been left without a broker: the next one who asks is given another.
            self.groups.lock().remove(group);
        }
        told
    }

    pub(super) fn delete_records(&self, partition: &TopicPartition, before: i64) -> Result<(), BrokerError> {
        let (low, high) = self.watermarks(partition)?;
        let out_of_range = || BrokerError::OffsetOutOfRange { partition: partition.clone(), offset: before, low, high };
        if before > high {
            return Err(out_of_range());
        }
        if before <= low {
            return Ok(());
        }
        let failed = |e: KafkaError| match e.rdkafka_error_code() {
            // What librdkafka says of a partition that has no leader.
            Some(Code::NoEnt) => BrokerError::Unavailable(format!("deleting records of {partition}: nobody leads it")),
            _ => self.error_at(&e, "deleting records of", partition),
        };
        let list = list(std::iter::once((partition, Offset::Offset(before))))?;
        let deleted = self.answered(block_on(self.admin.delete_records(&list, &options()))).map_err(failed)?;
        deleted.elements().iter().try_for_each(TopicPartitionListElem::error).map_err(failed)
    }
}

/// The committed offsets that a client's group has for partitions, in their order. Waits for transactions that are committing offsets.
pub(super) fn committed<C: rdkafka::consumer::ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: &[TopicPartition],
) -> Result<Vec<Option<i64>>, BrokerError> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let list = list(partitions.iter().map(|p| (p, Offset::Invalid)))?;
    let found = settled(|| client.committed_offsets(list.clone(), ANSWER));
    let found = found.map_err(|error| match error.rdkafka_error_code() {
        // Offsets that an open transaction may still move are not told.
        Some(Code::OperationTimedOut) => BrokerError::Unavailable(format!(
            "committed offsets of {} partitions, the first of them {}, were not told within {ANSWER:?}: Kafka cannot be reached, \
             or they are held by an open transaction (docs/kafka.md, \"Exactly once needs replicas\")",
            partitions.len(),
            partitions[0]
        )),
        _ => errors::from_error(&error, "committed offsets"),
    })?;
    let offset = |p: &TopicPartition| {
        let Some(element) = found.find_partition(&p.topic, number(p)) else { return Ok(None) };
        element.error().map_err(|e| errors::from_error(&e, format_args!("committed offset of {p}")))?;
        Ok(match element.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        })
    };
    partitions.iter().map(offset).collect()
}

/// Looks until a change that was made shows; the brokers tell one another of it in a moment.
fn await_change(missing: &str, mut shows: impl FnMut() -> Result<bool, BrokerError>) -> Result<(), BrokerError> {
    let deadline = Instant::now() + ANSWER;
    while !shows()? {
        if Instant::now() > deadline {
            return Err(BrokerError::Unavailable(missing.to_owned()));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

/// Asks again for as long as the brokers are agreeing on who answers: for a moment after a topic was made or a broker has come.
fn settled<T>(ask: impl FnMut() -> KafkaResult<T>) -> KafkaResult<T> {
    settled_within(ANSWER, ask)
}

/// The same, for so long at most.
fn settled_within<T>(limit: Duration, mut ask: impl FnMut() -> KafkaResult<T>) -> KafkaResult<T> {
    // What is asked about was there a moment ago: a broker that does not know it has not heard of it yet.
    let unsettled = |code| errors::is_settling(code) || errors::is_unknown(code);
    let deadline = Instant::now() + limit;
    loop {
        match ask() {
            Err(error) if error.rdkafka_error_code().is_some_and(unsettled) && Instant::now() < deadline => {
                std::thread::sleep(LOOK_AGAIN);
            }
            answered => return answered,
        }
    }
}

/// librdkafka's list of partitions with offsets.
pub(super) fn list<'a>(
    partitions: impl Iterator<Item = (&'a TopicPartition, Offset)>,
) -> Result<TopicPartitionList, BrokerError> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in partitions {
        let added = list.add_partition_offset(&partition.topic, number(partition), offset);
        added.map_err(|e| errors::from_error(&e, format_args!("offset of {partition}")))?;
    }
    Ok(list)
}

pub(super) fn number(partition: &TopicPartition) -> i32 {
    i32::try_from(partition.partition).unwrap_or(i32::MAX)
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER))
}

fn check_count(wanted: &TopicSpec, found: u32) -> Result<(), BrokerError> {
    if found == wanted.partitions {
        return Ok(());
    }
    Err(BrokerError::TopicMismatch {
        topic: wanted.name.clone(),
        found: format!("{found} partitions"),
        wanted: wanted.partitions.to_string(),
    })
}

fn read_spec(name: &TopicName, partitions: u32, resource: &ConfigResource) -> TopicSpec {
    let get = |key: &str| resource.get(key).and_then(|e| e.value.clone()).unwrap_or_default();
    let retention_ms: i64 = get("retention.ms").parse().unwrap_or(-1);
    let policy = get("cleanup.policy");
    let cleanup = match (policy.contains("compact"), policy.contains("delete")) {
        (true, true) => Cleanup::CompactAndRetain { retention_ms },
        (true, false) => Cleanup::Compact,
        _ if retention_ms < 0 => Cleanup::Keep,
        _ => Cleanup::Retain { retention_ms },
    };
    let log_append_time = get("message.timestamp.type") == "LogAppendTime";
    TopicSpec { name: name.clone(), partitions, cleanup, log_append_time }
}
