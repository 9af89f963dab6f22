//! Configuration: defaults, then a TOML file, then `SYNCROBOARD__SECTION__KEY`. An unknown key is an error.

mod api;
mod in_force;
mod postgres;
mod webhooks;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat};
use serde::{Deserialize, Serialize};

use self::api::Api;
pub(crate) use in_force::Source;
use postgres::Postgres;
pub(crate) use webhooks::Webhooks;

/// All that can be configured.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) data: Data,
    pub(crate) api: Api,
    pub(crate) embedded: Embedded,
    pub(crate) worker: Worker,
    pub(crate) kafka: Kafka,
    pub(crate) schema_registry: SchemaRegistry,
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
    pub(crate) sink: Sink,
    pub(crate) mail: Mail,
    pub(crate) webhooks: Webhooks,
    pub(crate) tracing: Tracing,
    pub(crate) log: Log,
}

/// Where `dev` keeps everything.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Data {
    pub(crate) dir: PathBuf,
}

/// The embedded broker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Embedded {
    /// What an acknowledged write survives: a power cut (`commit`) or the end of the process (`os`).
    pub(crate) sync: Sync,
    /// Partitions of each topic; fixed once the topics are made.
    pub(crate) partitions: u32,
}

/// When an acknowledged write is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sync {
    Commit,
    Os,
}

/// The stream threads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Worker {
    pub(crate) application_id: String,
    /// Names this process among the application's, and must stay the same when it restarts; empty: the host's name and
    /// the first number that no other process here has.
    pub(crate) instance_id: String,
    pub(crate) threads: usize,
    pub(crate) commit_interval_ms: i64,
    /// Where a worker answers `/healthz`, `/readyz` and `/metrics`; port 0 is a free one.
    pub(crate) listen: String,
    /// Where the stores are; `dev` keeps them in its data directory unless this is given.
    pub(crate) state_dir: Option<PathBuf>,
}

/// Apache Kafka; empty `bootstrap_servers` mean the embedded broker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kafka {
    pub(crate) bootstrap_servers: String,
    /// Replicas of topics that are made; -1 leaves it to the broker.
    pub(crate) replication_factor: i32,
    /// Partitions of topics that are made; those that are there keep theirs.
    pub(crate) partitions: u32,
    /// `classic` (range assignor) or `consumer` (KIP-848, the server's range assignor).
    pub(crate) group_protocol: GroupProtocol,
    /// Members keep their partitions while they restart (`group.instance.id`).
    pub(crate) static_membership: bool,
    /// A member that is not heard of for so long loses its partitions, in milliseconds; classic protocol only.
    pub(crate) session_timeout_ms: u64,
    /// A member that does not poll for so long loses its partitions, in milliseconds.
    pub(crate) max_poll_interval_ms: u64,
    /// A transaction that is open for so long is aborted by the broker, in milliseconds.
    pub(crate) transaction_timeout_ms: u64,
    /// Handed to librdkafka as they are: security.protocol, sasl.*, ssl.*, client.rack and the like.
    #[serde(deserialize_with = "dotted")]
    pub(crate) properties: BTreeMap<String, String>,
}

/// How members of a group agree on who reads what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroupProtocol {
    Classic,
    Consumer,
}

/// The schema registry of topics on Apache Kafka; without `url` the schemas and ids in the code are used.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SchemaRegistry {
    /// Where Confluent's REST API is; several addresses of the same registry with commas between.
    pub(crate) url: String,
    /// Basic authentication; empty: none.
    pub(crate) username: String,
    pub(crate) password: String,
    /// Whether schemas that are missing are registered and compatibility is set; else they are only checked.
    pub(crate) auto_register: bool,
}

/// Redis, of `sink` and `api`; without `url` there is none.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Redis {
    /// `redis://[user:password@]host[:port][/database]`.
    pub(crate) url: String,
    /// Put before every key and channel, for those who share a server.
    pub(crate) prefix: String,
    /// How long a read waits for one call, in milliseconds.
    pub(crate) call_limit_ms: u64,
}

/// The processes that fill the read model.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sink {
    /// Where a sink answers `/healthz`, `/readyz` and `/metrics`; port 0 is a free one.
    pub(crate) listen: String,
    /// Names this process among the sinks, and must stay the same when it restarts; empty: the host's name and the first
    /// number that no other sink here has.
    pub(crate) instance_id: String,
}

