//! Why a sink stopped.

use schemas::SchemaError;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use topology::broker::{BrokerError, TopicPartition};
use uuid::Uuid;

/// Why a sink stopped. What it wrote is whole: rows and offsets are one transaction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The database refused.
    #[error("read model database: {0}")]
    Database(#[from] sqlx::Error),
    /// The database's schema could not be brought up to date.
    #[error("read model migrations: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The tables are not those of this version.
    #[error(
        "read model: schema {schema} is at version {found}, and this program needs {wanted}: run `syncroboard sink migrate`, or a newer \
         program if the schema is newer"
    )]
    NotMigrated {
        /// The schema.
        schema: String,
        /// Its version; 0 if it holds no read model.
        found: i64,
        /// The version of the program.
        wanted: i64,
    },
    /// A schema's name is none.
    #[error("postgres.schema {0:?}: a schema's name is lower case letters, digits and underscores, at most 47 of them")]
    SchemaName(String),
    /// The read model is being rebuilt already.
    #[error("read model: schema {0} is being rebuilt by another process")]
    Rebuilding(String),
    /// The log cannot be read.
    #[error("read model sink: {0}")]
    Broker(#[from] BrokerError),
    /// A topic that the sink reads does not exist.
    #[error("read model sink: topic {0} does not exist")]
    MissingTopic(&'static str),
    /// What comes next is not in the log. A sink never skips.
    #[error(
        "read model sink: {partition} is to be read from offset {stored}, but the log holds {low}..{high}; nothing was skipped. \
         Restore the log, or stop this process, move the read model's database aside and start again: it is rebuilt from what the log holds"
    )]
    OffsetOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// Offset of the next record, as the database has it.
        stored: i64,
        /// First offset in the log.
        low: i64,
        /// Offset of the next record to be written to the log.
        high: i64,
    },
    /// An event is missing, or comes twice.
    #[error(
        "read model sink: {partition} offset {offset}: project {project} goes on with sequence {found}, but {expected} is next"
    )]
    Gap {
        /// The partition.
        partition: TopicPartition,
        /// Offset of the event.
        offset: i64,
        /// The project.
        project: Uuid,
        /// Sequence that is next.
        expected: i64,
        /// Sequence of the event.
        found: i64,
    },
    /// A record is no event that this version knows. A newer version may.
    #[error("read model sink: {partition} offset {offset} cannot be read, and nothing is skipped: {source}")]
    Unreadable {
        /// The partition.
        partition: TopicPartition,
        /// Offset of the record.
        offset: i64,
        /// What is wrong with it.
        source: SchemaError,
    },
    /// Another sink writes to the same database.
    #[error(
        "read model sink: another sink has moved {partition} on from offset {expected}; this one has written nothing"
    )]
    Fenced {
        /// The partition.
        partition: TopicPartition,
        /// Offset that this sink had left it at.
        expected: i64,
    },
    /// A thread or runtime could not be started, or died.
    #[error("read model sink: {0}")]
    Thread(String),
    /// A test told the sink to fail here.
    #[error("read model sink: told to fail {0:?}")]
    Injected(super::SinkPoint),
}

impl SinkError {
    /// Whether trying again later may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Broker(BrokerError::Unavailable(_)) => true,
            Self::Unreadable { source, .. } => source.not_yet(),
            Self::Database(error) => may_pass(error),
            _ => false,
        }
    }

    /// Whether the file of a SQLite read model is damaged. (What is flipped in the text of a cell no database notices; `verify` does.)
    #[must_use]
    pub fn is_damage(&self) -> bool {
        let (Self::Database(error)
        | Self::Migration(
            sqlx::migrate::MigrateError::Execute(error) | sqlx::migrate::MigrateError::ExecuteMigration(error, _),
        )) = self
        else {
            return false;
        };
        // SQLite's 11: the file is damaged. 26: it is none of its own.
        error.as_database_error().and_then(sqlite_code).is_some_and(|code| matches!(code, 11 | 26))
    }
}

fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) if error.try_downcast_ref::<PgDatabaseError>().is_some() => {
            error.code().is_some_and(|code| postgres_may_pass(&code))
        }
        // SQLite's 5 and 6: another connection holds the lock.
        sqlx::Error::Database(error) => sqlite_code(&**error).is_some_and(|code| matches!(code, 5 | 6)),
        // The server is away, is going away, or does not say what it should: a new connection may find it well.
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut => true,
        _ => false,
    }
}

/// SQLite's primary result code, of which extended ones have more to say.
fn sqlite_code(error: &dyn DatabaseError) -> Option<i32> {
    Some(error.code()?.parse::<i32>().ok()? & 0xff)
}

/// Whether an SQLSTATE speaks of the server's condition and not of the statement.
/// Source: PostgreSQL's documentation, appendix A, "PostgreSQL Error Codes".
fn postgres_may_pass(code: &str) -> bool {
    const CLASSES: [&str; 5] = [
        "08", // connection
        "40", // transaction rollback: deadlock, serialization
        "53", // insufficient resources: disk full, too many connections
        "57", // operator intervention: shutdown, restart, cancel
        "58", // system error: input/output
    ];
    // 25006: a standby, until it is promoted. 55P03: a lock was not to be had.
    CLASSES.iter().any(|class| code.starts_with(class)) || matches!(code, "25006" | "55P03")
}
