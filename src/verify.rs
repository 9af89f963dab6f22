//! `syncroboard verify`: what the events say stores and read model hold, against what they hold.
//!
//! On a data directory that no server uses, stores and read model are first brought up to the log's end, as a start would
//! do. A running server does the same itself, with its stream threads held between two commits. On Apache Kafka the read
//! model in Postgres is held against the log as far as the sinks have come, whoever is at work meanwhile: [`apart`].
//!
//! Pools' stores are always held to each other, and to the events when nothing is on its way between tickets and pools.

mod apart;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use connectors::event_log::BrokerEventLog;
use connectors::sink::SinkOptions;
use connectors::sqlite::{SqliteReadModel, SqliteTables};
use processors::{
    PipelineConfig, fold, pipeline, verify_log, verify_pools, verify_pools_at_rest, verify_read_model, verify_stores,
};
use schemas::SchemaRegistry;
use schemas::reader::{ReadError, Stores};
use schemas::topics::TICKET_ASSIGNMENTS;
use topology::broker::{Broker, TopicPartition};
use topology::{Held, Inspection, StreamsError};

use crate::broker;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::exit::Failed;
use crate::print::{self, one_line};
use crate::server::Server;
use crate::{dev, registry, sink};

/// How long the read model may take to catch up with the log.
const CATCH_UP: Duration = Duration::from_secs(600);

/// What `syncroboard verify` takes.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A data directory that no server uses [default: data.dir of the configuration, ./data].
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    data_dir: Option<PathBuf>,

    /// A running server, which then verifies itself.
    #[arg(long, value_name = "URL", conflicts_with = "kafka")]
    server: Option<String>,

    /// Apache Kafka, against which the read model in Postgres and the boards in Redis are held [default:
    /// kafka.bootstrap_servers of the configuration, if a postgres.url is configured too].
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "data_dir")]
    kafka: Option<String>,

    /// An administrator's token for the server.
    #[arg(long, value_name = "T", env = "SYNCROBOARD_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

pub(crate) fn run(args: &VerifyArgs, config: &Config) -> Result<ExitCode, Failed> {
    let differences = match (&args.server, kafka(args, config)) {
        (Some(server), _) => ask(&Server::open(server, args.token.clone(), config)?)?,
        (None, Some(servers)) => apart::verify(servers, config)?,
        (None, None) => offline(&DataDir::new(args.data_dir.as_ref().unwrap_or(&config.data.dir)), config)?,
    };
    for difference in &differences {
        print::line(&one_line(difference))?;
    }
    print::line(&format!("{} differences", differences.len()))?;
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Kafka's address, if the parts run apart.
fn kafka<'a>(args: &'a VerifyArgs, config: &'a Config) -> Option<&'a str> {
    let configured = &config.kafka.bootstrap_servers;
    let is_apart = args.data_dir.is_none() && !configured.is_empty() && !config.postgres.url.is_empty();
    args.kafka.as_deref().or_else(|| is_apart.then_some(configured))
}

/// What a server answers that was asked to verify itself.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Differences(Vec<String>),
    Error(String),
}

fn ask(server: &Server) -> Result<Vec<String>, Failed> {
    match server.post("/verify", CATCH_UP * 2)? {
        Answer::Differences(differences) => Ok(differences),
        Answer::Error(why) => Err(Failed::missing(format!("the server could not verify itself: {why}"))),
    }
}

fn offline(data: &DataDir, config: &Config) -> anyhow::Result<Vec<String>> {
    anyhow::ensure!(data.log().exists(), "there is no log in {}", data.log().display());
    let broker = broker::embedded(data, config)?;
    let topology = pipeline(&PipelineConfig::default())?;
    let inspection = Inspection::open(&topology, &dev::streams_config(data, config), &*broker)?;
    let application = &config.worker.application_id;
    let runtime = tokio::runtime::Runtime::new()?;
    let read_model = runtime.block_on(SqliteReadModel::open(data.read_model()))?;
    let sink_options = SinkOptions { group: sink::sink_group(config), ..SinkOptions::default() };
    let sink = read_model.start_sink(broker.clone(), sink_options)?;
    let differences =
        compare(&broker, application, registry::embedded(), &Offline(inspection), &read_model, runtime.handle());
    if let Err(error) = sink.stop() {
        anyhow::bail!("the read model's sink gave up: {error}");
    }
    differences
}