/// The mailer.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Mail {
    /// `smtp[s]://[user:password@]host[:port][/name to greet with][?tls=required|opportunistic|none]`; empty: `dev` writes mails to files.
    pub(crate) url: String,
    /// Whom mails are from.
    pub(crate) from: String,
    /// Where people find the pages: what links in mails begin with.
    pub(crate) base_url: String,
    /// A directory with texts in the place of those that are built in; empty: none.
    pub(crate) templates: PathBuf,
    /// What links to unsubscribe are signed with, in hexadecimal digits; mailers and API processes must have the same. Empty: what
    /// tokens are signed with.
    pub(crate) unsubscribe_key: String,
    /// Most mails a second, for each partition of `email.outbox`.
    pub(crate) per_second: u32,
    /// How long each answer of the mail server is waited for, in milliseconds.
    pub(crate) timeout_ms: u64,
    /// How long until a mail that could not be delivered is tried again, in milliseconds; then twice as long each time.
    pub(crate) retry_after_ms: u64,
    /// Where a mailer answers `/healthz`, `/readyz` and `/metrics`; port 0 is a free one.
    pub(crate) listen: String,
    /// Names this process among the mailers, and must stay the same when it restarts; empty: the host's name and the first
    /// number that no other mailer here has.
    pub(crate) instance_id: String,
}

/// Where spans go; without `otlp_endpoint` none are made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tracing {
    /// Where a collector takes OTLP by HTTP: `http://host:4318`.
    pub(crate) otlp_endpoint: String,
    /// Which share of the requests that come without a trace begins one, from 0 to 1.
    pub(crate) sample_ratio: f64,
}

/// What is written to standard error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Log {
    /// A filter as `RUST_LOG` has them.
    pub(crate) filter: String,
    /// One JSON object a line.
    pub(crate) json: bool,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: "data".into() }
    }
}

impl Default for Embedded {
    fn default() -> Self {
        Self { sync: Sync::Commit, partitions: 4 }
    }
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            application_id: "syncroboard".to_owned(),
            instance_id: String::new(),
            threads: 1,
            commit_interval_ms: 100,
            listen: "127.0.0.1:0".to_owned(),
            state_dir: None,
        }
    }
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            bootstrap_servers: String::new(),
            replication_factor: -1,
            partitions: 4,
            group_protocol: GroupProtocol::Classic,
            static_membership: true,
            session_timeout_ms: 10_000,
            max_poll_interval_ms: 300_000,
            transaction_timeout_ms: 10_000,
            properties: BTreeMap::new(),
        }
    }
}

impl Default for SchemaRegistry {
    fn default() -> Self {
        Self { url: String::new(), username: String::new(), password: String::new(), auto_register: true }
    }
}

impl Default for Redis {
    fn default() -> Self {
        Self { url: String::new(), prefix: String::new(), call_limit_ms: 50 }
    }
}

impl Default for Sink {
    fn default() -> Self {
        Self { listen: "127.0.0.1:0".to_owned(), instance_id: String::new() }
    }
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            url: String::new(),
            from: "SyncroBoard <no-reply@localhost.localdomain>".to_owned(),
            base_url: "http://127.0.0.1:8080".to_owned(),
            templates: PathBuf::new(),
            unsubscribe_key: String::new(),
            per_second: 20,
            timeout_ms: 10_000,
            retry_after_ms: 30_000,
            listen: "127.0.0.1:0".to_owned(),
            instance_id: String::new(),
        }
    }
}

impl Default for Tracing {
    fn default() -> Self {
        Self { otlp_endpoint: String::new(), sample_ratio: 0.1 }
    }
}

/// Without the address, in which there may be a password, and the key.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("from", &self.from).field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Without the address: there may be a password in it.
impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Without the password.
impl std::fmt::Debug for SchemaRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SchemaRegistry")
            .field("url", &self.url)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "warn,syncroboard=info".to_owned(), json: false }
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
#[error("configuration: {0}")]
pub(crate) struct ConfigError(String);

