//! `syncroboard mailer`: sends what is asked for on `email.outbox`, in as many processes as one likes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use connectors::mail::{
    Composer, ComposerConfig, Deliver, Files, MailerConfig, MakeDeliver, Smtp, SmtpConfig, Templates, mailer,
};
use schemas::SchemaRegistry;
use topology::{StreamsConfig, Topology};

use crate::broker::BrokerArgs;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::exit::Failed;
use crate::unsubscribe_key;
use crate::worker::{self, Part};

/// What `syncroboard mailer` takes.
#[derive(Debug, Args)]
pub(crate) struct MailerArgs {
    #[command(flatten)]
    broker: BrokerArgs,

    /// Names this process among the mailers, also after a restart [default: mail.instance_id of the configuration, or the
    /// host's name and the first number that is free].
    #[arg(long, value_name = "ID")]
    instance: Option<String>,

    /// Where `/healthz`, `/readyz` and `/metrics` are [default: mail.listen of the configuration, 127.0.0.1 and a free port].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

pub(crate) fn run(args: &MailerArgs, config: &Config) -> Result<ExitCode, Failed> {
    let mut config = config.clone();
    if let Some(instance) = &args.instance {
        config.mail.instance_id.clone_from(instance);
    }
    if let Some(listen) = &args.listen {
        config.mail.listen.clone_from(listen);
    }
    let Some(servers) = args.broker.kafka(&config).map(str::to_owned) else {
        return Err(Failed::usage(
            "a mailer reads Apache Kafka: give --kafka HOST:PORT or kafka.bootstrap_servers (`dev` has its own)",
        ));
    };
    if config.mail.url.is_empty() {
        return Err(Failed::usage("a mailer needs a mail server: give mail.url, smtp://HOST:PORT"));
    }
    // What is wrong with keys, texts and addresses is said before anything starts.
    let wrong = |error| Failed::usage(format!("{error:#}"));
    let key = unsubscribe_key::configured(&config).map_err(wrong)?;
    if key.is_none() {
        tracing::warn!(
            "mails have no links to unsubscribe: give mail.unsubscribe_key, the same as to the API (or its api.secret)"
        );
    }
    let post = Post::open(&config, None, key).map_err(wrong)?;
    let part = Part {
        service: "mailer",
        listen: config.mail.listen.clone(),
        root: DataDir::new(&config.data.dir).mailers(),
        instance_id: config.mail.instance_id.clone(),
        streams: streams_config,
        topology: Box::new(move |registry| post.topology(registry)),
        follow: None,
    };
    worker::run_part(&servers, &config, &part)
}

/// How the mailer runs as one instance.
pub(crate) fn streams_config(config: &Config, instance_id: &str, state_dir: PathBuf) -> StreamsConfig {
    let mut streams = worker::streams_config(config, instance_id, state_dir);
    streams.application_id.push_str("-mailer");
    streams.threads = 1;
    streams
}

/// What mails are made and delivered with.
#[derive(Clone)]
pub(crate) struct Post {
    composer: Arc<Composer>,
    deliver: MakeDeliver,
    per_second: u32,
    retry_after: Duration,
}

impl Post {
    /// By way of the mail server that is configured, or into a directory; links to unsubscribe are signed with the key.
    pub(crate) fn open(config: &Config, files: Option<&Path>, key: Option<Vec<u8>>) -> anyhow::Result<Self> {
        let mail = &config.mail;
        let overridden = Some(mail.templates.as_path()).filter(|dir| !dir.as_os_str().is_empty());
        let templates = Templates::load(overridden).context("mail.templates")?;
        let mut composer = ComposerConfig::new(mail.from.clone(), mail.base_url.clone(), templates);
        composer.unsubscribe_key = key;
        let composer = Composer::new(composer)?;
        let deliver: MakeDeliver = match files.filter(|_| mail.url.is_empty()) {
            Some(dir) => {
                let files = Files::new(dir).with_context(|| format!("cannot make {}", dir.display()))?;
                Arc::new(move || Box::new(files.clone()) as Box<dyn Deliver>)
            }
            None => {
                let mut config = SmtpConfig::new(mail.url.clone());
                config.timeout = Duration::from_millis(mail.timeout_ms);
                let smtp = Smtp::new(&config).context("mail.url")?;
                Arc::new(move || Box::new(smtp.another()) as Box<dyn Deliver>)
            }
        };
        let retry_after = Duration::from_millis(mail.retry_after_ms);
        Ok(Self { composer: Arc::new(composer), deliver, per_second: mail.per_second, retry_after })
    }

    pub(crate) fn topology(&self, registry: Arc<dyn SchemaRegistry>) -> anyhow::Result<Topology> {
        let mut config = MailerConfig::new(self.composer.clone(), self.deliver.clone(), registry);
        config.per_second = self.per_second;
        config.first_pause = self.retry_after;
        Ok(mailer(&config)?)
    }
}
