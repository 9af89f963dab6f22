//! How an embedded broker is set up, and the hooks by which tests take its clock and its luck into their own hands.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When an acknowledged write is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncMode {
    /// Once it is on the disk: survives a power cut. All writes that wait share one `fsync` (group commit).
    #[default]
    Commit,
    /// Once the operating system has it: survives the death of the process, not of the machine.
    Os,
}

/// A source of milliseconds since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Decides at a [`FaultPoint`] whether things go wrong there.
pub type FaultHook = Arc<dyn Fn(FaultPoint<'_>) -> FaultAction + Send + Sync>;

/// Where a fault can be put in, for tests. Called on the log writer's thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultPoint<'a> {
    /// Before one producer's records are written. Failing here loses them, as a broken connection would.
    BeforeWrite {
        /// The transaction's id; `None` for records without transaction.
        transactional_id: Option<&'a str>,
    },
    /// After one producer's records are durable and visible. Failing here loses only the answer.
    AfterWrite {
        /// The transaction's id; `None` for records without transaction.
        transactional_id: Option<&'a str>,
    },
    /// Before all that waits goes to the disk in one write. Failing here is a failed disk: the broker refuses all writes
    /// from then on.
    Disk,
}

/// What a fault hook decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// Nothing happens.
    Proceed,
    /// The step fails.
    Fail,
}

/// How an embedded broker is set up.
#[derive(Clone)]
pub struct EmbeddedConfig {
    /// The log's directory; made if missing, and locked while the broker is open.
    pub dir: PathBuf,
    /// When an acknowledged write is safe.
    pub sync: SyncMode,
    /// Largest record (key, value and headers) that is taken.
    pub max_record_bytes: usize,
    /// A group member that does not poll for so long loses its partitions.
    pub max_poll_interval: Duration,
    /// Size of one write buffer; up to three exist.
    pub write_buffer_bytes: usize,
    /// How much of the newest records is kept in memory, so that consumers which keep up read nothing from disk.
    pub tail_cache_bytes: usize,
    /// How much may wait to be written before producers have to wait.
    pub max_pending_bytes: usize,
    /// How often old records are looked for.
    pub maintain_interval: Duration,
    /// So many records must have been added before a compacted partition is compacted again.
    pub compact_min_records: u64,
    /// Memory for the map of latest offsets in one pass of compaction.
    pub compact_map_bytes: usize,
    /// A tombstone stays so long in a compacted topic, for readers to see it.
    pub tombstone_retention: Duration,
    /// The clock for LogAppendTime and retention.
    pub clock: Clock,
    /// Faults to put in, for tests.
    pub fault: Option<FaultHook>,
}

impl EmbeddedConfig {
    /// The defaults, in a directory.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            sync: SyncMode::default(),
            max_record_bytes: 1 << 20,
            max_poll_interval: Duration::from_secs(300),
            write_buffer_bytes: 16 << 20,
            tail_cache_bytes: 8 << 20,
            max_pending_bytes: 16 << 20,
            maintain_interval: Duration::from_secs(60),
            compact_min_records: 100_000,
            compact_map_bytes: 16 << 20,
            tombstone_retention: Duration::from_secs(24 * 3600),
            clock: Arc::new(system_time_ms),
            fault: None,
        }
    }

    pub(super) fn fails_at(&self, point: FaultPoint<'_>) -> bool {
        self.fault.as_ref().is_some_and(|hook| hook(point) == FaultAction::Fail)
    }
}

impl fmt::Debug for EmbeddedConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedConfig").field("dir", &self.dir).field("sync", &self.sync).finish_non_exhaustive()
    }
}

fn system_time_ms() -> i64 {
    // A clock before 1970 is a broken clock; the epoch is as good an answer as any.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
