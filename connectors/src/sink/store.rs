//! What a sink asks of the database it writes to.

use topology::broker::TopicPartition;
use uuid::Uuid;

use super::changes::Changes;
use super::{SinkError, SinkOptions};
use crate::read_model::BoxFuture;

/// A partition and the offset of the next record to read.
pub(crate) type Position = (TopicPartition, i64);

/// A partition, the offset that it was left at, and the one that a batch reaches.
pub(crate) type Move = (TopicPartition, i64, i64);

/// How far the database is.
#[derive(Default)]
pub(crate) struct Reached {
    /// The offset of the next record, for each partition that was ever read.
    pub(crate) offsets: Vec<Position>,
    /// The last sequence of each project.
    pub(crate) sequences: Vec<(Uuid, i64)>,
}

/// A database that holds a read model and how far it reaches in the log. Belongs to the sink's thread; after any error the
/// sink goes on with [`ReadModelStore::load`], which connects anew if need be.
pub(crate) trait ReadModelStore: Send {
    /// How far it is. Nothing that was begun before is under way any more.
    fn load(&mut self) -> BoxFuture<'_, Result<Reached, SinkError>>;

    /// Notes where partitions begin that were never read; one that has been noted meanwhile stays as it is.
    fn begin<'a>(&'a mut self, positions: &'a [Position]) -> BoxFuture<'a, Result<(), SinkError>>;

    /// Writes all of it and moves the offsets, in one transaction; how many old outcomes went. [`SinkError::Fenced`], and nothing is
    /// written, if one of the offsets is not where it was left. The offsets come first, so that a sink that was
    /// thought dead finds out before it does anything.
    fn commit<'a>(
        &'a mut self,
        changes: Changes,
        moves: &'a [Move],
        options: &'a SinkOptions,
    ) -> BoxFuture<'a, Result<u64, SinkError>>;

    /// Lets go of the connection.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}
