//! The sink's side of SQLite: one connection that writes. The offsets stand in the database, and move in the transaction that writes
//! what lies before them; each move names the offset it starts from, which fences a sink that was thought dead.

use std::path::PathBuf;

use sqlx::{Connection, SqliteConnection};
use topology::broker::TopicPartition;

use super::apply::Writer;
use crate::read_model::BoxFuture;
use crate::sink::changes::Changes;
use crate::sink::store::{Move, Position, Reached, ReadModelStore};
use crate::sink::{SinkError, SinkOptions, SinkPoint};

pub(super) struct SqliteStore {
    path: PathBuf,
    db: Option<SqliteConnection>,
    writer: Writer,
}

impl SqliteStore {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, db: None, writer: Writer::new() }
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection, SinkError> {
        if self.db.is_none() {
            self.db = Some(super::open_writer(&self.path).await?);
        }
        self.db.as_mut().ok_or_else(|| SinkError::Thread("no connection".to_owned()))
    }

    async fn reached(&mut self) -> Result<Reached, SinkError> {
        // One moment, so that the sequences are those that the offsets reach.
        let mut moment = self.connection().await?.begin().await?;
        let offsets = offsets(&mut *moment).await?;
        let sequences =
            sqlx::query_as("SELECT project_id, sequence FROM project_sequences").fetch_all(&mut *moment).await?;
        moment.rollback().await?;
        Ok(Reached { offsets, sequences })
    }

    async fn note(&mut self, positions: &[Position]) -> Result<(), SinkError> {
        let mut transaction = self.connection().await?.begin_with("BEGIN IMMEDIATE").await?;
        for (partition, next) in positions {
            sqlx::query(
                "INSERT INTO sink_offsets (topic, partition, next_offset) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(partition.topic.to_string())
            .bind(partition.partition)
            .bind(next)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn write(&mut self, changes: Changes, moves: &[Move], options: &SinkOptions) -> Result<u64, SinkError> {
        let Self { db: Some(db), writer, .. } = self else {
            return Err(SinkError::Thread("nothing was loaded".to_owned()));
        };
        let mut transaction = db.begin_with("BEGIN IMMEDIATE").await?;
        for (partition, from, to) in moves {
            advance(&mut transaction, partition, *from, *to).await?;
        }
        options.reach(SinkPoint::AfterOffsets)?;
        let pruned = writer.write(&mut transaction, changes).await?;
        options.reach(SinkPoint::BeforeCommit)?;
        transaction.commit().await?;
        Ok(pruned)
    }
}

impl ReadModelStore for SqliteStore {
    fn load(&mut self) -> BoxFuture<'_, Result<Reached, SinkError>> {
        Box::pin(self.reached())
    }

    fn begin<'a>(&'a mut self, positions: &'a [Position]) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.note(positions))
    }

    fn commit<'a>(
        &'a mut self,
        changes: Changes,
        moves: &'a [Move],
        options: &'a SinkOptions,
    ) -> BoxFuture<'a, Result<u64, SinkError>> {
        Box::pin(self.write(changes, moves, options))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // Writes the rest of its journal.
            if let Some(db) = self.db
                && let Err(error) = db.close().await
            {
                tracing::warn!(%error, "the read model's database did not close well");
            }
        })
    }
}

/// The offset of the next record, for each partition that was ever read.
pub(super) async fn offsets(db: impl sqlx::SqliteExecutor<'_>) -> Result<Vec<Position>, sqlx::Error> {
    let rows: Vec<(String, u32, i64)> =
        sqlx::query_as("SELECT topic, partition, next_offset FROM sink_offsets").fetch_all(db).await?;
    Ok(rows.into_iter().map(|(topic, partition, next)| (TopicPartition::new(topic, partition), next)).collect())
}

/// Moves a partition on, unless someone else has.
async fn advance(db: &mut SqliteConnection, partition: &TopicPartition, from: i64, to: i64) -> Result<(), SinkError> {
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
