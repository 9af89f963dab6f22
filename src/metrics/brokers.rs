//! Whether Kafka can be reached, for who is woken when it cannot.
//!
//! A client that waits for a broker shows nothing: no record, no error, no lag. So a thread asks on its own, whatever the
//! rest of the process does.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use topology::broker::Broker;

use super::families::Families;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long after an answer the next question comes.
const PAUSE: Duration = Duration::from_secs(2);
/// Nothing was answered yet, nor did an answer fail to come.
const UNKNOWN: i64 = -1;

/// Counts the brokers, on a thread that ends with this.
pub(crate) struct BrokerCollector {
    brokers: Arc<AtomicI64>,
    desc: Desc,
    _end: Sender<()>,
}

impl BrokerCollector {
    /// Begins to ask; does not wait for an answer.
    pub(crate) fn start(broker: &Arc<dyn Broker>) -> anyhow::Result<Self> {
        // Whoever ends a broker by dropping it must not wait for this thread.
        let broker = Arc::downgrade(broker);
        let brokers = Arc::new(AtomicI64::new(UNKNOWN));
        let (end, ended) = channel();
        let count = Arc::clone(&brokers);
        std::thread::Builder::new().name("brokers".to_owned()).spawn(move || {
            while let Some(broker) = broker.upgrade() {
                let answered = broker.servers(PATIENCE).unwrap_or_else(|error| {
                    tracing::debug!("the brokers cannot be counted: {error}");
                    0
                });
                drop(broker);
                count.store(i64::try_from(answered).unwrap_or(i64::MAX), Ordering::Relaxed);
                if ended.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        let help = "Brokers of the cluster, as its metadata says; 0 if none answers".to_owned();
        let desc = Desc::new("kafka_brokers".to_owned(), help, Vec::new(), HashMap::default())?;
        Ok(Self { brokers, desc, _end: end })
    }
}

impl Collector for BrokerCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut out = Families::default();
        let brokers = self.brokers.load(Ordering::Relaxed);
        if brokers != UNKNOWN {
            out.gauge(&self.desc.fq_name, &self.desc.help, &[], brokers as f64);
        }
        out.done()
    }
}
