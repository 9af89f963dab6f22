//! The read model in PostgreSQL, for any number of processes: what the [sink](crate::sink) writes it with, and the answers to what
//! can be asked of it.
//!
//! - All tables of a read model are in one schema, and are named without it: a session's `search_path` says which. So a read model
//!   is replaced by renaming schemas, under the eyes of everyone ([`rebuild`]).
//! - Three roles: one owns the schema and [migrates](migrate), one writes (the sink), one reads (API processes, `verify`).
//! - A batch and the offsets it reaches are one transaction. An offset moves only from where its sink left it, so of two
//!   sinks with the same partition one writes nothing. A commit of which no answer came is looked up: the offsets tell.
//!
//! | file | what is in it |
//! |---|---|
//! | `migrate` | the schema and who may do what with it |
//! | `store`, `write` | the sink's side: each table in one statement, by `unnest` |
//! | `queries`, `ticket_list`, `rows` | the questions |
//! | `tables` | every row, for `verify` |
//! | `rebuild` | a fresh read model beside the old one |

mod deliveries;
mod history;
mod mails;
mod migrate;
#[cfg(test)]
mod plans;
mod queries;
mod rebuild;
mod rows;
mod search;
mod store;
mod tables;
mod ticket_list;
mod write;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use topology::broker::{Broker, TopicPartition};

use crate::live::Live;
use crate::read_model::ReadError;
use crate::sink::{self, SinkError, SinkHandle, SinkOptions};

pub use migrate::{Grants, migrate};
pub(crate) use migrate::{bring_up_to_date, check_version};
pub use rebuild::{Rebuild, Rebuilt, rebuild};
pub use tables::PostgresTables;

/// Where a read model is, and as whom to go there.
#[derive(Clone)]
#[non_exhaustive]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database?sslmode=...`; never printed.
    pub url: String,
    /// The schema with the tables: lower case letters, digits, underscores.
    pub schema: String,
    /// Connections of a process that reads, at most.
    pub connections: u32,
    /// How long a question waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long a question may take, and how long a sink waits for one batch's transaction.
    pub answer_timeout: Duration,
}

impl PostgresConfig {
    /// Defaults: schema `read_model`, 8 connections, 2 s for a connection, 30 s for an answer.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: "read_model".to_owned(),
            connections: 8,
            acquire_timeout: Duration::from_secs(2),
            answer_timeout: Duration::from_secs(30),
        }
    }

    /// The same, in another schema.
    #[must_use]
    pub fn in_schema(&self, schema: impl Into<String>) -> Self {
        Self { schema: schema.into(), ..self.clone() }
    }

    /// The role that the address names.
    ///
    /// # Errors
    /// The address is none, or the schema's name is none.
    pub fn role(&self) -> Result<String, SinkError> {
        Ok(self.session("", &[])?.get_username().to_owned())
    }

    /// How to open a session, that `pg_stat_activity` names by its purpose, with these settings of the server's for it.
    pub(crate) fn session(&self, purpose: &str, settings: &[(&str, &str)]) -> Result<PgConnectOptions, SinkError> {
        let first = |c: char| c.is_ascii_lowercase() || c == '_';
        let good = self.schema.len() < 48
            && self.schema.starts_with(first)
            && self.schema.chars().all(|c| first(c) || c.is_ascii_digit());
        if !good {
            return Err(SinkError::SchemaName(self.schema.clone()));
        }
        Ok(PgConnectOptions::from_str(&self.url)?
            .application_name(&format!("syncroboard {purpose}"))
            .options([("search_path", self.schema.as_str()), ("jit", "off")])
            .options(settings.iter().copied()))
    }
}

impl std::fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresConfig").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The read model as an API process asks it. Needs a role that may read, and nothing else.
pub struct PostgresReadModel {
    pool: PgPool,
    config: PostgresConfig,
    live: Arc<Live>,
}

impl PostgresReadModel {
    /// Prepares to ask; connects when it is asked, and again whenever it has to. `live` is what wakes those who wait for a
    /// sequence; whatever it does not tell is found by looking.
    ///
    /// # Errors
    /// The address or the schema's name is none.
    pub fn open(config: PostgresConfig, live: Arc<Live>) -> Result<Arc<Self>, SinkError> {
        let options = config.session("read", &[("default_transaction_read_only", "on")])?;
        let pool = PgPoolOptions::new()
            .max_connections(config.connections)
            .acquire_timeout(config.acquire_timeout)
            .connect_lazy_with(options);
        Ok(Arc::new(Self { pool, config, live }))
    }

    /// Whether the database is there and its tables are those that this version knows.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn ready(&self) -> Result<(), ReadError> {
        let look = async {
            let mut connection = self.pool.acquire().await?;
            migrate::check(&mut connection, &self.config.schema).await
        };
        let looked = tokio::time::timeout(self.config.answer_timeout, look).await;
        let why = |error: SinkError| ReadError::Unavailable(error.to_string());
        looked.unwrap_or_else(|_| Err(silent())).map_err(why)
    }

    /// The offset of the next record to write, for each partition that was ever read.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn offsets(&self) -> Result<Vec<(TopicPartition, i64)>, SinkError> {
        Ok(store::offsets(&mut *self.pool.acquire().await?).await?)
    }

    /// What wakes those who wait.
    #[must_use]
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Closes the connections, once they have answered.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Starts a sink that fills a read model from the log, as a role that may write. Those of one group share the partitions;
/// of two in different groups one is fenced and stops. `live` is told what is written.
///
/// # Errors
/// A topic is missing, the database cannot be opened or is not migrated, or what comes next is no longer in the log.
pub fn start_sink(
    broker: Arc<dyn Broker>,
    config: &PostgresConfig,
    live: Arc<Live>,
    options: SinkOptions,
) -> Result<SinkHandle, SinkError> {
    sink::start(broker, Box::new(store::PostgresStore::new(config)?), live, options)
}

/// The server did not answer in time.
fn silent() -> SinkError {
    SinkError::Database(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time")))
}
