//! Time-ordered expiry: the timestamp in front of a value, what counts as expired, and the filter that removes it.
//!
//! Reading is exact: an entry is hidden from the very stream time on that reaches its timestamp plus the retention.
//! Removing is lazy and only ever follows *committed* stream time, so that an aborted transaction expires nothing.

use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rocksdb::CompactionDecision;
use rocksdb::compaction_filter::CompactionFilter;
use rocksdb::compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory};

/// Stream time before the first record, as in Kafka Streams.
pub const NO_STREAM_TIME: i64 = -1;

pub(crate) const STAMP_BYTES: usize = 8;

/// The newest timestamp that is expired at `stream_time`; `i64::MIN` if nothing can be.
pub(crate) fn horizon(stream_time: i64, retention_ms: Option<i64>) -> i64 {
    match retention_ms {
        Some(retention_ms) if stream_time != NO_STREAM_TIME => stream_time.saturating_sub(retention_ms),
        _ => i64::MIN,
    }
}

/// Splits what an expiring store holds into timestamp and value. `None` for what is too short to be either.
pub(crate) fn split(stored: &[u8]) -> Option<(i64, &[u8])> {
    let (stamp, value) = stored.split_first_chunk::<STAMP_BYTES>()?;
    Some((i64::from_be_bytes(*stamp), value))
}

/// The value in `stored`, unless it is stamped and at or before `horizon`.
pub(crate) fn visible(stored: &[u8], stamped: bool, horizon: i64) -> Option<&[u8]> {
    if !stamped {
        return Some(stored);
    }
    split(stored).filter(|&(timestamp, _)| timestamp > horizon).map(|(_, value)| value)
}

/// Removes, while RocksDB compacts, what has expired at the committed horizon.
pub(crate) struct ExpiryFilterFactory(pub(crate) Arc<AtomicI64>);

pub(crate) struct ExpiryFilter {
    horizon: i64,
}

impl CompactionFilterFactory for ExpiryFilterFactory {
    type Filter = ExpiryFilter;

    fn create(&mut self, _: CompactionFilterContext) -> ExpiryFilter {
        ExpiryFilter { horizon: self.0.load(Ordering::Relaxed) }
    }

    fn name(&self) -> &CStr {
        c"expiry"
    }
}

impl CompactionFilter for ExpiryFilter {
    fn filter(&mut self, _level: u32, _key: &[u8], stored: &[u8]) -> CompactionDecision {
        match split(stored) {
            Some((timestamp, _)) if timestamp <= self.horizon => CompactionDecision::Remove,
            _ => CompactionDecision::Keep,
        }
    }

    fn name(&self) -> &CStr {
        c"expiry"
    }
}
