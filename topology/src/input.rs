//! A source partition of a task: what was fetched of it and waits, and how far it is.

use std::collections::VecDeque;

use crate::batch::{Cursor, RecordBatch};
use crate::broker::TopicPartition;

/// A source partition: what was fetched and not yet processed.
pub(crate) struct Input {
    pub(crate) partition: TopicPartition,
    pub(crate) node: usize,
    pub(crate) batches: VecDeque<RecordBatch>,
    pub(crate) cursor: Cursor,
    pub(crate) buffered: usize,
    /// Timestamp of the next record; `None` when nothing is buffered.
    pub(crate) head: Option<i64>,
    /// Offset of the next record to process.
    pub(crate) position: i64,
    pub(crate) committed: i64,
    pub(crate) blocked_until: i64,
}

impl Input {
    pub(crate) fn new(partition: TopicPartition, node: usize) -> Self {
        Self {
            partition,
            node,
            batches: VecDeque::new(),
            cursor: Cursor::default(),
            buffered: 0,
            head: None,
            position: 0,
            committed: 0,
            blocked_until: i64::MIN,
        }
    }

    /// Back to what is committed, with nothing buffered.
    pub(crate) fn rewind(&mut self) {
        self.batches.clear();
        self.cursor = Cursor::default();
        self.buffered = 0;
        self.head = None;
        self.position = self.committed;
        self.blocked_until = i64::MIN;
    }

    pub(crate) fn advance(&mut self, cursor: Cursor, next_offset: i64) {
        self.cursor = cursor;
        self.position = next_offset;
        self.buffered -= 1;
        self.settle();
    }

    /// Drops batches that are read to their end and finds the next record's timestamp.
    pub(crate) fn settle(&mut self) {
        while let Some(batch) = self.batches.front() {
            let mut cursor = self.cursor;
            if let Some(record) = batch.next(&mut cursor) {
                if record.offset < self.position {
                    self.cursor = cursor;
                    self.buffered = self.buffered.saturating_sub(1);
                    continue;
                }
                self.head = Some(record.timestamp);
                return;
            }
            self.position = self.position.max(batch.next_offset());
            self.cursor = Cursor::default();
            self.batches.pop_front();
        }
        self.head = None;
    }
}
