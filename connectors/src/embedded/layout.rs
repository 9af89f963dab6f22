//! Keys and values as they lie in RocksDB. All integers are big-endian, so that keys sort as their numbers do.
//!
//! Column family `log`: `topic id u32, partition u32, base offset u64` -> header, then the batch's bytes as they are.
//! Column family `meta`, by first byte of the key: `T` topics, `W` watermarks, `O` committed offsets, `C` compaction.

use bytes::Bytes;
use topology::RecordBatch;
use topology::broker::{BrokerError, Cleanup, TopicSpec};

/// Which partition of which topic, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PartitionId {
    pub(super) topic: u32,
    pub(super) partition: u32,
}

impl PartitionId {
    pub(super) fn bytes(self) -> [u8; 8] {
        let mut b = [0; 8];
        b[..4].copy_from_slice(&self.topic.to_be_bytes());
        b[4..].copy_from_slice(&self.partition.to_be_bytes());
        b
    }
}

/// The key of the batch that starts at an offset.
pub(super) fn log_key(id: PartitionId, base_offset: i64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&id.bytes());
    key[8..].copy_from_slice(&base_offset.to_be_bytes());
    key
}

/// The base offset in a key of the log, if the key is that partition's.
pub(super) fn base_offset_of(id: PartitionId, key: &[u8]) -> Option<i64> {
    let offset = key.strip_prefix(&id.bytes())?;
    Some(i64::from_be_bytes(offset.try_into().ok()?))
}

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 30;

/// Header: `version u8, stamped u8, count u32, base timestamp i64, append time i64, next offset i64`.
/// No checksum: RocksDB has one on everything that it writes.
pub(super) fn encode_batch(batch: &RecordBatch, out: &mut Vec<u8>) {
    out.clear();
    out.reserve(HEADER_BYTES + batch.bytes().len());
    out.push(VERSION);
    out.push(u8::from(batch.append_time().is_some()));
    // The count came from a u32.
    out.extend_from_slice(&u32::try_from(batch.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&batch.base_timestamp().to_be_bytes());
    out.extend_from_slice(&batch.append_time().unwrap_or_default().to_be_bytes());
    out.extend_from_slice(&batch.next_offset().to_be_bytes());
    out.extend_from_slice(batch.bytes());
}

/// What a batch's header says, read without its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchHeader {
    count: u32,
    base_timestamp: i64,
    pub(super) append_time: Option<i64>,
    pub(super) next_offset: i64,
}

pub(super) fn decode_header(value: &[u8]) -> Result<BatchHeader, BrokerError> {
    let mut rest = value;
    let header = (|| {
        let [version, stamped] = take::<2>(&mut rest)?;
        let count = u32::from_be_bytes(take(&mut rest)?);
        let base_timestamp = i64::from_be_bytes(take(&mut rest)?);
        let append_time = i64::from_be_bytes(take(&mut rest)?);
        let next_offset = i64::from_be_bytes(take(&mut rest)?);
        let append_time = (stamped == 1).then_some(append_time);
        (version == VERSION).then_some(BatchHeader { count, base_timestamp, append_time, next_offset })
    })();
    header.ok_or_else(|| BrokerError::corrupt("the header of a stored batch"))
}

pub(super) fn decode_batch(base_offset: i64, value: &[u8]) -> Result<RecordBatch, BrokerError> {
    let h = decode_header(value)?;
    let records = Bytes::copy_from_slice(&value[HEADER_BYTES..]);
    RecordBatch::from_parts(base_offset, h.base_timestamp, h.append_time, h.count, h.next_offset, records)
}

pub(super) fn topic_key(topic: u32) -> [u8; 5] {
    let mut key = [b'T'; 5];
    key[1..].copy_from_slice(&topic.to_be_bytes());
    key
}

pub(super) fn encode_topic(spec: &TopicSpec) -> Vec<u8> {
    let (kind, retention_ms) = match spec.cleanup {
        Cleanup::Retain { retention_ms } => (1_u8, retention_ms),
        Cleanup::Compact => (2, 0),
        Cleanup::CompactAndRetain { retention_ms } => (3, retention_ms),
        // `Keep`, and whatever may be added: to keep is the safe reading.
        _ => (0, 0),
    };
    let mut out = vec![VERSION, kind, u8::from(spec.log_append_time)];
    out.extend_from_slice(&spec.partitions.to_be_bytes());
    out.extend_from_slice(&retention_ms.to_be_bytes());
    out.extend_from_slice(spec.name.as_bytes());
    out
}

