//! The RocksDB that holds the log, and the one way to write into it.
//!
//! Batches of 4 KiB and more go to blob files when a write buffer is flushed: the LSM tree then holds little more than keys, so that
//! its compactions do not rewrite the log again and again (a log has nothing to merge). Small batches stay in the tree.
//! Nothing is compressed: what is hot is read from memory, and the stream thread's time is dearer than the disk.

use std::ops::ControlFlow;
use std::path::Path;

use parking_lot::RwLock;
use rocksdb::{
    BlockBasedOptions, BottommostLevelCompaction, Cache, ColumnFamily, ColumnFamilyDescriptor, CompactOptions, DB,
    DBCompressionType, DBRawIterator, DBRecoveryMode, Options, WriteBatch, WriteOptions,
};
use topology::RecordBatch;
use topology::broker::BrokerError;

use super::config::{EmbeddedConfig, FaultPoint, SyncMode};
use super::format;
use super::layout::{self, PartitionId};

const LOG: &str = "log";
const META: &str = "meta";
const BLOB_FROM_BYTES: u64 = 4 << 10;
/// Less than so many write buffers full of removed batches (64 MiB by default) are not worth the work.
const GARBAGE_FROM_BUFFERS: u64 = 4;
const BLOCK_CACHE_BYTES: usize = 4 << 20;

pub(super) struct Store {
    db: DB,
    sync: bool,
    /// Why writes are refused. After a failed write nobody knows what the log holds (a later `fsync` may succeed and mean
    /// nothing), so only a restart, which reads it anew, may go on.
    refused: RwLock<Option<String>>,
}

impl Store {
    pub(super) fn open(config: &EmbeddedConfig) -> Result<Self, BrokerError> {
        std::fs::create_dir_all(&config.dir)
            .map_err(|e| BrokerError::Fatal(format!("data directory {}: {e}", config.dir.display())))?;
        format::check(&config.dir)?;
        let families = [
            ColumnFamilyDescriptor::new(LOG, log_options(config)),
            ColumnFamilyDescriptor::new(META, small_options()),
            ColumnFamilyDescriptor::new("default", small_options()),
        ];
        let db = DB::open_cf_descriptors(&db_options(config), &config.dir, families)
            .map_err(|e| explain_open(&config.dir, &e))?;
        Ok(Self { db, sync: config.sync == SyncMode::Commit, refused: RwLock::new(None) })
    }

    /// Writes a batch, as durable as configured. After a failure every later write is refused.
    pub(super) fn write(&self, batch: WriteBatch, config: &EmbeddedConfig) -> Result<(), BrokerError> {
        self.check_writable()?;
        let mut options = WriteOptions::default();
        options.set_sync(self.sync);
        let result = if config.fails_at(FaultPoint::Disk) {
            Err("a fault put in by a test".to_owned())
        } else {
            self.db.write_opt(batch, &options).map_err(|e| e.to_string())
        };
        result.map_err(|why| {
            tracing::error!(%why, "the log cannot be written; all writes are refused until a restart");
            *self.refused.write() = Some(why.clone());
            BrokerError::Closed(format!("a write to the log failed: {why}"))
        })
    }

    pub(super) fn check_writable(&self) -> Result<(), BrokerError> {
        match &*self.refused.read() {
            None => Ok(()),
            Some(why) => Err(BrokerError::Closed(format!("an earlier write to the log failed: {why}"))),
        }
    }

    pub(super) fn log(&self) -> Result<&ColumnFamily, BrokerError> {
        self.db.cf_handle(LOG).ok_or_else(|| BrokerError::corrupt("column family `log` is missing"))
    }

    pub(super) fn meta(&self) -> Result<&ColumnFamily, BrokerError> {
        self.db.cf_handle(META).ok_or_else(|| BrokerError::corrupt("column family `meta` is missing"))
    }

    /// Every entry of `meta` with its key.
    pub(super) fn scan_meta(
        &self,
        mut see: impl FnMut(&[u8], &[u8]) -> Result<(), BrokerError>,
    ) -> Result<(), BrokerError> {
        let mut entries = self.db.raw_iterator_cf(self.meta()?);
        entries.seek_to_first();
        while let Some((key, value)) = entries.item() {
            see(key, value)?;
            entries.next();
        }
        check(&entries)
    }

    pub(super) fn get_meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BrokerError> {
        self.db.get_cf(self.meta()?, key).map_err(|e| read_error(&e))
    }

    /// Next offset and append time of a partition's last batch.
    pub(super) fn last_batch(&self, id: PartitionId) -> Result<Option<layout::BatchHeader>, BrokerError> {
        let mut batches = self.db.raw_iterator_cf(self.log()?);
        batches.seek_for_prev(layout::log_key(id, i64::MAX));
        let header = match batches.item() {
            Some((key, value)) if layout::base_offset_of(id, key).is_some() => Some(layout::decode_header(value)?),
            _ => None,
        };
        check(&batches)?;
        Ok(header)
    }

    /// Where a partition's last batch begins.
    pub(super) fn last_base_offset(&self, id: PartitionId) -> Result<Option<i64>, BrokerError> {
        let mut batches = self.db.raw_iterator_cf(self.log()?);
        batches.seek_for_prev(layout::log_key(id, i64::MAX));
        let base = batches.key().and_then(|key| layout::base_offset_of(id, key));
        check(&batches)?;
        Ok(base)
    }

