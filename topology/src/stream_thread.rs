//! A stream thread: one consumer, one transactional producer, the tasks that it was assigned; poll, process, commit.

mod restoring;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use state::StateError;

use crate::broker::{Broker, BrokerError, Consumer, Polled, TopicName, TopicPartition, TransactionalProducer, Waker};
use crate::config::StreamsConfig;
use crate::errors::StreamsError;
use crate::inspect::Hold;
use crate::metrics::{EngineMetrics, Instruments, ThreadMetrics, micros};
use crate::plan::Plan;
use crate::restore::{Restorer, recoverable};
use crate::step::Step;
use crate::task::{Progress, Task};
use crate::topology::Topology;
use crate::version::{check_assigned, client_id};

/// Batches of this size are handed to the producer before the commit, so that buffers stay small.
const SEND_BYTES: usize = 256 << 10;
/// Records processed between two polls.
const RECORDS_PER_ROUND: usize = 1_000;
/// How long to wait between two attempts to go on after the broker could not be reached, at first and at most.
const BACKOFF_MS: (i64, i64) = (50, 2_000);
/// A thread that finds more stores corrupt than this ends: then it is the disk, not a store.
const MOST_SET_ASIDE: u32 = 8;
/// How often processed repartition records are purged.
const PURGE_INTERVAL_MS: i64 = 30_000;
/// How often stores are asked for their sizes.
const SIZES_INTERVAL_MS: i64 = 10_000;

/// What one round of a thread did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Records processed.
    pub processed: usize,
    /// Whether a transaction was committed.
    pub committed: bool,
    /// Whether the assignment changed, or a task was restored.
    pub moved: bool,
}

impl Round {
    /// True if nothing happened.
    #[must_use]
    pub const fn idle(&self) -> bool {
        self.processed == 0 && !self.committed && !self.moved
    }
}

/// What a thread is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadState {
    /// It waits for its first assignment.
    Starting,
    /// Some of its tasks do not have their state yet.
    Restoring,
    /// All its tasks have their state.
    Running,
}

/// A stream thread's work, round by round. [`crate::Streams`] runs it on a thread; a simulation steps it.
pub struct StreamThread {
    topology: Topology,
    config: StreamsConfig,
    plan: Arc<Plan>,
    broker: Arc<dyn Broker>,
    consumer: Box<dyn Consumer>,
    producer: Option<Box<dyn TransactionalProducer>>,
    transactional_id: String,
    in_transaction: bool,
    /// Whether there was a producer before.
    produced: bool,
    owned: BTreeSet<TopicPartition>,
    tasks: Vec<Running>,
    restorer: Restorer,
    /// Stores found corrupt while they were used.
    set_aside: u32,
    /// The last step of restoring found something.
    restored: bool,
    assignment: Assignment,
    /// Attempts to go on that have failed, one after the other, and when the next one is due.
    failures: u32,
    retry_at: i64,
    /// When tasks are tried to be made again whose stores another thread has.
    open_at: i64,
    last_commit: i64,
    last_purge: i64,
    last_sizes: i64,
    metrics: Instruments,
}

/// What the group has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Assignment {
    /// Nothing yet.
    Awaited,
    /// Partitions have come whose tasks are not made yet.
    Changed,
    /// Every partition has its task, as far as its co-partitions have come.
    Opened,
}

/// A task and how far it is.
struct Running {
    task: Task,
    phase: Phase,
    paused: BTreeSet<TopicPartition>,
}

/// From what is stored to what is processed.
enum Phase {
    /// What there is to restore is not known yet.
    Created,
    Restoring,
    Ready,
}

impl Running {
    fn ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }

    fn is(&mut self, phase: Phase) {
        self.phase = phase;
        self.task.metrics().ready.set(i64::from(self.ready()));
    }
}

