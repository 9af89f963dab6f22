//! Which broker a command speaks to: Apache Kafka where it is configured, the embedded one of a data directory otherwise.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use connectors::kafka::{self, KafkaBroker, KafkaConfig};
use processors::topic_specs;
use topology::broker::Broker;

use crate::config::{Config, GroupProtocol, Sync};
use crate::data_dir::DataDir;
use crate::topics;

/// Where a command finds the broker.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BrokerArgs {
    /// Apache Kafka [default: kafka.bootstrap_servers of the configuration; if that is empty, the data directory's broker].
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) kafka: Option<String>,
}

impl BrokerArgs {
    /// Kafka's address, if Kafka it is.
    pub(crate) fn kafka<'a>(&'a self, config: &'a Config) -> Option<&'a str> {
        let servers = self.kafka.as_deref().unwrap_or(&config.kafka.bootstrap_servers);
        (!servers.is_empty()).then_some(servers)
    }

    /// Opens Kafka, or else the broker of the configured data directory, which no server may be using then.
    pub(crate) fn open(&self, config: &Config) -> anyhow::Result<Arc<dyn Broker>> {
        match self.kafka(config) {
            Some(servers) => kafka(servers, config),
            None => embedded(&existing(config)?, config),
        }
    }

    /// As [`Self::open`], but makes no topics in a data directory either.
    pub(crate) fn open_as_it_is(&self, config: &Config) -> anyhow::Result<Arc<dyn Broker>> {
        match self.kafka(config) {
            Some(servers) => kafka(servers, config),
            None => embedded_as_it_is(&existing(config)?, config),
        }
    }
}

/// The configured data directory, if there is a log in it.
fn existing(config: &Config) -> anyhow::Result<DataDir> {
    let data = DataDir::new(&config.data.dir);
    anyhow::ensure!(data.log().exists(), "there is no log in {}", data.log().display());
    Ok(data)
}

/// Opens the broker of a data directory and makes its topics, and has all of them be as this version wants them: nobody
/// else looks after them.
pub(crate) fn embedded(data: &DataDir, config: &Config) -> anyhow::Result<Arc<dyn Broker>> {
    let broker = embedded_as_it_is(data, config)?;
    broker.create_topics(&topic_specs(config.embedded.partitions))?;
    topics::settle(&*broker, config)?;
    Ok(broker)
}

fn embedded_as_it_is(data: &DataDir, config: &Config) -> anyhow::Result<Arc<dyn Broker>> {
    let mut embedded = EmbeddedConfig::new(data.log());
    embedded.sync = match config.embedded.sync {
        Sync::Commit => SyncMode::Commit,
        Sync::Os => SyncMode::Os,
    };
    Ok(EmbeddedBroker::open(embedded)?)
}

/// Connects to Apache Kafka; makes no topics.
pub(crate) fn kafka(servers: &str, config: &Config) -> anyhow::Result<Arc<dyn Broker>> {
    let given = &config.kafka;
    let mut kafka = KafkaConfig::new(servers);
    kafka.replication_factor = given.replication_factor;
    kafka.group_protocol = match given.group_protocol {
        GroupProtocol::Classic => kafka::GroupProtocol::Classic,
        GroupProtocol::Consumer => kafka::GroupProtocol::Consumer,
    };
    kafka.static_membership = given.static_membership;
    kafka.session_timeout = Duration::from_millis(given.session_timeout_ms);
    kafka.max_poll_interval = Duration::from_millis(given.max_poll_interval_ms);
    kafka.transaction_timeout = Duration::from_millis(given.transaction_timeout_ms);
    kafka.properties = given.properties.clone();
    KafkaBroker::open(kafka).with_context(|| format!("Kafka at {servers}"))
}