impl Config {
    /// Defaults, file, environment, in this order.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_over(file, Environment::default())
    }

    fn load_over(file: Option<&Path>, environment: Environment) -> Result<Self, ConfigError> {
        let loaded = layers(file, environment)?;
        let given: serde_json::Value = loaded.clone().try_deserialize().map_err(|e| ConfigError(e.to_string()))?;
        refuse_unknown(&given)?;
        let config: Self = loaded.try_deserialize().map_err(|e| ConfigError(e.to_string()))?;
        if config.embedded.partitions == 0 {
            return Err(ConfigError("embedded.partitions must be at least 1".to_owned()));
        }
        if config.kafka.partitions == 0 {
            return Err(ConfigError("kafka.partitions must be at least 1".to_owned()));
        }
        if config.postgres.connections == 0 {
            return Err(ConfigError("postgres.connections must be at least 1".to_owned()));
        }
        config.postgres.refuse_accounts_in_the_read_model()?;
        let Mail { per_second, timeout_ms, retry_after_ms, .. } = config.mail;
        for (key, value) in [
            ("mail.per_second", per_second.into()),
            ("mail.timeout_ms", timeout_ms),
            ("mail.retry_after_ms", retry_after_ms),
            ("webhooks.timeout_ms", config.webhooks.timeout_ms),
            ("webhooks.retry_after_ms", config.webhooks.retry_after_ms),
        ] {
            if value == 0 {
                return Err(ConfigError(format!("{key} must be at least 1")));
            }
        }
        config.api.origins()?;
        config.api.rate()?;
        let Tracing { otlp_endpoint, sample_ratio } = &config.tracing;
        if !otlp_endpoint.is_empty() && !otlp_endpoint.starts_with("http://") {
            return Err(ConfigError(format!(
                "tracing.otlp_endpoint must begin with http://, not be {otlp_endpoint:?}"
            )));
        }
        if !(0.0..=1.0).contains(sample_ratio) {
            return Err(ConfigError(format!("tracing.sample_ratio must be from 0 to 1, not {sample_ratio}")));
        }
        Ok(config)
    }
}

/// What is given, the environment over the file.
fn layers(file: Option<&Path>, environment: Environment) -> Result<::config::Config, ConfigError> {
    // As text: each key's type says what is read of it, and a password of digits is no number.
    let environment = environment.prefix("SYNCROBOARD").prefix_separator("__").separator("__");
    let mut sources = ::config::Config::builder();
    if let Some(file) = file {
        sources = sources.add_source(File::new(&file.to_string_lossy(), FileFormat::Toml));
    }
    sources.add_source(environment).build().map_err(|e| ConfigError(e.to_string()))
}

/// Every key there is; those that end in `.*` hold keys of the user's own.
const KNOWN: [&str; 60] = [
    "data.dir",
    "api.listen",
    "api.outcome_wait_ms",
    "api.cors_origins",
    "api.rate_burst",
    "api.rate_per_second",
    "api.secret",
    "embedded.sync",
    "embedded.partitions",
    "worker.application_id",
    "worker.instance_id",
    "worker.threads",
    "worker.commit_interval_ms",
    "worker.listen",
    "worker.state_dir",
    "kafka.bootstrap_servers",
    "kafka.replication_factor",
    "kafka.partitions",
    "kafka.group_protocol",
    "kafka.static_membership",
    "kafka.session_timeout_ms",
    "kafka.max_poll_interval_ms",
    "kafka.transaction_timeout_ms",
    "kafka.properties.*",
    "schema_registry.url",
    "schema_registry.username",
    "schema_registry.password",
    "schema_registry.auto_register",
    "postgres.url",
    "postgres.read_url",
    "postgres.migrate_url",
    "postgres.schema",
    "postgres.accounts_schema",
    "postgres.connections",
    "redis.url",
    "redis.prefix",
    "redis.call_limit_ms",
    "sink.listen",
    "sink.instance_id",
    "mail.url",
    "mail.from",
    "mail.base_url",
    "mail.templates",
    "mail.unsubscribe_key",
    "mail.per_second",
    "mail.timeout_ms",
    "mail.retry_after_ms",
    "mail.listen",
    "mail.instance_id",
    "webhooks.allowed_hosts",
    "webhooks.allow_private",
    "webhooks.allow_http",
    "webhooks.timeout_ms",
    "webhooks.retry_after_ms",
    "webhooks.listen",
    "webhooks.instance_id",
    "tracing.otlp_endpoint",
    "tracing.sample_ratio",
    "log.filter",
    "log.json",
];

