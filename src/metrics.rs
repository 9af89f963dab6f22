//! The engine's instruments and the lag of its input, as Prometheus metrics with Kafka Streams' names; and those of sinks.

mod brokers;
mod families;
mod lag;
mod sink;

use std::sync::Arc;

use api::Readiness;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use state::StateMemory;
use topology::broker::Broker;
use topology::{State, StoreSnapshot, StreamsConfig, StreamsView, TaskSnapshot, ThreadSnapshot, ThreadState};

pub(crate) use brokers::BrokerCollector;

use families::Families;
use lag::LagSampler;
pub(crate) use sink::{SinkCollector, SinkInstruments};

/// Whether the pipeline is ready; if not, its state and how far it is with restoring.
pub(crate) fn readiness(streams: &StreamsView) -> Readiness {
    match (streams.state(), streams.metrics().restore_progress()) {
        (State::Running, _) => Readiness::Ready,
        (state, None) => Readiness::NotReady(format!("the pipeline: {state}")),
        (state, Some(progress)) => Readiness::NotReady(format!("the pipeline: {state}; {progress}")),
    }
}

/// Reads instruments and lag whenever the metrics are asked for.
pub(crate) struct EngineCollector {
    streams: StreamsView,
    lag: LagSampler,
    memory: StateMemory,
    application_id: String,
    instance_id: String,
    desc: Desc,
}

impl EngineCollector {
    /// For an instance that runs with this configuration.
    pub(crate) fn new(streams: StreamsView, broker: Arc<dyn Broker>, config: &StreamsConfig) -> anyhow::Result<Self> {
        Ok(Self {
            streams,
            lag: LagSampler::start(broker, config.application_id.clone(), config.clock.clone())?,
            memory: config.memory.clone(),
            application_id: config.application_id.clone(),
            instance_id: config.instance_id.clone(),
            // Only to tell collectors apart: what there is depends on the tasks.
            desc: Desc::new(
                "kafka_streams_client_info".to_owned(),
                "The instance".to_owned(),
                Vec::new(),
                std::collections::HashMap::default(),
            )?,
        })
    }

    fn client(&self, out: &mut Families, threads: &[ThreadSnapshot]) {
        let labels = [
            ("application_id", self.application_id.as_str()),
            ("instance_id", self.instance_id.as_str()),
            ("version", env!("CARGO_PKG_VERSION")),
        ];
        out.gauge("kafka_streams_client_info", "What runs; always 1", &labels, 1.0);
        let now = self.streams.state();
        for state in [State::Rebalancing, State::Running, State::PendingShutdown, State::NotRunning, State::Error] {
            out.gauge(
                "kafka_streams_client_state",
                "1 for the state that the instance is in",
                &[("state", &state.to_string())],
                f64::from(u8::from(state == now)),
            );
        }
        let count = |matches: &dyn Fn(&&ThreadSnapshot) -> bool| threads.iter().filter(matches).count() as f64;
        let alive = count(&|t| t.state.is_some());
        out.gauge("kafka_streams_client_alive_stream_threads", "Stream threads that run", &[], alive);
        let failed = count(&|t| t.failed);
        out.gauge("kafka_streams_client_failed_stream_threads", "Stream threads that ended with an error", &[], failed);
        let (cache, buffers) = self.memory.used_bytes();
        out.gauge(
            "kafka_streams_state_block_cache_usage_bytes",
            "Block cache that all stores share",
            &[],
            cache as f64,
        );
        out.gauge(
            "kafka_streams_state_write_buffer_usage_bytes",
            "Memtables of all stores together",
            &[],
            buffers as f64,
        );
    }

    fn lags(&self, out: &mut Families, tasks: &[TaskSnapshot]) {
        let inputs = tasks.iter().flat_map(|task| task.inputs.iter().cloned()).map(Into::into).collect();
        for (partition, lag) in self.lag.lags(inputs) {
            let number = partition.partition.to_string();
            let labels = [("topic", &*partition.topic), ("partition", number.as_str())];
            let help = "Offsets of a source partition that are not committed as processed";
            out.gauge("kafka_consumer_records_lag", help, &labels, lag.offsets as f64);
            let help = "Age of the first record of a source partition that is not committed as processed";
            out.gauge("kafka_consumer_records_lag_seconds", help, &labels, lag.seconds);
        }
    }
}

impl Collector for EngineCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut out = Families::default();
        let metrics = self.streams.metrics();
        let (threads, tasks) = (metrics.threads(), metrics.tasks());
        self.client(&mut out, &threads);
        threads.iter().for_each(|t| thread(&mut out, t));
        tasks.iter().for_each(|t| task(&mut out, t));
        tasks.iter().for_each(|t| t.stores.iter().for_each(|s| store(&mut out, t, s)));
        self.lags(&mut out, &tasks);
        out.done()
    }
}

