//! How far the read model reaches in the log. The offsets stand in the database, and move in the transaction that writes
//! what lies before them; each move names the offset it starts from, which fences a sink that was thought dead.

use sqlx::SqliteConnection;
use topology::broker::{Broker, TopicPartition};

use super::SinkError;

/// A partition and the offset of the next record to read.
pub(super) type Position = (TopicPartition, i64);

/// Where to go on in each partition. One seen for the first time begins at offset 0, or, where `may_begin_late` says that
/// old records are not needed, at the log's start.
///
/// # Errors
/// What comes next is not in the log.
pub(super) async fn load(
    db: &mut SqliteConnection,
    broker: &dyn Broker,
    partitions: Vec<TopicPartition>,
    may_begin_late: impl Fn(&str) -> bool,
) -> Result<Vec<Position>, SinkError> {
    let mut positions = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let stored: Option<i64> =
            sqlx::query_scalar("SELECT next_offset FROM sink_offsets WHERE topic = ? AND partition = ?")
                .bind(partition.topic.to_string())
                .bind(partition.partition)
                .fetch_optional(&mut *db)
                .await?;
        let (low, high) = broker.watermarks(&partition)?;
        let next = match stored {
            Some(stored) => stored,
            None if may_begin_late(&partition.topic) => low,
            None => 0,
        };
        if next < low || next > high {
            return Err(SinkError::OffsetOutOfRange { partition, stored: next, low, high });
        }
        if stored.is_none() {
            sqlx::query(
                "INSERT INTO sink_offsets (topic, partition, next_offset) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(partition.topic.to_string())
            .bind(partition.partition)
            .bind(next)
            .execute(&mut *db)
            .await?;
        }
        positions.push((partition, next));
    }
    Ok(positions)
}

/// Moves a partition on, unless someone else has.
///
/// # Errors
/// [`SinkError::Fenced`] if the offset is not where this sink left it.
pub(super) async fn advance(
    db: &mut SqliteConnection,
    partition: &TopicPartition,
    from: i64,
    to: i64,
) -> Result<(), SinkError> {
    let moved =
        sqlx::query("UPDATE sink_offsets SET next_offset = ? WHERE topic = ? AND partition = ? AND next_offset = ?")
            .bind(to)
            .bind(partition.topic.to_string())
            .bind(partition.partition)
            .bind(from)
            .execute(db)
            .await?;
    if moved.rows_affected() == 1 {
        Ok(())
    } else {
        Err(SinkError::Fenced { partition: partition.clone(), expected: from })
    }
}
