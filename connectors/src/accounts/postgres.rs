//! Accounts in PostgreSQL: a schema of their own in the read model's database, so that a rebuild of that one leaves them alone. The role that
//! owns the tables migrates; API processes and whoever delivers may read and write; the sink's role may do neither.

use std::sync::Arc;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Postgres, Row, Transaction};
use uuid::Uuid;

use super::{Accounts, AccountsError, Answer, MOST_WEBHOOKS, NewWebhook, Owner, Webhook, WebhookChange, secret, sql};
use crate::postgres::{Grants, PostgresConfig, bring_up_to_date, check_version};
use crate::webhook::Hook;

/// Forward only, and part of the program.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/accounts/postgres");

/// Connections of a process, at most: little is asked.
const CONNECTIONS: u32 = 4;

/// The accounts in a PostgreSQL schema.
pub struct PostgresAccounts {
    pool: PgPool,
    config: PostgresConfig,
}

/// Makes the schema that `config` names if it is not there, brings its tables up to date and lets these roles in; changes nothing that is as
/// it should be. Returns the version of the schema.
///
/// # Errors
/// As [`crate::postgres::migrate()`].
pub async fn migrate(config: &PostgresConfig, grants: &Grants) -> Result<i64, AccountsError> {
    Ok(bring_up_to_date(config, &MIGRATIONS, grants).await?)
}

impl PostgresAccounts {
    /// Prepares to ask, in the schema that `config` names; connects when it is asked, and again whenever it has to.
    ///
    /// # Errors
    /// The address or the schema's name is none.
    pub fn open(config: PostgresConfig) -> Result<Arc<Self>, AccountsError> {
        let settings = [("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "60s")];
        let options = config.session("accounts", &settings)?;
        let pool = PgPoolOptions::new()
            .max_connections(config.connections.min(CONNECTIONS))
            .acquire_timeout(config.acquire_timeout)
            .connect_lazy_with(options);
        Ok(Arc::new(Self { pool, config }))
    }

    /// Whether the database is there and its tables are those that this version knows.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn ready(&self) -> Result<(), AccountsError> {
        self.within(async {
            let mut connection = self.pool.acquire().await?;
            Ok(check_version(&mut connection, &self.config.schema, &MIGRATIONS).await?)
        })
        .await
    }

    /// Closes the connections, once they have answered.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.pool.begin().await
    }

    /// Gives up in time, whatever the server does.
    async fn within<T>(&self, work: impl Future<Output = Result<T, AccountsError>>) -> Result<T, AccountsError> {
        let silent = |_| AccountsError::Unavailable("the database does not answer in time".to_owned());
        tokio::time::timeout(self.config.answer_timeout, work).await.map_err(silent)?
    }
}

sql::accounts!(PostgresAccounts, PgConnection, PgRow);
