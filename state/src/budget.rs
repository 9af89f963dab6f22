//! The memory that all tasks of a process share.

use rocksdb::{Cache, LruCacheOptions, WriteBufferManager};

/// Two shards: few threads share the cache, and a shard must hold a table's whole filter.
const CACHE_SHARD_BITS: i32 = 1;

/// One block cache and one write-buffer budget for every task of the process. Cloning shares it.
#[derive(Clone)]
pub struct StateMemory {
    cache: Cache,
    write_buffers: WriteBufferManager,
    write_buffer_bytes: usize,
}

impl StateMemory {
    /// Budgets in bytes. The block cache also holds index and filter blocks, so both together bound what RocksDB keeps.
    /// Reaching the write-buffer budget starts a flush; it never stalls the stream thread.
    #[must_use]
    pub fn new(block_cache_bytes: usize, write_buffer_bytes: usize) -> Self {
        let mut cache = LruCacheOptions::default();
        cache.set_capacity(block_cache_bytes);
        // The default makes 64 shards of 1 MB here, and the filter of one large table does not fit into any of them:
        // every miss then read it anew, at 50 µs and more.
        cache.set_num_shard_bits(CACHE_SHARD_BITS);
        Self {
            cache: Cache::new_lru_cache_opts(&cache),
            write_buffers: WriteBufferManager::new_write_buffer_manager(write_buffer_bytes, false),
            write_buffer_bytes,
        }
    }

    /// Bytes now held by the block cache and by the write buffers.
    #[must_use]
    pub fn used_bytes(&self) -> (usize, usize) {
        (self.cache.get_usage(), self.write_buffers.get_usage())
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(crate) fn write_buffers(&self) -> &WriteBufferManager {
        &self.write_buffers
    }

    /// Size at which one store's buffer is flushed, whatever the others hold: a quarter of the budget, within reason.
    pub(crate) fn write_buffer_bytes_per_store(&self) -> usize {
        (self.write_buffer_bytes / 4).clamp(1 << 20, 32 << 20)
    }
}

impl Default for StateMemory {
    /// 64 MB of block cache and 64 MB of write buffers.
    fn default() -> Self {
        Self::new(64 << 20, 64 << 20)
    }
}

impl std::fmt::Debug for StateMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (cache_bytes, write_buffer_bytes) = self.used_bytes();
        f.debug_struct("StateMemory")
            .field("cache_bytes", &cache_bytes)
            .field("write_buffer_bytes", &write_buffer_bytes)
            .finish()
    }
}
