//! Runs a topology without a broker, synchronously, with the clock moved by hand: the very same tasks that threads run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use state::{StateError, StateMemory, StoreSpec, TaskState};

use crate::batch::{BatchBuilder, Headers, RecordBatch};
use crate::broker::{TopicPartition, partition_for_key};
use crate::changelog::{self, Logged};
use crate::errors::StreamsError;
use crate::metrics::Instruments;
use crate::output_log::Entries;
use crate::plan::{Plan, plan};
use crate::record::TaskId;
use crate::step::Steps;
use crate::sub_topology::TopicRef;
use crate::task::{Progress, Task};
use crate::topology::Topology;
use crate::trace::Tracing;

const MAX_RECORD_BYTES: usize = 1 << 20;

/// A record that was written to a topic and committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRecord {
    /// Partition that it lies in.
    pub partition: u32,
    /// Its offset there.
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: Headers,
}

/// A topology under test, with all its tasks and an in-memory log for each topic.
pub struct TestDriver {
    topology: Topology,
    plan: Plan,
    tasks: Vec<Task>,
    logs: BTreeMap<TopicPartition, Log>,
    partitions: u32,
    auto_commit: bool,
    /// Where stores are kept; none: in memory.
    dir: Option<PathBuf>,
    clock: i64,
    steps: Steps,
}

#[derive(Default)]
struct Log {
    batches: Vec<RecordBatch>,
    /// Of the next record to be written.
    end: i64,
    /// What the application has committed as consumed.
    consumed: i64,
    /// Batches already handed to the task.
    handed: usize,
    /// Offset that [`TestDriver::read`] goes on from.
    read: i64,
}

impl TestDriver {
    /// All the topology's tasks; every topic has so many partitions. Each call that pipes a record also commits.
    pub fn new(topology: &Topology, partitions: u32) -> Result<Self, StreamsError> {
        let inner = &topology.inner;
        let ends = inner.sub_topologies.iter().flat_map(|s| s.sources.iter().chain(&s.sinks));
        let external = ends.filter_map(|(_, t)| match t {
            TopicRef::External(name) => Some((name.clone(), partitions)),
            _ => None,
        });
        let plan = plan(topology, "test", &external.collect(), MAX_RECORD_BYTES, &Tracing::off())?;
        let mut driver = Self {
            topology: topology.clone(),
            plan,
            tasks: Vec::new(),
            logs: BTreeMap::new(),
            partitions,
            auto_commit: true,
            dir: None,
            clock: 0,
            steps: Steps::default(),
        };
        driver.start()?;
        Ok(driver)
    }

    /// Has someone gather the spans of its work.
    pub fn traced(mut self, tracing: &Tracing) -> Result<Self, StreamsError> {
        self.plan.tasks.iter_mut().for_each(|plan| plan.tracing = tracing.clone());
        self.start()?;
        Ok(self)
    }

    /// Keeps stores in RocksDB below a directory, as threads do: for what they cost. Each start begins with empty ones.
    pub fn stored_in(mut self, dir: impl Into<PathBuf>) -> Result<Self, StreamsError> {
        self.dir = Some(dir.into());
        self.start()?;
        Ok(self)
    }

    /// Leaves commits to [`Self::commit`].
    #[must_use]
    pub fn manual_commit(mut self) -> Self {
        self.auto_commit = false;
        self
    }

    /// Writes a record to a source topic, on its key's partition, and runs until nothing is left to do.
    pub fn pipe(&mut self, topic: &str, key: &[u8], value: &[u8], timestamp: i64) -> Result<(), StreamsError> {
        let partition = partition_for_key(key, self.partitions);
        self.pipe_to(topic, partition, Some(key), Some(value), timestamp, &Headers::new())
    }

    /// Writes a record to a partition of a source topic and runs until nothing is left to do.
    pub fn pipe_to(
        &mut self,
        topic: &str,
        partition: u32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: i64,
        headers: &Headers,
    ) -> Result<(), StreamsError> {
        let mut batch = BatchBuilder::new();
        batch.push(timestamp, key, value, headers);
        self.log(&TopicPartition::new(topic, partition)).append(batch.finish());
        self.run()
    }

    /// Writes a record to a partition of a source topic and processes nothing.
    pub fn append(
        &mut self,
        partition: &TopicPartition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: i64,
        headers: &Headers,
    ) {
        let mut batch = BatchBuilder::new();
        batch.push(timestamp, key, value, headers);
        self.log(partition).append(batch.finish());
    }

