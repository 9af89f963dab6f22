//! Compares what the world left behind with what the run without crashes made.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};
use topology::broker::{Broker, TopicPartition};
use topology::{OutputRecord, TestDriver};

use crate::records::{Stores, read, shown};
use crate::world::APPLICATION;

const CHANGELOG: &str = "-changelog";
const REPARTITION: &str = "-repartition";

/// Every topic, record by record; changelogs by the last record of each key, since commits end elsewhere.
pub(crate) fn topics(broker: &dyn Broker, reference: &TestDriver) -> Result<()> {
    for (topic, partitions) in broker.topics()? {
        let expected = reference.all(&topic);
        for partition in (0..partitions).map(|p| TopicPartition::new(topic.clone(), p)) {
            let (low, high) = broker.watermarks(&partition)?;
            let found = read(broker, &partition)?;
            let expected = expected.iter().filter(|r| r.partition == partition.partition);
            if topic.ends_with(CHANGELOG) {
                same_fold(&partition, &found, &expected.cloned().collect::<Vec<_>>())?;
                continue;
            }
            // Processed repartition records are purged.
            let expected: Vec<_> = expected.filter(|r| r.offset >= low).cloned().collect();
            same_records(&partition, &found, &expected)?;
            if topic.ends_with(REPARTITION) || topic.ends_with(".commands") || topic.ends_with(".events") {
                let committed = broker.committed(APPLICATION, std::slice::from_ref(&partition))?[0].unwrap_or(0);
                ensure!(committed == high, "{partition} ends at {high}, but is consumed only up to {committed}");
            }
        }
    }
    Ok(())
}

pub(crate) fn same_stores(found: &Stores, reference: &TestDriver) -> Result<()> {
    for (name, found) in found {
        let expected = reference.store_entries(name)?;
        for (key, value) in &expected {
            let there = found.get(key).with_context(|| format!("store {name} lacks {}", shown(key)))?;
            ensure!(there == value, "store {name}, {}: {}, expected {}", shown(key), shown(there), shown(value));
        }
        if let Some(key) = found.keys().find(|key| !expected.contains_key(*key)) {
            bail!("store {name} has {}, which must not be there", shown(key));
        }
    }
    Ok(())
}

fn same_records(partition: &TopicPartition, found: &[OutputRecord], expected: &[OutputRecord]) -> Result<()> {
    for (found, expected) in found.iter().zip(expected) {
        if found != expected {
            bail!("{partition} differs\n   found: {}\nexpected: {}", record(found), record(expected));
        }
    }
    if let Some(extra) = found.get(expected.len()) {
        bail!("{partition} has {} records instead of {}: {}", found.len(), expected.len(), record(extra));
    }
    if let Some(missing) = expected.get(found.len()) {
        bail!("{partition} has {} records instead of {}; missing: {}", found.len(), expected.len(), record(missing));
    }
    Ok(())
}

fn same_fold(partition: &TopicPartition, found: &[OutputRecord], expected: &[OutputRecord]) -> Result<()> {
    // Only where entries expire does the time of the last write count.
    let timed = partition.topic.contains("memory");
    let fold = |records: &[OutputRecord]| {
        let mut last = BTreeMap::new();
        for r in records {
            let time = if timed { r.timestamp } else { 0 };
            match &r.value {
                Some(value) => last.insert(r.key.clone(), (value.clone(), time)),
                None => last.remove(&r.key),
            };
        }
        last
    };
    let (found, expected) = (fold(found), fold(expected));
    for (key, (value, time)) in &expected {
        let Some((there, at)) = found.get(key) else {
            bail!("{partition} lacks {}", shown(key.as_deref().unwrap_or_default()));
        };
        ensure!(
            (there, at) == (value, time),
            "{partition}, {}: {} at {at}, expected {} at {time}",
            shown(key.as_deref().unwrap_or_default()),
            shown(there),
            shown(value)
        );
    }
    if let Some(key) = found.keys().find(|key| !expected.contains_key(*key)) {
        bail!("{partition} has {}, which must not be there", shown(key.as_deref().unwrap_or_default()));
    }
    Ok(())
}

fn record(record: &OutputRecord) -> String {
    let OutputRecord { offset, timestamp, key, value, headers, .. } = record;
    let mut line = format!("@{offset} at {timestamp} key {} value ", shown(key.as_deref().unwrap_or_default()));
    line += &value.as_deref().map_or_else(|| "none".to_owned(), shown);
    for (name, value) in headers.iter() {
        let _ = write!(line, " {name}={}", shown(value.unwrap_or_default()));
    }
    line
}
