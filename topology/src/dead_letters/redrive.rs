//! Putting letters back.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::time::Duration;

use super::letter::{DeadLetter, Entry, note};
use super::letters::{DeadLetters, Selection, redriven};
use super::plan::{Fate, prepare};
use super::scan::scan;
use crate::batch::BatchBuilder;
use crate::broker::{BrokerError, TopicPartition, TransactionalProducer};
use crate::config::{Clock, system_clock};

/// Letters of one transaction, at most.
const BATCH_LETTERS: usize = 500;
/// Bytes of one transaction's letters; one letter more may join.
const BATCH_BYTES: usize = 4 << 20;
/// How often a letter alone in its transaction may be refused before it is left where it is.
const ATTEMPTS: u32 = 3;
/// How many producers in a row may fail without a letter put back.
const PRODUCERS: u32 = 5;

/// How letters of one topic are put back.
#[derive(Clone)]
pub struct Redrive {
    /// The same for every redrive of the topic, whatever it selects: of two, the later ends the earlier one.
    pub transactional_id: String,
    /// Which letters.
    pub selection: Selection,
    /// Letters that were put back so often stay.
    pub max_replays: u32,
    /// No more than so many are put back.
    pub limit: usize,
    /// Error classes whose records go where their key belongs, and not where they came from.
    pub by_key: Vec<String>,
    /// How long to wait for what cannot be read yet.
    pub patience: Duration,
    /// The time that notes get.
    pub clock: Clock,
}

/// Why a redrive ended before it was through. What it has told as redriven is; another redrive goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedriveError {
    /// A later redrive of the same topic has taken over.
    #[error("another redrive of the same topic has begun meanwhile, and goes on: {0}")]
    Overtaken(String),
    /// Notes of earlier redrives may lie where nothing can be read yet; without them a letter might be put back twice.
    #[error("{partition} cannot be read beyond offset {readable}, though it ends at {end}; is a transaction open?")]
    Unreadable {
        /// The partition of the dead-letter topic.
        partition: TopicPartition,
        /// Up to here it can be read.
        readable: i64,
        /// Its end.
        end: i64,
    },
    /// The broker failed.
    #[error(transparent)]
    Broker(BrokerError),
}

impl From<BrokerError> for RedriveError {
    fn from(error: BrokerError) -> Self {
        match error {
            BrokerError::Fenced(why) => Self::Overtaken(why),
            other => Self::Broker(other),
        }
    }
}

impl Redrive {
    /// All letters of a topic that were not put back three times.
    #[must_use]
    pub fn new(application_id: &str, topic: &str) -> Self {
        Self {
            transactional_id: format!("{application_id}-dlq-redrive-{topic}"),
            selection: Selection::default(),
            max_replays: 3,
            limit: usize::MAX,
            by_key: Vec::new(),
            patience: Duration::from_secs(30),
            clock: system_clock(),
        }
    }

    /// Tells of every selected letter that was not redriven before what would become of it, and does nothing.
    ///
    /// # Errors
    /// The broker cannot be asked, or not all can be read.
    pub fn plan(
        &self,
        letters: &DeadLetters<'_>,
        tell: &mut dyn FnMut(&DeadLetter, &Fate),
    ) -> Result<(), RedriveError> {
        Run::new(self, letters, tell).pass(None)
    }

    /// Puts every selected letter back that was not redriven before, and tells of each what became of it, once that is certain.
    /// May be killed at any moment, and run again: each letter is put back once.
    ///
    /// # Errors
    /// The broker fails or is not there, or another redrive of the same topic begins.
    pub fn run(&self, letters: &DeadLetters<'_>, tell: &mut dyn FnMut(&DeadLetter, &Fate)) -> Result<(), RedriveError> {
        let mut run = Run::new(self, letters, tell);
        let mut failed = 0;
        loop {
            let before = run.redriven;
            let producer = letters.broker.transactional_producer(&self.transactional_id);
            let error = match producer.map_err(RedriveError::from).and_then(|producer| run.pass(Some(producer))) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            failed = if run.redriven > before { 1 } else { failed + 1 };
            let passing = matches!(error, RedriveError::Broker(BrokerError::Suspect(_) | BrokerError::Unavailable(_)));
            if !passing || failed >= PRODUCERS {
                return Err(error);
            }
            tracing::warn!("redrive: {error}; a new producer finds out what has landed");
        }
    }
}

/// One letter on its way.
type Ready = (DeadLetter, TopicPartition);

struct Run<'r, 'a> {
    redrive: &'r Redrive,
    letters: &'r DeadLetters<'a>,
    tell: &'r mut dyn FnMut(&DeadLetter, &Fate),
    /// Letters whose fate was told.
    told: HashSet<(u32, i64)>,
    /// Letters of a commit of which nobody knows whether it landed.
    in_doubt: Vec<Ready>,
    /// How many letters join one transaction.
    batch: usize,
    /// How often the letter that is next was refused alone.
    refusals: u32,
    redriven: usize,
}

impl<'r, 'a> Run<'r, 'a> {
    fn new(redrive: &'r Redrive, letters: &'r DeadLetters<'a>, tell: &'r mut dyn FnMut(&DeadLetter, &Fate)) -> Self {
        let (told, in_doubt) = (HashSet::new(), Vec::new());
        Self { redrive, letters, tell, told, in_doubt, batch: BATCH_LETTERS, refusals: 0, redriven: 0 }
    }

