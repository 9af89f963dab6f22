//! Boards as they were rendered, kept so that the database is not asked for the same one again.
//!
//! A board has the number of its project's last event, its *sequence*. Who changes the read model tells the cache which
//! sequence each project has reached ([`BoardCache::outdate`]); what is older does not count from then on. Who misses asks
//! the database and hands in what came of it ([`BoardCache::fill`]) with the permit that was given *before* the database was
//! asked: the cache takes it only if nothing newer has been told of since. So a late fill never covers a newer one.
//!
//! | implementation | for |
//! |---|---|
//! | [`LocalBoardCache`] | one process that has the sink in it |
//! | [`crate::redis::RedisBoardCache`] | any number of processes |

mod board;
mod generations;
mod local;
mod stats;

use std::sync::Arc;

use uuid::Uuid;

use crate::read_model::BoxFuture;

pub use board::CachedBoard;
pub(crate) use generations::Generations;
pub use local::LocalBoardCache;
pub(crate) use stats::Counters;
pub use stats::{CacheStats, Remote};

/// Room that a process gives to the boards it keeps, in bytes.
pub const DEFAULT_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// What a cache answers.
#[derive(Debug)]
pub enum Lookup {
    /// This board. Who may see it is in it.
    Hit(Arc<CachedBoard>),
    /// None that counts: ask the database, then [`BoardCache::fill`].
    Miss(FillPermit),
    /// The cache cannot be asked now: ask the database, and leave the cache alone.
    Away,
}

/// What a fill is measured by: the state of the cache before the database was asked.
#[derive(Debug, Clone)]
pub struct FillPermit {
    /// The project.
    pub(crate) project: Uuid,
    /// Sequence that the project is known to have reached; the database has it.
    pub(crate) at_least: i64,
    /// The epoch then.
    pub(crate) epoch: Arc<str>,
    /// When, by the cache's own clock or count.
    pub(crate) begun: u64,
}

impl FillPermit {
    /// Sequence that the project is known to have reached: a board that is older is no answer.
    #[must_use]
    pub fn at_least(&self) -> i64 {
        self.at_least
    }
}

/// A cache of rendered boards. It may lose anything at any time, and never answers with an error.
pub trait BoardCache: Send + Sync {
    /// Looks for a project's board. Waits for a short time at most.
    fn look_up(&self, project: Uuid) -> BoxFuture<'_, Lookup>;

    /// Hands in what the database gave after the permit; says whether it was taken.
    fn fill(&self, permit: FillPermit, board: Arc<CachedBoard>) -> BoxFuture<'_, bool>;

    /// Tells that a project has reached this sequence: what is older does not count. Says whether the cache knows it now.
    fn outdate(&self, project: Uuid, sequence: i64) -> BoxFuture<'_, bool>;

    /// How it has done so far.
    fn stats(&self) -> CacheStats;
}
