//! Topics as a plain client reads them: committed records only, each partition to its end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode;

/// How long a partition may give nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) partition: u32,
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
}

/// A topic's records, by partition, each in the order of offsets.
pub(super) type Topic = Vec<Vec<Row>>;

/// A client that belongs to no group.
pub(super) fn client(bootstrap: &str) -> Result<BaseConsumer, String> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "checker")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "20");
    config.create().map_err(|error| error.to_string())
}

/// How many partitions each topic has.
pub(super) fn topics(bootstrap: &str) -> Result<BTreeMap<String, u32>, String> {
    let metadata = client(bootstrap)?.fetch_metadata(None, PATIENCE).map_err(|error| error.to_string())?;
    let count = |topic: &rdkafka::metadata::MetadataTopic| u32::try_from(topic.partitions().len()).unwrap_or_default();
    Ok(metadata.topics().iter().map(|topic| (topic.name().to_owned(), count(topic))).collect())
}

/// All of these topics that is committed and still there.
pub(super) fn read<'t>(
    bootstrap: &str,
    topics: impl IntoIterator<Item = (&'t str, u32)>,
) -> Result<BTreeMap<String, Topic>, String> {
    let consumer = client(bootstrap)?;
    let mut list = TopicPartitionList::new();
    let mut read = BTreeMap::new();
    // The end of a partition is told with its number alone, once.
    let mut open: BTreeMap<i32, usize> = BTreeMap::new();
    for (topic, partitions) in topics {
        for partition in (0..partitions).filter_map(|partition| i32::try_from(partition).ok()) {
            list.add_partition_offset(topic, partition, Offset::Beginning).map_err(|error| error.to_string())?;
            *open.entry(partition).or_default() += 1;
        }
        read.insert(topic.to_owned(), vec![Vec::new(); partitions as usize]);
    }
    consumer.assign(&list).map_err(|error| error.to_string())?;
    let mut end = Instant::now() + PATIENCE;
    while !open.is_empty() {
        match consumer.poll(Duration::from_secs(1)) {
            Some(Ok(message)) => {
                end = Instant::now() + PATIENCE;
                let partition = u32::try_from(message.partition()).unwrap_or_default();
                let Some(topic) = read.get_mut(message.topic()) else { continue };
                topic[partition as usize].push(Row {
                    partition,
                    offset: message.offset(),
                    timestamp: message.timestamp().to_millis().unwrap_or(-1),
                    key: message.key().unwrap_or_default().to_vec(),
                    value: message.payload().map(<[u8]>::to_vec),
                });
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                let left = open.remove(&partition).unwrap_or_default();
                if left > 1 {
                    open.insert(partition, left - 1);
                }
            }
            Some(Err(error)) if !is_passing(&error) => return Err(error.to_string()),
            _ if Instant::now() > end => return Err(format!("these do not come to their ends: {:?}", read.keys())),
            _ => {}
        }
    }
    Ok(read)
}

/// A broker that has just been started again, and whose connections come back by themselves.
fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, LeaderNotAvailable, NotLeaderForPartition};
    let code = error.rdkafka_error_code();
    [AllBrokersDown, BrokerTransportFailure, LeaderNotAvailable, NotLeaderForPartition].map(Some).contains(&code)
}
