//! A task: one sub-topology's nodes on one partition, with their state. It is the same for threads and for the test driver.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use state::{StoreId, TaskState};

use crate::batch::{RecordBatch, RecordRef};
use crate::broker::{TopicName, TopicPartition};
use crate::changelog::{self, Form, Logged};
use crate::collector::Collector;
use crate::errors::{
    Failure, FailureKind, ProcessingError, Replacement, Response, StreamsError, TopologyError, dead_letter_topic,
    dead_letter_without_content,
};
use crate::input::Input;
use crate::metrics::{Ages, Instruments, NOTHING_WAITS, Shown, TaskMetrics};
use crate::node::{NodeError, Sourced};
use crate::processor::{Core, NO_HEADERS, Punctuation, PunctuationType, Schedule};
use crate::record::TaskId;
use crate::step::{Step, Steps, Work};
use crate::sub_topology::TopicRef;
use crate::topology::{Nodes, Topology};
use crate::trace::{Following, Trace, Traced, Tracing};

/// No offset is that low.
const NOTHING_COMMITTED: i64 = -1;
/// How long a partition rests when its next record cannot be read yet.
const NOT_YET_MS: i64 = 200;

/// The topics of one sub-topology, resolved and counted, and what all its tasks share.
#[derive(Debug, Clone)]
pub(crate) struct TaskPlan {
    pub(crate) sub_topology: usize,
    pub(crate) application_id: String,
    pub(crate) partitions: u32,
    /// Each input's topic.
    pub(crate) sources: Vec<TopicName>,
    /// Each output as declared, resolved, and its partition count.
    pub(crate) outputs: Vec<(TopicRef, TopicName, u32)>,
    /// As [`crate::plan::Plan`] has it.
    pub(crate) by_store: Arc<BTreeSet<String>>,
    pub(crate) max_record_bytes: usize,
    pub(crate) tracing: Tracing,
}

pub(crate) struct Task {
    topology: Topology,
    core: Core,
    nodes: Nodes,
    inputs: Vec<Input>,
    /// Each store that is restored from a topic.
    logged: Vec<Logged>,
    /// A changelog record's key, while it is put together.
    changelog_key: Vec<u8>,
    outputs: Vec<(TopicRef, TopicName, u32)>,
    steps: Steps,
    metrics: Shown,
    traced: Traced,
    /// Of the records of the open transaction.
    ages: Ages,
    last_input: usize,
    /// Whether a record has been processed since the last commit, or a punctuation has written records.
    worked: bool,
}

/// What became of a call to [`Task::process`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Processed,
    Idle,
}

impl Task {
    pub(crate) fn new(
        topology: &Topology,
        plan: &TaskPlan,
        partition: u32,
        state: TaskState,
        steps: Steps,
        metrics: &Instruments,
    ) -> Result<Self, TopologyError> {
        let inner = &topology.inner;
        let sub = &inner.sub_topologies[plan.sub_topology];
        let refs: Vec<TopicRef> = plan.outputs.iter().map(|(r, _, _)| r.clone()).collect();
        let nodes = topology.instantiate(sub, &plan.application_id, &refs)?;
        let counts: Vec<(TopicName, u32)> = plan.outputs.iter().map(|(_, name, n)| (name.clone(), *n)).collect();
        let id = TaskId { sub_topology: sub.name.clone(), partition };
        let sources = plan.sources.iter().map(|topic| TopicPartition::new(topic.clone(), partition)).collect();
        let names = sub.stores.iter().map(|index| inner.stores[*index].spec.name.clone()).collect();
        let metrics = metrics.task(id.clone(), sources, names);
        let mut stores = Vec::new();
        let mut logged = Vec::new();
        for (index, counting) in sub.stores.iter().zip(&metrics.stores) {
            let decl = &inner.stores[*index];
            let Some(store) = state.store_id(&decl.spec.name) else {
                return Err(TopologyError(format!("store `{}` was not opened", decl.spec.name)));
            };
            // What its values' schemas are registered under, whatever topic they lie in.
            let subject = TopicRef::Changelog(decl.spec.name.clone()).resolve(&plan.application_id);
            stores.push((decl.make)(store, &subject, counting));
            let Some((topic, form)) = changelog::of(decl, &plan.by_store) else { continue };
            if let Some(output) = refs.iter().position(|r| *r == topic) {
                logged.push(Logged { store, output, form, subject });
            }
        }
        let input =
            |(node, topic): (usize, &TopicName)| Input::new(TopicPartition::new(topic.clone(), partition), node);
        let inputs: Vec<Input> = sub.sources.iter().map(|s| s.0).zip(&plan.sources).map(input).collect();
        let core = Core {
            id,
            state,
            stores,
            queues: Vec::new(),
            ready: VecDeque::new(),
            collector: Collector::new(&counts, plan.max_record_bytes),
            topic: plan.sources.first().cloned().unwrap_or_else(|| "".into()),
            offset: -1,
            timestamp: 0,
            trace: Trace::none(),
            stream_time: i64::MIN,
            wall_clock: 0,
            partitions: plan.partitions,
            key_bytes: Vec::new(),
            value_bytes: Vec::new(),
        };
        let mut task = Self {
            topology: topology.clone(),
            core,
            nodes,
            inputs,
            logged,
            changelog_key: Vec::new(),
            outputs: plan.outputs.clone(),
            steps,
            metrics,
            traced: Traced::new(plan.tracing.clone(), plan.application_id.clone()),
            ages: Ages::default(),
            last_input: usize::MAX,
            worked: false,
        };
        task.core.queues = std::mem::take(&mut task.nodes.queues);
        Ok(task)
    }

