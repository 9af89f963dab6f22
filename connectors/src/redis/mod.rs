//! Redis: the board cache that all API processes share, and the channels on which they hear of events.
//!
//! | key or channel | what |
//! |---|---|
//! | `project:tickets:{projectId}` | hash: `sequence`, `epoch`, and, unless it is a mere mark that older ones do not count, `body` (JSON of GET board) and `members` (user id to role) |
//! | `project:tickets:epoch` | `{run id of the server}:{random}`; a value counts only if its epoch is this one |
//! | `rate:{userId}` | when the bucket of the caller's tokens is full again, in microseconds since 1970 |
//! | `project:{projectId}` | channel: each event as JSON, once its rows can be read |
//! | `project:reload` | channel: something may have been missed |
//!
//! Redis holds nothing that the database does not have, and may vanish, be flushed or come back with old data at any time:
//!
//! - A sink that starts, takes over partitions, or reaches Redis again after any failed call, sets a new epoch before it
//!   tells of changes again. So nobody has to remember what was not told.
//! - The epoch names the server's run. A server that was restarted, or that took over for another, has another run id, and
//!   nothing that it still holds counts.
//! - A fill is taken only under the epoch that was read before the database was, within [`RedisOptions::fill_limit`] by the
//!   server's clock, and if no higher sequence is known. All of it is decided in one script.
//!
//! Values and marks expire. Keys of one script lie in different slots, so Redis Cluster is not for this; a proxy that spreads
//! one connection over several servers is not either.

mod announcer;
mod board_cache;
mod breaker;
mod limiter;
mod link;
mod message;
mod scripts;
mod subscriber;
mod telling;

use std::time::Duration;

pub use announcer::RedisAnnouncer;
pub use board_cache::RedisBoardCache;
pub use limiter::RedisLimiter;
pub use subscriber::{RedisSubscriber, SubscriberStatus};
use topology::trace::Tracing;

/// How Redis is used. [`RedisOptions::new`] has what fits a server in the same network.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RedisOptions {
    /// `redis://[user:password@]host[:port][/database]`.
    pub url: String,
    /// Put before every key and channel, for those who share a server; empty otherwise.
    pub prefix: String,
    /// How long a read waits for one call.
    pub call_limit: Duration,
    /// How long a sink waits for one call. It does so beside its work, so there is more time.
    pub announce_limit: Duration,
    /// Failures in a row after which calls are held back.
    pub breaker_failures: u32,
    /// How long they are held back before one is tried.
    pub breaker_period: Duration,
    /// How long a board is kept.
    pub value_ttl: Duration,
    /// How long it is known that older boards do not count; much more than `fill_limit`.
    pub mark_ttl: Duration,
    /// What took longer from permit to fill is refused.
    pub fill_limit: Duration,
    /// How often a connection on which nothing happens is tried.
    pub heartbeat: Duration,
    /// Bytes that this process keeps of boards it has seen.
    pub local_bytes: usize,
    /// Who gathers spans, if anyone does.
    pub tracing: Tracing,
    /// For tests: what the scripts leave out.
    pub fault: Option<CacheFault>,
}

impl RedisOptions {
    /// The defaults, for the server at this address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: String::new(),
            call_limit: Duration::from_millis(50),
            announce_limit: Duration::from_secs(1),
            breaker_failures: 3,
            breaker_period: Duration::from_secs(1),
            value_ttl: Duration::from_mins(10),
            mark_ttl: Duration::from_mins(1),
            fill_limit: Duration::from_secs(5),
            heartbeat: Duration::from_millis(500),
            local_bytes: crate::board_cache::DEFAULT_LIMIT_BYTES,
            tracing: Tracing::off(),
            fault: None,
        }
    }

    fn value_key(&self, project: uuid::Uuid) -> String {
        format!("{}project:tickets:{}", self.prefix, project.hyphenated())
    }

    fn epoch_key(&self) -> String {
        format!("{}project:tickets:epoch", self.prefix)
    }

    fn channel(&self, project: uuid::Uuid) -> String {
        format!("{}project:{}", self.prefix, project.hyphenated())
    }

    fn reload_channel(&self) -> String {
        format!("{}project:reload", self.prefix)
    }
}

/// A check that the scripts do without, so that tests show that they would find it missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheFault {
    /// A fill is taken whatever sequence is known.
    NoSequenceGuard,
    /// A fill is taken, and a value counts, whatever the epoch is.
    NoEpochCheck,
}

/// Redis cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The address cannot be read. It is not repeated here, as there may be a password in it.
    #[error("redis.url is not an address such as redis://host:6379/0: {0}")]
    Address(String),
    /// A thread could not be started.
    #[error("redis: no thread: {0}")]
    Thread(#[from] std::io::Error),
}
