//! What a sink does: take partitions over, read, gather, commit, tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use schemas::{DeliveryResult, Mail, MailResult, Notification, Outcome, TicketEvent, UserEvent, frame, topics};
use topology::RecordRef;
use topology::broker::{Broker, BrokerError, Consumer, Fetched, Polled, TopicPartition, Waker};
use uuid::Uuid;

use super::announce::{Announce, Announcement};
use super::changes::{Changes, KEPT_MS, PRUNE_AT_ONCE};
use super::spans::Spans;
use super::store::{Move, Position, ReadModelStore};
use super::{SinkError, SinkOptions, SinkPoint};

/// Topics that the sink reads.
const TOPICS: [&str; 7] = [
    topics::TICKET_EVENTS,
    topics::USER_EVENTS,
    topics::NOTIFICATIONS,
    topics::EMAIL_OUTBOX,
    topics::EMAIL_RESULTS,
    topics::WEBHOOK_RESULTS,
    topics::COMMAND_OUTCOMES,
];

/// How often old ones are looked for, by the outcomes' own time.
const PRUNE_EVERY_MS: i64 = 60_000;

/// How often the group is told how far the database is.
const TELL_GROUP: Duration = Duration::from_secs(1);

/// So many records, and bytes of them, are enough for one transaction; what a single poll brings is never divided. More would keep
/// those waiting who wait for its first record, and not be faster.
const ENOUGH_RECORDS: usize = 4_000;
const ENOUGH_BYTES: usize = 4 << 20;

/// How often a sink may find, within one assignment, that another has moved its partitions on. One that the group has replaced finds
/// it once before it learns of that; more than this is another sink that the group knows nothing of.
const FENCES: u32 = 3;

/// A sink, driven step by step by whoever owns it.
pub(super) struct Sink {
    broker: Arc<dyn Broker>,
    consumer: Box<dyn Consumer>,
    store: Box<dyn ReadModelStore>,
    /// The next offset of each partition that the group has given; `None` until the database was asked.
    held: BTreeMap<TopicPartition, Option<i64>>,
    /// The last sequence of each project, as the database has it.
    sequences: AHashMap<Uuid, i64>,
    announce: Vec<Arc<dyn Announce>>,
    options: SinkOptions,
    pruned_until: i64,
    fences: u32,
    /// Since when the group has not been told.
    untold: Option<Instant>,
}

impl Sink {
    /// Opens a sink and joins the group. What is in the database already is held against the log first, so that a log
    /// that lacks what comes next is found at the start, whoever gets the partition.
    pub(super) async fn open(
        broker: Arc<dyn Broker>,
        mut store: Box<dyn ReadModelStore>,
        announce: Vec<Arc<dyn Announce>>,
        options: SinkOptions,
    ) -> Result<Self, SinkError> {
        let existing = broker.topics()?;
        let mut partitions = Vec::new();
        for topic in TOPICS {
            let count = *existing.get(topic).ok_or(SinkError::MissingTopic(topic))?;
            partitions.extend((0..count).map(|partition| TopicPartition::new(topic, partition)));
        }
        let stored: BTreeMap<_, _> = store.load().await?.offsets.into_iter().collect();
        for partition in partitions {
            next_offset(&*broker, &partition, stored.get(&partition).copied())?;
        }
        let mut consumer = broker.consumer(&options.group, &options.client_id)?;
        consumer.subscribe(&TOPICS.map(Into::into))?;
        Ok(Self {
            broker,
            consumer,
            store,
            held: BTreeMap::new(),
            sequences: AHashMap::new(),
            announce,
            options,
            pruned_until: 0,
            fences: 0,
            untold: None,
        })
    }

    pub(super) fn waker(&self) -> Waker {
        self.consumer.waker()
    }

    /// Waits for records or for a change in the group, which blocks the thread, and does what there is to do. After an error
    /// nothing is half done; go on with [`Self::resume`].
    pub(super) async fn step(&mut self, timeout: Duration) -> Result<(), SinkError> {
        let timeout = self.untold.map_or(timeout, |since| TELL_GROUP.saturating_sub(since.elapsed()).min(timeout));
        let (fetched, last) = self.read(timeout);
        let written = self.write(&fetched).await;
        // Whatever became of what was read before.
        let is_new = last.map(|change| self.follow_group(change));
        written?;
        if is_new? {
            self.resume().await?;
        }
        if self.untold.is_some_and(|since| since.elapsed() >= TELL_GROUP) {
            self.tell_group();
        }
        Ok(())
    }

    /// Waits for the first records, and takes with them what is there already, so that a sink that is behind writes more at a time,
    /// and a lone event at once. Also what the last poll told that was no records.
    fn read(&mut self, timeout: Duration) -> (Vec<Fetched>, Result<Polled, BrokerError>) {
        let (mut fetched, mut records, mut bytes) = (Vec::new(), 0, 0);
        let mut polled = self.consumer.poll(timeout);
        while let Ok(Polled::Batches(more)) = polled {
            records += more.iter().map(|fetched| fetched.batch.len()).sum::<usize>();
            bytes += more.iter().map(|fetched| fetched.batch.bytes().len()).sum::<usize>();
            fetched.extend(more);
            if records >= ENOUGH_RECORDS || bytes >= ENOUGH_BYTES {
                return (fetched, Ok(Polled::Nothing));
            }
            polled = self.consumer.poll(Duration::ZERO);
        }
        (fetched, polled)
    }