    pub(crate) fn id(&self) -> &TaskId {
        &self.core.id
    }

    pub(crate) fn state(&self) -> &TaskState {
        &self.core.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut TaskState {
        &mut self.core.state
    }

    /// What it counts with.
    pub(crate) fn metrics(&self) -> &Arc<TaskMetrics> {
        &self.metrics
    }

    /// Shows what waits.
    pub(crate) fn show_waiting(&self) {
        let mut buffered = 0;
        for (input, shown) in self.inputs.iter().zip(&self.metrics.inputs) {
            buffered += input.buffered;
            shown.head.set(input.head.unwrap_or(NOTHING_WAITS));
        }
        self.metrics.buffered.set(i64::try_from(buffered).unwrap_or(i64::MAX));
    }

    /// Asks the stores for their sizes and shows them.
    pub(crate) fn show_sizes(&self) {
        let shown = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        for (index, store) in self.metrics.stores.iter().enumerate() {
            let size = self.core.state.size(StoreId(index));
            store.entries.set(shown(size.entries));
            store.disk_bytes.set(shown(size.disk_bytes));
            store.memory_bytes.set(shown(size.memory_bytes));
        }
    }

    /// Its source partitions.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.inputs.iter().map(|i| &i.partition)
    }

    /// The partitions that its stores are restored from, each with those stores.
    pub(crate) fn changelogs(&self) -> Vec<(TopicPartition, Vec<Logged>)> {
        let mut changelogs: Vec<(TopicPartition, Vec<Logged>)> = Vec::new();
        for logged in &self.logged {
            let topic = &self.outputs[logged.output].1;
            match changelogs.iter_mut().find(|(partition, _)| partition.topic == *topic) {
                Some((_, stores)) => stores.push(logged.clone()),
                None => {
                    let partition = TopicPartition::new(topic.clone(), self.core.id.partition);
                    changelogs.push((partition, vec![logged.clone()]));
                }
            }
        }
        changelogs
    }

    /// Starts reading a source partition there, forgetting what was buffered of it. `committed` is false where nothing
    /// was committed yet: then the next commit tells where it started, so that it is known to be read.
    pub(crate) fn start_at(&mut self, partition: &TopicPartition, offset: i64, committed: bool) {
        for input in self.inputs.iter_mut().filter(|i| i.partition == *partition) {
            input.committed = offset;
            input.rewind();
            if !committed {
                input.committed = NOTHING_COMMITTED;
            }
        }
    }

    /// Takes what was fetched; answers how many records of that partition now wait.
    pub(crate) fn enqueue(&mut self, partition: &TopicPartition, batch: RecordBatch) -> usize {
        let Some(input) = self.inputs.iter_mut().find(|i| i.partition == *partition) else { return 0 };
        input.buffered += batch.len();
        input.batches.push_back(batch);
        input.settle();
        input.buffered
    }

    /// How many records of a partition wait.
    pub(crate) fn buffered(&self, partition: &TopicPartition) -> usize {
        self.inputs.iter().filter(|i| i.partition == *partition).map(|i| i.buffered).sum()
    }

    /// True if a record waits that could be processed now.
    pub(crate) fn ready(&self, now: i64) -> bool {
        self.inputs.iter().any(|i| i.head.is_some() && i.blocked_until <= now)
    }

