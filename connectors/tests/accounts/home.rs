//! Accounts of a test's own, in one database or the other.

use std::sync::Arc;

use connectors::accounts::{Accounts, NewWebhook, Owner, PostgresAccounts, SqliteAccounts, migrate};
use connectors::postgres::{Grants, PostgresConfig};
use uuid::Uuid;

use crate::support::database::OwnDatabase;

pub(crate) enum Home {
    File(tempfile::TempDir),
    Schema(OwnDatabase),
}

impl Home {
    pub(crate) fn in_a_file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn in_a_schema() -> Self {
        let database = OwnDatabase::new().await;
        migrate(&schema(&database), &Grants::default()).await.expect("migrated");
        Self::Schema(database)
    }

    pub(crate) async fn open(&self) -> Arc<dyn Accounts> {
        match self {
            Self::File(dir) => SqliteAccounts::open(dir.path().join("accounts.db")).await.expect("the file opens"),
            Self::Schema(database) => PostgresAccounts::open(schema(database)).expect("the address is one"),
        }
    }
}

pub(crate) fn schema(database: &OwnDatabase) -> PostgresConfig {
    database.config.in_schema("accounts")
}

pub(crate) const ADA: Owner = Owner::User(Uuid::from_u128(1));
pub(crate) const WEB: Owner = Owner::Project(Uuid::from_u128(2));

/// A webhook of this number, made at this moment.
pub(crate) fn new(owner: Owner, number: u128) -> NewWebhook {
    NewWebhook {
        id: Uuid::from_u128(1_000 + number),
        owner,
        url: format!("https://example.org/{number}"),
        kinds: vec!["ticket.created".to_owned(), "ticket.deleted".to_owned()],
        created_by: ADA.id(),
        at: 5_000 + i64::try_from(number).unwrap(),
    }
}
