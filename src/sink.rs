//! `syncroboard sink`: fills the read model in Postgres from the log, in as many processes as one likes.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use api::{Monitoring, Readiness};
use clap::{Args, Subcommand};
use connectors::sink::{Announce, SinkError, SinkHandle, SinkOptions, SinkStatus};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use topology::broker::Broker;
use topology::system_clock;

use crate::broker::{self, BrokerArgs};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::exit::Failed;
use crate::instance::Instance;
use crate::metrics::{BrokerCollector, SinkCollector, SinkInstruments};
use crate::signals::{STOP, Signals};
use crate::stage::Stage;
use crate::trace::{Traces, traced};
use crate::{postgres, redis, registry};

/// How long to wait before what is missing at the start is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// What `syncroboard sink` takes.
#[derive(Debug, Args)]
pub(crate) struct SinkArgs {
    #[command(subcommand)]
    what: Option<What>,

    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Fill the read model until stopped; also what `sink` alone does.
    Run(Options),
    /// Bring the tables up to date, by the role of `postgres.migrate_url`; done again it does nothing.
    Migrate,
    /// Fill fresh tables beside the present ones while reads go on, and swap them when they are as far.
    Rebuild(Options),
}

#[derive(Debug, Clone, Args)]
struct Options {
    #[command(flatten)]
    broker: BrokerArgs,

    /// Names this process among the sinks, also after a restart [default: sink.instance_id of the configuration, or the
    /// host's name and the first number that is free].
    #[arg(long, value_name = "ID")]
    instance: Option<String>,

    /// Where `/healthz`, `/readyz` and `/metrics` are [default: sink.listen of the configuration, 127.0.0.1 and a free port].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

pub(crate) fn run(args: &SinkArgs, config: &Config) -> Result<ExitCode, Failed> {
    let options = match &args.what {
        Some(What::Migrate) => return migrate(config),
        Some(What::Rebuild(options)) => return rebuild(options, config),
        Some(What::Run(options)) => options,
        None => &args.options,
    };
    let mut config = config.clone();
    if let Some(instance) = &options.instance {
        config.sink.instance_id.clone_from(instance);
    }
    if let Some(listen) = &options.listen {
        config.sink.listen.clone_from(listen);
    }
    let servers = servers(options, &config)?;
    traced(&config, "sink", "kafka", |traces| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(fill(&servers, &config, traces))
    })
}

fn servers(options: &Options, config: &Config) -> Result<String, Failed> {
    let servers = options.broker.kafka(config).map(str::to_owned);
    servers.ok_or_else(|| {
        Failed::usage(
            "a sink reads Apache Kafka: give --kafka HOST:PORT or kafka.bootstrap_servers (`dev` has its own)",
        )
    })
}

async fn fill(servers: &str, config: &Config, traces: &Traces) -> Result<ExitCode, Failed> {
    let target = postgres::writer(config)?;
    let mut signals = Signals::new()?;
    let listen = &config.sink.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let instance = Instance::claim(&DataDir::new(&config.data.dir).sinks(), &config.sink.instance_id)?;
    let who = format!("instance={} listen=http://{}/", instance.id(), listener.local_addr()?);
    let broker = broker::kafka(servers, config)?;
    let redis = redis::announcer(config, traces.tracing())?;
    let metrics = prometheus::Registry::new();
    traces.register(&metrics)?;
    metrics.register(Box::new(BrokerCollector::start(&broker)?))?;
    if let Some(redis) = redis.clone() {
        api::register_redis(&metrics, move || redis.remote())?;
    }
    let stage = Stage::new();
    let (stop_serving, stopped) = oneshot::channel::<()>();
    let monitoring = Monitoring { metrics: metrics.clone(), readiness: stage.readiness() };
    let serving = tokio::spawn(monitoring.serve(listener, async move {
        // Told, or left alone: it ends either way.
        let _ = stopped.await;
    }));

    let instruments = SinkInstruments::new()?;
    let start = async {
        let schemas = registry::open(config, |why| stage.waits(why)).await?;
        let options = SinkOptions {
            registry: schemas,
            group: sink_group(config),
            client_id: instance.id().to_owned(),
            announce: redis.map(|redis| redis as Arc<dyn Announce>).into_iter().collect(),
            watch: Some(instruments.clone()),
            #[cfg(feature = "kill-points")]
            fault: crate::kill_points::sink(),
            tracing: traces.tracing(),
            ..SinkOptions::default()
        };
        start(&target, &broker, &options, &stage).await
    };
    let started = tokio::select! {
        () = signals.next() => None,
        sink = start => Some(sink?),
    };
    let Some(sink) = started else {
        signals.end_within(STOP);
        return Ok(ExitCode::SUCCESS);
    };
    let mut status = sink.status();
    stage.started({
        let status = status.clone();
        move || readiness(&status.borrow())
    });
    metrics.register(Box::new(SinkCollector::new(instruments, status.clone(), broker, system_clock())?))?;
    println!("state=RUNNING {who}");
    tokio::select! {
        () = signals.next() => tracing::info!("stopping: finishing the batch at hand"),
        // An error would mean that the sink's thread is gone, which it tells when it is stopped.
        _ = status.wait_for(|status| matches!(status, SinkStatus::Failed(_) | SinkStatus::Stopped)) => {}
    }
    signals.end_within(STOP);
    let ended = tokio::task::spawn_blocking(move || sink.stop()).await?;
    drop(stop_serving);
    serving.await??;
    ended.map_err(|error| anyhow::anyhow!("{error}"))?;
    println!("state=NOT_RUNNING");
    Ok(ExitCode::SUCCESS)
}

