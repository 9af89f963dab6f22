//! `syncroboard worker`: the pipeline on Apache Kafka, and nothing else; and how any topology runs there in a process of its own.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use api::Monitoring;
use clap::Args;
use connectors::accounts::Following;
use connectors::kafka::MAX_RECORD_BYTES;
use processors::{PipelineConfig, pipeline};
use schemas::SchemaRegistry;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use topology::broker::{Broker, BrokerError};
use topology::{State, Streams, StreamsConfig, Topology};

use crate::broker::{self, BrokerArgs};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::exit::Failed;
use crate::instance::{Instance, keep_to_cluster};
use crate::metrics::{self, BrokerCollector, EngineCollector};
use crate::signals::{STOP, Signals};
use crate::stage::Stage;
use crate::trace::{Traces, traced};
use crate::{registry, topics};

/// How long to wait before Kafka is asked again at the start.
const AGAIN: Duration = Duration::from_secs(1);

/// What `syncroboard worker` takes.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    broker: BrokerArgs,

    /// How many stream threads [default: worker.threads of the configuration, 1].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Names this process among the workers, also after a restart [default: worker.instance_id of the configuration, or
    /// the host's name and the first number that is free].
    #[arg(long, value_name = "ID")]
    instance: Option<String>,

    /// Where the stores are [default: worker.state_dir of the configuration, or workers/ in the data directory].
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// Where `/healthz`, `/readyz` and `/metrics` are [default: worker.listen of the configuration, 127.0.0.1 and a free port].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

pub(crate) fn run(args: &WorkerArgs, config: &Config) -> Result<ExitCode, Failed> {
    let mut config = config.clone();
    if let Some(threads) = args.threads {
        config.worker.threads = threads;
    }
    if let Some(instance) = &args.instance {
        config.worker.instance_id.clone_from(instance);
    }
    if args.state_dir.is_some() {
        config.worker.state_dir.clone_from(&args.state_dir);
    }
    if let Some(listen) = &args.listen {
        config.worker.listen.clone_from(listen);
    }
    let Some(servers) = args.broker.kafka(&config).map(str::to_owned) else {
        return Err(Failed::usage(
            "a worker runs on Apache Kafka: give --kafka HOST:PORT or kafka.bootstrap_servers (`dev` needs none)",
        ));
    };
    let part = Part {
        service: "worker",
        listen: config.worker.listen.clone(),
        root: config.worker.state_dir.clone().unwrap_or_else(|| DataDir::new(&config.data.dir).workers()),
        instance_id: config.worker.instance_id.clone(),
        streams: streams_config,
        topology: Box::new(|registry| Ok(pipeline(&PipelineConfig { registry, ..PipelineConfig::default() })?)),
        follow: None,
    };
    run_part(&servers, &config, &part)
}

/// What runs on Apache Kafka in a process of its own: a topology, and monitoring beside it.
pub(crate) struct Part {
    /// Its name, in traces.
    pub(crate) service: &'static str,
    /// Where its monitoring listens.
    pub(crate) listen: String,
    /// Where its instances keep their stores.
    pub(crate) root: PathBuf,
    /// Which instance it is; empty: the first that is free.
    pub(crate) instance_id: String,
    /// How it runs as one instance, with its stores in a directory.
    pub(crate) streams: fn(&Config, &str, PathBuf) -> StreamsConfig,
    /// What it runs.
    pub(crate) topology: Box<dyn Fn(Arc<dyn SchemaRegistry>) -> anyhow::Result<Topology>>,
    /// Begins to keep at hand what webhooks there are, if it needs that.
    pub(crate) follow: Option<Box<dyn Fn() -> anyhow::Result<Following>>>,
}

/// Runs it until it is stopped.
pub(crate) fn run_part(servers: &str, config: &Config, part: &Part) -> Result<ExitCode, Failed> {
    traced(config, part.service, "kafka", |traces| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(runtime.block_on(work(servers, config, part, traces))?)
    })
}

/// How the pipeline runs as one instance.
pub(crate) fn streams_config(config: &Config, instance_id: &str, state_dir: PathBuf) -> StreamsConfig {
    let worker = &config.worker;
    let mut streams = StreamsConfig::new(worker.application_id.clone(), state_dir);
    streams.instance_id = instance_id.to_owned();
    streams.threads = worker.threads;
    streams.commit_interval_ms = worker.commit_interval_ms;
    streams.max_record_bytes = streams.max_record_bytes.min(MAX_RECORD_BYTES);
    #[cfg(feature = "kill-points")]
    {
        streams.steps = crate::kill_points::worker();
    }
    streams
}