impl StreamThread {
    /// Joins the application's group as the `index`th thread of its instance.
    pub(crate) fn new(
        topology: Topology,
        config: StreamsConfig,
        plan: Arc<Plan>,
        broker: Arc<dyn Broker>,
        index: usize,
        metrics: &Arc<EngineMetrics>,
    ) -> Result<Self, StreamsError> {
        let member = format!("{}-{index}", config.instance_id);
        let topics: BTreeSet<TopicName> = plan.tasks.iter().flat_map(|t| t.sources.iter().cloned()).collect();
        let topics: Vec<_> = topics.into_iter().collect();
        let mut consumer = broker.consumer(&config.application_id, &client_id(&member, &topics))?;
        consumer.subscribe(&topics)?;
        let now = (config.clock)();
        Ok(Self {
            restorer: Restorer::new(config.steps.clone()),
            transactional_id: transactional_id(&config.application_id, &member),
            topology,
            config,
            plan,
            broker,
            consumer,
            producer: None,
            in_transaction: false,
            produced: false,
            owned: BTreeSet::new(),
            tasks: Vec::new(),
            restored: false,
            set_aside: 0,
            assignment: Assignment::Awaited,
            failures: 0,
            retry_at: i64::MIN,
            open_at: i64::MIN,
            last_commit: now,
            last_purge: now,
            last_sizes: now,
            metrics: Instruments::new(metrics, &member, now),
        })
    }

