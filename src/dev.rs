//! `syncroboard dev`: everything in one process. The order of start is the order of need; the
//! order of stop its reverse, but for the mailer and the webhooks, which still read what the pipeline writes at its end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use api::{AppState, Limits, Parts, Readiness, Verification};
use clap::Args;
use connectors::accounts::{self, SqliteAccounts};
use connectors::board_cache::LocalBoardCache;
use connectors::gateway::CommandGateway;
use connectors::rate_limit::{LocalLimiter, RateLimiter};
use connectors::sink::{Announce, SinkError, SinkHandle, SinkOptions, SinkStatus};
use connectors::sqlite::{SqliteReadModel, set_aside};
use connectors::webhook::HookBook;
use processors::{PipelineConfig, pipeline};
use schemas::SchemaRegistry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use topology::broker::Broker;
use topology::trace::Tracing;
use topology::{State, Streams, StreamsConfig, StreamsView};

use crate::broker;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::exit::Failed;
use crate::instance::{Instance, keep_to_cluster};
use crate::mailer::{self, Post};
use crate::metrics::{self, BrokerCollector, EngineCollector};
use crate::signals::{STOP, Signals};
use crate::trace::{Traces, traced};
use crate::webhooks::{self, Deliverer};
use crate::{registry, sink, unsubscribe_key, verify, worker};

/// Requests under way when the server is told to stop get so long to end.
const DRAIN: Duration = Duration::from_secs(20);

/// What `syncroboard dev` takes.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Where everything is kept [default: data.dir of the configuration, ./data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Address to listen on [default: api.listen of the configuration, 127.0.0.1:8080].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,

    /// Apache Kafka in the place of the embedded broker [default: the embedded one, whatever the configuration says].
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
}

pub(crate) fn run(args: &DevArgs, config: &Config) -> Result<ExitCode, Failed> {
    let broker = if args.kafka.is_some() { "kafka" } else { "syncroboard" };
    traced(config, "dev", broker, |traces| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(runtime.block_on(serve(args, config, traces))?)
    })
}

/// How the pipeline runs on a data directory.
pub(crate) fn streams_config(data: &DataDir, config: &Config) -> StreamsConfig {
    let state_dir = config.worker.state_dir.clone().unwrap_or_else(|| data.state());
    let instance_id = if config.worker.instance_id.is_empty() { "0" } else { &config.worker.instance_id };
    worker::streams_config(config, instance_id, state_dir)
}

