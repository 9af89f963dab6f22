//! What a sink has done, and how far it is behind, as Prometheus metrics.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connectors::sink::{SinkStatus, SinkWatch};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts};
use tokio::sync::watch;
use topology::Clock;
use topology::broker::{Broker, Fetched, TopicPartition};

use super::families::Families;
use super::lag::{Input, LagSampler};

/// Seconds; from a few rows to a batch on a disk that is busy.
const BUCKETS_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Counts what a sink does.
pub(crate) struct SinkInstruments {
    records: IntCounterVec,
    batch: Histogram,
    held: Mutex<BTreeMap<TopicPartition, Input>>,
}

impl SinkInstruments {
    pub(crate) fn new() -> Result<Arc<Self>, prometheus::Error> {
        let help = "Records whose effect is in the read model, by topic";
        let records = IntCounterVec::new(Opts::new("syncroboard_sink_records_total", help), &["topic"])?;
        let help = "Database transactions: rows and offsets of a batch";
        let batch = HistogramOpts::new("syncroboard_sink_batch_seconds", help).buckets(BUCKETS_SECONDS.to_vec());
        Ok(Arc::new(Self { records, batch: Histogram::with_opts(batch)?, held: Mutex::default() }))
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Input>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SinkWatch for SinkInstruments {
    fn holds(&self, partitions: &[(TopicPartition, i64)]) {
        let input = |(partition, next): &(TopicPartition, i64)| {
            let (head_timestamp, done_timestamp) = (None, None);
            let input = Input { partition: partition.clone(), head_timestamp, position: Some(*next), done_timestamp };
            (partition.clone(), input)
        };
        *self.held() = partitions.iter().map(input).collect();
    }

    fn reads(&self, fetched: &[Fetched]) {
        let mut held = self.held();
        for fetched in fetched {
            if let Some(input) = held.get_mut(&fetched.partition) {
                // Of several batches the first; what was read before has been written.
                input.head_timestamp = input.head_timestamp.or_else(|| Some(fetched.batch.iter().next()?.timestamp));
            }
        }
    }

    fn wrote(&self, fetched: &[Fetched], took: Duration) {
        self.batch.observe(took.as_secs_f64());
        let mut held = self.held();
        for fetched in fetched {
            let Some(input) = held.get_mut(&fetched.partition) else { continue };
            self.records.with_label_values(&[&*fetched.partition.topic]).inc_by(fetched.batch.len() as u64);
            input.position = Some(fetched.batch.next_offset());
            input.done_timestamp = fetched.batch.iter().last().map(|record| record.timestamp).or(input.done_timestamp);
            input.head_timestamp = None;
        }
    }
}

/// Reads the instruments, the state and the lag whenever the metrics are asked for.
pub(crate) struct SinkCollector {
    instruments: Arc<SinkInstruments>,
    status: watch::Receiver<SinkStatus>,
    lag: LagSampler,
    desc: Desc,
}

impl SinkCollector {
    pub(crate) fn new(
        instruments: Arc<SinkInstruments>,
        status: watch::Receiver<SinkStatus>,
        broker: Arc<dyn Broker>,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let lag = LagSampler::start(broker, String::new(), clock)?;
        let (name, help) = ("syncroboard_sink_state".to_owned(), "The sink".to_owned());
        Ok(Self { instruments, status, lag, desc: Desc::new(name, help, Vec::new(), HashMap::default())? })
    }
}

impl Collector for SinkCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut out = Families::default();
        let now = state(&self.status.borrow());
        for state in STATES {
            let is = f64::from(u8::from(state == now));
            out.gauge("syncroboard_sink_state", "1 for the state that the sink is in", &[("state", state)], is);
        }
        let inputs: Vec<Input> = self.instruments.held().values().cloned().collect();
        for (partition, lag) in self.lag.lags(inputs) {
            let number = partition.partition.to_string();
            let labels = [("topic", &*partition.topic), ("partition", number.as_str())];
            let help = "Offsets of a partition that this sink holds that are not in the read model";
            out.gauge("syncroboard_sink_lag_records", help, &labels, lag.offsets as f64);
            let help = "Age of the oldest record of a partition that this sink holds that is not in the read model";
            out.gauge("syncroboard_sink_lag_seconds", help, &labels, lag.seconds);
        }
        let mut families = out.done();
        families.extend(self.instruments.records.collect());
        families.extend(self.instruments.batch.collect());
        families
    }
}

const STATES: [&str; 4] = ["RUNNING", "RETRYING", "STOPPED", "FAILED"];

fn state(status: &SinkStatus) -> &'static str {
    match status {
        SinkStatus::Running => "RUNNING",
        SinkStatus::Retrying(_) => "RETRYING",
        SinkStatus::Stopped => "STOPPED",
        _ => "FAILED",
    }
}

#[cfg(test)]
mod tests {
    use topology::BatchBuilder;

    use super::*;

    fn fetched(from: i64, timestamps: &[i64]) -> Fetched {
        let mut batch = BatchBuilder::new();
        for (offset, timestamp) in (0..).zip(timestamps) {
            batch.push_at(offset, *timestamp, None, Some(b"v"), &topology::Headers::new());
        }
        let batch = batch.finish().placed_at(from, None);
        Fetched { partition: TopicPartition::new("ticket.events", 0), batch }
    }

    #[test]
    fn should_know_the_oldest_record_that_is_not_written_also_after_a_failure() {
        let instruments = SinkInstruments::new().unwrap();
        let partition = TopicPartition::new("ticket.events", 0);
        let held = || {
            let input = instruments.held()[&partition].clone();
            (input.position, input.head_timestamp, input.done_timestamp)
        };
        instruments.holds(&[(partition.clone(), 7)]);
        assert_eq!(held(), (Some(7), None, None));
        let batch = [fetched(7, &[100, 200]), fetched(9, &[300])];
        instruments.reads(&batch);
        assert_eq!(held(), (Some(7), Some(100), None), "and so it stays while the database is away");
        instruments.reads(&batch);
        instruments.wrote(&batch, Duration::from_millis(2));
        assert_eq!(held(), (Some(10), None, Some(300)));
        assert_eq!(instruments.records.with_label_values(&["ticket.events"]).get(), 3);
        assert_eq!(instruments.batch.get_sample_count(), 1);
        instruments.holds(&[]);
        assert!(instruments.held().is_empty(), "what went to another sink is not shown");
    }
}