    /// Processes this one record and no other, for whoever prescribes the order; the commit is the caller's. False if
    /// there is no such record, or its task is already past it.
    pub fn process_record(&mut self, partition: &TopicPartition, offset: i64) -> Result<bool, StreamsError> {
        let Some(log) = self.logs.get(partition) else { return Ok(false) };
        let Some(record) = log.batches.iter().flat_map(RecordBatch::iter).find(|r| r.offset == offset) else {
            return Ok(false);
        };
        let Some(task) = self.tasks.iter_mut().find(|t| t.partitions().any(|p| p == partition)) else {
            return Ok(false);
        };
        let mut batch = BatchBuilder::new();
        batch.push(record.timestamp, record.key, record.value, &record.headers);
        task.enqueue(partition, batch.finish().placed_at(offset, None));
        Ok(task.process(self.clock)? == Progress::Processed)
    }

    /// Runs this one punctuation of a task, of those counted from 0, for whoever prescribes the order; the commit is the caller's. False
    /// if there is no such punctuation.
    pub fn process_punctuation(&mut self, task: &TaskId, which: usize, time: i64) -> Result<bool, StreamsError> {
        let Some(task) = self.tasks.iter_mut().find(|t| t.id() == task) else { return Ok(false) };
        task.punctuate_at(which, time, self.clock)
    }

    /// Runs until no task has anything to do; commits after each round unless that is left to the caller.
    pub fn run(&mut self) -> Result<(), StreamsError> {
        loop {
            let mut processed = false;
            for task in &mut self.tasks {
                for partition in task.partitions().cloned().collect::<Vec<_>>() {
                    let log = self.logs.entry(partition.clone()).or_default();
                    for batch in &log.batches[log.handed..] {
                        task.enqueue(&partition, batch.clone());
                    }
                    log.handed = log.batches.len();
                }
                while task.process(self.clock)? == Progress::Processed {
                    processed = true;
                }
                processed |= task.punctuate(self.clock)?;
            }
            if !processed {
                return Ok(());
            }
            if self.auto_commit {
                self.commit()?;
            }
        }
    }

    /// Commits all tasks: outputs become visible, stores are written.
    pub fn commit(&mut self) -> Result<(), StreamsError> {
        let mut ends = Vec::new();
        for task in &mut self.tasks {
            task.collect_changelog()?;
            for (partition, offset) in task.offsets() {
                self.logs.entry(partition).or_default().consumed = offset;
            }
            task.drain(0, |partition, batch| {
                let log = self.logs.entry(partition.clone()).or_default();
                log.append(batch);
                ends.push((partition.clone(), log.end));
                Ok::<_, StreamsError>(())
            })?;
        }
        let now = self.clock;
        self.tasks.iter_mut().for_each(|task| task.trace_commit(Duration::ZERO));
        self.tasks.iter_mut().try_for_each(|task| task.committed(&ends, now))
    }

    /// Throws away what is not committed; it will be processed again by the next [`Self::run`].
    pub fn abort(&mut self) {
        for task in &mut self.tasks {
            task.abort();
        }
        self.rewind();
    }

    /// Ends all tasks without a commit and starts them anew, their stores restored from the changelogs alone.
    pub fn restart(&mut self) -> Result<(), StreamsError> {
        self.start()
    }

    /// Moves the wall clock on and runs what is then due.
    pub fn advance_wall_clock(&mut self, ms: i64) -> Result<(), StreamsError> {
        self.clock += ms;
        self.run()
    }

    /// Sets the wall clock, in milliseconds since the Unix epoch, and runs what is then due.
    pub fn set_wall_clock(&mut self, ms: i64) -> Result<(), StreamsError> {
        self.clock = ms;
        self.run()
    }

    /// What was committed to a topic since the last call, by partition and offset. Internal topics belong to the
    /// application `test`: `test-counts-changelog`.
    pub fn read(&mut self, topic: &str) -> Vec<OutputRecord> {
        let mut out = Vec::new();
        for (partition, log) in self.logs.iter_mut().filter(|(p, _)| *p.topic == *topic) {
            out.extend(log.records(partition.partition, log.read));
            log.read = log.end;
        }
        out
    }

    /// All that was ever committed to a topic.
    #[must_use]
    pub fn all(&self, topic: &str) -> Vec<OutputRecord> {
        let logs = self.logs.iter().filter(|(p, _)| *p.topic == *topic);
        logs.flat_map(|(p, log)| log.records(p.partition, 0)).collect()
    }

