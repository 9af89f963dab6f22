//! The world that crashes: one embedded broker, one stream thread, their directories, and the record of what has landed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use processors::topic_specs;
use topology::broker::{Broker, BrokerError, NewRecord, TopicPartition};
use topology::{Round, StreamThread, StreamsConfig, StreamsError, TaskId, ThreadState, Topology};

use crate::PARTITIONS;
use crate::commands::Message;
use crate::coverage::{CLOSED, WIPED};
use crate::luck::{Done, Processed, SharedLuck};

/// The application's id; also that of the test driver, so that internal topics have the same names in both.
pub(crate) const APPLICATION: &str = "test";
/// More than any seed needs to come to rest.
const MOST_ROUNDS: usize = 20_000;

/// What one transaction has done, task by task in the order in which they commit.
pub(crate) type Transaction = Vec<Processed>;

pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) topology: Topology,
    pub(crate) config: StreamsConfig,
    clock: Arc<AtomicI64>,
    pub(crate) luck: SharedLuck,
    running: Option<(Arc<dyn Broker>, StreamThread)>,
    tasks: Vec<TaskId>,
    pub(crate) transactions: Vec<Transaction>,
    /// What happened, a line each.
    pub(crate) course: Vec<String>,
    pub(crate) loud: bool,
}

impl World {
    pub(crate) fn new(topology: &Topology, loud: bool) -> Result<Self> {
        // In memory where there is such a directory: a seed opens a hundred files and keeps none.
        let shared_memory = PathBuf::from("/dev/shm");
        let parent = if shared_memory.is_dir() { shared_memory } else { std::env::temp_dir() };
        let dir = tempfile::Builder::new().prefix("simulation-").tempdir_in(parent)?;
        let clock = Arc::new(AtomicI64::new(1_700_000_000_000));
        let luck = SharedLuck::default();
        let mut config = StreamsConfig::new(APPLICATION, dir.path().join("state"));
        let engine_clock = clock.clone();
        config.clock = Arc::new(move || engine_clock.load(Ordering::SeqCst));
        config.memory = state::StateMemory::new(1 << 20, 4 << 20);
        config.steps = luck.steps();
        Ok(Self {
            dir,
            topology: topology.clone(),
            config,
            clock,
            luck,
            running: None,
            tasks: Vec::new(),
            transactions: Vec::new(),
            course: Vec::new(),
            loud,
        })
    }

    pub(crate) fn note(&mut self, what: String) {
        if self.loud {
            println!("{what}");
        }
        self.course.push(what);
    }

    pub(crate) fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    /// Opens the broker; it is the caller's to drop.
    pub(crate) fn open_broker(&self) -> Result<Arc<dyn Broker>> {
        let mut config = EmbeddedConfig::new(self.dir.path().join("log"));
        config.sync = SyncMode::Os;
        config.write_buffer_bytes = 1 << 20;
        // What is read again after a crash comes from the disk anyhow; the housekeeper would be a second clock.
        config.maintain_interval = Duration::from_hours(24);
        config.max_record_bytes = 4 << 20;
        let clock = self.clock.clone();
        config.clock = Arc::new(move || clock.load(Ordering::SeqCst));
        config.fault = Some(self.luck.faults());
        let broker = EmbeddedBroker::open(config).context("the broker opens")?;
        broker.create_topics(&topic_specs(PARTITIONS)).context("topics")?;
        Ok(broker)
    }

