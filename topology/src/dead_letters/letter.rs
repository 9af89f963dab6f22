//! One dead letter.

use std::collections::BTreeSet;

use super::REDRIVEN_HEADER;
use crate::batch::{Headers, HeadersRef, RecordRef, content_bytes};
use crate::errors::{HEADER_PREFIX, OMITTED_HEADER, REPLAYS_HEADER};

const EXCEPTION: &str = "exception";

/// A record that could not be processed, as it lies in a dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Partition of the dead-letter topic.
    pub partition: u32,
    /// Offset in that partition.
    pub offset: i64,
    /// The record's timestamp, in milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The error's class.
    pub reason: String,
    /// The error's message.
    pub message: String,
    /// Where in the topology it happened.
    pub stacktrace: String,
    /// Where the record lay when it failed; `None` if the headers do not say.
    pub origin: Option<Origin>,
    /// How often the record was put back before.
    pub replays: u32,
    /// True if the letter was too large with its content, which lies at its origin only.
    pub omitted: bool,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Option<Vec<u8>>,
    /// The record's own headers, without those of the error.
    pub headers: Headers,
}

/// A place in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The offset.
    pub offset: i64,
}

/// What a record of a dead-letter topic is.
pub(super) enum Entry {
    Letter(Box<DeadLetter>),
    /// The letters at these offsets of the same partition were redriven.
    Note(BTreeSet<i64>),
}

impl Entry {
    pub(super) fn read(partition: u32, record: &RecordRef<'_>) -> Self {
        // What failed may have carried any header; but a letter always has an exception, and a note never.
        match (record.headers.last(REDRIVEN_HEADER), error(record.headers, EXCEPTION)) {
            (Some(offsets), None) => Self::Note(read_note(offsets)),
            _ => Self::Letter(Box::new(DeadLetter::read(partition, record))),
        }
    }
}

impl DeadLetter {
    fn read(partition: u32, record: &RecordRef<'_>) -> Self {
        let text = |name| error(record.headers, name).unwrap_or_default();
        let origin = || {
            Some(Origin {
                topic: error(record.headers, "topic")?,
                partition: error(record.headers, "partition")?.parse().ok()?,
                offset: error(record.headers, "offset")?.parse().ok()?,
            })
        };
        Self {
            partition,
            offset: record.offset,
            timestamp: record.timestamp,
            reason: text(EXCEPTION),
            message: text("message"),
            stacktrace: text("stacktrace"),
            origin: origin(),
            replays: replays(record.headers),
            omitted: record.key.is_none() && record.value.is_none() && record.headers.last(OMITTED_HEADER).is_some(),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: own_headers(record.headers),
        }
    }

    /// Bytes of key, value and headers.
    pub(super) fn len_bytes(&self) -> usize {
        content_bytes(self.key.as_deref(), self.value.as_deref(), self.headers.iter())
    }
}

/// The headers that the record had before it failed.
pub(super) fn own_headers(headers: HeadersRef<'_>) -> Headers {
    let own = headers.iter().filter(|(name, _)| !name.starts_with(HEADER_PREFIX));
    own.map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec))).collect()
}

/// How often a record was put back; a counter that is no number was not written by a redrive.
fn replays(headers: HeadersRef<'_>) -> u32 {
    headers.last(REPLAYS_HEADER).and_then(|n| std::str::from_utf8(n).ok()).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// The headers of the note on these offsets.
pub(super) fn note(offsets: impl Iterator<Item = i64>) -> Headers {
    let offsets: Vec<String> = offsets.map(|offset| offset.to_string()).collect();
    let mut headers = Headers::new();
    headers.push(REDRIVEN_HEADER, offsets.join(","));
    headers
}

fn read_note(offsets: &[u8]) -> BTreeSet<i64> {
    let text = String::from_utf8_lossy(offsets);
    text.split(',').filter_map(|offset| offset.parse().ok()).collect()
}

fn error(headers: HeadersRef<'_>, name: &str) -> Option<String> {
    let wanted = |header: &str| header.strip_prefix(HEADER_PREFIX) == Some(name);
    let value = headers.iter().filter(|(header, _)| wanted(header)).last().and_then(|(_, value)| value)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::BatchBuilder;

    fn entry(headers: &[(&str, &str)], value: Option<&[u8]>) -> Entry {
        let mut owned = Headers::new();
        headers.iter().for_each(|(name, value)| owned.push(*name, *value));
        let mut batch = BatchBuilder::new();
        batch.push(7, None, value, &owned);
        let batch = batch.finish().placed_at(42, None);
        let record = batch.iter().next().expect("it was pushed");
        Entry::read(3, &record)
    }

    #[test]
    fn should_tell_a_note_from_a_letter_whatever_headers_the_failed_record_had() {
        let Entry::Note(offsets) = entry(&[(REDRIVEN_HEADER, "1,5,12")], None) else { panic!("a note") };
        assert_eq!(offsets, [1, 5, 12].into());
        let forged = [(REDRIVEN_HEADER, "1,5"), ("__streams.errors.exception", "bad"), ("own", "x")];
        let Entry::Letter(letter) = entry(&forged, None) else { panic!("a letter") };
        assert_eq!((letter.partition, letter.offset, &*letter.reason), (3, 42, "bad"));
        assert_eq!(letter.headers.iter().collect::<Vec<_>>(), [("own", Some(&b"x"[..]))]);
    }

    #[test]
    fn should_read_back_the_note_that_it_writes() {
        assert_eq!(read_note(note([3, 1, 2].into_iter()).last(REDRIVEN_HEADER).unwrap_or_default()), [1, 2, 3].into());
    }

    #[test]
    fn should_take_a_letter_that_others_wrote_as_it_is() {
        let Entry::Letter(letter) = entry(&[("__streams.errors.replays", "many")], Some(b"v")) else {
            panic!("a letter")
        };
        assert_eq!((letter.origin.clone(), letter.replays, letter.omitted, &*letter.reason), (None, 0, false, ""));
    }

    #[test]
    fn should_believe_that_content_was_omitted_only_of_a_letter_without_any() {
        let headers = [("__streams.errors.exception", "e"), (OMITTED_HEADER, "true")];
        let omitted = |value| matches!(entry(&headers, value), Entry::Letter(letter) if letter.omitted);
        assert!(omitted(None) && !omitted(Some(b"v")));
    }
}