    /// Every entry of a store, in all tasks, as bytes, committed or not.
    pub fn store_entries(&self, store: &str) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StreamsError> {
        let mut entries = BTreeMap::new();
        for task in &self.tasks {
            let Some(id) = task.state().store_id(store) else { continue };
            let scanned = task.state().prefix(id, &[], &mut |key, value| {
                entries.insert(key.to_vec(), value.to_vec());
                std::ops::ControlFlow::Continue(())
            });
            scanned.map_err(|source| StreamsError::State { task: task.id().clone(), source })?;
        }
        Ok(entries)
    }

    fn start(&mut self) -> Result<(), StreamsError> {
        self.tasks.clear();
        let metrics = Instruments::new(&Arc::default(), "test", self.clock);
        for task_plan in &self.plan.tasks {
            let sub = &self.topology.inner.sub_topologies[task_plan.sub_topology];
            let specs = changelog::specs(sub, &self.topology.inner.stores, &self.plan.by_store);
            for partition in 0..task_plan.partitions {
                let state = self.open(&specs, task_plan.sub_topology, partition)?;
                let mut task = Task::new(&self.topology, task_plan, partition, state, self.steps.clone(), &metrics)?;
                for (changelog, stores) in task.changelogs() {
                    let batches = self.logs.get(&changelog).map(|log| &log.batches[..]).unwrap_or_default();
                    restore(&mut task, &stores, batches)?;
                }
                self.tasks.push(task);
            }
        }
        self.rewind();
        Ok(())
    }

    fn open(&self, specs: &[StoreSpec], sub_topology: usize, partition: u32) -> Result<TaskState, StreamsError> {
        let Some(dir) = &self.dir else { return Ok(TaskState::in_memory(specs)) };
        let dir = dir.join(format!("{sub_topology}-{partition}"));
        let name = self.topology.inner.sub_topologies[sub_topology].name.clone();
        let failed = |source| StreamsError::State { task: TaskId { sub_topology: name, partition }, source };
        let emptied = if dir.exists() { std::fs::remove_dir_all(&dir) } else { Ok(()) };
        let emptied = emptied.map_err(|error| StateError::Io {
            store: "*".to_owned(),
            path: dir.clone(),
            message: error.to_string(),
        });
        let opened = emptied.and_then(|()| TaskState::open(&dir, specs, &StateMemory::default()));
        opened.map(|(state, _)| state).map_err(failed)
    }

    fn rewind(&mut self) {
        for task in &mut self.tasks {
            for partition in task.partitions().cloned().collect::<Vec<_>>() {
                let log = self.logs.entry(partition.clone()).or_default();
                task.start_at(&partition, log.consumed, true);
                log.handed = log.batches.partition_point(|batch| batch.next_offset() <= log.consumed);
            }
        }
    }

    fn log(&mut self, partition: &TopicPartition) -> &mut Log {
        self.logs.entry(partition.clone()).or_default()
    }
}

/// Writes to stores what a topic has of them, from its beginning on.
fn restore(task: &mut Task, stores: &[Logged], batches: &[RecordBatch]) -> Result<(), StreamsError> {
    let from_the_beginning: Vec<_> = stores.iter().map(|logged| (logged.clone(), 0)).collect();
    for batch in batches {
        let of_outputs = Entries::read(&from_the_beginning, batch, &(0..i64::MAX))?;
        let store = |key| stores.iter().find_map(|logged| Some((logged.store, logged.key(key)?)));
        let of_changelogs = batch.iter().filter_map(|r| {
            let (store, key) = store(r.key?)?;
            Some((store, key, r.value, r.timestamp))
        });
        let checkpoints: Vec<_> = stores.iter().map(|s| (s.store, batch.next_offset())).collect();
        let restored = task.state_mut().restore(of_changelogs.chain(of_outputs.iter()), &checkpoints);
        restored.map_err(|source| StreamsError::State { task: task.id().clone(), source })?;
    }
    Ok(())
}

impl Log {
    fn append(&mut self, batch: RecordBatch) {
        let batch = batch.placed_at(self.end, None);
        self.end = batch.next_offset();
        self.batches.push(batch);
    }

    fn records(&self, partition: u32, from: i64) -> Vec<OutputRecord> {
        let records = self.batches.iter().flat_map(|b| b.iter()).filter(|r| r.offset >= from);
        let owned = records.map(|r| OutputRecord {
            partition,
            offset: r.offset,
            timestamp: r.timestamp,
            key: r.key.map(<[u8]>::to_vec),
            value: r.value.map(<[u8]>::to_vec),
            headers: r.headers.to_owned(),
        });
        owned.collect()
    }
}

impl std::fmt::Debug for TestDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestDriver({} tasks)", self.tasks.len())
    }
}