    /// Processes the waiting record with the lowest timestamp, wholly or not at all.
    pub(crate) fn process(&mut self, now: i64) -> Result<Progress, StreamsError> {
        let next = self.inputs.iter().enumerate().filter(|(_, i)| i.blocked_until <= now);
        let Some((_, chosen)) = next.filter_map(|(n, i)| i.head.map(|t| (t, n))).min() else {
            return Ok(Progress::Idle);
        };
        self.steps.reach(Step::BeforeProcess)?;
        let Self { core, nodes, inputs, traced, .. } = self;
        let input = &mut inputs[chosen];
        let mut cursor = input.cursor;
        let Some(record) = input.batches.front().and_then(|b| b.next(&mut cursor)) else {
            input.settle();
            return Ok(Progress::Idle);
        };
        if self.last_input != chosen {
            core.topic = input.partition.topic.clone();
            self.last_input = chosen;
        }
        let late = core.stream_time.saturating_sub(record.timestamp);
        if late > 0 {
            self.metrics.lateness_ms.add(late.cast_unsigned());
        }
        let timestamp = record.timestamp;
        core.begin(&record, now);
        let node = input.node;
        let sourced = nodes.nodes[node].as_mut().map(|n| n.source(core, &record));
        if let Some(Sourced::NotYet(why)) = sourced {
            tracing::info!(task = %core.id, topic = %core.topic, offset = record.offset, "waits: {why}");
            core.rollback();
            input.blocked_until = now + NOT_YET_MS;
            return Ok(Progress::Idle);
        }
        let mut following = traced.follow(core);
        let failure = match sourced {
            None | Some(Sourced::Forwarded | Sourced::NotYet(_)) => run(nodes, core).err(),
            Some(Sourced::Bad(why)) => Some(NodeError {
                node,
                kind: FailureKind::Deserialization,
                error: ProcessingError::record("deserialization", why),
            }),
        };
        if let Some(failure) = failure {
            handle_failure(&self.topology, core, &self.outputs, &record, failure, following.as_mut())?;
            self.metrics.dropped.add(1);
            self.metrics.thread.dropped.add(1);
        }
        drop(following);
        let next_offset = record.offset + 1;
        input.advance(cursor, next_offset);
        self.worked = true;
        self.metrics.processed.add(1);
        self.ages.processed(timestamp);
        self.steps.done(&self.core.id, Work::Record(&self.inputs[chosen].partition, next_offset - 1));
        self.steps.reach(Step::AfterProcess)?;
        Ok(Progress::Processed)
    }

    /// Runs the punctuations that are due; answers whether there were any.
    pub(crate) fn punctuate(&mut self, now: i64) -> Result<bool, StreamsError> {
        let mut any = false;
        for index in 0..self.nodes.schedules.len() {
            let schedule = self.nodes.schedules[index];
            let time = match schedule.clock {
                PunctuationType::WallClockTime => now,
                PunctuationType::StreamTime if self.core.stream_time == i64::MIN => continue,
                PunctuationType::StreamTime => self.core.stream_time,
            };
            let Some(due) = schedule.next else {
                self.nodes.schedules[index].next = Some(time.saturating_add(schedule.interval_ms));
                continue;
            };
            if time >= due {
                self.nodes.schedules[index].next = Some(next_punctuation(due, time, schedule.interval_ms));
                self.run_punctuation(&schedule, time, now)?;
                self.steps.done(&self.core.id, Work::Punctuation(index, time));
                any = true;
            }
        }
        Ok(any)
    }

    /// Runs one punctuation at a time that somebody else prescribes; false if there is none of that number.
    pub(crate) fn punctuate_at(&mut self, index: usize, time: i64, now: i64) -> Result<bool, StreamsError> {
        let Some(schedule) = self.nodes.schedules.get(index).copied() else { return Ok(false) };
        self.run_punctuation(&schedule, time, now)?;
        Ok(true)
    }

    /// When the next wall-clock punctuation is due.
    pub(crate) fn next_wall_clock(&self) -> Option<i64> {
        let wall = self.nodes.schedules.iter().filter(|s| s.clock == PunctuationType::WallClockTime);
        wall.filter_map(|s| s.next).min()
    }

