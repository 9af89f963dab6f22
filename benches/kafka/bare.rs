//! The bare client: what the worker does to Kafka, without engine, stores and serialisation. It reads commands, writes for each
//! as many records of the same size to the same topics and partitions as the engine does, and commits by the same rule.
//!
//! It commits as one should with librdkafka: a thread serves the deliveries and counts them, and the commit is asked for when
//! none is on its way any more.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use schemas::topics::TICKET_COMMANDS;

use super::run::DRAIN;
use super::traffic::{Share, Traffic};

/// Longest time between two commits, as the worker's.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);
/// How often it looks whether a commit is due while there is input, in records.
const LOOK: u64 = 64;
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(crate) struct BareArgs {
    #[arg(long)]
    kafka: String,
    #[arg(long)]
    group: String,
    /// What to write.
    #[arg(long)]
    traffic: PathBuf,
}

/// What to write to a topic.
struct Output {
    topic: String,
    share: Share,
    /// What of a record is due.
    due: f64,
}

/// Says that it works once it has partitions.
struct Member;

impl ClientContext for Member {}

impl ConsumerContext for Member {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if matches!(rebalance, Rebalance::Assign(partitions) if partitions.count() > 0) {
            println!("state=RUNNING");
        }
    }
}

/// Counts deliveries and wakes whoever waits for the last.
#[derive(Default)]
struct Deliveries {
    count: AtomicU64,
    wanted: AtomicU64,
    failed: AtomicBool,
    waits: Mutex<()>,
    changed: Condvar,
}

struct Delivering(Arc<Deliveries>);

impl ClientContext for Delivering {}

impl ProducerContext for Delivering {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Self(state) = self;
        if result.is_err() {
            state.failed.store(true, Ordering::SeqCst);
        }
        let count = state.count.fetch_add(1, Ordering::SeqCst) + 1;
        if count >= state.wanted.load(Ordering::SeqCst) {
            drop(state.waits.lock());
            state.changed.notify_all();
        }
    }
}

impl Deliveries {
    fn wait(&self, wanted: u64) -> anyhow::Result<()> {
        let guard = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        self.wanted.store(wanted, Ordering::SeqCst);
        let missing = |(): &mut ()| self.count.load(Ordering::SeqCst) < wanted;
        let (_guard, waited) =
            self.changed.wait_timeout_while(guard, PATIENCE, missing).unwrap_or_else(PoisonError::into_inner);
        self.wanted.store(u64::MAX, Ordering::SeqCst);
        anyhow::ensure!(!waited.timed_out(), "not all records are delivered");
        anyhow::ensure!(!self.failed.load(Ordering::SeqCst), "a record was not delivered");
        Ok(())
    }
}

/// Runs until it is ended.
pub(crate) fn run(args: &BareArgs) -> anyhow::Result<()> {
    let traffic: Traffic = serde_json::from_str(&std::fs::read_to_string(&args.traffic)?)?;
    let parts: BTreeMap<String, Vec<Output>> =
        traffic.parts.iter().map(|(p, shares)| (p.clone(), outputs(shares))).collect();
    Client::open(args)?.work(parts, &told())
}

fn outputs(shares: &BTreeMap<String, Share>) -> Vec<Output> {
    shares.iter().map(|(topic, share)| Output { topic: topic.clone(), share: share.clone(), due: 0.0 }).collect()
}

/// The parts that it is told to go on with.
fn told() -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || std::io::stdin().lines().map_while(Result::ok).try_for_each(|part| tell.send(part)));
    told
}

struct Client {
    consumer: BaseConsumer<Member>,
    producer: ThreadedProducer<Delivering>,
    deliveries: Arc<Deliveries>,
    sent: u64,
    /// The next offset of each partition that the open transaction has read from.
    read: BTreeMap<i32, i64>,
    committed: Instant,
    filler: Vec<u8>,
}

