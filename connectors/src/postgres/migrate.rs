//! The schema: made and changed by migrations that are part of the program, forward only, by a role of its own.

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use super::PostgresConfig;
use crate::sink::SinkError;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Who else may do something with the tables; the role that migrates owns them.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Roles that may write: sinks.
    pub write: Vec<String>,
    /// Roles that may read: API processes.
    pub read: Vec<String>,
}

/// Makes the schema if it is not there, brings its tables up to date and lets these roles in; changes nothing that is as
/// it should be. Several at a time wait for one another. Returns the version of the schema.
///
/// # Errors
/// The database cannot be reached, the role may not, a role of the grants is not there, or the schema was made by a newer version or
/// by other migrations than these.
pub async fn migrate(config: &PostgresConfig, grants: &Grants) -> Result<i64, SinkError> {
    bring_up_to_date(config, &MIGRATIONS, grants).await
}

/// As [`migrate()`], by any migrations.
pub(crate) async fn bring_up_to_date(
    config: &PostgresConfig,
    migrations: &Migrator,
    grants: &Grants,
) -> Result<i64, SinkError> {
    let schema = &config.schema;
    let mut db = config.session("migrate", &[("lock_timeout", "60s")])?.connect().await?;
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)")
        .bind(schema)
        .fetch_one(&mut db)
        .await?;
    if !there {
        run(&mut db, format!("CREATE SCHEMA IF NOT EXISTS {schema}")).await?;
    }
    migrations.run(&mut db).await?;
    for (roles, rights) in [(&grants.write, "SELECT, INSERT, UPDATE, DELETE"), (&grants.read, "SELECT")] {
        for role in roles {
            let role = format!("\"{}\"", role.replace('"', "\"\""));
            run(&mut db, format!("GRANT USAGE ON SCHEMA {schema} TO {role}")).await?;
            run(&mut db, format!("GRANT {rights} ON ALL TABLES IN SCHEMA {schema} TO {role}")).await?;
        }
    }
    db.close().await?;
    Ok(newest(migrations))
}

/// Whether the tables are those that this version knows.
pub(super) async fn check(db: &mut PgConnection, schema: &str) -> Result<(), SinkError> {
    check_version(db, schema, &MIGRATIONS).await
}

/// Whether the tables are those that these migrations make.
pub(crate) async fn check_version(db: &mut PgConnection, schema: &str, migrations: &Migrator) -> Result<(), SinkError> {
    let wanted = newest(migrations);
    let found: Result<Option<i64>, _> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(db).await;
    let found = match found {
        Ok(found) => found,
        // There is no such table.
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "42P01") => None,
        Err(error) => return Err(error.into()),
    };
    if found == Some(wanted) {
        return Ok(());
    }
    Err(SinkError::NotMigrated { schema: schema.to_owned(), found: found.unwrap_or(0), wanted })
}

/// Runs a statement put together of checked parts.
pub(super) async fn run(db: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(db).await.map(drop)
}

fn newest(migrations: &Migrator) -> i64 {
    migrations.iter().map(|migration| migration.version).max().unwrap_or(0)
}