    fn run_punctuation(&mut self, schedule: &Schedule, time: i64, now: i64) -> Result<(), StreamsError> {
        let Self { core, nodes, .. } = self;
        core.begin_scope(now);
        core.timestamp = time;
        let which = Punctuation { id: schedule.id, timestamp: time };
        let done = match nodes.nodes[schedule.node].as_mut() {
            None => Ok(()),
            Some(node) => node
                .punctuate(core, which)
                .map_err(|error| NodeError { node: schedule.node, kind: FailureKind::Processing, error })
                .and_then(|()| run(nodes, core)),
        };
        let Err(failure) = done else {
            // What it wrote to stores they know themselves; one that did nothing is no reason to commit.
            self.worked |= core.collector.has_pushed();
            return Ok(());
        };
        core.rollback();
        match failure.error {
            ProcessingError::Record { class, message } => {
                let node = &self.topology.inner.nodes[failure.node].name;
                tracing::error!(task = %core.id, node, %class, "punctuation failed, tried again in its time: {message}");
                Ok(())
            }
            ProcessingError::State(source) => Err(StreamsError::State { task: core.id.clone(), source }),
            ProcessingError::Crash(crash) => Err(crash.into()),
        }
    }

    /// True if there is work to commit.
    pub(crate) fn dirty(&self) -> bool {
        self.worked || self.core.state.dirty()
    }

    /// True if a position has moved, be it only past transaction markers or what compaction has removed.
    pub(crate) fn moved(&self) -> bool {
        self.inputs.iter().any(|i| i.position != i.committed)
    }

    /// Bytes of uncommitted writes.
    pub(crate) fn dirty_bytes(&self) -> usize {
        self.core.state.dirty_bytes()
    }

    /// Hands over output batches of at least `min_bytes`.
    pub(crate) fn drain<E>(
        &mut self,
        min_bytes: usize,
        send: impl FnMut(&TopicPartition, RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        self.core.collector.drain(min_bytes, send)
    }

    /// Writes the final value of each changed key to its store's changelog. What is restored from outputs has them already.
    pub(crate) fn collect_changelog(&mut self) -> Result<(), StreamsError> {
        let Core { state, collector, stream_time, id, .. } = &mut self.core;
        let whole = &mut self.changelog_key;
        collector.begin_record();
        for Logged { store, output, form, .. } in &self.logged {
            let Form::Changelog(prefix) = form else { continue };
            let mut refused = None;
            let timestamp = (*stream_time).max(0);
            state.changes(*store, &mut |key, value, written| {
                let timestamp = if written > 0 { written } else { timestamp };
                whole.clear();
                whole.extend_from_slice(prefix);
                whole.extend_from_slice(key);
                if let Err(why) = collector.push(*output, id.partition, timestamp, Some(whole), value, &NO_HEADERS) {
                    refused = Some(why);
                }
            });
            if let Some(why) = refused {
                return Err(StreamsError::Topology(TopologyError(format!("changelog: {why}"))));
            }
        }
        Ok(())
    }

    /// Offsets to commit: of the next record of each input that has moved.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        self.inputs.iter().filter(|i| i.position != i.committed).map(|i| (i.partition.clone(), i.position))
    }

    /// The transaction was committed; `ends` are the offsets after what was written. Writes the stores.
    /// `now`: the clock on the wall after the commit.
    pub(crate) fn committed(&mut self, ends: &[(TopicPartition, i64)], now: i64) -> Result<(), StreamsError> {
        self.ages.committed(now, &self.metrics.end_to_end);
        for input in &mut self.inputs {
            input.committed = input.position;
        }
        self.worked = false;
        if !self.core.state.dirty() {
            return Ok(());
        }
        self.steps.reach(Step::BeforeStoreWrite)?;
        let id = &self.core.id;
        let end = |logged: &Logged| {
            let is = |p: &TopicPartition| p.partition == id.partition && p.topic == self.outputs[logged.output].1;
            ends.iter().find(|(partition, _)| is(partition)).map(|(_, offset)| (logged.store, *offset))
        };
        let checkpoints: Vec<_> = self.logged.iter().filter_map(end).collect();
        let begun = Instant::now();
        self.core.state.commit(&checkpoints).map_err(|source| StreamsError::State { task: id.clone(), source })?;
        self.metrics.flush.observe(begun.elapsed());
        self.steps.reach(Step::AfterStoreWrite)?;
        Ok(())
    }

    /// Tells the traces that went through the transaction that it was committed.
    pub(crate) fn trace_commit(&mut self, took: Duration) {
        self.traced.committed(took);
    }

