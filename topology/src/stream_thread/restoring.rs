//! What a thread does with tasks that are not ready: it makes them, fills their stores, and starts them.

use std::collections::BTreeSet;
use std::time::Duration;

use state::StateError;

use super::{Assignment, Phase, Running, StreamThread};
use crate::broker::{BrokerError, TopicPartition};
use crate::errors::StreamsError;
use crate::open::{open_task, task_dir};
use crate::record::TaskId;

/// How long to wait for changelog records, and how many to restore between two polls, while some tasks are ready: as many
/// as one of them processes.
const BESIDE_OTHERS: (Duration, usize) = (Duration::ZERO, 1_000);
/// The same, while no task is.
const ALONE: (Duration, usize) = (Duration::from_millis(50), 50_000);
/// After how long stores are tried again that another thread has.
const HELD_MS: i64 = 100;
/// How long to wait for input while tasks that are ready have none, and others wait for changelog records.
pub(super) const INPUT_WAIT: Duration = Duration::from_millis(5);

impl StreamThread {
    /// Makes the tasks whose co-partitions have all come. Stores that another thread of this process still has are waited for: its
    /// membership has ended, and as long as it waits for a broker it does not know.
    pub(super) fn open_tasks(&mut self, now: i64) -> Result<(), StreamsError> {
        if self.assignment != Assignment::Changed || now < self.open_at {
            return Ok(());
        }
        let mut held = None;
        let plan = self.plan.clone();
        for task_plan in &plan.tasks {
            for partition in 0..task_plan.partitions {
                let co_partitions = task_plan.sources.iter().map(|t| TopicPartition::new(t.clone(), partition));
                let co_partitions: Vec<_> = co_partitions.collect();
                let running = self.tasks.iter().any(|t| t.task.partitions().eq(co_partitions.iter()));
                if running || !co_partitions.iter().all(|p| self.owned.contains(p)) {
                    continue;
                }
                let task = match open_task(&self.topology, &self.config, task_plan, partition, &self.metrics) {
                    Err(StreamsError::State { task, source: StateError::Locked { within_process: true, .. } }) => {
                        held = Some(task);
                        continue;
                    }
                    opened => opened?,
                };
                self.metrics.thread.created.add(1);
                self.tasks.push(Running { task, phase: Phase::Created, paused: BTreeSet::new() });
            }
        }
        if let Some(task) = held {
            if self.open_at == i64::MIN {
                tracing::warn!(%task, "another thread of this process still has the stores: waiting for it");
            }
            self.open_at = now + HELD_MS;
        } else {
            (self.assignment, self.open_at) = (Assignment::Opened, i64::MIN);
        }
        Ok(())
    }

    /// A task's stores turned out to be corrupt while they were used: they are kept for whoever wants to look, and restored
    /// whole. What was not committed is done again, that of the other tasks too, as it was one transaction.
    pub(super) fn set_aside(&mut self, id: &TaskId, message: &str) -> Result<(), StreamsError> {
        self.set_aside += 1;
        self.recover(&BrokerError::Abortable(format!("a store of task {id} is corrupt")))?;
        let Some(at) = self.tasks.iter().position(|t| t.task.id() == id) else { return Ok(()) };
        let corrupt = self.tasks.swap_remove(at);
        self.restorer.forget(&corrupt.task);
        // It closes the database, whose directory is moved then.
        drop(corrupt);
        self.metrics.thread.closed.add(1);
        self.assignment = Assignment::Changed;
        let aside = state::set_aside(&task_dir(&self.config, id));
        let aside = aside.map_err(|source| StreamsError::State { task: id.clone(), source })?;
        tracing::error!(task = %id, set_aside = %aside.display(), "state set aside and restored from its changelogs: {message}");
        Ok(())
    }

    /// One step of restoring; the tasks that are done start where the group's committed offsets are.
    pub(super) fn restore(&mut self, now: i64) -> Result<bool, StreamsError> {
        self.restored = false;
        if self.tasks.iter().all(Running::ready) {
            return Ok(false);
        }
        // It settles what an earlier producer of this id left open, so that the changelogs end where they end.
        self.transactional_producer()?;
        for running in self.tasks.iter_mut().filter(|t| matches!(t.phase, Phase::Created)) {
            self.restorer.begin(&mut running.task, &*self.broker)?;
            running.phase = Phase::Restoring;
        }
        let some_ready = self.tasks.iter().any(Running::ready);
        let (wait, limit) = if some_ready { BESIDE_OTHERS } else { ALONE };
        let mut tasks: Vec<_> = self.tasks.iter_mut().filter(|t| !t.ready()).map(|t| &mut t.task).collect();
        let offsets = self.restorer.step(&mut tasks, &*self.broker, wait, limit)?;
        self.restored = offsets > 0;
        self.restorer.report(now, offsets, &tasks);
        for running in self.tasks.iter_mut().filter(|t| matches!(t.phase, Phase::Restoring)) {
            if !self.restorer.is_done(running.task.id()) {
                continue;
            }
            running.task.show_sizes();
            let partitions: Vec<_> = running.task.partitions().cloned().collect();
            let committed = self.consumer.committed(&partitions)?;
            for (partition, offset) in partitions.iter().zip(committed) {
                let start = match offset {
                    Some(offset) => offset,
                    None => self.broker.watermarks(partition)?.0,
                };
                running.task.start_at(partition, start, offset.is_some());
                self.consumer.seek(partition, start)?;
            }
            self.consumer.resume(&partitions)?;
            running.is(Phase::Ready);
            self.failures = 0;
            tracing::debug!(task = %running.task.id(), "running");
        }
        Ok(true)
    }
}