    pub(crate) fn start(&mut self) -> Result<()> {
        let broker = self.open_broker()?;
        let thread = StreamThread::standalone(&self.topology, &self.config, &broker, 0).context("the thread starts")?;
        self.running = Some((broker, thread));
        Ok(())
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Stops in order.
    pub(crate) fn close(&mut self) -> Result<()> {
        let Some((broker, thread)) = self.running.take() else { return Ok(()) };
        self.luck.lock().coverage.count(CLOSED);
        let closed = thread.close();
        let crashed = self.settle(&*broker, closed.map(|()| false))?;
        self.note(format!("close{}", if crashed { ": crash" } else { "" }));
        Ok(())
    }

    /// Ends as a process does that is killed at rest.
    pub(crate) fn vanish(&mut self) {
        self.running = None;
    }

    pub(crate) fn wipe_state(&mut self) -> Result<()> {
        if self.config.state_dir.exists() {
            std::fs::remove_dir_all(&self.config.state_dir)?;
            self.luck.lock().coverage.count(WIPED);
            self.note("state directory deleted".to_owned());
        }
        Ok(())
    }

    pub(crate) fn send(&mut self, message: &Message) -> Result<()> {
        let Some((broker, _)) = &self.running else { bail!("nobody to send to") };
        let record = NewRecord {
            timestamp: 0,
            key: message.key.as_deref(),
            value: message.value.as_deref(),
            headers: &message.headers,
        };
        let (done, written) = sync_channel(1);
        let delivery = Box::new(move |result| {
            let _ = done.send(result);
        });
        broker.producer()?.send(&message.partition, record, delivery)?;
        let written = written.recv().context("an answer")?.context("written")?;
        let id = message.command.map(|id| id.to_string()).unwrap_or_default();
        let (partition, what) = (&message.partition, message.what);
        self.note(format!("{partition}@{} at {}: {what} {id}", written.offset, written.timestamp));
        Ok(())
    }

    /// One round; true if nothing happened in it.
    pub(crate) fn round(&mut self) -> Result<bool> {
        let Some((broker, mut thread)) = self.running.take() else { bail!("not running") };
        let round = thread.run_once(Duration::ZERO);
        let tasks = thread.tasks();
        if !tasks.is_empty() {
            self.tasks = tasks;
        }
        let idle = round.as_ref().is_ok_and(Round::idle) && thread.state() == ThreadState::Running;
        let crashed = self.settle(&*broker, round.map(|_| idle))?;
        if !crashed {
            self.running = Some((broker, thread));
        }
        Ok(idle)
    }

    /// Rounds until nothing happens any more; false if it crashed before.
    pub(crate) fn rest(&mut self) -> Result<bool> {
        let mut idle = 0;
        for _ in 0..MOST_ROUNDS {
            idle = if self.round()? { idle + 1 } else { 0 };
            if !self.is_running() {
                return Ok(false);
            }
            if idle == 3 {
                return Ok(true);
            }
        }
        bail!("does not come to rest in {MOST_ROUNDS} rounds")
    }

    /// Finds out what of the work since the last commit has landed; true if it ended in a crash.
    fn settle(&mut self, broker: &dyn Broker, result: Result<bool, StreamsError>) -> Result<bool> {
        let crashed = match result {
            Ok(_) => false,
            Err(StreamsError::Crash(crash)) => {
                self.note(crash.to_string());
                true
            }
            // Nobody knows whether the last commit of a stop in order has landed: the next start finds out.
            Err(StreamsError::Broker(BrokerError::Suspect(why))) => {
                self.note(why);
                true
            }
            Err(other) => return Err(anyhow::Error::new(other).context("the stream thread ended")),
        };
        let (attempt, suspect) = {
            let mut luck = self.luck.lock();
            (std::mem::take(&mut luck.attempt), std::mem::take(&mut luck.suspect))
        };
        if suspect {
            self.note("a commit failed".to_owned());
        }
        if attempt.is_empty() {
            return Ok(crashed);
        }
        let mut partitions: Vec<TopicPartition> = Vec::new();
        for done in &attempt {
            if let Done::Record(partition, _) = &done.work {
                partitions.push(partition.clone());
            }
        }
        let mut committed = broker.committed(APPLICATION, &partitions)?.into_iter();
        let (mut landed, mut open) = (Vec::new(), Vec::new());
        for processed in attempt {
            let done = match &processed.work {
                Done::Record(_, offset) => committed.next().flatten().is_some_and(|next| *offset < next),
                Done::Punctuation { landed, .. } => *landed,
            };
            if done { &mut landed } else { &mut open }.push(processed);
        }
        if !landed.is_empty() {
            self.commit(landed);
        }
        if !crashed && !suspect {
            self.luck.lock().attempt = open;
        }
        Ok(crashed)
    }

    fn commit(&mut self, mut landed: Vec<Processed>) {
        let tasks = &self.tasks;
        landed.sort_by_key(|p| tasks.iter().position(|t| *t == p.task));
        let list: Vec<_> = landed.iter().map(|done| done.work.to_string()).collect();
        self.note(format!("committed {}", list.join(" ")));
        self.transactions.push(landed);
    }
}
