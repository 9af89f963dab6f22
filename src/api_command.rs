//! `syncroboard api`: REST and pages, and nothing else; any number of processes, none of which keeps anything.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use api::{AppState, Limits, Parts, Readiness, Verification};
use clap::Args;
use connectors::gateway::{CommandGateway, GatewayError};
use connectors::live::Live;
use schemas::topics::COMMAND_OUTCOMES;
use tokio::net::TcpListener;
use tokio::sync::watch;
use topology::broker::{Broker, TopicPartition};
use topology::trace::Tracing;

use crate::broker::{self, BrokerArgs};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::exit::Failed;
use crate::late_gateway::LateGateway;
use crate::metrics::BrokerCollector;
use crate::probe::Probe;
use crate::signals::{STOP, Signals};
use crate::trace::{Traces, traced};
use crate::{postgres, redis, registry, unsubscribe_key, webhooks};

/// Requests under way when the server is told to stop get so long to end.
const DRAIN: Duration = Duration::from_secs(20);

/// How long to wait before what is missing at the start is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// What `syncroboard api` takes.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    #[command(flatten)]
    broker: BrokerArgs,

    /// Address to listen on [default: api.listen of the configuration, 127.0.0.1:8080].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

pub(crate) fn run(args: &ApiArgs, config: &Config) -> Result<ExitCode, Failed> {
    let Some(servers) = args.broker.kafka(config).map(str::to_owned) else {
        return Err(Failed::usage(
            "the API sends commands to Apache Kafka: give --kafka HOST:PORT or kafka.bootstrap_servers (`dev` needs none)",
        ));
    };
    let listen = args.listen.as_ref().unwrap_or(&config.api.listen);
    traced(config, "api", "kafka", |traces| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(serve(&servers, listen, config, traces))
    })
}

async fn serve(servers: &str, listen: &str, config: &Config, traces: &Traces) -> Result<ExitCode, Failed> {
    let live = Arc::new(Live::default());
    let read_model = postgres::reader(config, live.clone())?;
    let accounts = postgres::accounts(config)?;
    let mut signals = Signals::new()?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let secret = DataDir::new(&config.data.dir).secret_of(config)?;
    let unsubscribe_key = unsubscribe_key::of(config, &secret)?;
    let broker = broker::kafka(servers, config)?;
    // Held until the end: it listens for as long as it lives.
    let _subscriber = redis::subscriber(config, live)?;
    let gateway = Arc::new(LateGateway::new());
    let opening = tokio::spawn(open_gateway(gateway.clone(), broker.clone(), config.clone(), traces.tracing()));
    let kafka = Probe::start("Kafka", {
        let broker = broker.clone();
        move || ask_kafka(broker.clone())
    });
    let database = Probe::start("Postgres", {
        let (read_model, accounts) = (read_model.clone(), accounts.clone());
        move || {
            let (read_model, accounts) = (read_model.clone(), accounts.clone());
            async move {
                read_model.ready().await.map_err(|error| error.to_string())?;
                accounts.ready().await.map_err(|error| error.to_string())
            }
        }
    });
    let readiness = {
        let gateway = gateway.clone();
        move || {
            let missing: Vec<String> =
                [gateway.missing(), kafka.missing(), database.missing()].into_iter().flatten().collect();
            if missing.is_empty() { Readiness::Ready } else { Readiness::NotReady(missing.join("; ")) }
        }
    };
    let mut limits = Limits::default();
    limits.outcome_wait = Duration::from_millis(config.api.outcome_wait_ms);
    limits.command_wait = Duration::from_secs(1);
    let metrics = prometheus::Registry::new();
    traces.register(&metrics)?;
    metrics.register(Box::new(BrokerCollector::start(&broker)?))?;
    let app = AppState::new(Parts {
        gateway: gateway.clone(),
        read_model: read_model.clone(),
        accounts: accounts.clone(),
        webhook_targets: webhooks::policy(config),
        boards: redis::boards(config)?,
        secret,
        metrics,
        readiness: Arc::new(readiness),
        verify: Arc::new(not_here),
        tracing: traces.tracing(),
        limits,
        rate_limiter: redis::rate_limiter(config)?,
        origins: config.api.origins()?,
        unsubscribe_key,
        mails: None,
    })?;

    let (stop, mut stopped) = watch::channel(false);
    let server = tokio::spawn(api::serve(listener, app, async move {
        // An error means that the sender is gone, and so is the server's reason to be.
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    println!("state=RUNNING listen=http://{address}/");
    signals.next().await;
    signals.end_within(DRAIN + STOP);
    tracing::info!("stopping: no more requests");
    opening.abort();
    stop.send_replace(true);
    if tokio::time::timeout(DRAIN, server).await.is_err() {
        tracing::warn!("some requests did not end within {DRAIN:?} and are cut off");
    }
    gateway.close();
    read_model.close().await;
    accounts.close().await;
    println!("state=NOT_RUNNING");
    Ok(ExitCode::SUCCESS)
}

/// An API process has no stores to verify.
fn not_here() -> Verification {
    Box::pin(async { Err("an API process keeps nothing: run `syncroboard verify --kafka HOST:PORT`".to_owned()) })
}

/// Opens the gateway as soon as the schema registry and Kafka can be reached and the topics are there, which workers make.
async fn open_gateway(gateway: Arc<LateGateway>, broker: Arc<dyn Broker>, config: Config, tracing: Tracing) {
    let mut told = None;
    loop {
        let why = match registry::open(&config, |why| gateway.waits(why)).await {
            Err(error) => format!("schema registry: {error:#}"),
            Ok(schemas) => {
                let (broker, tracing) = (broker.clone(), tracing.clone());
                let open = move || CommandGateway::open_traced(&broker, schemas, tracing);
                let opened = tokio::task::spawn_blocking(open).await;
                match opened {
                    Ok(Ok(opened)) => return gateway.open(opened),
                    Ok(Err(error @ GatewayError::MissingTopic(_))) => format!("Kafka: {error}: no worker has run yet"),
                    Ok(Err(error)) => format!("Kafka: {error}"),
                    Err(error) => error.to_string(),
                }
            }
        };
        if told.as_ref() != Some(&why) {
            tracing::warn!("no commands are taken yet, trying again every second: {why}");
            told = Some(why.clone());
        }
        gateway.waits(why);
        tokio::time::sleep(AGAIN).await;
    }
}

async fn ask_kafka(broker: Arc<dyn Broker>) -> Result<(), String> {
    let asked = tokio::task::spawn_blocking(move || broker.watermarks(&TopicPartition::new(COMMAND_OUTCOMES, 0)));
    match asked.await {
        Ok(answer) => answer.map(drop).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