fn thread(out: &mut Families, t: &ThreadSnapshot) {
    let id = ("thread_id", &*t.name);
    let labels = [id];
    for (name, state) in [
        ("STARTING", Some(ThreadState::Starting)),
        ("PARTITIONS_ASSIGNED", Some(ThreadState::Restoring)),
        ("RUNNING", Some(ThreadState::Running)),
        ("DEAD", None),
    ] {
        let help = "1 for the state that the thread is in";
        let is = f64::from(u8::from(t.state == state));
        out.gauge("kafka_streams_thread_state", help, &[id, ("state", name)], is);
    }
    let help = "When the thread started, in seconds since the Unix epoch";
    out.gauge("kafka_streams_thread_start_time_seconds", help, &labels, t.started_ms as f64 / 1e3);
    for (name, help, value) in [
        ("poll", "Polls, the wait for records included", &t.poll),
        ("process", "Rounds of processing, of up to 1,000 records a task", &t.process),
        ("punctuate", "Rounds of punctuations that were due", &t.punctuate),
        ("commit", "Commits: changelogs, outputs and offsets committed, stores written", &t.commit),
    ] {
        out.histogram(&format!("kafka_streams_thread_{name}_latency_seconds"), help, &labels, value);
    }
    for (name, help, value) in [
        ("poll_records", "Records fetched", t.poll_records),
        ("process", "Records processed, those that were dropped included", t.processed),
        ("task_created", "Tasks that the thread got", t.created),
        ("task_closed", "Tasks that the thread gave up", t.closed),
        ("transaction_aborts", "Transactions given up", t.aborts),
        ("producer_replacements", "Producers made anew as the one before could not be trusted", t.producers_replaced),
    ] {
        out.counter(&format!("kafka_streams_thread_{name}_total"), help, &labels, value as f64);
    }
    for (kind, value) in [("assigned", t.assigned), ("revoked", t.revoked), ("lost", t.lost)] {
        let help = "Changes of the assignment, by what became of the partitions";
        out.counter("kafka_streams_thread_rebalances_total", help, &[id, ("kind", kind)], value as f64);
    }
    out.counter("kafka_streams_thread_cpu_seconds_total", "CPU time of the thread", &labels, t.cpu_s);
}

fn task(out: &mut Families, t: &TaskSnapshot) {
    let id = t.id.to_string();
    let labels = [("thread_id", &*t.thread), ("task_id", id.as_str())];
    for (name, help, value) in [
        ("process", "Records processed, those that were dropped included", t.processed as f64),
        ("dropped_records", "Records that failed and were given to the exception handler", t.dropped as f64),
        ("record_lateness_seconds", "By how much records were older than the newest before them, summed", t.lateness_s),
        ("active_process_seconds", "Time that the thread spent on this task's records", t.active_s),
    ] {
        out.counter(&format!("kafka_streams_task_{name}_total"), help, &labels, value);
    }
    let help = "Records fetched that wait to be processed";
    out.gauge("kafka_streams_task_active_buffer_records", help, &labels, t.buffered as f64);
    let help = "From a record's timestamp to the end of the commit that it was part of";
    out.histogram("kafka_streams_task_record_e2e_latency_seconds", help, &labels, &t.end_to_end);
    let help = "Writes of a transaction's changes to the task's stores, after its commit";
    out.summary("kafka_streams_state_flush_latency_seconds", help, &labels, &t.flush);
}

fn store(out: &mut Families, t: &TaskSnapshot, s: &StoreSnapshot) {
    let id = t.id.to_string();
    let labels = [("thread_id", &*t.thread), ("task_id", id.as_str()), ("store", s.name.as_str())];
    for (name, count, latency, value) in [
        ("get", "Reads of the store", "Reads of the store, decoding included; one in 256 is measured", &s.get),
        (
            "put",
            "Writes to the store",
            "Writes to the open transaction, encoding included; one in 256 is measured",
            &s.put,
        ),
    ] {
        out.counter(&format!("kafka_streams_state_{name}_total"), count, &labels, value.done as f64);
        out.summary(&format!("kafka_streams_state_{name}_latency_seconds"), latency, &labels, value);
    }
    let help = "Changelog offsets restored";
    out.counter("kafka_streams_state_restore_total", help, &labels, s.restored as f64);
    for (name, help, value) in [
        ("restore_remaining_records", "Changelog offsets still to restore", s.restore_remaining),
        ("estimate_num_keys", "Entries, estimated", s.entries),
        ("total_sst_files_size_bytes", "Size of the store's tables on disk", s.disk_bytes),
        ("size_all_mem_tables_bytes", "What the store holds in memory", s.memory_bytes),
    ] {
        out.gauge(&format!("kafka_streams_state_{name}"), help, &labels, value as f64);
    }
}
