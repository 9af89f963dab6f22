//! What a part of a run has left in Kafka's log for each command: how many records of what size on which topic, and how many
//! ends of transactions. The bare client writes by it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use schemas::topics::TICKET_COMMANDS;
use serde::{Deserialize, Serialize};
use topology::broker::{Broker, BrokerError, TopicPartition};

/// How far the bare client may miss what it was told to write, a topic.
const ALIKE: f64 = 0.01;

/// What the worker deletes again when it was processed.
const REPARTITION: &str = "-repartition";
/// Records of a sample, a partition.
const SAMPLED: i64 = 500;
/// How often a sample is taken again that was deleted meanwhile.
const AGAIN: usize = 5;

/// How long a partition may be unknown.
const KNOWN: Duration = Duration::from_secs(60);

/// The offsets after the last record of each partition that somebody writes to.
pub(crate) type Ends = BTreeMap<TopicPartition, i64>;

/// By part of a run: topics, and what was written there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Traffic {
    pub(crate) parts: BTreeMap<String, BTreeMap<String, Share>>,
    /// Topics of which little can be read in the end; their parts are like what was seen of them in between.
    #[serde(skip)]
    sample: BTreeMap<String, Share>,
}

/// What a topic got for each command.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Share {
    pub(crate) records: f64,
    /// Mean sizes; a tombstone's value has none.
    pub(crate) key_bytes: f64,
    pub(crate) value_bytes: f64,
    pub(crate) headers: f64,
    /// Ends of transactions.
    pub(crate) markers: f64,
}

/// The ends as they are now.
pub(crate) fn ends(broker: &Arc<dyn Broker>) -> anyhow::Result<Ends> {
    let mut ends = Ends::new();
    for (topic, partitions) in broker.topics()? {
        if &*topic == TICKET_COMMANDS || topic.starts_with("__") {
            continue;
        }
        for partition in (0..partitions).map(|p| TopicPartition::new(topic.clone(), p)) {
            let end = end(broker, &partition)?;
            ends.insert(partition, end);
        }
    }
    Ok(ends)
}

/// A broker that is busy may not know yet that a topic was made.
fn end(broker: &Arc<dyn Broker>, partition: &TopicPartition) -> anyhow::Result<i64> {
    let begun = Instant::now();
    loop {
        match broker.watermarks(partition) {
            Err(BrokerError::Unavailable(_)) if begun.elapsed() < KNOWN => {
                std::thread::sleep(Duration::from_millis(50));
            }
            other => return Ok(other?.1),
        }
    }
}

impl Traffic {
    /// What a run has written, of its file.
    pub(crate) fn of_run(file: &Path) -> anyhow::Result<Self> {
        let run: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        Ok(serde_json::from_value(run["traffic"].clone())?)
    }

