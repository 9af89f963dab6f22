//! The sink: reads events and outcomes from the log and writes them into a read model, exactly once.
//!
//! A batch and the offsets it reaches are one transaction of the database, and reading goes on from the offsets in the
//! database; whatever is killed when, each record is in the rows once. A record that cannot be read stops the sink: it never skips.
//!
//! Sinks are members of a consumer group, so that several processes share the partitions. The group decides who reads what and
//! nothing else: where to read on is what the database says, and two that read the same partition are told apart by the
//! offset that each expects there. To the group the offsets are told afterwards, so that its lag can be watched.
//!
//! | file | what is in it |
//! |---|---|
//! | `work` | the sink |
//! | `changes` | what a batch changes, gathered in memory |
//! | `store` | what a database has to do |
//! | `announce` | who is told, once it is done |
//! | `watch` | who looks on: metrics |
//! | `spans` | who looks on: the traces that records belong to |
//! | `thread` | the thread, and the handle that stops it |

mod announce;
pub(crate) mod changes;
mod error;
mod spans;
pub(crate) mod store;
mod thread;
mod watch;
mod work;

use std::sync::Arc;

use schemas::{EmbeddedRegistry, SchemaRegistry};
use topology::trace::Tracing;

pub use announce::{Announce, Announcement};
pub use error::SinkError;
pub(crate) use thread::start;
pub use thread::{SinkHandle, SinkStatus};
pub use watch::SinkWatch;

/// A place in a sink's work where a test can make it fail, or kill it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SinkPoint {
    /// The offsets are moved in the open transaction, the rows are not written.
    AfterOffsets,
    /// All is written in the open transaction.
    BeforeCommit,
    /// The transaction is committed, no one was told.
    AfterCommit,
    /// Those who wait were told; the group is about to be. One that fails here has not told it.
    BeforeGroup,
}

/// How a sink runs.
#[derive(Clone)]
pub struct SinkOptions {
    /// Who knows the schemas of events and outcomes.
    pub registry: Arc<dyn SchemaRegistry>,
    /// The consumer group whose members share the partitions: `<application>-sink`.
    pub group: String,
    /// Unique in the group, and the same after a restart.
    pub client_id: String,
    /// Who is told of what was written, besides the read model's own [`Live`](crate::live::Live).
    pub announce: Vec<Arc<dyn Announce>>,
    /// Who looks on.
    pub watch: Option<Arc<dyn SinkWatch>>,
    /// Who gathers spans, if anyone does.
    pub tracing: Tracing,
    /// For tests: asked at each point; `true` makes the sink fail there.
    pub fault: Option<Arc<dyn Fn(SinkPoint) -> bool + Send + Sync>>,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self {
            registry: Arc::new(EmbeddedRegistry),
            group: "syncroboard-sink".to_owned(),
            client_id: "sink".to_owned(),
            announce: Vec::new(),
            watch: None,
            tracing: Tracing::off(),
            fault: None,
        }
    }
}

impl SinkOptions {
    pub(crate) fn reach(&self, point: SinkPoint) -> Result<(), SinkError> {
        match &self.fault {
            Some(fault) if fault(point) => Err(SinkError::Injected(point)),
            _ => Ok(()),
        }
    }
}
