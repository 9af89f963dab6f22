//! The sink's side: one connection that writes. The offsets stand in the database, and move in the transaction that
//! writes what lies before them; each move names the offset it starts from, which fences a sink that was thought dead.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use topology::broker::TopicPartition;

use super::{PostgresConfig, migrate, silent, write};
use crate::read_model::BoxFuture;
use crate::sink::changes::Changes;
use crate::sink::store::{Move, Position, Reached, ReadModelStore};
use crate::sink::{SinkError, SinkOptions, SinkPoint};

/// What a session that writes asks of the server.
///
/// Every statement finds its few rows by an index, whatever the statistics say: a plan made while a table was empty must
/// not read all of it once it is full. Whoever waits for a lock or holds one is given up in time: a connection may be cut
/// without the server's noticing.
const SESSION: [(&str, &str); 6] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("lock_timeout", "20s"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("tcp_user_timeout", "60s"),
];

pub(super) struct PostgresStore {
    options: PgConnectOptions,
    schema: String,
    patience: Duration,
    db: Option<PgConnection>,
}

impl PostgresStore {
    pub(super) fn new(config: &PostgresConfig) -> Result<Self, SinkError> {
        Ok(Self {
            options: config.session("sink", &SESSION)?,
            schema: config.schema.clone(),
            patience: config.answer_timeout,
            db: None,
        })
    }

    async fn reached(&mut self) -> Result<Reached, SinkError> {
        if self.db.is_none() {
            let mut db = self.options.connect().await?;
            migrate::check(&mut db, &self.schema).await?;
            self.db = Some(db);
        }
        let db = self.open()?;
        // One moment, so that the sequences are those that the offsets reach.
        let mut moment = db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let offsets = offsets(&mut moment).await?;
        let sequences =
            sqlx::query_as("SELECT project_id, sequence FROM project_sequences").fetch_all(&mut *moment).await?;
        moment.rollback().await?;
        Ok(Reached { offsets, sequences })
    }

    async fn note(&mut self, positions: &[Position]) -> Result<(), SinkError> {
        let (topics, partitions) = names(positions.iter().map(|(partition, _)| partition));
        sqlx::query(
            "INSERT INTO sink_offsets (topic, partition, next_offset) SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[]) \
             ON CONFLICT DO NOTHING",
        )
        .bind(topics)
        .bind(partitions)
        .bind(positions.iter().map(|(_, next)| *next).collect::<Vec<_>>())
        .execute(self.open()?)
        .await?;
        Ok(())
    }

    async fn write(&mut self, changes: Changes, moves: &[Move], options: &SinkOptions) -> Result<u64, SinkError> {
        let mut transaction = self.open()?.begin().await?;
        advance(&mut transaction, moves).await?;
        options.reach(SinkPoint::AfterOffsets)?;
        let pruned = write::write(&mut transaction, changes).await?;
        options.reach(SinkPoint::BeforeCommit)?;
        transaction.commit().await?;
        Ok(pruned)
    }

    fn open(&mut self) -> Result<&mut PgConnection, SinkError> {
        self.db.as_mut().ok_or_else(closed)
    }

    /// What comes of it in time. After an error the connection is dropped: what it had under way is looked up anew.
    async fn in_time<T>(&mut self, work: impl AsyncFnOnce(&mut Self) -> Result<T, SinkError>) -> Result<T, SinkError> {
        let patience = self.patience;
        let done = tokio::time::timeout(patience, work(self)).await.unwrap_or_else(|_| Err(silent()));
        if done.is_err() {
            self.db = None;
        }
        done
    }
}

impl ReadModelStore for PostgresStore {
    fn load(&mut self) -> BoxFuture<'_, Result<Reached, SinkError>> {
        Box::pin(self.in_time(async |store| store.reached().await))
    }

    fn begin<'a>(&'a mut self, positions: &'a [Position]) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.in_time(async |store| store.note(positions).await))
    }

    fn commit<'a>(
        &'a mut self,
        changes: Changes,
        moves: &'a [Move],
        options: &'a SinkOptions,
    ) -> BoxFuture<'a, Result<u64, SinkError>> {
        Box::pin(self.in_time(async |store| store.write(changes, moves, options).await))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Some(db) = self.db
                && let Err(error) = db.close().await
            {
                tracing::debug!(%error, "the read model's database did not close well");
            }
        })
    }
}

/// The offset of the next record, for each partition that was ever read.
pub(super) async fn offsets(db: &mut PgConnection) -> Result<Vec<Position>, sqlx::Error> {
    let rows: Vec<(String, i32, i64)> =
        sqlx::query_as("SELECT topic, partition, next_offset FROM sink_offsets").fetch_all(db).await?;
    let position = |(topic, partition, next): (String, i32, i64)| {
        (TopicPartition::new(topic, u32::try_from(partition).unwrap_or_default()), next)
    };
    Ok(rows.into_iter().map(position).collect())
}

/// Moves the partitions on, unless someone else has moved one. A sink that does so at the same time is waited for.
async fn advance(db: &mut PgConnection, moves: &[Move]) -> Result<(), SinkError> {
    let (topics, partitions) = names(moves.iter().map(|(partition, ..)| partition));
    let moved: Vec<(String, i32)> = sqlx::query_as(
        "UPDATE sink_offsets s SET next_offset = m.after FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) \
         AS m (topic, partition, before, after) \
         WHERE s.topic = m.topic AND s.partition = m.partition AND s.next_offset = m.before RETURNING s.topic, s.partition",
    )
    .bind(topics)
    .bind(partitions)
    .bind(moves.iter().map(|(_, from, _)| *from).collect::<Vec<_>>())
    .bind(moves.iter().map(|(.., to)| *to).collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    let is_moved = |partition: &TopicPartition| {
        moved.iter().any(|(topic, n)| **topic == *partition.topic && u32::try_from(*n) == Ok(partition.partition))
    };
    match moves.iter().find(|(partition, ..)| !is_moved(partition)) {
        None => Ok(()),
        Some((partition, from, _)) => Err(SinkError::Fenced { partition: partition.clone(), expected: *from }),
    }
}

fn names<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> (Vec<String>, Vec<i32>) {
    partitions.map(|p| (p.topic.to_string(), i32::try_from(p.partition).unwrap_or(i32::MAX))).unzip()
}

fn closed() -> SinkError {
    SinkError::Thread("nothing was loaded".to_owned())
}
