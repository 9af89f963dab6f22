//! `syncroboard webhooks`: tells receivers of webhooks what happens, in as many processes as one likes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use connectors::accounts::{self, PostgresAccounts};
use connectors::webhook::{Client, ClientConfig, HookBook, Policy, WebhooksConfig, webhooks};
use schemas::SchemaRegistry;
use topology::{StreamsConfig, Topology};

use crate::broker::BrokerArgs;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::exit::Failed;
use crate::postgres;
use crate::worker::{self, Part};

/// What `syncroboard webhooks` takes.
#[derive(Debug, Args)]
pub(crate) struct WebhooksArgs {
    #[command(flatten)]
    broker: BrokerArgs,

    /// Names this process among those that deliver, also after a restart [default: webhooks.instance_id of the configuration,
    /// or the host's name and the first number that is free].
    #[arg(long, value_name = "ID")]
    instance: Option<String>,

    /// Where `/healthz`, `/readyz` and `/metrics` are [default: webhooks.listen of the configuration, 127.0.0.1 and a free
    /// port].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

pub(crate) fn run(args: &WebhooksArgs, config: &Config) -> Result<ExitCode, Failed> {
    let mut config = config.clone();
    if let Some(instance) = &args.instance {
        config.webhooks.instance_id.clone_from(instance);
    }
    if let Some(listen) = &args.listen {
        config.webhooks.listen.clone_from(listen);
    }
    let Some(servers) = args.broker.kafka(&config).map(str::to_owned) else {
        return Err(Failed::usage(
            "a deliverer of webhooks reads Apache Kafka: give --kafka HOST:PORT or kafka.bootstrap_servers (`dev` has its own)",
        ));
    };
    let book = Arc::new(HookBook::default());
    let deliverer = Deliverer::open(&config, book.clone()).map_err(|error| Failed::usage(format!("{error:#}")))?;
    let settings = postgres::accounts_settings(&config)?;
    let part = Part {
        service: "webhooks",
        listen: config.webhooks.listen.clone(),
        root: DataDir::new(&config.data.dir).webhooks(),
        instance_id: config.webhooks.instance_id.clone(),
        streams: streams_config,
        topology: Box::new(move |registry| deliverer.topology(registry)),
        // A deliverer that knows no webhooks passes over what they should be told of, so it starts when they are known.
        follow: Some(Box::new(move || {
            let book = book.clone();
            Ok(accounts::follow(PostgresAccounts::open(settings.clone())?, move |hooks| book.replace(hooks)))
        })),
    };
    worker::run_part(&servers, &config, &part)
}

/// How the deliverer runs as one instance.
pub(crate) fn streams_config(config: &Config, instance_id: &str, state_dir: PathBuf) -> StreamsConfig {
    let mut streams = worker::streams_config(config, instance_id, state_dir);
    streams.application_id.push_str("-webhooks");
    streams.threads = 1;
    streams
}

/// Which addresses webhooks may have.
pub(crate) fn policy(config: &Config) -> Policy {
    let webhooks = &config.webhooks;
    let hosts = webhooks.allowed_hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
    Policy {
        allowed_hosts: hosts.map(str::to_owned).collect(),
        allow_private: webhooks.allow_private,
        allow_http: webhooks.allow_http,
    }
}

/// What deliveries are made with.
#[derive(Clone)]
pub(crate) struct Deliverer {
    book: Arc<HookBook>,
    client: Arc<Client>,
    retry_after: Duration,
}

impl Deliverer {
    /// To the webhooks in the book, which somebody else keeps.
    pub(crate) fn open(config: &Config, book: Arc<HookBook>) -> anyhow::Result<Self> {
        let mut client = ClientConfig::new(policy(config));
        client.timeout = Duration::from_millis(config.webhooks.timeout_ms);
        let client = Client::new(&client).context("webhooks")?;
        let retry_after = Duration::from_millis(config.webhooks.retry_after_ms);
        Ok(Self { book, client: Arc::new(client), retry_after })
    }

    pub(crate) fn topology(&self, registry: Arc<dyn SchemaRegistry>) -> anyhow::Result<Topology> {
        let mut config = WebhooksConfig::new(self.book.clone(), self.client.clone(), registry);
        config.first_pause = self.retry_after;
        Ok(webhooks(&config)?)
    }
}