pub(super) fn decode_topic(mut value: &[u8]) -> Option<TopicSpec> {
    let [version, kind, log_append_time] = take::<3>(&mut value)?;
    let partitions = u32::from_be_bytes(take(&mut value)?);
    let retention_ms = i64::from_be_bytes(take(&mut value)?);
    let cleanup = match kind {
        0 => Cleanup::Keep,
        1 => Cleanup::Retain { retention_ms },
        2 => Cleanup::Compact,
        3 => Cleanup::CompactAndRetain { retention_ms },
        _ => return None,
    };
    let name = std::str::from_utf8(value).ok()?.into();
    (version == VERSION).then_some(TopicSpec { name, partitions, cleanup, log_append_time: log_append_time == 1 })
}

/// The key of a pair of numbers about a partition: `W` low watermark and next offset, `C` where compaction stands.
pub(super) fn pair_key(kind: u8, id: PartitionId) -> [u8; 9] {
    let mut key = [kind; 9];
    key[1..].copy_from_slice(&id.bytes());
    key
}

pub(super) fn encode_pair(a: i64, b: i64) -> [u8; 16] {
    let mut value = [0; 16];
    value[..8].copy_from_slice(&a.to_be_bytes());
    value[8..].copy_from_slice(&b.to_be_bytes());
    value
}

pub(super) fn decode_pair(mut value: &[u8]) -> Option<(i64, i64)> {
    Some((i64::from_be_bytes(take(&mut value)?), i64::from_be_bytes(take(&mut value)?)))
}

/// `O`, the partition, then the group: a name that is not delimited must come last.
pub(super) fn offset_key(group: &str, id: PartitionId) -> Vec<u8> {
    let mut key = vec![b'O'];
    key.extend_from_slice(&id.bytes());
    key.extend_from_slice(group.as_bytes());
    key
}

/// The partition in a `W`, `C` or `O` key, and what follows it.
pub(super) fn split_key(key: &[u8]) -> Option<(PartitionId, &[u8])> {
    let mut rest = key.get(1..)?;
    let topic = u32::from_be_bytes(take(&mut rest)?);
    let partition = u32::from_be_bytes(take(&mut rest)?);
    Some((PartitionId { topic, partition }, rest))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use topology::{BatchBuilder, Headers};

    const ID: PartitionId = PartitionId { topic: 7, partition: 3 };

    #[test]
    fn should_read_back_a_stored_batch_with_its_place_and_its_time() {
        let mut b = BatchBuilder::new();
        b.push(5, Some(b"k"), Some(b"v"), &Headers::new());
        b.push(6, Some(b"l"), None, &Headers::new());
        let mut value = Vec::new();
        encode_batch(&b.finish().placed_at(100, Some(9)), &mut value);
        let read = decode_batch(100, &value).unwrap();
        assert_eq!(read.iter().map(|r| (r.offset, r.timestamp)).collect::<Vec<_>>(), [(100, 9), (101, 9)]);
        assert_eq!(decode_header(&value).unwrap().next_offset, 102);
        for cut in 0..value.len() {
            assert!(decode_batch(100, &value[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn should_sort_keys_by_partition_and_offset() {
        let next = PartitionId { topic: 7, partition: 4 };
        assert!(log_key(ID, 255) < log_key(ID, 256));
        assert!(log_key(ID, i64::MAX) < log_key(next, 0));
        assert_eq!(base_offset_of(ID, &log_key(ID, 300)), Some(300));
        assert_eq!(base_offset_of(next, &log_key(ID, 300)), None);
    }

    #[test]
    fn should_read_back_topics_and_committed_offsets() {
        for cleanup in [
            Cleanup::Keep,
            Cleanup::Retain { retention_ms: 5 },
            Cleanup::Compact,
            Cleanup::CompactAndRetain { retention_ms: 6 },
        ] {
            let spec = TopicSpec { name: "ticket.events".into(), partitions: 12, cleanup, log_append_time: true };
            assert_eq!(decode_topic(&encode_topic(&spec)), Some(spec));
        }
        assert_eq!(split_key(&offset_key("group", ID)), Some((ID, &b"group"[..])));
        assert_eq!(decode_pair(&encode_pair(-1, i64::MAX)), Some((-1, i64::MAX)));
    }
}