impl Client {
    /// The settings are the worker's.
    fn open(args: &BareArgs) -> anyhow::Result<Self> {
        let mut common = ClientConfig::new();
        common.set("bootstrap.servers", &args.kafka).set("client.id", "bare");
        let mut consuming = common.clone();
        consuming
            .set("group.id", &args.group)
            .set("group.instance.id", "bare")
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "1000")
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.queue.backoff.ms", "1")
            .set("fetch.message.max.bytes", "1048576")
            .set("queued.min.messages", "1")
            .set("queued.max.messages.kbytes", "8192");
        let mut producing = common;
        producing
            .set("transactional.id", "bare")
            .set("transaction.timeout.ms", "10000")
            .set("message.timeout.ms", "10000")
            .set("retry.backoff.ms", "1")
            .set("retry.backoff.max.ms", "100")
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "1")
            .set("queue.buffering.max.messages", "500000");
        let deliveries = Arc::new(Deliveries { wanted: AtomicU64::new(u64::MAX), ..Deliveries::default() });
        let consumer: BaseConsumer<_> = consuming.create_with_context(Member)?;
        let producer: ThreadedProducer<_> = producing.create_with_context(Delivering(Arc::clone(&deliveries)))?;
        producer.init_transactions(PATIENCE)?;
        consumer.subscribe(&[TICKET_COMMANDS])?;
        let (read, committed) = (BTreeMap::new(), Instant::now());
        Ok(Self { consumer, producer, deliveries, sent: 0, read, committed, filler: vec![b'x'; 1 << 20] })
    }

    fn work(mut self, mut parts: BTreeMap<String, Vec<Output>>, told: &mpsc::Receiver<String>) -> anyhow::Result<()> {
        let mut outputs = parts.remove(DRAIN).context("no part to begin with")?;
        loop {
            match told.try_recv() {
                Ok(part) => outputs = parts.remove(&part).with_context(|| format!("no part {part}"))?,
                Err(mpsc::TryRecvError::Empty) => {}
                // Whoever measures is gone.
                Err(mpsc::TryRecvError::Disconnected) => return Ok(()),
            }
            let idle = self.read.is_empty();
            let quiet = self.take(if idle { COMMIT_INTERVAL } else { Duration::ZERO }, &mut outputs)?;
            if !self.read.is_empty() && (quiet || self.committed.elapsed() >= COMMIT_INTERVAL) {
                self.commit()?;
            }
        }
    }

    /// Works on what there is, a few records at most; true if there was nothing.
    fn take(&mut self, mut wait: Duration, outputs: &mut [Output]) -> anyhow::Result<bool> {
        for n in 0..LOOK {
            let Some(message) = self.consumer.poll(wait) else { return Ok(n == 0) };
            let message = message?;
            wait = Duration::ZERO;
            if self.read.is_empty() {
                self.producer.begin_transaction()?;
            }
            let (partition, timestamp) = (message.partition(), message.timestamp().to_millis().unwrap_or_default());
            self.read.insert(partition, message.offset() + 1);
            for output in &mut *outputs {
                output.due += output.share.records;
                while output.due >= 1.0 {
                    output.due -= 1.0;
                    let (key, value) = (length(output.share.key_bytes), length(output.share.value_bytes));
                    let record = BaseRecord::to(&output.topic).partition(partition).timestamp(timestamp);
                    let record = record.key(&self.filler[..key]).payload(&self.filler[..value]);
                    produce(&self.producer, &self.deliveries, self.sent, record)?;
                    self.sent += 1;
                }
            }
        }
        Ok(false)
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        self.committed = Instant::now();
        let mut offsets = TopicPartitionList::with_capacity(self.read.len());
        for (partition, offset) in &self.read {
            offsets.add_partition_offset(TICKET_COMMANDS, *partition, Offset::Offset(*offset))?;
        }
        let group = self.consumer.group_metadata().context("no member of a group")?;
        self.producer.send_offsets_to_transaction(&offsets, &group, PATIENCE)?;
        self.deliveries.wait(self.sent)?;
        self.producer.commit_transaction(PATIENCE)?;
        self.read.clear();
        Ok(())
    }
}

fn produce(
    producer: &ThreadedProducer<Delivering>,
    deliveries: &Deliveries,
    sent: u64,
    mut record: BaseRecord<'_, [u8], [u8]>,
) -> anyhow::Result<()> {
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                record = refused;
                let count = deliveries.count.load(Ordering::SeqCst);
                deliveries.wait(count + (sent - count) / 2)?;
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of lengths")]
fn length(mean: f64) -> usize {
    mean.round() as usize
}
