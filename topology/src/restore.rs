//! Filling the stores of a thread's tasks from their changelogs, or the outputs that stand for them: the tails after the
//! checkpoints, up to the high watermark.
//!
//! Bounded by the high watermark, not the last stable offset, and counted in offsets, not records: compacted logs and
//! transaction markers leave gaps. One reader serves all tasks that restore; a step takes what has come, and no more of it
//! than the caller allows, so that tasks that are ready go on meanwhile. Refused: a thread of its own for restoring, which
//! no simulation could step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use state::{StateError, StoreId};

use crate::broker::{Broker, BrokerError, Fetched, Reader, TopicPartition};
use crate::changelog::{Form, Logged};
use crate::errors::StreamsError;
use crate::metrics::StoreMetrics;
use crate::output_log::Entries;
use crate::progress::Pace;
use crate::record::TaskId;
use crate::step::{Step, Steps};
use crate::task::Task;

/// What all restoring tasks of a thread still have to get.
pub(crate) struct Restorer {
    reader: Option<Box<dyn Reader>>,
    tails: BTreeMap<TopicPartition, Tail>,
    /// What the reader was told to read.
    assigned: BTreeSet<TopicPartition>,
    /// Fetched, and not written to the stores yet.
    fetched: VecDeque<Fetched>,
    pace: Pace,
    steps: Steps,
}

/// What is left of a changelog.
struct Tail {
    task: TaskId,
    /// Those whose changelog it is, each with where it is to be restored from.
    stores: Vec<(Logged, i64)>,
    next: i64,
    end: i64,
}

impl Restorer {
    pub(crate) fn new(steps: Steps) -> Self {
        Self {
            reader: None,
            tails: BTreeMap::new(),
            assigned: BTreeSet::new(),
            fetched: VecDeque::new(),
            pace: Pace::default(),
            steps,
        }
    }

    /// Finds out what a task has to restore. A checkpoint that the changelog does not cover makes the store start from
    /// nothing.
    pub(crate) fn begin(&mut self, task: &mut Task, broker: &dyn Broker) -> Result<(), StreamsError> {
        self.forget(task);
        for (partition, stores) in task.changelogs() {
            let watermarks = broker.watermarks(&partition)?;
            let (mut tail, end) = (Vec::new(), watermarks.1);
            for logged in stores {
                let from = start(task, &logged, &partition, watermarks)?;
                tail.push((logged, from));
            }
            let next = tail.iter().map(|(_, from)| *from).min().unwrap_or(end);
            if next < end {
                show(task, &tail).restore_remaining.set(end - next);
                // Wherever the reader is in it, it is not there.
                self.assigned.remove(&partition);
                self.tails.insert(partition, Tail { task: task.id().clone(), stores: tail, next, end });
            }
        }
        Ok(())
    }

    /// A task that is given up, or begins anew.
    pub(crate) fn forget(&mut self, task: &Task) {
        self.tails.retain(|_, tail| tail.task != *task.id());
        task.metrics().stores.iter().for_each(|store| store.restore_remaining.set(0));
    }

    /// True if a task has nothing to restore any more.
    pub(crate) fn is_done(&self, task: &TaskId) -> bool {
        !self.tails.values().any(|tail| tail.task == *task)
    }

    /// Writes up to `limit` records to the stores of `tasks`, waiting for the broker up to `wait`; answers how many offsets that was. A broker error leaves everything such that it can go on.
    pub(crate) fn step(
        &mut self,
        tasks: &mut [&mut Task],
        broker: &dyn Broker,
        wait: Duration,
        limit: usize,
    ) -> Result<u64, StreamsError> {
        self.assign(broker)?;
        let (mut offsets, mut records) = (0, 0);
        while records < limit && !self.tails.is_empty() {
            let Some(piece) = self.fetched.pop_front() else {
                let wait = if records == 0 { wait } else { Duration::ZERO };
                if self.fetch(tasks, broker, wait)? {
                    continue;
                }
                break;
            };
            let (written, restored) = self.write(piece, tasks, limit - records)?;
            records += written;
            offsets += restored;
        }
        self.assign(broker)?;
        Ok(offsets)
    }

    /// How it goes, now and then, for the log; `remaining` for whoever asks in between.
    pub(crate) fn report(&mut self, now: i64, offsets: u64, tasks: &[&mut Task]) {
        let remaining = self.tails.values().map(|t| t.end - t.next).sum();
        if let Some(report) = self.pace.report(now, offsets, remaining) {
            let thread = tasks.first().map(|t| t.metrics().thread.clone());
            if let Some(thread) = &thread {
                thread.restore_rate.set(report.per_second);
            }
            if report.loud {
                let waiting = tasks.iter().filter(|t| !self.is_done(t.id())).count();
                let name = thread.map(|t| t.name.to_string()).unwrap_or_default();
                tracing::info!(thread = name, tasks = waiting, offsets_left = remaining, "restoring: {report}");
            }
        }
    }

    /// Tells the reader what to read, if that has changed. What is done stays assigned until it is half of all: a new
    /// assignment may cost what was fetched ahead.
    fn assign(&mut self, broker: &dyn Broker) -> Result<(), StreamsError> {
        if self.tails.is_empty() {
            self.reader = None;
            self.assigned.clear();
            self.fetched.clear();
            return Ok(());
        }
        let covered = self.tails.keys().all(|p| self.assigned.contains(p));
        if covered && self.tails.len() * 2 > self.assigned.len() {
            return Ok(());
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(broker.reader()?),
        };
        // Whatever was fetched and not written is read again.
        self.assigned.clear();
        self.fetched.clear();
        let from: Vec<_> = self.tails.iter().map(|(p, t)| (p.clone(), t.next)).collect();
        reader.assign(&from)?;
        self.assigned.extend(self.tails.keys().cloned());
        Ok(())
    }

