//! What lies in topics and stores, as it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use processors::stores::PROJECT_STORES;
use processors::{
    COMMAND_MEMORY, FAN_OUT_STORES, INBOX_STORES, PENDING_COMMANDS, POOL_STORES, USER_COMMAND_MEMORY, USERS,
};
use topology::broker::{Broker, TopicPartition};
use topology::{Inspection, OutputRecord, StreamsConfig, Topology};

/// Entries of each store, by store.
pub(crate) type Stores = BTreeMap<&'static str, BTreeMap<Vec<u8>, Vec<u8>>>;

/// Every record of a partition that is still there.
pub(crate) fn read(broker: &dyn Broker, partition: &TopicPartition) -> Result<Vec<OutputRecord>> {
    let (low, high) = broker.watermarks(partition)?;
    let mut reader = broker.reader()?;
    reader.assign(&[(partition.clone(), low)])?;
    let (mut records, mut next) = (Vec::new(), low);
    while next < high {
        let fetched = reader.poll(Duration::from_secs(10))?;
        ensure!(!fetched.is_empty(), "{partition} has nothing at {next}, although it ends at {high}");
        for piece in fetched {
            next = piece.batch.next_offset();
            records.extend(piece.batch.iter().map(|r| OutputRecord {
                partition: partition.partition,
                offset: r.offset,
                timestamp: r.timestamp,
                key: r.key.map(<[u8]>::to_vec),
                value: r.value.map(<[u8]>::to_vec),
                headers: r.headers.to_owned(),
            }));
        }
    }
    Ok(records)
}

/// The names of all stores.
pub(crate) fn store_names() -> impl Iterator<Item = &'static str> {
    let of_tasks = PROJECT_STORES.into_iter().chain(POOL_STORES).chain(FAN_OUT_STORES).chain(INBOX_STORES);
    of_tasks.chain([COMMAND_MEMORY, PENDING_COMMANDS, USERS, USER_COMMAND_MEMORY])
}

/// Every store as it stands on the disk after what its changelog adds.
pub(crate) fn stores(topology: &Topology, config: &StreamsConfig, broker: &dyn Broker) -> Result<Stores> {
    let inspection = Inspection::open(topology, config, broker)?;
    let mut stores = Stores::new();
    for name in store_names() {
        let entries = stores.entry(name).or_default();
        let mut twice = None;
        inspection.entries(name, &mut |key, value| {
            if entries.insert(key.to_vec(), value.to_vec()).is_some() {
                twice = Some(key.to_vec());
            }
        })?;
        if let Some(key) = twice {
            bail!("two tasks have the key {} in store {name}", shown(&key));
        }
    }
    Ok(stores)
}

/// Text as text, the rest in hexadecimal; the first 120 bytes.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(120)];
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.iter().fold(String::from("0x"), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    }
}