/// The consumer group of the sinks, by which `lag` names them.
pub(crate) fn sink_group(config: &Config) -> String {
    format!("{}-sink", config.worker.application_id)
}

/// Starts the sink as soon as Kafka and the database can be reached and the topics are there, which workers make.
async fn start(
    target: &postgres::Writer,
    broker: &Arc<dyn Broker>,
    options: &SinkOptions,
    stage: &Stage,
) -> anyhow::Result<SinkHandle> {
    let mut told = None;
    loop {
        let (target, broker, options) = (target.clone(), Arc::clone(broker), options.clone());
        let started = tokio::task::spawn_blocking(move || target.start_sink(broker, options)).await?;
        match started {
            Err(error) if error.is_transient() || matches!(error, SinkError::MissingTopic(_)) => {
                let why = error.to_string();
                stage.waits(why.clone());
                if told.as_ref() != Some(&why) {
                    tracing::warn!("the sink cannot start yet, trying again every second: {why}");
                    told = Some(why);
                }
                tokio::time::sleep(AGAIN).await;
            }
            other => return Ok(other?),
        }
    }
}

fn readiness(status: &SinkStatus) -> Readiness {
    match status {
        SinkStatus::Running => Readiness::Ready,
        SinkStatus::Retrying(why) => Readiness::NotReady(why.to_string()),
        other => Readiness::NotReady(format!("{other:?}")),
    }
}

fn migrate(config: &Config) -> Result<ExitCode, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (schema, version) in runtime.block_on(postgres::migrate(config))? {
        println!("schema {schema} has version {version}");
    }
    Ok(ExitCode::SUCCESS)
}

fn rebuild(options: &Options, config: &Config) -> Result<ExitCode, Failed> {
    let broker = broker::kafka(&servers(options, config)?, config)?;
    let sink = SinkOptions {
        registry: registry::open_now(config)?,
        // It reads everything, so it shares with no one. A new one each time: what one that died has read is of no use.
        group: format!("{}-rebuild-{}", sink_group(config), uuid::Uuid::new_v4()),
        client_id: "rebuild".to_owned(),
        ..SinkOptions::default()
    };
    let last = std::cell::Cell::new(i64::MAX);
    let progress = |left: i64| {
        // Ever less often: whenever half of it is done.
        if left <= last.get() / 2 {
            last.set(left);
            println!("{left} records are left");
        }
    };
    let rebuilt = postgres::rebuild(config, &broker, sink, &progress)?;
    println!("schema {} was made anew of {} records", config.postgres.schema, rebuilt.records);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if !runtime.block_on(redis::forget_boards(config))? {
        tracing::warn!("Redis does not answer: boards of the old tables may be shown for up to ten minutes");
    }
    Ok(ExitCode::SUCCESS)
}
