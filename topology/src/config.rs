//! How an application runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use state::StateMemory;

use crate::step::Steps;
use crate::trace::Tracing;

/// A clock: milliseconds since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Configuration of an application's instance.
#[derive(Clone)]
pub struct StreamsConfig {
    /// Names the consumer group, the internal topics and the transactional ids (`application.id`).
    pub application_id: String,
    /// Names this process among the application's instances, and stays the same when it restarts.
    pub instance_id: String,
    /// How many stream threads (`num.stream.threads`).
    pub threads: usize,
    /// A transaction is committed after at most this many milliseconds, and at once when no input waits.
    pub commit_interval_ms: i64,
    /// Where the state stores are; one directory a task below it.
    pub state_dir: PathBuf,
    /// Memory that all stores share.
    pub memory: StateMemory,
    /// The largest record that may be produced, in bytes.
    pub max_record_bytes: usize,
    /// A source partition is paused while more records than this wait (`buffered.records.per.partition`).
    pub max_buffered_records: usize,
    /// A transaction is committed when its uncommitted writes reach this many bytes.
    pub max_dirty_bytes: usize,
    /// The clock on the wall.
    pub clock: Clock,
    /// Who gathers spans, if anyone does.
    pub tracing: Tracing,
    /// Where tests let it crash.
    pub steps: Steps,
}

impl StreamsConfig {
    /// Defaults: one thread, 100 ms, 64 MiB of block cache and 48 MiB of write buffers.
    pub fn new(application_id: impl Into<String>, state_dir: impl Into<PathBuf>) -> Self {
        Self {
            application_id: application_id.into(),
            instance_id: "0".to_owned(),
            threads: 1,
            commit_interval_ms: 100,
            state_dir: state_dir.into(),
            memory: StateMemory::new(64 << 20, 48 << 20),
            max_record_bytes: 1 << 20,
            max_buffered_records: 5_000,
            max_dirty_bytes: 16 << 20,
            clock: system_clock(),
            tracing: Tracing::off(),
            steps: Steps::default(),
        }
    }
}

impl std::fmt::Debug for StreamsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamsConfig")
            .field("application_id", &self.application_id)
            .field("instance_id", &self.instance_id)
            .field("threads", &self.threads)
            .field("commit_interval_ms", &self.commit_interval_ms)
            .field("state_dir", &self.state_dir)
            .finish_non_exhaustive()
    }
}
