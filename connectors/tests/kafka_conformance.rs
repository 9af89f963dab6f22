//! The conformance suite against a real Apache Kafka, with both group protocols.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail where it stands")]

#[path = "../../tests/support/services.rs"]
mod services;

use std::sync::Arc;
use std::time::Duration;

use connectors::conformance::Harness;
use connectors::kafka::{GroupProtocol, KafkaBroker, KafkaConfig};
use topology::broker::Broker;

struct Kafka {
    config: KafkaConfig,
    run: String,
}

impl Kafka {
    fn new(protocol: GroupProtocol) -> Self {
        let mut config = KafkaConfig::new(services::services().kafka.clone());
        config.group_protocol = protocol;
        // A case that has a member leave wants the others to take over at once.
        config.static_membership = false;
        config.session_timeout = Duration::from_secs(3);
        config.max_poll_interval = Duration::from_secs(4);
        config.max_record_bytes = 10_000;
        Self { config, run: services::unique("run") }
    }
}

impl Harness for Kafka {
    fn broker(&self) -> Arc<dyn Broker> {
        KafkaBroker::open(self.config.clone()).unwrap()
    }

    fn reopen(&self) -> Arc<dyn Broker> {
        self.broker()
    }

    fn name(&self, what: &str) -> String {
        format!("{what}-{}", self.run)
    }

    fn age(&self, _by: Duration) -> bool {
        false
    }

    fn max_poll_interval(&self) -> Duration {
        self.config.max_poll_interval
    }

    fn max_record_bytes(&self) -> usize {
        self.config.max_record_bytes
    }
}

mod classic {
    fn harness() -> super::Kafka {
        super::Kafka::new(connectors::kafka::GroupProtocol::Classic)
    }

    connectors::conformance_tests!(harness);
}

mod consumer {
    fn harness() -> super::Kafka {
        super::Kafka::new(connectors::kafka::GroupProtocol::Consumer)
    }

    connectors::conformance_tests!(harness);
}