    /// Looks at what the worker is about to delete, while it works.
    pub(crate) fn sample(&mut self, broker: &Arc<dyn Broker>) -> anyhow::Result<()> {
        for left in (0..AGAIN).rev() {
            let (mut from, mut to) = (Ends::new(), Ends::new());
            for partition in ends(broker)?.into_keys().filter(|partition| partition.topic.ends_with(REPARTITION)) {
                let (low, end) = broker.watermarks(&partition)?;
                from.insert(partition.clone(), low);
                to.insert(partition, end.min(low + SAMPLED));
            }
            match read(broker, (&from, &to)) {
                Ok(counts) => {
                    let seen = counts.into_iter().filter(|(_, count)| count.records > 0);
                    self.sample = seen.map(|(topic, count)| (topic, count.share(1))).collect();
                    return Ok(());
                }
                Err(error) if left == 0 => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Notes what so many commands have left between two moments.
    pub(crate) fn note(
        &mut self,
        broker: &Arc<dyn Broker>,
        part: &str,
        (from, to): (&Ends, &Ends),
        commands: u64,
    ) -> anyhow::Result<()> {
        let (gone, kept): (Ends, Ends) = to.clone().into_iter().partition(|(p, _)| self.sample.contains_key(&*p.topic));
        let mut counts = read(broker, (from, &kept))?;
        for (partition, end) in gone {
            let first = from.get(&partition).copied().unwrap_or_default();
            counts.entry(partition.topic.to_string()).or_default().offsets += end - first;
        }
        let mut shares = BTreeMap::new();
        for (topic, count) in counts.into_iter().filter(|(_, count)| count.offsets > 0) {
            let share = match count.records {
                0 => self.like_the_sample(&topic, count.offsets as f64 / commands as f64),
                _ => Some(count.share(commands)),
            };
            let share = share.with_context(|| format!("what was written to {topic} is deleted already"))?;
            shares.insert(topic, share);
        }
        self.parts.insert(part.to_owned(), shares);
        Ok(())
    }

    /// What a topic got that has so many offsets for each command.
    fn like_the_sample(&self, topic: &str, offsets: f64) -> Option<Share> {
        let seen = self.sample.get(topic)?;
        let scale = offsets / (seen.records + seen.markers);
        Some(Share { records: seen.records * scale, markers: seen.markers * scale, ..seen.clone() })
    }

    /// Records and bytes for each command in a part.
    pub(crate) fn sum(&self, part: &str) -> (f64, f64) {
        let shares = self.parts.get(part).into_iter().flat_map(BTreeMap::values);
        shares.fold((0.0, 0.0), |(n, b), s| (n + s.records, b + s.records * (s.key_bytes + s.value_bytes)))
    }

    /// Fails if the bare client has written something else than what it was told.
    pub(crate) fn ensure_written(&self, by_bare: &Self) -> anyhow::Result<()> {
        for (part, shares) in &self.parts {
            for (topic, wanted) in shares {
                let written = by_bare.parts.get(part).and_then(|shares| shares.get(topic)).cloned().unwrap_or_default();
                let bytes = |s: &Share| s.key_bytes + s.value_bytes;
                // Of a topic that gets a record now and then, one more or less is no fault; nor are mean sizes that were rounded.
                let alike = (wanted.records - written.records).abs() <= ALIKE * wanted.records + 0.002
                    && (wanted.records < 0.002 || (bytes(wanted) - bytes(&written)).abs() <= 1.0);
                anyhow::ensure!(alike, "{part}: {topic} should have got {wanted:?} a command, but got {written:?}");
            }
        }
        Ok(())
    }
}

/// What lies in the log between two moments.
fn read(broker: &Arc<dyn Broker>, (from, to): (&Ends, &Ends)) -> anyhow::Result<BTreeMap<String, Count>> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let (mut left, mut starts) = (Ends::new(), Vec::new());
    for (partition, end) in to {
        let (low, first) = (broker.watermarks(partition)?.0, from.get(partition).copied().unwrap_or_default());
        let count = counts.entry(partition.topic.to_string()).or_default();
        count.offsets += end - first;
        count.kept += end - low.clamp(first, *end);
        if low.max(first) < *end {
            left.insert(partition.clone(), *end);
            starts.push((partition.clone(), low.max(first)));
        }
    }
    let mut reader = broker.reader()?;
    reader.assign(&starts)?;
    while !left.is_empty() {
        let fetched = reader.poll(Duration::from_secs(10))?;
        anyhow::ensure!(!fetched.is_empty(), "what was written cannot be read: {left:?}");
        for piece in fetched {
            let Some(&end) = left.get(&piece.partition) else { continue };
            let count = counts.get_mut(&*piece.partition.topic).context("a topic")?;
            for record in piece.batch.iter().take_while(|r| r.offset < end) {
                count.records += 1;
                count.key_bytes += record.key.map_or(0, <[u8]>::len) as u64;
                count.value_bytes += record.value.map_or(0, <[u8]>::len) as u64;
                count.headers += record.headers.iter().count() as u64;
            }
            if piece.batch.next_offset() >= end {
                left.remove(&piece.partition);
            }
        }
    }
    Ok(counts)
}

#[derive(Default)]
struct Count {
    /// Offsets of all, and of those that can still be read.
    offsets: i64,
    kept: i64,
    records: u64,
    key_bytes: u64,
    value_bytes: u64,
    headers: u64,
}

impl Count {
    fn share(&self, commands: u64) -> Share {
        let commands = commands as f64;
        let whole = self.offsets as f64 / self.kept as f64;
        let mean = |sum: u64| sum as f64 / self.records as f64;
        Share {
            records: self.records as f64 * whole / commands,
            key_bytes: mean(self.key_bytes),
            value_bytes: mean(self.value_bytes),
            headers: mean(self.headers),
            markers: (self.kept as f64 - self.records as f64) * whole / commands,
        }
    }
}
