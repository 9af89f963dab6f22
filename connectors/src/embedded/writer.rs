//! The log writer: the one thread that appends. It takes everything that waits, writes it in one batch with one `fsync` (group
//! commit), and only then shows it to readers and answers. While it writes, the next round gathers.

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::AHashMap;
use rocksdb::WriteBatch;
use topology::RecordBatch;
use topology::broker::{BrokerError, TopicPartition};

use super::Core;
use super::config::FaultPoint;
use super::layout::{self, PartitionId};
use super::partition::Partition;
use super::queue::{Fence, Pending, Produced, Waiting};
use super::signal::Answer;
use super::transaction::{Content, Ends, GroupOffsets, Transaction};

pub(super) struct Writer {
    core: Arc<Core>,
    /// The epoch of each transactional id. In memory only: no producer outlives the process.
    epochs: AHashMap<Arc<str>, i64>,
    places: AHashMap<PartitionId, Place>,
    /// The batches in memory, oldest first, and their sizes.
    tail: VecDeque<(Arc<Partition>, usize)>,
    tail_bytes: usize,
    encoded: Vec<u8>,
}

/// Where the next record of a partition goes.
struct Place {
    next_offset: i64,
    /// LogAppendTime never runs backwards within a partition.
    last_time: i64,
}

/// What has been put into the write batch of this round.
struct Round {
    batch: WriteBatch,
    appended: Vec<(Arc<Partition>, RecordBatch)>,
    committed: Vec<Committed>,
    produced: Vec<Delivered>,
}

struct Committed {
    transactional_id: Arc<str>,
    offsets: Vec<GroupOffsets>,
    ends: Ends,
    answer: Answer<Ends>,
}

struct Delivered {
    base_offset: i64,
    append_time: Option<i64>,
    deliveries: Vec<Pending>,
}