    /// Stays a member of the group while the database is away; reads nothing.
    pub(super) fn stay(&mut self, timeout: Duration) -> Result<(), SinkError> {
        let held: Vec<_> = self.held.keys().cloned().collect();
        self.consumer.pause(&held)?;
        let polled = self.consumer.poll(timeout)?;
        self.follow_group(polled);
        Ok(())
    }

    /// Goes on from what the database has, whatever was read or begun since.
    pub(super) async fn resume(&mut self) -> Result<(), SinkError> {
        let reached = self.store.load().await?;
        let stored: BTreeMap<_, _> = reached.offsets.into_iter().collect();
        let mut new: Vec<Position> = Vec::new();
        for (partition, position) in &mut self.held {
            let there = stored.get(partition).copied();
            let next = next_offset(&*self.broker, partition, there)?;
            if there.is_none() {
                new.push((partition.clone(), next));
            }
            *position = Some(next);
        }
        if !new.is_empty() {
            self.store.begin(&new).await?;
        }
        for (partition, next) in &self.held {
            if let Some(next) = next {
                self.consumer.seek(partition, *next)?;
            }
        }
        let held: Vec<_> = self.held.keys().cloned().collect();
        self.consumer.resume(&held)?;
        self.sequences = reached.sequences.iter().copied().collect();
        self.tell_watch();
        for announce in &self.announce {
            announce.anew(&reached.sequences).await;
        }
        Ok(())
    }

    /// Whether the sink can go on after this error, with [`Self::resume`]. Whoever is fenced was replaced by the group,
    /// which it will learn with the next poll, or has a rival that the group does not know.
    pub(super) fn survives(&mut self, error: &SinkError) -> bool {
        if matches!(error, SinkError::Fenced { .. }) {
            self.fences += 1;
            return self.fences <= FENCES;
        }
        error.is_transient()
    }

    /// Leaves the group, and closes the database's connection.
    pub(super) async fn close(mut self) {
        self.tell_group();
        if let Err(error) = self.consumer.leave() {
            tracing::debug!(%error, "the sink could not leave its group");
        }
        self.store.close().await;
    }

    /// Takes in what the group says; whether there are new partitions.
    fn follow_group(&mut self, change: Polled) -> bool {
        match change {
            Polled::Assigned(partitions) => {
                self.fences = 0;
                self.held.extend(partitions.into_iter().map(|partition| (partition, None)));
                return true;
            }
            Polled::Revoked(partitions) | Polled::Lost(partitions) => {
                self.fences = 0;
                self.tell_group();
                self.held.retain(|partition, _| !partitions.contains(partition));
                self.tell_watch();
            }
            _ => {}
        }
        false
    }

    /// Tells the group how far the database is. Nothing depends on it.
    fn tell_group(&mut self) {
        if self.untold.take().is_none() {
            return;
        }
        let reached = self.options.reach(SinkPoint::BeforeGroup);
        if let Err(error) = reached.and_then(|()| Ok(self.consumer.commit(&self.positions())?)) {
            tracing::debug!(%error, "the sink's group was not told how far the database is");
        }
    }

    fn tell_watch(&self) {
        if let Some(watch) = &self.options.watch {
            watch.holds(&self.positions());
        }
    }

    fn positions(&self) -> Vec<Position> {
        self.held.iter().filter_map(|(partition, next)| Some((partition.clone(), (*next)?))).collect()
    }

    async fn write(&mut self, fetched: &[Fetched]) -> Result<(), SinkError> {
        if fetched.is_empty() {
            return Ok(());
        }
        let mut spans = Spans::default();
        let written = self.write_within(fetched, &mut spans).await;
        written.inspect_err(|error| spans.failed(error))
    }

    async fn write_within(&mut self, fetched: &[Fetched], spans: &mut Spans) -> Result<(), SinkError> {
        if let Some(watch) = &self.options.watch {
            watch.reads(fetched);
        }
        let mut changes = Changes::default();
        let mut announcement = Announcement::default();
        let keep_events = self.announce.iter().any(|announce| announce.wants_events());
        let mut moves: Vec<Move> = Vec::with_capacity(fetched.len());
        for fetched in fetched {
            // One that has just gone to someone else, who reads it from the same place.
            let Some(&Some(stored)) = self.held.get(&fetched.partition) else { continue };
            let moved = moves.iter_mut().find(|(partition, ..)| *partition == fetched.partition);
            let from = moved.as_ref().map_or(stored, |(.., to)| *to);
            let events = &mut announcement.events;
            for record in fetched.batch.iter().filter(|record| record.offset >= from) {
                spans.read(&self.options.tracing, &fetched.partition, &record);
                self.gather(&fetched.partition, &record, &mut changes, keep_events.then_some(&mut *events))?;
            }
            let to = fetched.batch.next_offset();
            match moved {
                _ if to <= from => {}
                Some((.., reached)) => *reached = to,
                None => moves.push((fetched.partition.clone(), from, to)),
            }
        }
        if moves.is_empty() {
            return Ok(());
        }
        announcement.projects = changes.sequences.iter().map(|(&id, &sequence)| (id, sequence)).collect();
        announcement.users =
            changes.users.iter().filter_map(|(&id, user)| Some((id, user.as_ref()?.sequence))).collect();
        let begun = Instant::now();
        self.commit(changes, &moves).await?;
        announcement.traces = spans.written();
        if let Some(watch) = &self.options.watch {
            watch.wrote(fetched, begun.elapsed());
        }
        self.options.reach(SinkPoint::AfterCommit)?;
        for (partition, _, to) in moves {
            self.held.insert(partition, Some(to));
        }
        self.untold.get_or_insert_with(Instant::now);
        self.sequences.extend(announcement.projects.iter().copied());
        for announce in &self.announce {
            announce.committed(&announcement).await;
        }
        Ok(())
    }

