//! A fresh read model beside the old one, while that is read and written; then the two change names in one transaction.
//!
//! - Everyone names tables without their schema, so whoever reads or writes goes on in the new one with the next statement.
//! - The swap waits until the new one is as far as the old one, with the old one's offsets locked: nothing is lost, and no
//!   sequence goes back.
//! - The old one's sink needs no word of it. If the new one is as far as that sink, its next commit fits; if the new one is
//!   further, the commit is fenced, and the sink goes on from what the new one says.
//! - A reader's transaction that has seen the old tables ends before the swap, and none begins between: so none mixes them.
//!
//! Whatever dies before the swap leaves the old one as it was; a rebuild begins anew. Only the read model is touched: what else the database
//! holds, such as `accounts`, is in other schemas.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{ConnectOptions, PgConnection};
use topology::broker::{Broker, TopicPartition};

use super::{Grants, PostgresConfig, migrate, start_sink, store};
use crate::live::Live;
use crate::sink::{SinkError, SinkHandle, SinkOptions, SinkStatus};

/// How often to look how far the new one is.
const LOOK: Duration = Duration::from_millis(50);

/// So many records are left, at most, when the old one's sink is stopped for the rest.
const CLOSE: i64 = 10_000;

/// How long the old one's sink may be kept from writing; it waits a little longer for a lock.
const HOLD: Duration = Duration::from_secs(10);

/// How often to try again when someone reads for so long that the swap would keep others waiting.
const TRIES: u32 = 60;

/// How a read model is made anew.
pub struct Rebuild<'a> {
    /// As the role that migrates; names the schema that is replaced.
    pub owner: &'a PostgresConfig,
    /// As the role that writes.
    pub writer: &'a PostgresConfig,
    /// Who else may do something with the tables.
    pub grants: &'a Grants,
    /// How its sink runs. The group must be one that no other sink is in.
    pub options: SinkOptions,
    /// Told now and then how many records are left until the new one is as far as the old one.
    pub progress: &'a dyn Fn(i64),
}

/// What a rebuild came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// Records that the new read model was made of, counted by their offsets.
    pub records: i64,
}

/// Makes the read model anew from the log and puts it in the place of the old one, which is then dropped. Blocks, and must not be called from
/// asynchronous code. Only one at a time: another is refused.
///
/// # Errors
/// As [`migrate()`] and [`start_sink`]; [`SinkError::Rebuilding`] if another is at it. The old one is then as it was.
pub fn rebuild(broker: &Arc<dyn Broker>, work: &Rebuild<'_>) -> Result<Rebuilt, SinkError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| SinkError::Thread(format!("no runtime: {error}")))?;
    let old = work.owner.schema.clone();
    let (new, gone) = (format!("{old}_new"), format!("{old}_gone"));
    let mut db = runtime.block_on(prepare(work, &new, &gone))?;
    let mut tries = 0;
    loop {
        let live = Arc::new(Live::default());
        let sink = start_sink(broker.clone(), &work.writer.in_schema(&new), live, work.options.clone())?;
        follow(&runtime, &mut db, work, &sink, &new, None)?;
        runtime.block_on(lock_offsets(&mut db, &old))?;
        let caught_up = follow(&runtime, &mut db, work, &sink, &new, Some(Instant::now() + HOLD))?;
        sink.stop().map_err(|error| SinkError::Thread(error.to_string()))?;
        if caught_up {
            match runtime.block_on(swap(&mut db, &old, &new, &gone)) {
                Ok(records) => return Ok(Rebuilt { records }),
                // Someone reads for long, and must not keep all others waiting.
                Err(error) if error.is_transient() && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
        // The old one's sink must not wait any longer.
        runtime.block_on(migrate::run(&mut db, "ROLLBACK".to_owned()))?;
    }
}

/// Ends the transaction that holds the offsets, with the names changed. Waits for those who read, and keeps others from beginning.
async fn swap(db: &mut PgConnection, old: &str, new: &str, gone: &str) -> Result<i64, SinkError> {
    let records = store_offsets(db, new).await?.values().sum();
    let swap = format!(
        "SET LOCAL lock_timeout = '2s'; LOCK TABLE {old}.projects, {old}.project_sequences IN ACCESS EXCLUSIVE MODE; \
         ALTER SCHEMA {old} RENAME TO {gone}; ALTER SCHEMA {new} RENAME TO {old}; COMMIT"
    );
    migrate::run(db, swap).await?;
    // From here the new one is in its place; a rest of the old one is removed by the next rebuild, if not now.
    if let Err(error) = migrate::run(db, format!("DROP SCHEMA {gone} CASCADE; SELECT pg_advisory_unlock_all()")).await {
        tracing::warn!(%error, "the old read model, now in schema {gone}, could not be removed");
    }
    Ok(records)
}

/// A connection that keeps other rebuilds out, and an empty read model beside the old one.
async fn prepare(work: &Rebuild<'_>, new: &str, gone: &str) -> Result<PgConnection, SinkError> {
    let mut db = work.owner.session("rebuild", &[("lock_timeout", "30s")])?.connect().await?;
    migrate::check(&mut db, &work.owner.schema).await?;
    let mine: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtext('syncroboard rebuild ' || $1))")
        .bind(&work.owner.schema)
        .fetch_one(&mut db)
        .await?;
    if !mine {
        return Err(SinkError::Rebuilding(work.owner.schema.clone()));
    }
    // What a rebuild that died has left.
    migrate::run(&mut db, format!("DROP SCHEMA IF EXISTS {new} CASCADE; DROP SCHEMA IF EXISTS {gone} CASCADE")).await?;
    migrate(&work.owner.in_schema(new), work.grants).await?;
    Ok(db)
}

/// Begins a transaction in which the old one's offsets stay what they are; who is writing has done so before.
async fn lock_offsets(db: &mut PgConnection, old: &str) -> Result<(), SinkError> {
    Ok(migrate::run(db, format!("BEGIN; LOCK TABLE {old}.sink_offsets IN EXCLUSIVE MODE")).await?)
}

/// Waits until the new one is close to the old one, or, with a deadline, as far; whether it was by then.
fn follow(
    runtime: &tokio::runtime::Runtime,
    db: &mut PgConnection,
    work: &Rebuild<'_>,
    sink: &SinkHandle,
    new: &str,
    deadline: Option<Instant>,
) -> Result<bool, SinkError> {
    loop {
        if let SinkStatus::Failed(error) = &*sink.status().borrow() {
            return Err(SinkError::Thread(format!("the new read model's sink gave up: {error}")));
        }
        let left = runtime.block_on(async {
            let reached = store_offsets(db, new).await?;
            let wanted = store_offsets(db, &work.owner.schema).await?;
            let left =
                |(partition, next): (&TopicPartition, &i64)| (next - reached.get(partition).unwrap_or(&0)).max(0);
            Ok::<i64, SinkError>(wanted.iter().map(left).sum())
        })?;
        (work.progress)(left);
        if left == 0 || deadline.is_none() && left <= CLOSE {
            return Ok(true);
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
}

async fn store_offsets(db: &mut PgConnection, schema: &str) -> Result<BTreeMap<TopicPartition, i64>, SinkError> {
    migrate::run(db, format!("SET search_path TO {schema}")).await?;
    Ok(store::offsets(db).await?.into_iter().collect())
}
