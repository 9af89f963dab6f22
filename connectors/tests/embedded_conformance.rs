//! The conformance suite against the embedded broker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use connectors::conformance::Harness;
use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use tempfile::TempDir;
use topology::broker::Broker;

struct Embedded {
    dir: TempDir,
    clock: Arc<AtomicI64>,
    open: std::cell::RefCell<Option<Arc<EmbeddedBroker>>>,
}

impl Embedded {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let clock = Arc::new(AtomicI64::new(1_700_000_000_000));
        let h = Self { dir, clock, open: None.into() };
        h.open_anew();
        h
    }

    fn open_anew(&self) -> Arc<EmbeddedBroker> {
        drop(self.open.take());
        let mut config = EmbeddedConfig::new(self.dir.path());
        let clock = Arc::clone(&self.clock);
        config.clock = Arc::new(move || clock.load(Ordering::Relaxed));
        config.sync = SyncMode::Os;
        config.max_poll_interval = Duration::from_millis(300);
        config.max_record_bytes = 10_000;
        config.compact_min_records = 10;
        let broker = EmbeddedBroker::open(config).expect("the broker opens");
        self.open.replace(Some(Arc::clone(&broker)));
        broker
    }

    fn embedded(&self) -> Arc<EmbeddedBroker> {
        self.open.borrow().clone().expect("it is open")
    }
}

impl Harness for Embedded {
    fn broker(&self) -> Arc<dyn Broker> {
        self.embedded()
    }

    fn reopen(&self) -> Arc<dyn Broker> {
        self.open_anew()
    }

    fn name(&self, what: &str) -> String {
        // Each case has a directory of its own.
        what.to_owned()
    }

    fn age(&self, by: Duration) -> bool {
        let by = i64::try_from(by.as_millis()).expect("a span of test time");
        let now = self.clock.fetch_add(by, Ordering::Relaxed) + by;
        self.embedded().maintain(now).expect("maintenance");
        true
    }

    fn max_poll_interval(&self) -> Duration {
        Duration::from_millis(300)
    }

    fn max_record_bytes(&self) -> usize {
        10_000
    }
}

connectors::conformance_tests!(Embedded::new);