async fn serve(args: &DevArgs, config: &Config, traces: &Traces) -> anyhow::Result<ExitCode> {
    let listen = args.listen.as_ref().unwrap_or(&config.api.listen);
    let mut signals = Signals::new()?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let data = DataDir::new(args.data_dir.as_ref().unwrap_or(&config.data.dir));
    let secret = data.secret_of(config)?;
    let mails = data.mails();
    let unsubscribe_key = unsubscribe_key::of(config, &secret)?;
    let post = Post::open(config, Some(&mails), Some(unsubscribe_key.clone()))?;
    let book = Arc::new(HookBook::default());
    let deliverer = Deliverer::open(config, book.clone())?;
    let ground = Ground::open(args, &data, config)?;
    let (broker, mut streams_config) = (ground.broker.clone(), ground.streams.clone());
    streams_config.tracing = traces.tracing();
    let read_model = SqliteReadModel::open_or_renew(data.read_model()).await?;
    let accounts = SqliteAccounts::open(data.accounts()).await?;
    // A deliverer that knows no webhooks passes over what they should be told of, so it waits for them.
    let following = accounts::follow(accounts.clone(), move |hooks| book.replace(hooks));
    following.loaded().await;
    let schemas = match &args.kafka {
        None => registry::embedded(),
        Some(_) => tokio::select! {
            () = signals.next() => return Ok(ExitCode::SUCCESS),
            opened = registry::open(config, |_| {}) => opened?,
        },
    };
    let boards = Arc::new(LocalBoardCache::default());
    let told: Vec<Arc<dyn Announce>> = vec![boards.clone()];
    let sink_options = SinkOptions {
        registry: schemas.clone(),
        announce: told,
        group: ground.own(sink::sink_group(config)),
        tracing: traces.tracing(),
        ..SinkOptions::default()
    };
    let sink = read_model.start_sink(broker.clone(), sink_options)?;
    let gateway = CommandGateway::open_traced(&broker, schemas.clone(), traces.tracing())?;
    let topology = pipeline(&PipelineConfig { registry: schemas.clone(), ..PipelineConfig::default() })?;
    let streams = Streams::start(&topology, &streams_config, &broker)?;
    let beside = |of| beside(config, &streams_config, of);
    let mailer = Streams::start(&post.topology(schemas.clone())?, &beside(mailer::streams_config), &broker)?;
    let mut webhooks_config = beside(webhooks::streams_config);
    webhooks_config.application_id = ground.own(webhooks_config.application_id);
    // Most of what it reads concerns no webhook: its spans would stand in every trace and say nothing.
    webhooks_config.tracing = Tracing::off();
    let webhooks = Streams::start(&deliverer.topology(schemas.clone())?, &webhooks_config, &broker)?;

    let registry = prometheus::Registry::new();
    traces.register(&registry)?;
    let view = streams.view();
    let streams = Arc::new(Mutex::new(Some(streams)));
    registry.register(Box::new(BrokerCollector::start(&broker)?))?;
    // Of the pipeline alone: the threads and tasks of the others would have the same names.
    let collector = EngineCollector::new(view.clone(), broker.clone(), &streams_config)?;
    registry.register(Box::new(collector))?;
    let sink_status = sink.status();
    let others = [("the mailer", mailer.view()), ("the webhooks", webhooks.view())];
    let readiness = readiness(view, others.clone(), sink_status.clone());
    let mut limits = Limits::default();
    limits.outcome_wait = Duration::from_millis(config.api.outcome_wait_ms);
    let app = AppState::new(Parts {
        gateway: gateway.clone(),
        read_model: read_model.clone(),
        accounts: accounts.clone(),
        webhook_targets: webhooks::policy(config),
        boards,
        secret,
        metrics: registry,
        readiness,
        verify: verification(
            streams.clone(),
            broker.clone(),
            &config.worker.application_id,
            schemas,
            read_model.clone(),
        ),
        tracing: traces.tracing(),
        limits,
        rate_limiter: config.api.rate()?.map(|rate| LocalLimiter::new(rate) as Arc<dyn RateLimiter>),
        origins: config.api.origins()?,
        unsubscribe_key,
        mails: config.mail.url.is_empty().then_some(mails),
    })?;

    let announced = tokio::task::spawn_blocking({
        let streams = streams.clone();
        move || announce(&streams, address)
    });
    let (stop, stopped) = watch::channel(false);
    let mut stop_serving = stopped.clone();
    let server = tokio::spawn(api::serve(listener, app, async move {
        // An error means that the sender is gone, and so is the server's reason to be.
        let _ = stop_serving.wait_for(|stop| *stop).await;
    }));

    let failure = tokio::select! {
        () = signals.next() => None,
        why = part_failed(streams.clone(), others.map(|(_, view)| view), sink_status) => Some(why),
    };
    signals.end_within(DRAIN + STOP);
    tracing::info!("stopping: no more requests, committing what is in flight");
    stop.send_replace(true);
    if tokio::time::timeout(DRAIN, server).await.is_err() {
        tracing::warn!("some requests did not end within {DRAIN:?} and are cut off");
    }
    gateway.close();
    let sunk = Running { streams, mailer, webhooks, sink, read_model, accounts }.close(announced).await?;
    drop(following);
    let sink_error = sunk.as_ref().err().and_then(|error| error.downcast_ref::<Arc<SinkError>>());
    if sink_error.is_some_and(|error| error.is_damage()) {
        let aside = set_aside(&data.read_model()).context("the read model is damaged, and cannot be set aside")?;
        let aside = aside.display();
        anyhow::bail!(
            "the read model is damaged, and was set aside as {aside}: start again, and it is filled anew from the log"
        );
    }
    if let Some(why) = failure {
        anyhow::bail!(why);
    }
    sunk?;
    println!("state=NOT_RUNNING");
    Ok(ExitCode::SUCCESS)
}

/// Where it all stands.
struct Ground {
    broker: Arc<dyn Broker>,
    streams: StreamsConfig,
    /// On Kafka. Held until the end: it keeps another process out of the same stores.
    instance: Option<Instance>,
}

impl Ground {
    fn open(args: &DevArgs, data: &DataDir, config: &Config) -> anyhow::Result<Self> {
        let Some(servers) = &args.kafka else {
            let streams = streams_config(data, config);
            return Ok(Self { broker: broker::embedded(data, config)?, streams, instance: None });
        };
        let broker = broker::kafka(servers, config)?;
        let claimed = Instance::claim(&data.workers(), &config.worker.instance_id)?;
        keep_to_cluster(claimed.dir(), &*broker)?;
        worker::make_topics(&*broker, config)?;
        let streams = worker::streams_config(config, claimed.id(), claimed.dir().to_owned());
        Ok(Self { broker, streams, instance: Some(claimed) })
    }

    /// The name of a group that belongs to this process: with its read model and its webhooks it reads everything, and shares with no
    /// one.
    fn own(&self, group: String) -> String {
        match &self.instance {
            None => group,
            Some(instance) => format!("{group}-{}", instance.id()),
        }
    }
}

/// What has been started, and ends when it is told to.
struct Running {
    streams: Shared,
    mailer: Streams,
    webhooks: Streams,
    sink: SinkHandle,
    read_model: Arc<SqliteReadModel>,
    accounts: Arc<SqliteAccounts>,
}