    /// Wakes a round that waits for input, from another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.consumer.waker()
    }

    /// What it and its instance count.
    #[must_use]
    pub fn metrics(&self) -> &Arc<EngineMetrics> {
        &self.metrics.engine
    }

    pub(crate) fn counting(&self) -> &Arc<ThreadMetrics> {
        &self.metrics.thread
    }

    /// What the thread is doing.
    #[must_use]
    pub fn state(&self) -> ThreadState {
        if self.assignment == Assignment::Awaited {
            ThreadState::Starting
        } else if !self.tasks.iter().all(Running::ready) || self.owned.len() != self.held_by_tasks() {
            ThreadState::Restoring
        } else {
            ThreadState::Running
        }
    }

    /// How many partitions its tasks read: an assignment may come in parts, and a task waits for all its co-partitions.
    fn held_by_tasks(&self) -> usize {
        self.tasks.iter().map(|t| t.task.partitions().count()).sum()
    }

    /// The names of its tasks.
    #[must_use]
    pub fn tasks(&self) -> Vec<crate::TaskId> {
        self.tasks.iter().map(|t| t.task.id().clone()).collect()
    }

    /// One round: poll (waiting up to `idle` if there is nothing to do), restore, process, punctuate, commit.
    pub fn run_once(&mut self, idle: Duration) -> Result<Round, StreamsError> {
        match self.round(idle) {
            Err(StreamsError::Broker(error)) if recoverable(&error) => {
                self.recover(&error)?;
                Ok(Round { moved: true, ..Round::default() })
            }
            Err(StreamsError::State { task, source: StateError::Corrupt { message, .. } })
                if self.set_aside < MOST_SET_ASIDE =>
            {
                self.set_aside(&task, &message)?;
                Ok(Round { moved: true, ..Round::default() })
            }
            other => other,
        }
    }

    /// Commits what is done, writes all memtables to disk and leaves the group.
    pub fn close(mut self) -> Result<(), StreamsError> {
        let committed = match self.commit() {
            Ok(_) => self.tasks.iter().try_for_each(|running| running.task.flush()),
            // Whoever comes next settles the transaction, and does again what of it was not committed.
            Err(StreamsError::Broker(error)) if recoverable(&error) => {
                tracing::warn!("the last commit before the end may not have landed; nothing is lost: {error}");
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.tasks.clear();
        self.consumer.leave()?;
        committed
    }

    /// Commits, then stands still until the holder is gone.
    pub(crate) fn hold(&mut self, hold: Hold) -> Result<(), StreamsError> {
        self.commit()?;
        hold.stand(|| self.tasks.iter().filter(|t| t.ready()).map(|t| &t.task).collect());
        Ok(())
    }

    fn round(&mut self, idle: Duration) -> Result<Round, StreamsError> {
        let now = (self.config.clock)();
        let busy = self.tasks.iter().any(|t| t.ready() && t.task.ready(now));
        let dirty = self.tasks.iter().any(|t| t.task.dirty());
        let opening = self.assignment == Assignment::Changed && now >= self.open_at;
        let unready = opening || !self.tasks.iter().all(Running::ready);
        let restoring = unready && now >= self.retry_at;
        let timeout = match self.idle_time(now, idle) {
            _ if busy || dirty => Duration::ZERO,
            // Where no task is ready it is changelogs that are waited for.
            _ if restoring && (self.restored || !self.tasks.iter().any(Running::ready)) => Duration::ZERO,
            idle if restoring => idle.min(restoring::INPUT_WAIT),
            idle => idle,
        };
        let mut round = Round::default();
        let begun = Instant::now();
        let polled = self.consumer.poll(timeout)?;
        self.metrics.thread.poll.observe(begun.elapsed());
        let quiet = match polled {
            Polled::Nothing => true,
            Polled::Batches(fetched) => {
                for piece in fetched {
                    self.metrics.thread.poll_records.add(piece.batch.len() as u64);
                    self.enqueue(&piece.partition, piece.batch)?;
                }
                false
            }
            Polled::Assigned(partitions) => {
                self.assigned(partitions)?;
                round.moved = true;
                false
            }
            Polled::Revoked(partitions) => {
                self.revoked(&partitions)?;
                round.moved = true;
                false
            }
            Polled::Lost(partitions) => {
                self.lost(&partitions)?;
                round.moved = true;
                false
            }
        };
        if now >= self.retry_at {
            self.open_tasks(now)?;
            round.moved |= self.restore(now)?;
        }
        let now = (self.config.clock)();
        round.processed = self.process(now)?;
        self.punctuate(now)?;
        let waiting = self.tasks.iter().any(|t| t.ready() && t.task.ready(now));
        let full = self.tasks.iter().map(|t| t.task.dirty_bytes()).sum::<usize>() >= self.config.max_dirty_bytes;
        let due = now - self.last_commit >= self.config.commit_interval_ms;
        // What has only moved, without work, waits for the interval.
        if full || due || (quiet && !waiting && self.tasks.iter().any(|t| t.task.dirty())) {
            round.committed = self.commit()?;
            self.purge(now);
        }
        self.show(now);
        Ok(round)
    }

    fn idle_time(&self, now: i64, idle: Duration) -> Duration {
        let due = self.tasks.iter().filter_map(|t| t.task.next_wall_clock()).min();
        let until = |at: i64| Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or_default());
        let moved = self.tasks.iter().any(|t| t.task.moved());
        let commit = moved.then_some(self.last_commit + self.config.commit_interval_ms);
        let retry = [self.retry_at, self.open_at].into_iter().filter(|at| *at > now).min();
        [due, commit, retry].into_iter().flatten().fold(idle, |idle, at| idle.min(until(at)))
    }

    fn enqueue(&mut self, partition: &TopicPartition, batch: crate::RecordBatch) -> Result<(), StreamsError> {
        for running in &mut self.tasks {
            if running.task.partitions().any(|p| p == partition) {
                let waiting = running.task.enqueue(partition, batch);
                if waiting > self.config.max_buffered_records && running.paused.insert(partition.clone()) {
                    self.consumer.pause(std::slice::from_ref(partition))?;
                }
                return Ok(());
            }
        }
        Ok(())
    }

    fn process(&mut self, now: i64) -> Result<usize, StreamsError> {
        let mut total = 0;
        let begun = Instant::now();
        let mut at = begun;
        for running in self.tasks.iter_mut().filter(|t| t.ready()) {
            let mut done = 0;
            while done < RECORDS_PER_ROUND && running.task.process(now)? == Progress::Processed {
                done += 1;
            }
            total += done;
            if done > 0 {
                send_full(&mut running.task, &mut self.producer, &mut self.in_transaction, SEND_BYTES, &self.config)?;
                let until = Instant::now();
                running.task.metrics().active_us.add(micros(until - at));
                at = until;
            }
            let half = self.config.max_buffered_records / 2;
            let calm: Vec<_> = running.paused.iter().filter(|p| running.task.buffered(p) <= half).cloned().collect();
            if !calm.is_empty() {
                running.paused.retain(|p| !calm.contains(p));
                self.consumer.resume(&calm)?;
            }
        }
        if total > 0 {
            self.metrics.thread.processed.add(total as u64);
            self.metrics.thread.process.observe(at - begun);
        }
        Ok(total)
    }

    fn punctuate(&mut self, now: i64) -> Result<(), StreamsError> {
        let begun = Instant::now();
        let mut any = false;
        for running in self.tasks.iter_mut().filter(|t| t.ready()) {
            any |= running.task.punctuate(now)?;
        }
        if any {
            self.metrics.thread.punctuate.observe(begun.elapsed());
        }
        Ok(())
    }

    /// Brings what is shown of the tasks up to date.
    fn show(&mut self, now: i64) {
        self.tasks.iter().for_each(|t| t.task.show_waiting());
        if now - self.last_sizes >= SIZES_INTERVAL_MS {
            self.last_sizes = now;
            self.tasks.iter().for_each(|t| t.task.show_sizes());
        }
    }

    /// Commits all tasks in one transaction; answers whether there was anything to commit.
    fn commit(&mut self) -> Result<bool, StreamsError> {
        self.last_commit = (self.config.clock)();
        if !self.tasks.iter().any(|t| t.task.dirty() || t.task.moved()) {
            return Ok(false);
        }
        let started = Instant::now();
        let steps = self.config.steps.clone();
        for running in &mut self.tasks {
            running.task.collect_changelog()?;
            send_full(&mut running.task, &mut self.producer, &mut self.in_transaction, 0, &self.config)?;
        }
        let offsets: Vec<_> = self.tasks.iter().flat_map(|t| t.task.offsets()).collect();
        #[cfg(feature = "injected-bugs")]
        let offsets = self.without_offsets(offsets)?;
        let producer = begin(&mut self.producer, &mut self.in_transaction)?;
        steps.reach(Step::BeforeOffsets)?;
        producer.send_offsets(&offsets, &self.consumer.group_metadata())?;
        steps.reach(Step::AfterOffsets)?;
        #[cfg(feature = "injected-bugs")]
        if crate::bugs::is(crate::bugs::Bug::StoresBeforeCommit) {
            for running in &mut self.tasks {
                running.task.committed(&[], self.last_commit)?;
                running.task.flush()?;
            }
        }
        steps.reach(Step::BeforeCommit)?;
        let ends = producer.commit()?;
        self.in_transaction = false;
        self.tasks.iter_mut().for_each(|running| running.task.trace_commit(started.elapsed()));
        steps.reach(Step::AfterCommit)?;
        let now = (self.config.clock)();
        for running in &mut self.tasks {
            running.task.committed(&ends, now)?;
        }
        self.metrics.thread.commit.observe(started.elapsed());
        Ok(true)
    }

    /// What of the offsets is left to the transaction, by the bug that is on.
    #[cfg(feature = "injected-bugs")]
    fn without_offsets(
        &mut self,
        offsets: Vec<(TopicPartition, i64)>,
    ) -> Result<Vec<(TopicPartition, i64)>, BrokerError> {
        use crate::bugs::{Bug, is};
        if is(Bug::OffsetsOutsideTransaction) {
            self.consumer.commit(&offsets)?;
        } else if !is(Bug::OffsetsNotCommitted) {
            return Ok(offsets);
        }
        Ok(Vec::new())
    }

    fn purge(&mut self, now: i64) {
        if now - self.last_purge < PURGE_INTERVAL_MS {
            return;
        }
        self.last_purge = now;
        if let Err(error) = self.delete_processed() {
            tracing::warn!("processed repartition records are deleted later: {error}");
        }
    }

    fn delete_processed(&mut self) -> Result<(), BrokerError> {
        let mine: Vec<_> = self.owned.iter().filter(|p| self.plan.repartitions.contains(&p.topic)).cloned().collect();
        for (partition, offset) in mine.iter().zip(self.consumer.committed(&mine)?) {
            if let Some(offset) = offset {
                self.broker.delete_records(partition, offset)?;
            }
        }
        Ok(())
    }

    /// Nothing of these is read until their tasks are ready.
    fn assigned(&mut self, partitions: Vec<TopicPartition>) -> Result<(), StreamsError> {
        self.metrics.thread.assigned.add(1);
        check_assigned(&self.plan, &partitions)?;
        self.assignment = Assignment::Changed;
        self.consumer.pause(&partitions)?;
        self.owned.extend(partitions);
        Ok(())
    }

    fn revoked(&mut self, partitions: &[TopicPartition]) -> Result<(), StreamsError> {
        self.metrics.thread.revoked.add(1);
        self.commit()?;
        let gone = self.take_tasks(partitions);
        gone.iter().try_for_each(|running| running.task.flush())
    }

    /// What these had in the open transaction cannot be committed any more; nor can what the other tasks had.
    fn lost(&mut self, partitions: &[TopicPartition]) -> Result<(), StreamsError> {
        self.metrics.thread.lost.add(1);
        tracing::warn!("{} partitions were lost to other members", partitions.len());
        self.take_tasks(partitions).iter_mut().for_each(|running| running.task.abort());
        if self.in_transaction { self.recover(&BrokerError::Fenced("partitions were lost".to_owned())) } else { Ok(()) }
    }

    fn take_tasks(&mut self, partitions: &[TopicPartition]) -> Vec<Running> {
        self.owned.retain(|p| !partitions.contains(p));
        let lost = |t: &Running| t.task.partitions().any(|p| partitions.contains(p));
        let (gone, kept): (Vec<_>, _) = std::mem::take(&mut self.tasks).into_iter().partition(lost);
        self.tasks = kept;
        gone.iter().for_each(|running| self.restorer.forget(&running.task));
        self.metrics.thread.closed.add(gone.len() as u64);
        gone
    }

    /// The transaction is lost, or nobody knows: the uncommitted work is dropped. Before anything is restored a new
    /// producer fences the old one and settles it; every task restores its changelogs' tails before it reads its committed
    /// offsets, since the commit may have landed. The first attempt is made at once, later ones after a while.
    fn recover(&mut self, error: &BrokerError) -> Result<(), StreamsError> {
        if self.in_transaction {
            tracing::warn!("transaction given up, work since the last commit is done again: {error}");
            self.metrics.thread.aborts.add(1);
        } else if self.failures.is_multiple_of(16) {
            tracing::warn!("cannot go on yet, trying again: {error}");
        }
        let backoff = BACKOFF_MS.0.saturating_mul(1 << self.failures.min(16)).min(BACKOFF_MS.1);
        self.retry_at = (self.config.clock)() + if self.failures == 0 { 0 } else { backoff };
        self.failures += 1;
        self.producer = None;
        self.in_transaction = false;
        for running in &mut self.tasks {
            running.task.abort();
            running.paused.clear();
            if running.ready() {
                let partitions: Vec<_> = running.task.partitions().cloned().collect();
                self.consumer.pause(&partitions)?;
            }
            running.is(Phase::Created);
        }
        Ok(())
    }

    fn transactional_producer(&mut self) -> Result<(), StreamsError> {
        if self.producer.is_none() {
            self.producer = Some(self.broker.transactional_producer(&self.transactional_id)?);
            if std::mem::replace(&mut self.produced, true) {
                self.metrics.thread.producers_replaced.add(1);
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for StreamThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamThread({}, {:?}, {:?})", self.transactional_id, self.state(), self.tasks())
    }
}

/// The same after each start, so that a thread that starts again ends what it left open.
fn transactional_id(application_id: &str, member: &str) -> String {
    #[cfg(feature = "injected-bugs")]
    if crate::bugs::is(crate::bugs::Bug::TransactionalIdPerStart) {
        return format!("{application_id}-{member}-{}", std::process::id());
    }
    format!("{application_id}-{member}")
}

type Producer = Option<Box<dyn TransactionalProducer>>;

fn begin<'p>(
    producer: &'p mut Producer,
    in_transaction: &mut bool,
) -> Result<&'p mut Box<dyn TransactionalProducer>, StreamsError> {
    let lost = || BrokerError::Abortable("there is no producer".to_owned());
    let producer = producer.as_mut().ok_or_else(lost)?;
    if !*in_transaction {
        producer.begin()?;
        *in_transaction = true;
    }
    Ok(producer)
}

fn send_full(
    task: &mut Task,
    producer: &mut Producer,
    in_transaction: &mut bool,
    min_bytes: usize,
    config: &StreamsConfig,
) -> Result<(), StreamsError> {
    task.drain(min_bytes, |partition, batch| {
        config.steps.reach(Step::BeforeProduce)?;
        begin(producer, in_transaction)?.send(partition, batch)?;
        config.steps.reach(Step::AfterProduce)?;
        Ok::<_, StreamsError>(())
    })
}
