//! The sink: reads events and outcomes from the log and writes them into the read model, exactly once.
//!
//! A batch and the offsets it reaches are one transaction, and reading goes on from the offsets in the database; whatever
//! is killed when, each record is in the rows once. A record that cannot be read stops the sink: it never skips.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use schemas::{Outcome, TicketEvent, UserEvent, frame, topics};
use sqlx::{Connection, SqliteConnection};
use topology::RecordRef;
use topology::broker::{Broker, Fetched, Reader, TopicPartition, Waker};
use uuid::Uuid;

use super::apply::Writer;
use super::changes::Changes;
use super::offsets::{self, Position};
use super::{SinkError, SinkOptions, SinkPoint};
use crate::live::Live;

/// Topics that the sink reads.
const TOPICS: [&str; 3] = [topics::TICKET_EVENTS, topics::USER_EVENTS, topics::COMMAND_OUTCOMES];

/// How long outcomes are kept, by the outcomes' own time: as long as the pipeline remembers commands.
const OUTCOMES_KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// How often old outcomes are looked for, by the outcomes' own time, and how many go at once.
const PRUNE_EVERY_MS: i64 = 60_000;
const PRUNE_AT_ONCE: u32 = 1_000;

/// A sink, driven step by step by whoever owns it.
pub(super) struct Sink {
    broker: Arc<dyn Broker>,
    reader: Box<dyn Reader>,
    db: SqliteConnection,
    writer: Writer,
    positions: Vec<Position>,
    /// The last sequence of each project, as the database has it.
    sequences: AHashMap<Uuid, i64>,
    live: Arc<Live>,
    options: SinkOptions,
    pruned_until: i64,
}

impl Sink {
    /// Opens a sink that goes on where the database says.
    pub(super) async fn open(
        broker: Arc<dyn Broker>,
        db: SqliteConnection,
        live: Arc<Live>,
        options: SinkOptions,
    ) -> Result<Self, SinkError> {
        let reader = broker.reader()?;
        let mut sink = Self {
            broker,
            reader,
            db,
            writer: Writer::new(),
            positions: Vec::new(),
            sequences: AHashMap::new(),
            live,
            options,
            pruned_until: 0,
        };
        sink.resume().await?;
        Ok(sink)
    }

    /// Goes on from what the database has, whatever was read or begun since.
    pub(super) async fn resume(&mut self) -> Result<(), SinkError> {
        let existing = self.broker.topics()?;
        let mut partitions = Vec::new();
        for topic in TOPICS {
            let count = *existing.get(topic).ok_or(SinkError::MissingTopic(topic))?;
            partitions.extend((0..count).map(|partition| TopicPartition::new(topic, partition)));
        }
        // Events are kept for ever, so they begin at 0; outcomes are not, and no one asks for old ones.
        let late = |topic: &str| topic != topics::TICKET_EVENTS;
        self.positions = offsets::load(&mut self.db, self.broker.as_ref(), partitions, late).await?;
        let known: Vec<(Uuid, i64)> =
            sqlx::query_as("SELECT project_id, sequence FROM project_sequences").fetch_all(&mut self.db).await?;
        self.sequences = known.into_iter().collect();
        self.reader.assign(&self.positions)?;
        Ok(())
    }

    pub(super) fn waker(&self) -> Waker {
        self.reader.waker()
    }

    /// Closes the database's connection, which writes the rest of its journal.
    pub(super) async fn close(self) {
        if let Err(error) = self.db.close().await {
            tracing::warn!(%error, "the read model's database did not close well");
        }
    }

    /// Waits for records; blocks the thread.
    pub(super) fn poll(&mut self, timeout: Duration) -> Result<Vec<Fetched>, SinkError> {
        Ok(self.reader.poll(timeout)?)
    }

    /// Writes what was read, and tells about it. After an error nothing of it is written; go on with [`Self::resume`].
    pub(super) async fn write(&mut self, fetched: &[Fetched]) -> Result<(), SinkError> {
        let mut changes = Changes::default();
        let mut events = Vec::new();
        let keep_events = self.live.has_subscribers();
        let mut moves = Vec::with_capacity(fetched.len());
        for fetched in fetched {
            let from = self.position(&fetched.partition)?;
            for record in fetched.batch.iter().filter(|record| record.offset >= from) {
                self.gather(&fetched.partition, &record, &mut changes, keep_events.then_some(&mut events))?;
            }
            let to = fetched.batch.next_offset();
            if to > from {
                moves.push((fetched.partition.clone(), from, to));
            }
        }
        if moves.is_empty() {
            return Ok(());
        }
        let reached: Vec<(Uuid, i64)> = changes.sequences.iter().map(|(&id, &sequence)| (id, sequence)).collect();
        let users: Vec<(Uuid, i64)> =
            changes.users.iter().filter_map(|(&id, user)| Some((id, user.as_ref()?.sequence))).collect();
        self.commit(changes, &moves).await?;
        self.options.reach(SinkPoint::AfterCommit)?;
        for (partition, _, to) in moves {
            if let Some((_, position)) = self.positions.iter_mut().find(|(p, _)| *p == partition) {
                *position = to;
            }
        }
        self.sequences.extend(reached.iter().copied());
        self.live.advance(reached.into_iter().chain(users));
        self.live.publish(events);
        Ok(())
    }

    async fn commit(&mut self, changes: Changes, moves: &[(TopicPartition, i64, i64)]) -> Result<(), SinkError> {
        let newest_outcome = changes.outcomes.iter().map(|outcome| outcome.decided_at).max().unwrap_or(0);
        let mut transaction = self.db.begin_with("BEGIN IMMEDIATE").await?;
        // First the offsets, so that a sink that was thought dead finds out before it does anything.
        for (partition, from, to) in moves {
            offsets::advance(&mut transaction, partition, *from, *to).await?;
        }
        self.options.reach(SinkPoint::AfterOffsets)?;
        self.writer.write(&mut transaction, changes).await?;
        if newest_outcome - self.pruned_until > PRUNE_EVERY_MS {
            let removed = prune_outcomes(&mut transaction, newest_outcome - OUTCOMES_KEPT_MS).await?;
            if removed < u64::from(PRUNE_AT_ONCE) {
                self.pruned_until = newest_outcome;
            }
        }
        self.options.reach(SinkPoint::BeforeCommit)?;
        transaction.commit().await?;
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

    fn position(&self, partition: &TopicPartition) -> Result<i64, SinkError> {
        self.positions
            .iter()
            .find(|(p, _)| p == partition)
            .map(|(_, position)| *position)
            .ok_or_else(|| SinkError::Thread(format!("records of {partition} came, which is not read")))
    }
}

async fn prune_outcomes(db: &mut SqliteConnection, decided_before: i64) -> Result<u64, sqlx::Error> {
    let removed = sqlx::query(
        "DELETE FROM outcomes WHERE rowid IN (SELECT rowid FROM outcomes ORDER BY rowid LIMIT ?) AND decided_at < ?",
    )
    .bind(PRUNE_AT_ONCE)
    .bind(decided_before)
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}
