//! How far a read model has come, for whoever waits until it has caught up with the log.

use topology::broker::TopicPartition;

use super::{SinkError, SqliteReadModel};

impl SqliteReadModel {
    /// The offset of the next record to write, for each partition that the sink has seen.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn offsets(&self) -> Result<Vec<(TopicPartition, i64)>, SinkError> {
        let rows: Vec<(String, u32, i64)> =
            sqlx::query_as("SELECT topic, partition, next_offset FROM sink_offsets").fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(topic, partition, next)| (TopicPartition::new(topic, partition), next)).collect())
    }
}