    async fn commit(&mut self, mut changes: Changes, moves: &[Move]) -> Result<(), SinkError> {
        let newest_outcome = changes.outcomes.iter().map(|outcome| outcome.decided_at).max().unwrap_or(0);
        let prune = newest_outcome - self.pruned_until > PRUNE_EVERY_MS;
        changes.prune_before = prune.then_some(newest_outcome - KEPT_MS);
        let pruned = self.store.commit(changes, moves, &self.options).await?;
        if prune && pruned < u64::from(PRUNE_AT_ONCE) {
            self.pruned_until = newest_outcome;
        }
        Ok(())
    }

    fn gather(
        &self,
        partition: &TopicPartition,
        record: &RecordRef<'_>,
        changes: &mut Changes,
        events: Option<&mut Vec<Arc<TicketEvent>>>,
    ) -> Result<(), SinkError> {
        let unreadable = |source| SinkError::Unreadable { partition: partition.clone(), offset: record.offset, source };
        let value = record.value.unwrap_or_default();
        let registry = &*self.options.registry;
        match &*partition.topic {
            topics::TICKET_EVENTS => {
                let event = TicketEvent::decode_with(registry, value).map_err(unreadable)?;
                self.check_sequence(partition, record.offset, changes, &event)?;
                if let Some(events) = events {
                    events.push(Arc::new(event.clone()));
                }
                changes.ticket_event(event);
            }
            topics::USER_EVENTS => match (record.value, record.key.and_then(|key| Uuid::try_parse_ascii(key).ok())) {
                (None, Some(user)) => changes.user_erased(user),
                _ => changes.user_event(UserEvent::decode_with(registry, value).map_err(unreadable)?),
            },
            topics::NOTIFICATIONS => {
                changes.notification(Notification::decode_with(registry, value).map_err(unreadable)?);
            }
            topics::EMAIL_OUTBOX => changes.mail(Mail::decode_with(registry, value).map_err(unreadable)?),
            topics::EMAIL_RESULTS => {
                changes.mail_result(MailResult::decode_with(registry, value).map_err(unreadable)?);
            }
            topics::WEBHOOK_RESULTS => {
                changes.delivery(DeliveryResult::decode_with(registry, value).map_err(unreadable)?);
            }
            _ => {
                let outcome = Outcome::decode_with(registry, value).map_err(unreadable)?;
                // The database keeps the ids in the code, so that it can be read without the registry.
                let own_id = outcome.schema_id();
                let same = frame::schema_id(value).map_err(unreadable)? == own_id && registry.wire_id(own_id) == own_id;
                if same {
                    changes.outcome(&outcome, value);
                } else {
                    let mut own = Vec::with_capacity(value.len());
                    outcome.encode(&mut own).map_err(unreadable)?;
                    changes.outcome(&outcome, &own);
                }
            }
        }
        Ok(())
    }

    fn check_sequence(
        &self,
        partition: &TopicPartition,
        offset: i64,
        changes: &Changes,
        event: &TicketEvent,
    ) -> Result<(), SinkError> {
        let project = event.project_id();
        let last = changes.sequences.get(&project).or_else(|| self.sequences.get(&project)).copied().unwrap_or(0);
        if event.sequence() == last + 1 {
            return Ok(());
        }
        Err(SinkError::Gap {
            partition: partition.clone(),
            offset,
            project,
            expected: last + 1,
            found: event.sequence(),
        })
    }
}

/// Where to go on: where the database says, or, for a partition never read, at offset 0. Events of tickets are kept for
/// ever; the other topics may have lost old records, which no one asks for, so they begin where the log does.
fn next_offset(broker: &dyn Broker, partition: &TopicPartition, stored: Option<i64>) -> Result<i64, SinkError> {
    let (low, high) = broker.watermarks(partition)?;
    let next = match stored {
        Some(stored) => stored,
        None if &*partition.topic == topics::TICKET_EVENTS => 0,
        None => low,
    };
    if next < low || next > high {
        return Err(SinkError::OffsetOutOfRange { partition: partition.clone(), stored: next, low, high });
    }
    Ok(next)
}
