//! Who looks on while a sink works: metrics.

use std::time::Duration;

use topology::broker::{Fetched, TopicPartition};

/// Is told what a sink holds and does, on the sink's thread: must be quick, and cannot change anything.
pub trait SinkWatch: Send + Sync {
    /// These are the partitions that the sink reads now, each with the offset of the next record to write.
    fn holds(&self, partitions: &[(TopicPartition, i64)]);

    /// These records have been read and are about to be written; of a partition there may be several batches, in order.
    fn reads(&self, fetched: &[Fetched]);

    /// They are in the database, which took so long.
    fn wrote(&self, fetched: &[Fetched], took: Duration);
}