    /// The batches from the one that holds `offset`, or the first after it, until `see` breaks or there are no more.
    pub(super) fn scan(
        &self,
        id: PartitionId,
        offset: i64,
        mut see: impl FnMut(RecordBatch) -> Result<ControlFlow<()>, BrokerError>,
    ) -> Result<(), BrokerError> {
        let mut batches = self.db.raw_iterator_cf(self.log()?);
        batches.seek_for_prev(layout::log_key(id, offset));
        let holds_offset = match batches.item() {
            Some((key, value)) if layout::base_offset_of(id, key).is_some() => {
                layout::decode_header(value)?.next_offset > offset
            }
            _ => false,
        };
        if !holds_offset {
            batches.seek(layout::log_key(id, offset));
        }
        while let Some((key, value)) = batches.item() {
            let Some(base_offset) = layout::base_offset_of(id, key) else { break };
            let batch = layout::decode_batch(base_offset, value)
                .map_err(|e| BrokerError::corrupt(format!("batch {base_offset} of partition {id:?}: {e}")))?;
            if see(batch)?.is_break() {
                return Ok(());
            }
            batches.next();
        }
        check(&batches)
    }

    /// Gives back the room of what was removed from a range of a partition.
    pub(super) fn reclaim(&self, id: PartitionId, below: i64) -> Result<(), BrokerError> {
        self.db.compact_range_cf(self.log()?, Some(layout::log_key(id, 0)), Some(layout::log_key(id, below)));
        Ok(())
    }

    /// Writes the blob files anew, without what was removed, once that is more than half of them. So the work is never more
    /// than what was removed since the last time.
    pub(super) fn collect_garbage(&self, config: &EmbeddedConfig) -> Result<(), BrokerError> {
        let log = self.log()?;
        let size = |name: &str| self.db.property_int_value_cf(log, name).map_err(|e| read_error(&e));
        let garbage = size("rocksdb.live-blob-file-garbage-size")?.unwrap_or_default();
        let total = size("rocksdb.live-blob-file-size")?.unwrap_or_default();
        if garbage < GARBAGE_FROM_BUFFERS * config.write_buffer_bytes as u64 || garbage < total / 2 {
            return Ok(());
        }
        let switch =
            |on| self.db.set_options_cf(log, &[("enable_blob_garbage_collection", on)]).map_err(|e| read_error(&e));
        switch("true")?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.db.compact_range_cf_opt(log, None::<&[u8]>, None::<&[u8]>, &options);
        switch("false")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // A clean stop is as safe as a commit, also where commits leave flushing to the system.
        if let Err(e) = self.db.flush_wal(true) {
            tracing::warn!(error = %e, "the log could not be flushed on closing");
        }
    }
}

fn read_error(e: &rocksdb::Error) -> BrokerError {
    match e.kind() {
        rocksdb::ErrorKind::Corruption => BrokerError::corrupt(e.to_string()),
        _ => BrokerError::Fatal(format!("the log cannot be read: {e}")),
    }
}

fn check(entries: &DBRawIterator<'_>) -> Result<(), BrokerError> {
    entries.status().map_err(|e| read_error(&e))
}

fn explain_open(dir: &Path, e: &rocksdb::Error) -> BrokerError {
    let text = e.to_string();
    let dir = dir.display();
    if text.contains("lock") && (text.contains("LOCK") || text.contains("hold")) {
        return BrokerError::Unavailable(format!("data directory {dir} is in use by another process"));
    }
    match e.kind() {
        rocksdb::ErrorKind::Corruption => BrokerError::corrupt(format!(
            "the log in {dir} is damaged: {text}. It is left as it is; take it from a backup, or another disk"
        )),
        _ => BrokerError::Fatal(format!("the log in {dir} cannot be opened: {text}")),
    }
}

fn db_options(config: &EmbeddedConfig) -> Options {
    let mut o = Options::default();
    o.create_if_missing(true);
    o.create_missing_column_families(true);
    // A record that is cut off at the end was never acknowledged. Anything else that is wrong is damage: RocksDB's default would drop what comes
    // after it, acknowledged or not, and say nothing.
    o.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    o.set_max_background_jobs(2);
    o.set_max_open_files(256);
    // `meta` is hardly ever flushed; without a limit it would hold every WAL file back.
    o.set_max_total_wal_size(4 * config.write_buffer_bytes as u64);
    o.set_keep_log_file_num(2);
    o.set_max_log_file_size(1 << 20);
    o.set_stats_dump_period_sec(0);
    o
}

fn log_options(config: &EmbeddedConfig) -> Options {
    let mut o = small_options();
    o.set_write_buffer_size(config.write_buffer_bytes);
    o.set_max_write_buffer_number(3);
    o.set_enable_blob_files(true);
    o.set_min_blob_size(BLOB_FROM_BYTES);
    o.set_blob_file_size(64 << 20);
    o.set_blob_compression_type(DBCompressionType::None);
    // Off: with it every compaction of keys would write the old batches anew. See `Store::collect_garbage`.
    o.set_enable_blob_gc(false);
    o.set_blob_gc_age_cutoff(1.0);
    o
}

fn small_options() -> Options {
    let mut o = Options::default();
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(BLOCK_CACHE_BYTES));
    o.set_block_based_table_factory(&table);
    o.set_compression_type(DBCompressionType::None);
    o.set_write_buffer_size(4 << 20);
    o
}
