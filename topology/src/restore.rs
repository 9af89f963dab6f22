//! Filling a task's stores from their changelogs: the tail after the checkpoint, up to the high watermark.
//!
//! Bounded by the high watermark, not the last stable offset, and counted in offsets, not records: compacted logs and
//! transaction markers leave gaps. A step at a time, so that the thread goes on polling.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use state::{StateError, StoreId};

use crate::broker::{Broker, BrokerError, Reader, TopicPartition};
use crate::errors::StreamsError;
use crate::metrics::TaskMetrics;
use crate::step::{Step, Steps};
use crate::task::Task;

pub(crate) struct Restoration {
    reader: Option<Box<dyn Reader>>,
    tails: BTreeMap<TopicPartition, Tail>,
    metrics: Arc<TaskMetrics>,
    steps: Steps,
}

struct Tail {
    store: StoreId,
    next: i64,
    end: i64,
}

impl Restoration {
    /// Finds out what is to restore. A checkpoint that the changelog does not cover makes the store start from nothing.
    pub(crate) fn begin(task: &mut Task, broker: &dyn Broker, steps: &Steps) -> Result<Self, StreamsError> {
        let (id, metrics) = (task.id().clone(), task.metrics().clone());
        let failed = |source: StateError| StreamsError::State { task: id.clone(), source };
        let mut tails = BTreeMap::new();
        for (store, partition) in task.changelogs() {
            let (low, end) = broker.watermarks(&partition)?;
            let next = match task.state().checkpoint(store).map_err(&failed)? {
                Some(at) if (low..=end).contains(&at) => at,
                None => low,
                Some(at) => {
                    tracing::warn!(task = %id, %partition, checkpoint = at, low, end, "the changelog does not cover the checkpoint: the store is restored from nothing");
                    task.state_mut().wipe(store).map_err(&failed)?;
                    low
                }
            };
            if next < end {
                metrics.stores[store.0].restore_remaining.set(end - next);
                tails.insert(partition, Tail { store, next, end });
            }
        }
        let reader = if tails.is_empty() {
            None
        } else {
            let mut reader = broker.reader()?;
            let from: Vec<_> = tails.iter().map(|(p, t)| (p.clone(), t.next)).collect();
            reader.assign(&from)?;
            Some(reader)
        };
        Ok(Self { reader, tails, metrics, steps: steps.clone() })
    }

    /// Restores what one poll brings; true when there is nothing left.
    pub(crate) fn step(&mut self, task: &mut Task, timeout: Duration) -> Result<bool, StreamsError> {
        let Some(reader) = &mut self.reader else { return Ok(true) };
        let fetched = reader.poll(timeout)?;
        for piece in fetched {
            let Some(tail) = self.tails.get_mut(&piece.partition) else { continue };
            self.steps.reach(Step::BeforeRestore)?;
            let next = piece.batch.next_offset().min(tail.end);
            let start = tail.next;
            let wanted = piece.batch.iter().filter(|r| (start..tail.end).contains(&r.offset));
            let records = wanted.filter_map(|r| r.key.map(|key| (key, r.value, r.timestamp)));
            let id = task.id().clone();
            let restored = task.state_mut().restore(tail.store, records, next.max(start));
            restored.map_err(|source| StreamsError::State { task: id, source })?;
            tail.next = next.max(start);
            let (done, store) = ((tail.next - start).cast_unsigned(), &self.metrics.stores[tail.store.0]);
            store.restored.add(done);
            store.restore_remaining.set(tail.end - tail.next);
            self.metrics.thread.restored.add(done);
            self.steps.reach(Step::AfterRestore)?;
        }
        let done: Vec<_> = self.tails.iter().filter(|(_, t)| t.next >= t.end).map(|(p, _)| p.clone()).collect();
        if !done.is_empty() {
            self.tails.retain(|p, _| !done.contains(p));
            let rest: Vec<_> = self.tails.iter().map(|(p, t)| (p.clone(), t.next)).collect();
            reader.assign(&rest)?;
        }
        Ok(self.tails.is_empty())
    }
}

impl Drop for Restoration {
    fn drop(&mut self) {
        for tail in self.tails.values() {
            self.metrics.stores[tail.store.0].restore_remaining.set(0);
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