/// Verifies a running server whose threads are held.
pub(crate) fn live(
    broker: &Arc<dyn Broker>,
    application: &str,
    schemas: Arc<dyn SchemaRegistry>,
    held: Held,
    read_model: &SqliteReadModel,
    runtime: &tokio::runtime::Handle,
) -> anyhow::Result<Vec<String>> {
    compare(broker, application, schemas, &Live(held), read_model, runtime)
}

fn compare(
    broker: &Arc<dyn Broker>,
    application: &str,
    schemas: Arc<dyn SchemaRegistry>,
    stores: &dyn Stores,
    read_model: &SqliteReadModel,
    runtime: &tokio::runtime::Handle,
) -> anyhow::Result<Vec<String>> {
    let log = BrokerEventLog::open(broker.clone(), schemas)?;
    catch_up(&log, read_model, runtime)?;
    let tables = tables(read_model.path())?;
    // What is not held goes on: the mailer.
    let expected = fold(&log.up_to(tables.offsets()))?;
    let mut differences = Vec::new();
    verify_log(&expected, &mut |difference| differences.push(difference.to_string()));
    verify_stores(&expected, stores, &mut |difference| differences.push(format!("store {difference}")))?;
    verify_pools(stores, &mut |difference| differences.push(format!("store {difference}")))?;
    if pools_at_rest(&**broker, application)? {
        verify_pools_at_rest(&expected, stores, &mut |difference| differences.push(format!("store {difference}")))?;
    }
    verify_read_model(&expected, &tables, &mut |difference| differences.push(format!("read model {difference}")))?;
    Ok(differences)
}

/// True if all is worked off that lies between tickets and pools: then pools know what the events say. That may also be a
/// record on its way to the dead letters, which counts as worked off and leaves a difference.
fn pools_at_rest(broker: &dyn Broker, application: &str) -> anyhow::Result<bool> {
    let prefix = format!("{application}-pool-");
    for (topic, partitions) in broker.topics()? {
        let between = topic.starts_with(&prefix) && topic.ends_with("-repartition");
        if !between && *topic != *TICKET_ASSIGNMENTS {
            continue;
        }
        let partitions: Vec<_> = (0..partitions).map(|p| TopicPartition::new(topic.clone(), p)).collect();
        for (partition, next) in partitions.iter().zip(broker.committed(application, &partitions)?) {
            let (low, end) = broker.watermarks(partition)?;
            if next.unwrap_or(low) < end {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn tables(path: &Path) -> anyhow::Result<SqliteTables> {
    SqliteTables::open(path).with_context(|| path.display().to_string())
}

fn catch_up(
    log: &BrokerEventLog,
    read_model: &SqliteReadModel,
    runtime: &tokio::runtime::Handle,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + CATCH_UP;
    loop {
        let offsets = runtime.block_on(read_model.offsets())?;
        let reached = |(partition, end): &(_, i64)| offsets.iter().any(|(p, next)| p == partition && next >= end);
        match log.ends().iter().find(|end| !reached(end)) {
            None => return Ok(()),
            Some((partition, end)) if Instant::now() > deadline => {
                anyhow::bail!("the read model has not reached offset {end} of {partition}; could not be checked")
            }
            Some(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

struct Offline(Inspection);

impl Stores for Offline {
    fn entries(&self, store: &str, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), ReadError> {
        self.0.entries(store, each).map_err(|error| unreadable(store, &error))
    }
}

struct Live(Held);

impl Stores for Live {
    fn entries(&self, store: &str, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), ReadError> {
        self.0.entries(store, each).map_err(|error| unreadable(store, &error))
    }
}

fn unreadable(store: &str, error: &StreamsError) -> ReadError {
    ReadError { what: format!("store {store}"), reason: error.to_string() }
}
