//! The read model in SQLite: what the [sink](crate::sink) writes it with, and the answers to what can be asked of it.
//!
//! The journal is a WAL with `synchronous = NORMAL`: a power cut may take the last transactions, but rows and offsets
//! together, and the sink reads them again from the log, which is what must not lose anything. A sync for each batch
//! would buy nothing.

mod apply;
mod aside;
mod multi_row;
mod queries;
mod rows;
mod store;
mod tables;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};
use topology::broker::{Broker, TopicPartition};

use crate::live::Live;
use crate::sink::{self, SinkError, SinkHandle, SinkOptions};

pub use aside::set_aside;
pub use tables::SqliteTables;

/// Forward only, and part of the program.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Connections for questions; each has a thread and a cache of its own.
const READERS: u32 = 4;

/// The read model in a SQLite file.
pub struct SqliteReadModel {
    path: PathBuf,
    pool: SqlitePool,
    live: Arc<Live>,
}

impl SqliteReadModel {
    /// Opens the file, makes it if it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// The file cannot be opened, or is of a newer version.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Arc<Self>, SinkError> {
        let path = path.into();
        let mut writer = open_writer(&path).await?;
        MIGRATIONS.run(&mut writer).await?;
        sqlx::Connection::close(writer).await?;
        // The file is known to be there, and only the sink writes.
        let options = connect_options(&path, 4).create_if_missing(false).pragma("query_only", "1");
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await?;
        Ok(Arc::new(Self { path, pool, live: Arc::new(Live::default()) }))
    }

    /// As [`Self::open`]. A file that is damaged is set aside, and a new one made, which the sink fills from the log.
    ///
    /// # Errors
    /// As there; or the file cannot be set aside.
    pub async fn open_or_renew(path: impl Into<PathBuf>) -> Result<Arc<Self>, SinkError> {
        let path = path.into();
        match Self::open(&path).await {
            Err(error) if error.is_damage() => {
                let aside = set_aside(&path).map_err(sqlx::Error::Io)?;
                tracing::error!(%error, aside = %aside.display(), "the read model is damaged and was set aside; it is filled anew from the log");
                Self::open(path).await
            }
            opened => opened,
        }
    }

    /// Starts the sink that fills this read model from the log. Of two in different groups one is fenced and stops.
    ///
    /// # Errors
    /// A topic is missing, the database cannot be opened, or what comes next is no longer in the log.
    pub fn start_sink(&self, broker: Arc<dyn Broker>, options: SinkOptions) -> Result<SinkHandle, SinkError> {
        let store = store::SqliteStore::new(self.path.clone());
        sink::start(broker, Box::new(store), self.live.clone(), options)
    }

    /// The offset of the next record to write, for each partition that the sink has seen: for whoever waits until the read model has
    /// caught up with the log.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn offsets(&self) -> Result<Vec<(TopicPartition, i64)>, SinkError> {
        Ok(store::offsets(&self.pool).await?)
    }

    /// Progress and events of the sink that was started here.
    #[must_use]
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the connections, once they have answered.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The connection that writes.
async fn open_writer(path: &Path) -> Result<SqliteConnection, SinkError> {
    Ok(connect_options(path, 24).connect().await?)
}

fn connect_options(path: &Path, cache_mib: u32) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
        // Negative: in KiB.
        .pragma("cache_size", format!("-{}", cache_mib * 1024))
        .pragma("journal_size_limit", (64 * 1024 * 1024).to_string())
}

#[cfg(test)]
mod upgrade;