    /// True if something came, or the tails have changed.
    fn fetch(&mut self, tasks: &mut [&mut Task], broker: &dyn Broker, wait: Duration) -> Result<bool, StreamsError> {
        let Some(reader) = &mut self.reader else { return Ok(false) };
        match reader.poll(wait) {
            Ok(fetched) => {
                self.fetched.extend(fetched);
                Ok(!self.fetched.is_empty())
            }
            // Removed under our eyes, by age: the store starts from what is left.
            Err(BrokerError::OffsetOutOfRange { partition, .. }) if self.assigned.contains(&partition) => {
                self.assigned.clear();
                let Some(tail) = self.tails.get(&partition) else { return Ok(false) };
                if let Some(task) = tasks.iter_mut().find(|task| *task.id() == tail.task) {
                    self.begin(task, broker)?;
                }
                self.assign(broker)?;
                Ok(!self.tails.is_empty())
            }
            Err(error) => {
                // What the reader still knows is not certain.
                self.reader = None;
                self.assigned.clear();
                Err(error.into())
            }
        }
    }

    /// Writes up to `limit` records of what was fetched of one changelog to its store, in one batch, and keeps the rest;
    /// answers how many records and how many offsets that was.
    fn write(&mut self, piece: Fetched, tasks: &mut [&mut Task], limit: usize) -> Result<(usize, u64), StreamsError> {
        let Some(tail) = self.tails.get_mut(&piece.partition) else { return Ok((0, 0)) };
        let Some(task) = tasks.iter_mut().find(|task| *task.id() == tail.task) else { return Ok((0, 0)) };
        self.steps.reach(Step::BeforeRestore)?;
        let start = tail.next;
        let too_many = if piece.batch.len() > limit { piece.batch.iter().nth(limit) } else { None };
        let until = too_many.map_or(piece.batch.next_offset(), |first| first.offset);
        let next = until.min(tail.end).max(start);
        let checkpoints: Vec<_> = tail.stores.iter().map(|(logged, from)| (logged.store, next.max(*from))).collect();
        let restored = if tail.is_output() {
            // On an error all is restored anew, from where the stores are.
            let entries = Entries::read(&tail.stores, &piece.batch, &(start..next))?;
            task.state_mut().restore(entries.iter(), &checkpoints)
        } else {
            let wanted = piece.batch.iter().filter(|r| (start..next).contains(&r.offset));
            // A key of a store that is no more is nobody's.
            let records = wanted.filter_map(|r| {
                let (store, key) = tail.store(r.key?, r.offset)?;
                Some((store, key, r.value, r.timestamp))
            });
            task.state_mut().restore(records, &checkpoints)
        };
        restored.map_err(|source| StreamsError::State { task: tail.task.clone(), source })?;
        tail.next = next;
        let done = (next - start).cast_unsigned();
        let shown = show(task, &tail.stores);
        shown.restored.add(done);
        shown.restore_remaining.set(tail.end - next);
        task.metrics().thread.restored.add(done);
        let written = piece.batch.len().min(limit);
        if next >= tail.end {
            self.tails.remove(&piece.partition);
        } else if until < piece.batch.next_offset() {
            let rest = piece.batch.starting_at(until);
            self.fetched.push_front(Fetched { partition: piece.partition, batch: rest });
        }
        self.steps.reach(Step::AfterRestore)?;
        Ok((written, done))
    }
}

impl Tail {
    /// True if a sink has written it.
    fn is_output(&self) -> bool {
        self.stores.iter().any(|(logged, _)| matches!(logged.form, Form::Output(_)))
    }

    /// Whose key that is, and what it is there.
    fn store<'a>(&self, key: &'a [u8], offset: i64) -> Option<(StoreId, &'a [u8])> {
        let (logged, key, from) = self.stores.iter().find_map(|(l, from)| Some((l, l.key(key)?, *from)))?;
        (offset >= from).then_some((logged.store, key))
    }
}

/// Where it is shown how far a changelog is restored: with the first of its stores, so that each offset counts once.
fn show<'t>(task: &'t Task, stores: &[(Logged, i64)]) -> &'t StoreMetrics {
    &task.metrics().stores[stores[0].0.store.0]
}

/// From where on a store's changelog is to be read, which has these watermarks.
fn start(
    task: &mut Task,
    logged: &Logged,
    partition: &TopicPartition,
    (low, end): (i64, i64),
) -> Result<i64, StreamsError> {
    let store = logged.store;
    let id = task.id().clone();
    let failed = |source: StateError| StreamsError::State { task: id.clone(), source };
    match task.state().checkpoint(store).map_err(&failed)? {
        #[cfg(feature = "injected-bugs")]
        Some(_) if crate::bugs::is(crate::bugs::Bug::OutputTailLeftOut) && matches!(logged.form, Form::Output(_)) => {
            Ok(end)
        }
        Some(at) if (low..=end).contains(&at) => Ok(at),
        None => Ok(low),
        Some(at) => {
            tracing::warn!(task = %id, %partition, checkpoint = at, low, end, "the changelog does not cover the checkpoint: the store is restored from nothing");
            task.state_mut().wipe(store).map_err(&failed)?;
            Ok(low)
        }
    }
}

/// True for errors after which the transaction's work is thrown away and done again.
pub(crate) const fn recoverable(error: &BrokerError) -> bool {
    matches!(
        error,
        BrokerError::Fenced(_) | BrokerError::Abortable(_) | BrokerError::Suspect(_) | BrokerError::Unavailable(_)
    )
}