    /// Goes through all partitions, with a producer that has just been made, or without one to do nothing.
    fn pass(&mut self, mut producer: Option<Box<dyn TransactionalProducer>>) -> Result<(), RedriveError> {
        for (partition, end) in &self.letters.ends {
            let done = self.redriven_before(partition)?;
            let mut next = 0;
            while next < *end && self.redriven < self.redrive.limit {
                let (found, reached) = self.gather(partition, next, *end, &done)?;
                next = reached;
                let mut ready = Vec::with_capacity(found.len());
                for letter in found {
                    match prepare(self.letters, self.redrive, letter)? {
                        (letter, Fate::Redriven(to)) if producer.is_some() => ready.push((letter, to)),
                        (letter, fate) => self.tell(&letter, &fate),
                    }
                }
                if let Some(producer) = &mut producer {
                    self.put_back(producer.as_mut(), partition, &ready)?;
                }
            }
        }
        Ok(())
    }

    /// What was redriven from a partition, by all the notes that there are: the producer was made before, so no other can
    /// come.
    fn redriven_before(&mut self, partition: &TopicPartition) -> Result<HashSet<i64>, RedriveError> {
        let (_, end) = self.letters.broker.watermarks(partition)?;
        let (done, readable) = redriven(self.letters.broker, partition, end, self.redrive.patience)?;
        if readable < end {
            return Err(RedriveError::Unreadable { partition: partition.clone(), readable, end });
        }
        let here = |(letter, _): &mut Ready| letter.partition == partition.partition;
        for (letter, to) in self.in_doubt.extract_if(.., here).collect::<Vec<_>>() {
            if done.contains(&letter.offset) {
                self.tell(&letter, &Fate::Redriven(to));
            }
        }
        Ok(done)
    }

    /// The next selected letters, as many as one transaction takes, and the offset to go on from.
    fn gather(
        &self,
        partition: &TopicPartition,
        from: i64,
        end: i64,
        done: &HashSet<i64>,
    ) -> Result<(Vec<DeadLetter>, i64), RedriveError> {
        let most = self.batch.min(self.redrive.limit - self.redriven);
        let (mut found, mut bytes, mut full) = (Vec::new(), 0, false);
        let reached = scan(self.letters.broker, partition, from, end, self.redrive.patience, |record| {
            if let Entry::Letter(letter) = Entry::read(partition.partition, record)
                && !done.contains(&letter.offset)
                && !self.told.contains(&(letter.partition, letter.offset))
                && self.redrive.selection.matches(&letter)
            {
                bytes += letter.len_bytes();
                found.push(*letter);
                full = found.len() >= most || bytes >= BATCH_BYTES;
            }
            if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if !full && reached < end {
            return Err(RedriveError::Unreadable { partition: partition.clone(), readable: reached, end });
        }
        Ok((found, reached))
    }

    /// Puts letters of one partition back, in their order. If the broker refuses some together, they go one by one, so that
    /// the one at fault is found and the others are not held up.
    fn put_back(
        &mut self,
        producer: &mut dyn TransactionalProducer,
        partition: &TopicPartition,
        ready: &[Ready],
    ) -> Result<(), RedriveError> {
        let mut rest = ready;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(self.batch.min(rest.len()));
            match (self.transact(producer, partition, chunk), chunk) {
                (Ok(()), _) => {
                    chunk.iter().for_each(|(letter, to)| self.tell(letter, &Fate::Redriven(to.clone())));
                    (self.batch, self.refusals) = ((self.batch * 2).min(BATCH_LETTERS), 0);
                    rest = after;
                }
                (Err(error @ (BrokerError::TooLarge { .. } | BrokerError::Abortable(_))), [(alone, _)]) => {
                    self.refusals += 1;
                    if self.refusals >= ATTEMPTS || matches!(error, BrokerError::TooLarge { .. }) {
                        self.refusals = 0;
                        self.tell(alone, &Fate::Refused(error.to_string()));
                        rest = after;
                    }
                    producer.abort()?;
                }
                (Err(BrokerError::TooLarge { .. } | BrokerError::Abortable(_)), _) => {
                    self.batch = 1;
                    producer.abort()?;
                }
                (Err(error), _) => {
                    self.in_doubt = chunk.to_vec();
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// One transaction: the letters where they go, and the note that they were redriven.
    fn transact(
        &self,
        producer: &mut dyn TransactionalProducer,
        partition: &TopicPartition,
        chunk: &[Ready],
    ) -> Result<(), BrokerError> {
        let mut batches: BTreeMap<&TopicPartition, BatchBuilder> = BTreeMap::new();
        for (letter, to) in chunk {
            let batch = batches.entry(to).or_default();
            batch.push(letter.timestamp, letter.key.as_deref(), letter.value.as_deref(), &letter.headers);
        }
        producer.begin()?;
        for (to, mut batch) in batches {
            producer.send(to, batch.finish())?;
        }
        let mut done = BatchBuilder::new();
        done.push((self.redrive.clock)(), None, None, &note(chunk.iter().map(|(letter, _)| letter.offset)));
        producer.send(partition, done.finish())?;
        producer.commit()?;
        Ok(())
    }

    fn tell(&mut self, letter: &DeadLetter, fate: &Fate) {
        if self.told.insert((letter.partition, letter.offset)) {
            self.redriven += usize::from(fate.is_redriven());
            (self.tell)(letter, fate);
        }
    }
}
