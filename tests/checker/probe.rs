//! A record that is written to each partition is the next one that is committed, and can be read at once: nothing hangs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::Consumer as _;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::TopicPartitionList;
use uuid::Uuid;

use super::{Finding, Law, reading, shown};

/// What the key of a probe begins with.
pub(super) const KEY: &[u8] = b"probe ";

const SOON: Duration = Duration::from_secs(30);

pub(super) fn check(bootstrap: &str, within: Duration, found: &mut Vec<Finding>) {
    match late(bootstrap, within) {
        Ok(late) => found.extend(late.into_iter().map(|what| Finding::new(Law::Probe, what))),
        Err(why) => found.push(Finding::new(Law::Readable, format!("probes: {why}"))),
    }
}

fn late(bootstrap: &str, within: Duration) -> Result<Vec<String>, String> {
    let said = |error: rdkafka::error::KafkaError| error.to_string();
    let client = reading::client(bootstrap)?;
    let key = [KEY, Uuid::new_v4().to_string().as_bytes()].concat();
    let mut config = ClientConfig::new();
    let producer: BaseProducer =
        config.set("bootstrap.servers", bootstrap).set("linger.ms", "1").create().map_err(said)?;
    let mut list = TopicPartitionList::new();
    let mut waiting = BTreeMap::new();
    for (topic, partitions) in reading::topics(bootstrap)? {
        // Commands are written without transactions; and whoever reads them would have to bury a probe.
        if topic.starts_with("__") || topic.ends_with(".commands") {
            continue;
        }
        for partition in (0..partitions).filter_map(|partition| i32::try_from(partition).ok()) {
            let (_, end) = client.fetch_watermarks(&topic, partition, SOON).map_err(said)?;
            list.add_partition_offset(&topic, partition, Offset::Offset(end)).map_err(said)?;
            let probe = BaseRecord::to(&topic).partition(partition).key(&key).payload("");
            producer.send(probe).map_err(|(error, _)| error.to_string())?;
            waiting.insert((topic.clone(), partition), end);
        }
    }
    producer.flush(SOON).map_err(said)?;
    client.assign(&list).map_err(said)?;
    let end = Instant::now() + within;
    let mut late = Vec::new();
    while !waiting.is_empty() && Instant::now() < end {
        // The ends of partitions are told as errors, and so is a connection that breaks.
        let Some(Ok(message)) = client.poll(Duration::from_millis(100)) else { continue };
        let place = (message.topic().to_owned(), message.partition());
        if waiting.remove(&place).is_some() && message.key() != Some(&key) {
            let what = shown(message.key().unwrap_or_default());
            late.push(format!("{}-{}: {what} at {} comes before the probe", place.0, place.1, message.offset()));
        }
    }
    let hang =
        |((topic, partition), offset)| format!("{topic}-{partition}: nothing from {offset} on within {within:?}");
    late.extend(waiting.into_iter().map(hang));
    Ok(late)
}
