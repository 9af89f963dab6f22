//! The engine's counters and the lag of its input, as Prometheus metrics.

use std::collections::HashMap;
use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts};
use topology::broker::{Broker, TopicPartition};
use topology::{COMMIT_BUCKETS_US, EngineMetrics};

/// Reads counters and lag whenever the metrics are asked for.
pub(crate) struct EngineCollector {
    metrics: Arc<EngineMetrics>,
    broker: Arc<dyn Broker>,
    group: String,
    sources: Vec<TopicPartition>,
    lag: IntGaugeVec,
    counters: IntGaugeVec,
    commits: IntGaugeVec,
}

impl EngineCollector {
    pub(crate) fn new(
        metrics: Arc<EngineMetrics>,
        broker: Arc<dyn Broker>,
        group: String,
        sources: Vec<TopicPartition>,
    ) -> prometheus::Result<Self> {
        Ok(Self {
            metrics,
            broker,
            group,
            sources,
            lag: IntGaugeVec::new(
                Opts::new(
                    "syncroboard_consumer_lag",
                    "Records of a source partition that are not committed as processed",
                ),
                &["topic", "partition"],
            )?,
            counters: IntGaugeVec::new(
                Opts::new(
                    "syncroboard_engine",
                    "Counters of the engine: records processed and failed, commits, aborts, offsets restored and still to restore, microseconds of commit and of CPU time",
                ),
                &["what"],
            )?,
            commits: IntGaugeVec::new(
                Opts::new("syncroboard_commit_latency_bucket", "Commits that took at most le seconds, cumulative"),
                &["le"],
            )?,
        })
    }

    fn read(&self) {
        let counts = self.metrics.counts();
        for (what, value) in [
            ("records_processed", counts.processed),
            ("records_failed", counts.failed),
            ("commits", counts.commits),
            ("commit_us", counts.commit_us),
            ("aborts", counts.aborts),
            ("offsets_restored", counts.restored),
            ("cpu_us", counts.cpu_us),
        ] {
            self.counters.with_label_values(&[what]).set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        self.counters.with_label_values(&["offsets_to_restore"]).set(counts.restore_remaining);
        let mut sum = 0;
        let bounds = COMMIT_BUCKETS_US.iter().map(|us| format!("{}", *us as f64 / 1e6)).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&counts.commit_buckets) {
            sum += count;
            self.commits.with_label_values(&[bound.as_str()]).set(i64::try_from(sum).unwrap_or(i64::MAX));
        }
        // A broker that cannot answer leaves the last known lag.
        let committed = self.broker.committed(&self.group, &self.sources).unwrap_or_default();
        for (source, committed) in self.sources.iter().zip(committed) {
            if let Ok((low, high)) = self.broker.watermarks(source) {
                let lag = high - committed.unwrap_or(low).max(low);
                let partition = source.partition.to_string();
                self.lag.with_label_values(&[&*source.topic, partition.as_str()]).set(lag);
            }
        }
    }
}

impl Collector for EngineCollector {
    fn desc(&self) -> Vec<&Desc> {
        [&self.lag, &self.counters, &self.commits].into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.read();
        [&self.lag, &self.counters, &self.commits].into_iter().flat_map(Collector::collect).collect()
    }
}

/// Every partition of the sources of a topology that is in the broker.
pub(crate) fn source_partitions(broker: &dyn Broker, topics: &[&str]) -> Vec<TopicPartition> {
    let counts: HashMap<_, _> = broker.topics().unwrap_or_default().into_iter().collect();
    let partitions = |topic: &&str| {
        let count = counts.get(*topic).copied().unwrap_or_default();
        (0..count).map(|p| TopicPartition::new(*topic, p)).collect::<Vec<_>>()
    };
    topics.iter().flat_map(partitions).collect()
}