fn refuse_unknown(given: &serde_json::Value) -> Result<(), ConfigError> {
    let mut keys = Vec::new();
    flatten("", given, &mut keys);
    let known = |key: &str| {
        KNOWN.iter().any(|k| *k == key || k.strip_suffix('*').is_some_and(|prefix| key.starts_with(prefix)))
    };
    let Some(unknown) = keys.iter().find(|k| !known(k)) else { return Ok(()) };
    let nearest = KNOWN.iter().min_by_key(|k| strsim::levenshtein(k, unknown)).copied().unwrap_or_default();
    Err(ConfigError(format!("there is no key `{unknown}`; the nearest one is `{nearest}`")))
}

/// A table whose keys have dots in them, which are taken for tables in tables.
fn dotted<'de, D: serde::Deserializer<'de>>(given: D) -> Result<BTreeMap<String, String>, D::Error> {
    fn walk(prefix: &str, value: serde_json::Value, found: &mut BTreeMap<String, String>) {
        let text = match value {
            serde_json::Value::Object(fields) => {
                // What stands in tables last: so the environment has it, and it wins.
                let (tables, texts): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(_, value)| value.is_object());
                for (name, value) in texts.into_iter().chain(tables) {
                    let path = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
                    walk(&path, value, found);
                }
                return;
            }
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        found.insert(prefix.to_owned(), text);
    }
    let mut found = BTreeMap::new();
    walk("", serde_json::Value::deserialize(given)?, &mut found);
    Ok(found)
}

fn flatten(prefix: &str, value: &serde_json::Value, keys: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&path, value, keys);
            }
        }
        _ => keys.push(prefix.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_know_every_key_that_it_has() {
        let all = serde_json::to_value(Config::default()).unwrap();
        let mut keys = Vec::new();
        flatten("", &all, &mut keys);
        assert!(refuse_unknown(&all).is_ok(), "{keys:?}");
        assert_eq!(keys.len() + 1, KNOWN.len(), "an empty kafka.properties shows no key");
    }

    #[test]
    fn should_name_the_nearest_key_for_an_unknown_one() {
        let given = serde_json::json!({"worker": {"treads": 2}});
        let error = refuse_unknown(&given).unwrap_err().to_string();
        assert_eq!(error, "configuration: there is no key `worker.treads`; the nearest one is `worker.threads`");
    }

    #[test]
    fn should_refuse_a_collector_that_cannot_be_spoken_to_and_a_share_that_is_none() {
        let refused = |text: &str| {
            let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
            std::fs::write(file.path(), text).unwrap();
            Config::load(Some(file.path())).unwrap_err().to_string()
        };
        let error = refused("[tracing]\notlp_endpoint = \"https://collector:4318\"");
        assert!(error.contains("tracing.otlp_endpoint must begin with http://"), "{error}");
        let error = refused("[tracing]\nsample_ratio = 1.5");
        assert!(error.contains("tracing.sample_ratio must be from 0 to 1"), "{error}");
    }

    #[test]
    fn should_leave_librdkafkas_own_properties_alone() {
        let given = serde_json::json!({"kafka": {"properties": {"linger.ms": "1"}}});
        assert!(refuse_unknown(&given).is_ok());
    }

    #[test]
    fn should_take_properties_with_dots_and_secrets_of_digits_from_the_environment_as_they_are() {
        let given = [
            ("SYNCROBOARD__KAFKA__PROPERTIES__SASL.PASSWORD", "0123"),
            ("SYNCROBOARD__KAFKA__PROPERTIES__SASL.USERNAME", "1e5"),
            ("SYNCROBOARD__SCHEMA_REGISTRY__PASSWORD", "007"),
            ("SYNCROBOARD__SCHEMA_REGISTRY__AUTO_REGISTER", "false"),
            ("SYNCROBOARD__WORKER__THREADS", "3"),
            ("SYNCROBOARD__TRACING__SAMPLE_RATIO", "0.5"),
        ];
        let given = given.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        let text = "[kafka.properties]\n\"sasl.password\" = \"of the file\"\n\"linger.ms\" = 5\n";
        std::fs::write(file.path(), text).unwrap();
        let environment = Environment::default().source(Some(given.into()));
        let config = Config::load_over(Some(file.path()), environment).unwrap();
        let expected = [("linger.ms", "5"), ("sasl.password", "0123"), ("sasl.username", "1e5")];
        assert_eq!(config.kafka.properties, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        assert_eq!((config.schema_registry.password.as_str(), config.schema_registry.auto_register), ("007", false));
        assert_eq!((config.worker.threads, config.tracing.sample_ratio.to_string().as_str()), (3, "0.5"));
    }
}
