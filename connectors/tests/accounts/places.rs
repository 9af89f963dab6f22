//! Where accounts lie, and who may see them.

use std::sync::Arc;

use connectors::accounts::Accounts as _;
use connectors::accounts::{AccountsError, PostgresAccounts, SqliteAccounts, migrate};
use connectors::postgres::{self, Grants, PostgresConfig, Rebuild, rebuild};
use connectors::sink::SinkOptions;
use connectors::webhook::Hook;

use crate::home::{ADA, WEB, new, schema};
use crate::support::Log;
use crate::support::database::{OwnDatabase, connect, run};
use crate::support::services::unique;

#[tokio::test]
async fn no_secret_and_no_address_is_printed() {
    let dir = tempfile::tempdir().expect("a directory");
    let accounts = SqliteAccounts::open(dir.path().join("accounts.db")).await.expect("opened");
    let made = accounts.create_webhook(&new(WEB, 1)).await.expect("made");
    let (secret, url) = (made.secret.clone(), made.url.clone());
    for printed in [format!("{made:?}"), format!("{:?}", Hook::from(made))] {
        assert!(!printed.contains(&secret) && !printed.contains(&url), "{printed}");
    }
}

#[test]
fn a_users_webhook_can_be_told_of_whatever_there_are_notifications_of() {
    let mut kinds = vec!["notification"];
    kinds.extend(processors::KINDS);
    assert_eq!(ADA.kinds(), kinds);
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().expect("a directory");
    let accounts = SqliteAccounts::open(dir.path().join("accounts.db")).await.expect("opened");
    accounts.create_webhook(&new(WEB, 1)).await.expect("made");
    let mut seen = 0;
    for entry in std::fs::read_dir(dir.path()).expect("listed") {
        let entry = entry.expect("listed");
        let mode = entry.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
        seen += 1;
    }
    assert_eq!(seen, 3, "the file, its journal and the index of that");
    accounts.close().await;
}

#[tokio::test]
async fn a_file_that_is_none_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("accounts.db");
    std::fs::write(&path, "this is not what SQLite writes, however long one looks at it".repeat(100)).expect("written");
    assert!(SqliteAccounts::open(&path).await.is_err());
    assert!(SqliteAccounts::open(dir.path().join("no/such/directory/accounts.db")).await.is_err());
}

#[tokio::test]
async fn the_api_may_write_accounts_and_the_sink_may_not_even_read_them() {
    let database = OwnDatabase::new().await;
    let roles = ["owner", "sink", "api"].map(|role| unique(role).replace('-', "_"));
    let mut db = database.connect().await;
    for name in &roles {
        run(&mut db, &format!("CREATE ROLE {name} LOGIN PASSWORD '{name}'")).await;
    }
    let base = database.config.url.rsplit('/').next().expect("a name").to_owned();
    run(&mut db, &format!("GRANT CREATE ON DATABASE \"{base}\" TO {}", roles[0])).await;
    let config = |name: &String| PostgresConfig::new(database.url_for(name)).in_schema("accounts");
    let [owner, sink, api] = [&roles[0], &roles[1], &roles[2]].map(config);
    let grants = Grants { write: vec![roles[2].clone()], read: Vec::new() };
    let first = migrate(&owner, &grants).await.expect("migrated");
    assert_eq!(migrate(&owner, &grants).await.expect("nothing to do"), first);

    let accounts = PostgresAccounts::open(api).expect("the address is one");
    accounts.ready().await.expect("ready");
    let made = accounts.create_webhook(&new(WEB, 1)).await.expect("made");
    assert!(accounts.delete_webhook(made.id).await.expect("deleted"));
    accounts.close().await;

    let other = PostgresAccounts::open(sink.clone()).expect("the address is one");
    assert!(matches!(other.hooks().await, Err(AccountsError::Unavailable(_))));
    other.close().await;
    let mut as_sink = connect(&sink.url).await;
    let refused = sqlx::query("SELECT secret FROM accounts.webhooks").execute(&mut as_sink).await;
    let code = refused.err().and_then(|error| Some(error.as_database_error()?.code()?.into_owned()));
    assert_eq!(code.as_deref(), Some("42501"));
    sqlx::Connection::close(as_sink).await.expect("closed");
    for name in &roles {
        run(&mut db, &format!("DROP OWNED BY {name}; DROP ROLE {name}")).await;
    }
}

#[tokio::test]
async fn a_schema_of_a_newer_version_is_refused() {
    let database = OwnDatabase::new().await;
    let config = schema(&database);
    migrate(&config, &Grants::default()).await.expect("migrated");
    let newer = "INSERT INTO accounts._sqlx_migrations SELECT 9999, description, installed_on, success, checksum, \
        execution_time FROM accounts._sqlx_migrations LIMIT 1";
    run(&mut database.connect().await, newer).await;
    let accounts = PostgresAccounts::open(config.clone()).expect("the address is one");
    assert!(matches!(accounts.ready().await, Err(AccountsError::NotMigrated { found: 9999, .. })));
    assert!(matches!(migrate(&config, &Grants::default()).await, Err(AccountsError::Migration(_))));
    let wrong = PostgresAccounts::open(database.config.in_schema("Accounts"));
    assert!(matches!(wrong.err(), Some(AccountsError::Settings(why)) if why.contains("Accounts")));
}

#[tokio::test]
async fn a_read_model_that_is_made_anew_leaves_accounts_as_they_were() {
    let (log, database) = (Log::new(), OwnDatabase::new().await);
    let (read_model, config, grants) = (database.config.clone(), schema(&database), Grants::default());
    postgres::migrate(&read_model, &grants).await.expect("migrated");
    migrate(&config, &grants).await.expect("migrated");
    let accounts = PostgresAccounts::open(config).expect("the address is one");
    let made = accounts.create_webhook(&new(WEB, 1)).await.expect("made");
    let options = SinkOptions { group: unique("rebuild"), ..SinkOptions::default() };
    let broker = Arc::clone(&log.broker);
    let rebuilt = tokio::task::spawn_blocking(move || {
        let (owner, writer) = (&read_model, &read_model);
        rebuild(&broker, &Rebuild { owner, writer, grants: &grants, options, progress: &|_| {} })
    });
    rebuilt.await.expect("no panic").expect("made anew");
    assert_eq!(accounts.webhook(made.id).await.expect("an answer"), Some(made));
    accounts.close().await;
}