impl Running {
    /// Commits what is in flight and ends; what went wrong in between, the sink's trouble last.
    async fn close(self, announced: JoinHandle<()>) -> anyhow::Result<anyhow::Result<()>> {
        let Self { streams, mailer, webhooks, sink, read_model, accounts } = self;
        let closing = take(&streams);
        let closed = tokio::task::spawn_blocking(move || closing.map_or(Ok(()), Streams::close)).await?;
        announced.await?;
        let mailed = tokio::task::spawn_blocking(move || mailer.close()).await?;
        let delivered = tokio::task::spawn_blocking(move || webhooks.close()).await?;
        let sunk = tokio::task::spawn_blocking(move || sink.stop()).await?;
        read_model.close().await;
        accounts.close().await;
        closed?;
        mailed?;
        delivered?;
        Ok(sunk.map_err(Into::into))
    }
}

/// Of an application beside the pipeline: the stores of each have a directory of their own there.
fn beside(config: &Config, pipeline: &StreamsConfig, of: fn(&Config, &str, PathBuf) -> StreamsConfig) -> StreamsConfig {
    // Processes of its own, such as a `mailer`, number their instances by themselves.
    let instance_id = format!("dev-{}", pipeline.instance_id);
    let mut streams = of(config, &instance_id, pipeline.state_dir.clone());
    streams.memory = pipeline.memory.clone();
    streams.tracing = pipeline.tracing.clone();
    streams
}

fn verification(
    streams: Shared,
    broker: Arc<dyn Broker>,
    application: &str,
    schemas: Arc<dyn SchemaRegistry>,
    read_model: Arc<SqliteReadModel>,
) -> Arc<dyn Fn() -> Verification + Send + std::marker::Sync> {
    let application: Arc<str> = application.into();
    Arc::new(move || {
        let (streams, broker, read_model) = (streams.clone(), broker.clone(), read_model.clone());
        let (application, schemas) = (application.clone(), schemas.clone());
        let runtime = tokio::runtime::Handle::current();
        let work = tokio::task::spawn_blocking(move || {
            let hold = |streams: &Streams| streams.hold().map(|held| (held, streams.tasks()));
            let held = streams.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(hold);
            let (held, tasks) = held.context("the pipeline does not run")?;
            anyhow::ensure!(
                held.tasks() == tasks,
                "only {} of {tasks} tasks are here and have their state: stop the other workers, or wait",
                held.tasks()
            );
            verify::live(&broker, &application, schemas, held, &read_model, &runtime)
        });
        Box::pin(async move { work.await.map_err(anyhow::Error::from).flatten().map_err(|error| format!("{error:#}")) })
    })
}

type Shared = Arc<Mutex<Option<Streams>>>;

fn take(streams: &Shared) -> Option<Streams> {
    streams.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn state(streams: &Shared) -> State {
    streams.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(State::NotRunning, Streams::state)
}

/// Prints one line when every task has its state.
fn announce(streams: &Shared, address: SocketAddr) {
    let wait = || {
        let held = streams.lock().unwrap_or_else(PoisonError::into_inner);
        // One answer: asked a second time the state might be another one already.
        held.as_ref().map(|streams| streams.wait_while(State::Rebalancing, Duration::from_millis(20)))
    };
    loop {
        match wait() {
            Some(State::Running) => return println!("state=RUNNING listen=http://{address}/"),
            Some(State::Rebalancing) => {}
            _ => return,
        }
    }
}

fn readiness(
    pipeline: StreamsView,
    others: [(&'static str, StreamsView); 2],
    sink: watch::Receiver<SinkStatus>,
) -> Arc<dyn Fn() -> Readiness + Send + std::marker::Sync> {
    Arc::new(move || match (metrics::readiness(&pipeline), &*sink.borrow()) {
        (Readiness::Ready, SinkStatus::Running) => {
            match others.iter().find(|(_, view)| view.state() != State::Running) {
                None => Readiness::Ready,
                Some((which, view)) => Readiness::NotReady(format!("{which}: {}", view.state())),
            }
        }
        (Readiness::Ready, sink) => Readiness::NotReady(format!("the read model's sink: {sink:?}")),
        (not_ready, _) => not_ready,
    })
}

/// Ends when the pipeline, the mailer, the deliverer of webhooks or the sink has ended by itself, with the reason.
async fn part_failed(streams: Shared, others: [StreamsView; 2], mut sink: watch::Receiver<SinkStatus>) -> String {
    let mut look = tokio::time::interval(Duration::from_millis(250));
    loop {
        tokio::select! {
            changed = sink.changed() => {
                if changed.is_err() {
                    return "the read model's sink ended".to_owned();
                }
            }
            _ = look.tick() => {}
        }
        if let SinkStatus::Failed(error) = &*sink.borrow() {
            return format!("the read model's sink gave up: {error}");
        }
        if state(&streams) == State::Error || others.iter().any(|view| view.state() == State::Error) {
            return "a stream thread gave up; see the log above".to_owned();
        }
    }
}
