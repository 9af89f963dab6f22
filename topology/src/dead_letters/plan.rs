//! What becomes of a letter: where it goes, or why it stays.

use std::ops::ControlFlow;
use std::time::Duration;

use super::letter::{DeadLetter, own_headers};
use super::letters::DeadLetters;
use super::redrive::Redrive;
use super::scan::scan;
use crate::broker::{BrokerError, TopicPartition, partition_for_key};
use crate::errors::{REPLAYS_HEADER, dead_letter_topic};

/// What became of a letter, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It was put back there.
    Redriven(TopicPartition),
    /// It stays: it was put back as often as is allowed.
    AtLimit,
    /// It stays: its content was too large for a letter, and is no longer where it came from.
    ContentGone,
    /// It stays, because it cannot be put back, for this reason.
    Refused(String),
}

impl Fate {
    /// Whether the letter was put back.
    #[must_use]
    pub fn is_redriven(&self) -> bool {
        matches!(self, Self::Redriven(_))
    }
}

/// Where a letter goes, made ready to go there; or why it stays.
pub(super) fn prepare(
    letters: &DeadLetters<'_>,
    redrive: &Redrive,
    letter: DeadLetter,
) -> Result<(DeadLetter, Fate), BrokerError> {
    let fate = if letter.replays >= redrive.max_replays {
        Fate::AtLimit
    } else {
        target(letters, redrive, &letter).map_or_else(Fate::Refused, Fate::Redriven)
    };
    let (mut letter, fate) = match fate {
        Fate::Redriven(to) if letter.omitted => {
            let patience = redrive.patience;
            // Where it came from may be told by the content's own key.
            match with_content(letters, &letter, patience)? {
                Some(whole) => {
                    let to = target(letters, redrive, &whole).unwrap_or(to);
                    (whole, Fate::Redriven(to))
                }
                None => (letter, Fate::ContentGone),
            }
        }
        fate => (letter, fate),
    };
    if fate.is_redriven() {
        letter.headers.push(REPLAYS_HEADER, (letter.replays + 1).to_string());
    }
    Ok((letter, fate))
}

/// The partition that the record came from: what belongs together with it, in stores and other topics, lies there, whoever chose
/// it. But where that partition was the very mistake, the one that the key goes to.
fn target(letters: &DeadLetters<'_>, redrive: &Redrive, letter: &DeadLetter) -> Result<TopicPartition, String> {
    let Some(origin) = &letter.origin else {
        return Err("the headers do not say where it came from".to_owned());
    };
    if origin.topic != **letters.source() {
        // Whoever may write letters of one topic shall not reach another by a header.
        let (found, right) = (&origin.topic, dead_letter_topic(&origin.topic));
        return Err(format!("it says that it came from {found}, whose letters lie in {right}"));
    }
    let Some(count) = letters.source_partitions else {
        return Err(format!("topic {} is no longer there", origin.topic));
    };
    let by_key = redrive.by_key.contains(&letter.reason) || origin.partition >= count;
    let partition = match &letter.key {
        Some(key) if by_key => partition_for_key(key, count),
        _ if origin.partition < count => origin.partition,
        _ => return Err(format!("topic {} has no partition {} any more", origin.topic, origin.partition)),
    };
    Ok(TopicPartition::new(letters.source().clone(), partition))
}

/// The letter with its content from where it came from; `None` if that is no longer there.
fn with_content(
    letters: &DeadLetters<'_>,
    letter: &DeadLetter,
    patience: Duration,
) -> Result<Option<DeadLetter>, BrokerError> {
    let Some(origin) = &letter.origin else { return Ok(None) };
    let partition = TopicPartition::new(letters.source().clone(), origin.partition);
    let (low, high) = match letters.broker.watermarks(&partition) {
        Ok(watermarks) => watermarks,
        Err(BrokerError::UnknownTopic(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !(low..high).contains(&origin.offset) {
        return Ok(None);
    }
    let mut whole = None;
    let end = origin.offset + 1;
    let reached = scan(letters.broker, &partition, origin.offset, end, patience, |record| {
        whole = Some(DeadLetter {
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: own_headers(record.headers),
            ..letter.clone()
        });
        ControlFlow::Break(())
    })?;
    if whole.is_none() && reached < end {
        return Err(BrokerError::Unavailable(format!("{partition} cannot be read at offset {}", origin.offset)));
    }
    Ok(whole)
}
