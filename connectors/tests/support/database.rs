//! A database of a test's own on the shared Postgres, or on one of its own.

use std::str::FromStr;

use connectors::postgres::PostgresConfig;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};

use super::services::{services, unique};

/// A database that goes with the test.
pub(crate) struct OwnDatabase {
    server: String,
    name: String,
    /// As a superuser.
    pub(crate) config: PostgresConfig,
}

impl OwnDatabase {
    pub(crate) async fn new() -> Self {
        Self::on(&services().postgres).await
    }

    /// On the server with this address, that of a superuser and of the database `postgres`.
    pub(crate) async fn on(server: &str) -> Self {
        let name = unique("read-model");
        let mut db = connect(server).await;
        run(&mut db, &format!("CREATE DATABASE \"{name}\"")).await;
        let url = server.strip_suffix("postgres").expect("the address ends with the database");
        Self { config: PostgresConfig::new(format!("{url}{name}")), server: server.to_owned(), name }
    }

    /// The address of the database for another role, whose password is its name.
    pub(crate) fn url_for(&self, role: &str) -> String {
        let (_, host) = self.config.url.split_once('@').expect("an address with a password");
        format!("postgres://{role}:{role}@{host}")
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        connect(&self.config.url).await
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // Whatever runtime this is dropped in, it cannot be blocked.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let options = PgConnectOptions::from_str(&server).expect("an address");
                // A server of the test's own may have gone before.
                if let Ok(mut db) = options.connect().await {
                    run(&mut db, &format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await;
                }
            });
        });
        let _ = dropped.join();
    }
}

pub(crate) async fn connect(url: &str) -> PgConnection {
    PgConnectOptions::from_str(url).expect("an address").connect().await.expect("the database is there")
}

pub(crate) async fn run(db: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(db).await.expect("the statement runs");
}