/// Makes the pipeline's topics that are missing and checks the others, which keep their partitions.
pub(crate) fn make_topics(broker: &dyn Broker, config: &Config) -> Result<(), BrokerError> {
    topology::make_topics(broker, &topics::external(&broker.topics()?, config.kafka.partitions, config))
}

async fn work(servers: &str, config: &Config, part: &Part, traces: &Traces) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let listen = &part.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let instance = Instance::claim(&part.root, &part.instance_id)?;
    let broker = broker::kafka(servers, config)?;
    let mut streams_config = (part.streams)(config, instance.id(), instance.dir().to_owned());
    streams_config.tracing = traces.tracing();
    let registry = prometheus::Registry::new();
    traces.register(&registry)?;
    registry.register(Box::new(BrokerCollector::start(&broker)?))?;
    let stage = Stage::new();
    let who = format!("instance={} listen=http://{}/", instance.id(), listener.local_addr()?);
    let (stop_serving, stopped) = oneshot::channel::<()>();
    let monitoring = Monitoring { metrics: registry.clone(), readiness: stage.readiness() };
    let serving = tokio::spawn(monitoring.serve(listener, async move {
        // Told, or left alone: it ends either way.
        let _ = stopped.await;
    }));

    // It is followed until the end.
    let following = part.follow.as_ref().map(|follow| follow()).transpose()?;
    let started = tokio::select! {
        () = signals.next() => None,
        streams = start(following.as_ref(), servers, &broker, config, part, &streams_config, &stage) => Some(Arc::new(streams?)),
    };
    let Some(streams) = started else {
        signals.end_within(STOP);
        return Ok(ExitCode::SUCCESS);
    };
    let view = streams.view();
    stage.started(move || metrics::readiness(&view));
    let collector = EngineCollector::new(streams.view(), broker, &streams_config)?;
    registry.register(Box::new(collector))?;
    let mut told = tokio::task::spawn_blocking({
        let streams = Arc::clone(&streams);
        move || announce(&streams, &who)
    });
    let asked = tokio::select! {
        () = signals.next() => true,
        // A stream thread has ended by itself.
        ended = &mut told => ended.map(|()| false)?,
    };
    signals.end_within(STOP);
    if asked {
        tracing::info!("stopping: committing what is in flight");
        streams.stop();
        told.await?;
    }
    let streams = Arc::into_inner(streams).context("the pipeline is still in use")?;
    let closed = tokio::task::spawn_blocking(move || streams.close()).await?;
    drop(stop_serving);
    serving.await??;
    closed?;
    println!("state=NOT_RUNNING");
    Ok(ExitCode::SUCCESS)
}

/// Starts the pipeline as soon as the schema registry and Kafka can be reached.
async fn start(
    following: Option<&Following>,
    servers: &str,
    broker: &Arc<dyn Broker>,
    config: &Config,
    part: &Part,
    streams_config: &StreamsConfig,
    stage: &Stage,
) -> anyhow::Result<Streams> {
    if let Some(following) = following {
        while let Some(why) = following.missing() {
            stage.waits(format!("accounts: {why}"));
            // They say themselves when they are there; that they are not may have another reason by now.
            let _ = tokio::time::timeout(AGAIN, following.loaded()).await;
        }
    }
    let topology = (part.topology)(registry::open(config, |why| stage.waits(why)).await?)?;
    let mut told = false;
    loop {
        let (broker, config) = (Arc::clone(broker), config.clone());
        let (topology, streams_config) = (topology.clone(), streams_config.clone());
        let started = tokio::task::spawn_blocking(move || {
            keep_to_cluster(&streams_config.state_dir, &*broker)?;
            make_topics(&*broker, &config)?;
            Streams::start(&topology, &streams_config, &broker)
        });
        match started.await? {
            Err(topology::StreamsError::Broker(BrokerError::Unavailable(why))) => {
                stage.waits(format!("Kafka: {why}"));
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!("Kafka at {servers} cannot be reached, trying again every second: {why}");
                }
                tokio::time::sleep(AGAIN).await;
            }
            other => return Ok(other?),
        }
    }
}

/// Prints one line whenever the state has changed, until the end.
fn announce(streams: &Streams, who: &str) {
    let mut state = streams.state();
    while matches!(state, State::Running | State::Rebalancing) {
        println!("state={state} {who}");
        let mut next = state;
        while next == state {
            next = streams.wait_while(state, Duration::from_secs(60));
        }
        state = next;
    }
}
