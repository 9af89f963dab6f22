//! All dead letters of a topic.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::letter::{DeadLetter, Entry};
use super::scan::scan;
use crate::broker::{Broker, BrokerError, TopicName, TopicPartition};
use crate::errors::dead_letter_topic;

const SUFFIX: &str = ".dlq";

/// The dead letters of one topic, up to where they ended when this was opened.
pub struct DeadLetters<'a> {
    pub(super) broker: &'a dyn Broker,
    source: TopicName,
    /// Each partition of the dead-letter topic, and its end.
    pub(super) ends: Vec<(TopicPartition, i64)>,
    /// How many partitions the topic has that they came from; `None` if it is no longer there.
    pub(super) source_partitions: Option<u32>,
}

/// Which letters are meant: all that every given criterion fits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those of this error class.
    pub reason: Option<String>,
    /// Those not older: the record's timestamp in milliseconds since the Unix epoch.
    pub since_ms: Option<i64>,
    /// Those older than this.
    pub until_ms: Option<i64>,
    /// The one at this partition and offset of the dead-letter topic.
    pub at: Option<(u32, i64)>,
}

impl Selection {
    /// Whether a letter is meant.
    #[must_use]
    pub fn matches(&self, letter: &DeadLetter) -> bool {
        self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
            && self.since_ms.is_none_or(|since| letter.timestamp >= since)
            && self.until_ms.is_none_or(|until| letter.timestamp < until)
            && self.at.is_none_or(|at| at == (letter.partition, letter.offset))
    }
}

impl<'a> DeadLetters<'a> {
    /// Notes where the dead letters of a topic end now. `None` if it has no dead-letter topic.
    ///
    /// # Errors
    /// The broker cannot be asked.
    pub fn open(broker: &'a dyn Broker, source: &str) -> Result<Option<Self>, BrokerError> {
        let topics = broker.topics()?;
        let topic = dead_letter_topic(source);
        let Some(&count) = topics.get(&topic) else { return Ok(None) };
        let mut ends = Vec::new();
        for partition in (0..count).map(|n| TopicPartition::new(Arc::clone(&topic), n)) {
            let (_, end) = broker.watermarks(&partition)?;
            ends.push((partition, end));
        }
        Ok(Some(Self { broker, source: source.into(), ends, source_partitions: topics.get(source).copied() }))
    }

    /// The topics that have a dead-letter topic, by name.
    ///
    /// # Errors
    /// The broker cannot be asked.
    pub fn topics(broker: &dyn Broker) -> Result<Vec<TopicName>, BrokerError> {
        Ok(broker.topics()?.keys().filter_map(|topic| topic.strip_suffix(SUFFIX)).map(TopicName::from).collect())
    }

    /// The topic that the letters came from.
    #[must_use]
    pub fn source(&self) -> &TopicName {
        &self.source
    }

    /// Calls `each` for every letter, with whether it was redriven, partition by partition in the order of offsets, until it
    /// breaks. Answers how many offsets could not be read because nothing came for `patience`: a transaction may be open there.
    ///
    /// # Errors
    /// The broker cannot be asked.
    pub fn each(
        &self,
        patience: Duration,
        mut each: impl FnMut(DeadLetter, bool) -> ControlFlow<()>,
    ) -> Result<i64, BrokerError> {
        let (mut unread, mut over) = (0, false);
        for (partition, end) in &self.ends {
            let (redriven, readable) = redriven(self.broker, partition, *end, patience)?;
            unread += end - readable;
            scan(self.broker, partition, 0, readable, patience, |record| {
                let Entry::Letter(letter) = Entry::read(partition.partition, record) else {
                    return ControlFlow::Continue(());
                };
                let done = redriven.contains(&letter.offset);
                let flow = each(*letter, done);
                over |= flow.is_break();
                flow
            })?;
            if over {
                break;
            }
        }
        Ok(unread)
    }
}

/// The offsets of a dead-letter partition whose letters were redriven, by the notes up to `end`; and up to where those could be
/// read.
pub(super) fn redriven(
    broker: &dyn Broker,
    partition: &TopicPartition,
    end: i64,
    patience: Duration,
) -> Result<(HashSet<i64>, i64), BrokerError> {
    let mut redriven = HashSet::new();
    let readable = scan(broker, partition, 0, end, patience, |record| {
        // Notes have no value: most records need no second look.
        if record.value.is_none()
            && let Entry::Note(offsets) = Entry::read(partition.partition, record)
        {
            redriven.extend(offsets);
        }
        ControlFlow::Continue(())
    })?;
    Ok((redriven, readable))
}
