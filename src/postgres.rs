//! The read model in Postgres as it is configured: one address a role, and those that are not given are the one that writes.

use std::sync::Arc;

use connectors::accounts::{self, PostgresAccounts};
use connectors::live::Live;
use connectors::postgres::{
    Grants, PostgresConfig, PostgresReadModel, PostgresTables, Rebuild, Rebuilt, migrate as bring_up_to_date,
    rebuild as make_anew, start_sink,
};
use connectors::sink::{SinkError, SinkHandle, SinkOptions};
use topology::broker::Broker;

use crate::config::Config;
use crate::exit::Failed;

/// Where sinks write.
#[derive(Clone)]
pub(crate) struct Writer(PostgresConfig);

impl Writer {
    /// Starts a sink; blocks until it has found its place.
    pub(crate) fn start_sink(&self, broker: Arc<dyn Broker>, options: SinkOptions) -> Result<SinkHandle, SinkError> {
        // No one in this process waits for it.
        start_sink(broker, &self.0, Arc::new(Live::default()), options)
    }
}

/// As the role that writes.
pub(crate) fn writer(config: &Config) -> Result<Writer, Failed> {
    Ok(Writer(writing(config)?))
}

/// As the role that reads; connects when it is asked.
pub(crate) fn reader(config: &Config, live: Arc<Live>) -> Result<Arc<PostgresReadModel>, Failed> {
    Ok(PostgresReadModel::open(reading(config)?, live)?)
}

/// The tables as they are now, as the role that reads.
pub(crate) fn tables(config: &Config) -> Result<PostgresTables, Failed> {
    Ok(PostgresTables::open(&reading(config)?)?)
}

/// What stands in no log, in a schema of its own, as the role that otherwise only reads; connects when it is asked.
pub(crate) fn accounts(config: &Config) -> Result<Arc<PostgresAccounts>, Failed> {
    Ok(PostgresAccounts::open(accounts_settings(config)?)?)
}

/// Where they are.
pub(crate) fn accounts_settings(config: &Config) -> Result<PostgresConfig, Failed> {
    Ok(reading(config)?.in_schema(&config.postgres.accounts_schema))
}

/// Brings the tables up to date, as the role that migrates; the schemas and their versions.
pub(crate) async fn migrate(config: &Config) -> Result<[(&str, i64); 2], Failed> {
    let owner = owning(config)?;
    let read_model = bring_up_to_date(&owner, &grants(config)?).await?;
    let schema = &config.postgres.accounts_schema;
    let accounts = accounts::migrate(&owner.in_schema(schema), &accounts_grants(config)?).await?;
    Ok([(&config.postgres.schema, read_model), (schema, accounts)])
}

/// Makes the tables anew beside the old ones and swaps them; blocks.
pub(crate) fn rebuild(
    config: &Config,
    broker: &Arc<dyn Broker>,
    options: SinkOptions,
    progress: &dyn Fn(i64),
) -> Result<Rebuilt, Failed> {
    let (owner, writer, grants) = (owning(config)?, writing(config)?, grants(config)?);
    Ok(make_anew(broker, &Rebuild { owner: &owner, writer: &writer, grants: &grants, options, progress })?)
}

fn owning(config: &Config) -> Result<PostgresConfig, Failed> {
    of(config, &config.postgres.migrate_url, "postgres.migrate_url")
}

fn writing(config: &Config) -> Result<PostgresConfig, Failed> {
    of(config, &config.postgres.url, "postgres.url")
}

fn reading(config: &Config) -> Result<PostgresConfig, Failed> {
    of(config, &config.postgres.read_url, "postgres.read_url")
}

fn of(config: &Config, url: &str, key: &str) -> Result<PostgresConfig, Failed> {
    let given = &config.postgres;
    let url = if url.is_empty() { &given.url } else { url };
    if url.is_empty() {
        return Err(Failed::usage(format!(
            "the read model is in Postgres: give {key}, or postgres.url for every role"
        )));
    }
    let mut postgres = PostgresConfig::new(url);
    postgres.schema.clone_from(&given.schema);
    postgres.connections = given.connections;
    postgres.role().map_err(|error| Failed::usage(format!("{key}: {error}")))?;
    Ok(postgres)
}

/// Who may see secrets: API processes and whoever delivers, not sinks.
fn accounts_grants(config: &Config) -> Result<Grants, Failed> {
    Ok(Grants { write: vec![reading(config)?.role()?], read: Vec::new() })
}

/// What the other roles may do.
fn grants(config: &Config) -> Result<Grants, Failed> {
    let role = |config: Result<PostgresConfig, Failed>| Ok::<_, Failed>(vec![config?.role()?]);
    Ok(Grants { write: role(writing(config))?, read: role(reading(config))? })
}
