//! What people have entrusted to this installation and the log does not say again: webhooks and their secrets, later how people sign in.
//!
//! It is a database of its own beside the read model, which can be thrown away and filled anew: schema `accounts` in PostgreSQL, a file
//! of its own in SQLite. No topic ever holds what is in here, so it belongs into every backup.
//!
//! | file | what is in it |
//! |---|---|
//! | `webhooks` | webhooks, and whose they are |
//! | `sql` | the statements, which read the same in each database |
//! | `sqlite`, `postgres` | the databases |
//! | `follow` | all webhooks, kept at hand by whoever delivers |

mod follow;
mod postgres;
mod secret;
mod sql;
mod sqlite;
mod webhooks;

use sqlx::migrate::MigrateError;
use uuid::Uuid;

use crate::read_model::BoxFuture;
use crate::sink::SinkError;
use crate::webhook::Hook;

pub use follow::{Following, follow};
pub use postgres::{PostgresAccounts, migrate};
pub use sqlite::SqliteAccounts;
pub use webhooks::{MOST_WEBHOOKS, NewWebhook, Owner, Webhook, WebhookChange};

/// What a question or a change comes back with.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, AccountsError>>;

/// The accounts database. A change is durable when its answer comes; of one that got no answer nobody knows, and asking tells.
pub trait Accounts: Send + Sync {
    /// Makes a webhook. If there is one with this id already it stays as it is, and is the answer.
    /// Fails with [`AccountsError::TooManyWebhooks`] if the owner has [`MOST_WEBHOOKS`].
    fn create_webhook<'a>(&'a self, new: &'a NewWebhook) -> Answer<'a, Webhook>;

    /// The webhooks of a user or a project, in the order in which they were made.
    fn webhooks_of(&self, owner: Owner) -> Answer<'_, Vec<Webhook>>;

    /// A webhook.
    fn webhook(&self, id: Uuid) -> Answer<'_, Option<Webhook>>;

    /// Changes a webhook, and answers with it as it is then; `None` if it is not there.
    fn update_webhook<'a>(&'a self, id: Uuid, change: &'a WebhookChange, at: i64) -> Answer<'a, Option<Webhook>>;

    /// Draws a new secret in the place of the one before, and answers with the webhook; `None` if it is not there.
    fn rotate_secret(&self, id: Uuid, at: i64) -> Answer<'_, Option<Webhook>>;

    /// Deletes a webhook; whether it was there.
    fn delete_webhook(&self, id: Uuid) -> Answer<'_, bool>;

    /// All webhooks of everybody, as whoever delivers needs them.
    fn hooks(&self) -> Answer<'_, Vec<Hook>>;

    /// How often webhooks were changed: while it is the same, [`Accounts::hooks`] are. Ask for it before them.
    fn changes(&self) -> Answer<'_, i64>;
}

/// Why the accounts database gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// It cannot be reached or is too busy; asking again may help.
    #[error("accounts: {0}")]
    Unavailable(String),
    /// It holds something that should not be there.
    #[error("accounts are damaged: {0}")]
    Damaged(String),
    /// The tables are not those of this version.
    #[error(
        "accounts: schema {schema} is at version {found}, and this program needs {wanted}: run `syncroboard sink migrate`, or a newer \
         program if the schema is newer"
    )]
    NotMigrated {
        /// The schema.
        schema: String,
        /// Its version; 0 if it holds no accounts.
        found: i64,
        /// The version of the program.
        wanted: i64,
    },
    /// The tables could not be brought up to date.
    #[error("migrations of accounts: {0}")]
    Migration(#[from] MigrateError),
    /// The address of the database, or the name of the schema, is none.
    #[error("accounts: {0}")]
    Settings(String),
    /// The file could not be made.
    #[error("accounts: {0}")]
    File(#[from] std::io::Error),
    /// The owner has as many webhooks as there can be.
    #[error("there are {MOST_WEBHOOKS} webhooks already, which is the most")]
    TooManyWebhooks,
    /// The operating system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(String),
}

impl From<sqlx::Error> for AccountsError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// What is shared with the read model in PostgreSQL says it in this way.
impl From<SinkError> for AccountsError {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::NotMigrated { schema, found, wanted } => Self::NotMigrated { schema, found, wanted },
            SinkError::Migration(error) => Self::Migration(error),
            SinkError::Database(sqlx::Error::Configuration(error)) => Self::Settings(error.to_string()),
            SinkError::Database(error) => error.into(),
            other => Self::Settings(other.to_string()),
        }
    }
}