impl Writer {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            epochs: AHashMap::new(),
            places: AHashMap::new(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            encoded: Vec::new(),
        }
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        // Also when this thread dies of a panic, in a delivery say: nobody is left waiting for an answer.
        let _abandon = Abandon(Arc::clone(&self.core));
        while let Some(waiting) = self.core.queue.take() {
            self.write(waiting);
        }
    }

    fn write(&mut self, waiting: Waiting) {
        for Fence { transactional_id, answer } in waiting.fences {
            // Transactions of the earlier epoch have been written in an earlier round, or are refused below.
            let epoch = self.epochs.entry(transactional_id).or_default();
            *epoch += 1;
            answer.send(Ok(*epoch));
        }
        let bytes: usize = waiting.produced.iter().map(|p| p.batch.len_bytes()).sum::<usize>()
            + waiting
                .transactions
                .iter()
                .flat_map(|t| &t.content.batches)
                .map(|b| b.batch.bytes().len())
                .sum::<usize>();
        let mut round = Round {
            batch: WriteBatch::with_capacity_bytes(bytes + bytes / 64 + 1024),
            appended: Vec::new(),
            committed: Vec::new(),
            produced: Vec::new(),
        };
        let now = (self.core.config.clock)();
        for transaction in waiting.transactions {
            self.stage_transaction(transaction, now, &mut round);
        }
        for produced in waiting.produced {
            self.stage_produced(produced, now, &mut round);
        }
        if round.committed.is_empty() && round.produced.is_empty() {
            return;
        }
        match self.core.store.write(std::mem::take(&mut round.batch), &self.core.config) {
            Ok(()) => self.landed(round),
            Err(why) => failed(round, &why),
        }
    }

    fn stage_transaction(&mut self, transaction: Transaction, now: i64, round: &mut Round) {
        let Transaction { transactional_id, epoch, content, answer } = transaction;
        if self.epochs.get(&transactional_id) != Some(&epoch) {
            let why = format!("a newer producer has taken over transactional id {transactional_id}");
            return answer.send(Err(BrokerError::Fenced(why)));
        }
        if self.core.config.fails_at(FaultPoint::BeforeWrite { transactional_id: Some(&transactional_id) }) {
            return answer.send(Err(BrokerError::Suspect("a fault put in before the write".into())));
        }
        match self.stage_content(content, now, round) {
            Ok((offsets, ends)) => round.committed.push(Committed { transactional_id, offsets, ends, answer }),
            Err(why) => answer.send(Err(why)),
        }
    }

    /// Checks all before it stages anything.
    fn stage_content(
        &mut self,
        content: Content,
        now: i64,
        round: &mut Round,
    ) -> Result<(Vec<GroupOffsets>, Ends), BrokerError> {
        self.core.store.check_writable()?;
        for unplaced in &content.batches {
            self.place(&unplaced.partition)?;
        }
        for (i, o) in content.offsets.iter().enumerate() {
            if let Err(why) = o.group.begin_commit(&o.metadata, &o.offsets) {
                content.offsets[..i].iter().for_each(|o| o.group.settle(&o.offsets, false));
                return Err(why);
            }
        }
        let core = Arc::clone(&self.core);
        let meta = core.store.meta()?;
        for GroupOffsets { group, offsets, .. } in &content.offsets {
            for (partition, offset) in offsets {
                round.batch.put_cf(meta, layout::offset_key(&group.name, partition.id), offset.to_be_bytes());
            }
        }
        let mut ends: Ends = Vec::new();
        for unplaced in content.batches {
            let name = &unplaced.partition.name;
            let end =
                self.append(&unplaced.partition, unplaced.log_append_time, unplaced.batch, now, round)?.next_offset();
            match ends.iter_mut().find(|(p, _)| p == name) {
                Some(known) => known.1 = end,
                None => ends.push((TopicPartition::clone(name), end)),
            }
        }
        Ok((content.offsets, ends))
    }

    fn stage_produced(&mut self, produced: Produced, now: i64, round: &mut Round) {
        let Produced { partition, log_append_time, mut batch, deliveries } = produced;
        let failed = if self.core.config.fails_at(FaultPoint::BeforeWrite { transactional_id: None }) {
            Err(BrokerError::Unavailable("a fault put in before the write".into()))
        } else {
            self.core.store.check_writable()
        };
        let placed = failed.and_then(|()| self.append(&partition, log_append_time, batch.finish(), now, round));
        match placed {
            Ok(placed) => {
                let (base_offset, append_time) = (placed.base_offset(), placed.append_time());
                round.produced.push(Delivered { base_offset, append_time, deliveries });
            }
            Err(why) => deliveries.into_iter().for_each(|d| d.failed(why.clone())),
        }
    }

    fn append<'r>(
        &mut self,
        partition: &Arc<Partition>,
        log_append_time: bool,
        batch: RecordBatch,
        now: i64,
        round: &'r mut Round,
    ) -> Result<&'r RecordBatch, BrokerError> {
        let place = self.place(partition)?;
        let append_time = log_append_time.then(|| {
            place.last_time = place.last_time.max(now);
            place.last_time
        });
        let batch = batch.placed_at(place.next_offset, append_time);
        place.next_offset = batch.next_offset();
        layout::encode_batch(&batch, &mut self.encoded);
        let log = self.core.store.log()?;
        round.batch.put_cf(log, layout::log_key(partition.id, batch.base_offset()), &self.encoded);
        round.appended.push((Arc::clone(partition), batch));
        let (_, placed) = &round.appended[round.appended.len() - 1];
        Ok(placed)
    }

    fn place(&mut self, partition: &Partition) -> Result<&mut Place, BrokerError> {
        use std::collections::hash_map::Entry;
        match self.places.entry(partition.id) {
            Entry::Occupied(place) => Ok(place.into_mut()),
            Entry::Vacant(vacant) => {
                let last = self.core.store.last_batch(partition.id)?;
                let last_time = last.and_then(|b| b.append_time).unwrap_or(i64::MIN);
                Ok(vacant.insert(Place { next_offset: partition.high(), last_time }))
            }
        }
    }

    fn landed(&mut self, round: Round) {
        for (partition, batch) in round.appended {
            self.tail_bytes += batch.bytes().len();
            self.tail.push_back((Arc::clone(&partition), batch.bytes().len()));
            partition.publish(batch);
        }
        while self.tail_bytes > self.core.config.tail_cache_bytes {
            let Some((partition, bytes)) = self.tail.pop_front() else { break };
            partition.evict_one();
            self.tail_bytes -= bytes;
        }
        for Committed { transactional_id, offsets, ends, answer } in round.committed {
            offsets.iter().for_each(|o| o.group.settle(&o.offsets, true));
            let lost = self.core.config.fails_at(FaultPoint::AfterWrite { transactional_id: Some(&transactional_id) });
            answer.send(if lost {
                Err(BrokerError::Suspect("a fault put in after the write".into()))
            } else {
                Ok(ends)
            });
        }
        for Delivered { base_offset, append_time, deliveries } in round.produced {
            let lost = self.core.config.fails_at(FaultPoint::AfterWrite { transactional_id: None });
            for (offset, delivery) in (base_offset..).zip(deliveries) {
                if lost {
                    delivery.failed(BrokerError::Unavailable("a fault put in after the write".into()));
                } else {
                    delivery.done(offset, append_time);
                }
            }
        }
    }
}

/// Nobody knows what of it is on the disk; a restart will tell.
fn failed(round: Round, why: &BrokerError) {
    for Committed { offsets, answer, .. } in round.committed {
        offsets.iter().for_each(|o| o.group.settle(&o.offsets, false));
        answer.send(Err(BrokerError::Suspect(why.to_string())));
    }
    for Delivered { deliveries, .. } in round.produced {
        deliveries.into_iter().for_each(|d| d.failed(why.clone()));
    }
}

struct Abandon(Arc<Core>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}
