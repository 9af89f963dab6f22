//! Accounts in a SQLite file of their own. Unlike the read model's, a commit is synced to the disk: nothing else knows what it says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Row, Sqlite, Transaction};
use uuid::Uuid;

use super::{Accounts, AccountsError, Answer, MOST_WEBHOOKS, NewWebhook, Owner, Webhook, WebhookChange, secret, sql};
use crate::webhook::Hook;

/// Forward only, and part of the program.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/accounts/sqlite");

const CONNECTIONS: u32 = 2;

/// How long to wait for a connection, or for another to have written.
const WAIT: Duration = Duration::from_secs(5);

/// The accounts in a SQLite file.
pub struct SqliteAccounts {
    pool: SqlitePool,
}

impl SqliteAccounts {
    /// Opens the file, makes it if it is not there, for its owner's eyes only, and brings its tables up to date.
    ///
    /// # Errors
    /// The file cannot be opened, or is of a newer version.
    pub async fn open(path: impl AsRef<Path>) -> Result<Arc<Self>, AccountsError> {
        let path = path.as_ref();
        // SQLite gives the files beside it the same rights.
        make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(WAIT);
        let pool =
            SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(WAIT).connect_with(options).await?;
        MIGRATIONS.run(&pool).await?;
        Ok(Arc::new(Self { pool }))
    }

    /// Closes the connections, once they have answered.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    /// A file answers, or says in time that it is busy.
    async fn within<T>(&self, work: impl Future<Output = Result<T, AccountsError>>) -> Result<T, AccountsError> {
        work.await
    }
}

sql::accounts!(SqliteAccounts, SqliteConnection, SqliteRow);

#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().append(true).create(true).open(path).map(drop)
}