    /// Throws uncommitted work away. The inputs must be started anew; until then there is nothing of them to commit.
    pub(crate) fn abort(&mut self) {
        self.inputs.iter_mut().for_each(Input::rewind);
        self.ages.forget();
        self.traced.aborted();
        self.worked = false;
        self.core.state.abort();
        self.core.stores.iter_mut().for_each(|s| s.forget());
        self.core.collector.clear();
        self.core.clear_queues();
        self.core.stream_time = i64::MIN;
    }

    /// All memtables to disk, so that a restart restores nothing.
    pub(crate) fn flush(&self) -> Result<(), StreamsError> {
        self.core.state.flush().map_err(|source| StreamsError::State { task: self.core.id.clone(), source })
    }
}

impl Core {
    fn begin(&mut self, record: &RecordRef<'_>, now: i64) {
        self.begin_scope(now);
        self.offset = record.offset;
        self.timestamp = record.timestamp;
        if !record.headers.is_empty() {
            self.trace.read(record.headers.iter());
        }
        if record.timestamp > self.stream_time {
            self.stream_time = record.timestamp;
            self.state.set_stream_time(record.timestamp);
        }
    }

    fn begin_scope(&mut self, now: i64) {
        self.wall_clock = now;
        self.trace.forget();
        self.state.begin_record();
        self.collector.begin_record();
    }

    fn rollback(&mut self) {
        self.state.rollback_record();
        self.stores.iter_mut().for_each(|s| s.forget());
        self.collector.rollback_record();
        self.clear_queues();
    }

    fn clear_queues(&mut self) {
        self.ready.clear();
        self.queues.iter_mut().flatten().for_each(|q| q.forget());
    }
}

/// Runs nodes until nothing is forwarded any more.
fn run(nodes: &mut Nodes, core: &mut Core) -> Result<(), NodeError> {
    while let Some(next) = core.ready.pop_front() {
        if let Some(node) = nodes.nodes[next].as_mut() {
            node.run(core)?;
        }
    }
    Ok(())
}

fn handle_failure(
    topology: &Topology,
    core: &mut Core,
    outputs: &[(TopicRef, TopicName, u32)],
    record: &RecordRef<'_>,
    failed: NodeError,
    following: Option<&mut Following>,
) -> Result<(), StreamsError> {
    core.rollback();
    let (class, message) = match failed.error {
        ProcessingError::Record { class, message } => (class, message),
        ProcessingError::State(source) => return Err(StreamsError::State { task: core.id.clone(), source }),
        ProcessingError::Crash(crash) => return Err(crash.into()),
    };
    if let Some(following) = following {
        following.failed(&class, &message);
    }
    let partition = core.id.partition;
    let failure = Failure {
        kind: failed.kind,
        class: &class,
        message: &message,
        node: &topology.inner.nodes[failed.node].name,
        task: &core.id,
        topic: &core.topic,
        partition,
        record: *record,
    };
    let refuse = |message: String| StreamsError::Record {
        task: failure.task.clone(),
        kind: failure.kind,
        topic: failure.topic.clone(),
        partition,
        offset: record.offset,
        message,
    };
    match topology.inner.handler.handle(&failure) {
        Response::Fail => Err(refuse(message.clone())),
        Response::Resume(replacements) => {
            core.collector.begin_record();
            let dead_letters = dead_letter_topic(failure.topic);
            for replacement in replacements {
                let topic = &replacement.topic;
                let Some(output) = outputs.iter().position(|(_, name, _)| name == topic) else {
                    return Err(refuse(format!("the exception handler writes to `{topic}`, which is no output")));
                };
                let to = partition % core.collector.partitions(output).max(1);
                let mut push = |r: &Replacement| {
                    let (key, value) = (r.key.as_deref(), r.value.as_deref());
                    core.collector.push_within(&core.trace, output, to, r.timestamp, key, value, &r.headers)
                };
                // A record that just fits may not with its error: that must not stop the line either.
                match push(&replacement) {
                    Ok(()) => {}
                    Err(_) if *topic == dead_letters => {
                        push(&dead_letter_without_content(&failure)).map_err(&refuse)?;
                    }
                    Err(why) => tracing::error!(task = %failure.task, %topic, "left out: {why}"),
                }
            }
            Ok(())
        }
    }
}

/// The first multiple of the interval, counted from `due`, that lies after `time`: what was missed is not made up for.
fn next_punctuation(due: i64, time: i64, interval_ms: i64) -> i64 {
    due.saturating_add(((time - due) / interval_ms + 1).saturating_mul(interval_ms))
}
