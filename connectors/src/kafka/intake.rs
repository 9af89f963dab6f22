//! From librdkafka's single records to batches by partition.

use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode as Code;
use topology::BatchBuilder;
use topology::broker::{Fetched, TopicPartition};

use super::context;
use super::native::{Event, Queue, QueueError, Record};
use super::silence::Silence;

/// Records taken from the queue in one poll, at most.
const RECORDS: usize = 2_000;
/// Bytes taken from the queue in one poll, about.
const BYTES: usize = 1 << 20;

/// What a poll found besides records.
pub(super) enum News {
    Assign(Vec<TopicPartition>),
    Revoke(Vec<TopicPartition>),
    Error(QueueError),
}

/// Gathers records until there are enough, or something else has happened.
#[derive(Default)]
pub(super) struct Intake {
    slots: Vec<Slot>,
    /// The slot of the last record, which is likely that of the next.
    current: usize,
    records: usize,
    bytes: usize,
    /// Whether the client has noticed that the group has not heard of it for too long.
    session_lost: bool,
    silence: Silence,
}

struct Slot {
    partition: TopicPartition,
    builder: BatchBuilder,
    /// Offset of the first record in the builder.
    base: i64,
    /// Where reading has come to, if that is further than the last record.
    end: Option<i64>,
}

impl Intake {
    /// Waits for the first event, then takes what else is there. Records come out of [`Intake::take`].
    pub(super) fn fill(&mut self, queue: &Queue, timeout: Duration) -> Option<News> {
        let deadline = Instant::now() + timeout;
        let mut wait = timeout;
        loop {
            let news = queue.poll(wait, |event| match event {
                Event::Record(record) => {
                    self.add(&record);
                    None
                }
                Event::End(partition, offset) => {
                    let slot = self.slot(&partition.topic, partition.partition);
                    slot.end = Some(offset);
                    None
                }
                Event::Assign(partitions) => Some(News::Assign(partitions)),
                Event::Revoke(partitions) => Some(News::Revoke(partitions)),
                Event::Error(error) => {
                    if error.code == Code::AllBrokersDown {
                        self.silence.begins();
                    }
                    Some(News::Error(error))
                }
                Event::Log(level, facility, message) => {
                    self.session_lost |= facility == "SESSTMOUT";
                    context::log_at(level, facility, message);
                    None
                }
                Event::Other => None,
            });
            match news {
                None => return None,
                Some(Some(news)) => return Some(news),
                Some(None) if self.records >= RECORDS || self.bytes >= BYTES => return None,
                Some(None) => {}
            }
            wait = if self.is_empty() { deadline.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
        }
    }

    /// What has been gathered, a batch a partition, without those partitions that `keep` refuses.
    pub(super) fn take(&mut self, mut keep: impl FnMut(&TopicPartition) -> bool) -> Vec<Fetched> {
        (self.records, self.bytes) = (0, 0);
        let mut fetched = Vec::new();
        for slot in &mut self.slots {
            let end = slot.end.take();
            if slot.builder.is_empty() && end.is_none() {
                continue;
            }
            let base = if slot.builder.is_empty() { end.unwrap_or_default() } else { slot.base };
            let batch = slot.builder.finish().placed_at(base, None);
            let batch = if let Some(end) = end { batch.covering(end) } else { batch };
            if keep(&slot.partition) {
                fetched.push(Fetched { partition: slot.partition.clone(), batch });
            }
        }
        if !fetched.is_empty() {
            self.silence.ends();
        }
        fetched
    }

    /// Whether the client may have been left without a broker.
    pub(super) fn take_silence(&mut self) -> bool {
        self.silence.is_too_long()
    }

    /// Whether the client has noticed, since it was last asked, that the group has not heard of it for too long.
    pub(super) fn take_session_lost(&mut self) -> bool {
        std::mem::take(&mut self.session_lost)
    }

    /// Throws away what was gathered, and forgets the partitions.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn is_empty(&self) -> bool {
        self.records == 0 && self.slots.iter().all(|s| s.end.is_none())
    }

    fn add(&mut self, record: &Record<'_>) {
        let (key, value) = (record.key(), record.value());
        self.records += 1;
        self.bytes += key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        let slot = self.slot(record.topic(), record.partition());
        if slot.builder.is_empty() {
            slot.base = record.offset();
        }
        slot.builder.push_at(record.offset() - slot.base, record.timestamp(), key, value, record);
    }

    fn slot(&mut self, topic: &str, partition: u32) -> &mut Slot {
        let is = |s: &Slot| s.partition.partition == partition && &*s.partition.topic == topic;
        if !self.slots.get(self.current).is_some_and(is) {
            self.current = self.slots.iter().position(is).unwrap_or_else(|| {
                let partition = TopicPartition::new(topic, partition);
                self.slots.push(Slot { partition, builder: BatchBuilder::new(), base: 0, end: None });
                self.slots.len() - 1
            });
        }
        &mut self.slots[self.current]
    }
}
