//! How RocksDB is set up for state stores. The options matter more than the code around them.
//!
//! - The changelog is the log: no WAL. `atomic_flush` keeps all families and the checkpoints consistent with each other.
//! - Most reads miss (a command id never seen before): bloom filters in blocks and over whole keys in the memtable.
//! - Level 1 takes 512 MB uncompressed, so ordinary tasks never pay for compression; LZ4 from level 2 down.
//! - Memory is bounded by [`StateMemory`]: index and filter blocks live in the shared cache, memtables in one budget.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use rocksdb::{BlockBasedOptions, DBCompressionType, DataBlockIndexType, LogLevel, Options};

use crate::StateMemory;
use crate::expiry::ExpiryFilterFactory;

/// Files of an expiring store are rewritten at least this often, so that what expired goes even if nothing is written.
const EXPIRY_COMPACTION_S: u64 = 24 * 60 * 60;
/// By so much a memtable grows.
const ARENA_BLOCK_BYTES: usize = 128 << 10;
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Share of a memtable spent on its own bloom filter: ten bits a key at about 100 bytes an entry.
const MEMTABLE_BLOOM_RATIO: f64 = 0.0125;

/// Options of the database as a whole.
pub(crate) fn database(memory: &StateMemory) -> Result<Options, rocksdb::Error> {
    // Closing must not flush: dropping the state is then the same as a crash, and a graceful stop flushes by itself.
    // These have no setters of their own in the bindings. The second spares a stat() for every file at open.
    // The last is how fast one may write while flushes do not keep up, in bytes a second: the default of 16 MB is less than
    // what restoring writes, and there is a hard stop behind it.
    let rest = "avoid_flush_during_shutdown=true;skip_checking_sst_file_sizes_on_db_open=true;\
                delayed_write_rate=268435456";
    let mut options = Options::default().get_options_from_string(rest)?;
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_atomic_flush(true);
    options.set_write_buffer_manager(memory.write_buffers());
    options.set_max_open_files(-1);
    options.set_max_file_opening_threads(2);
    options.set_max_background_jobs(2);
    options.set_skip_stats_update_on_db_open(true);
    options.set_log_level(LogLevel::Warn);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options.set_max_manifest_file_size(4 << 20);
    options.set_stats_dump_period_sec(0);
    Ok(options)
}

/// Options of one store's column family. `horizon`: for expiring stores, the newest timestamp that may be removed.
pub(crate) fn family(memory: &StateMemory, horizon: Option<Arc<AtomicI64>>) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(memory.cache());
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    blocks.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    blocks.set_data_block_hash_ratio(0.75);
    blocks.set_format_version(5);

    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_size(memory.write_buffer_bytes_per_store());
    // The default is an eighth of the buffer, taken from the common budget at a store's first write: with a few dozen stores
    // nothing would be left of it, and flush would follow flush, each of a few kilobytes.
    options.set_arena_block_size(ARENA_BLOCK_BYTES);
    options.set_max_write_buffer_number(4);
    options.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM_RATIO);
    options.set_memtable_whole_key_filtering(true);
    options.set_optimize_filters_for_hits(false);
    options.set_level_compaction_dynamic_level_bytes(false);
    options.set_max_bytes_for_level_base(512 << 20);
    // Small tables have small filters, which the cache can hold or drop one by one.
    options.set_target_file_size_base(16 << 20);
    options.set_level_zero_file_num_compaction_trigger(6);
    let mut compression = [DBCompressionType::Lz4; 7];
    compression[..2].fill(DBCompressionType::None);
    options.set_compression_per_level(&compression);
    if let Some(horizon) = horizon {
        options.set_compaction_filter_factory(ExpiryFilterFactory(horizon));
        options.set_periodic_compaction_seconds(EXPIRY_COMPACTION_S);
    }
    options
}
