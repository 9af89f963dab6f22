//! Record batches: the unit that passes between the engine and a broker, in both directions.
//!
//! A batch is one contiguous buffer. Records are read from it in place, without a copy or an allocation per record, and
//! written to it by appending. The embedded broker stores the very bytes.
//!
//! Layout of one record (all integers are LEB128 varints; `zigzag` marks signed ones; `len+1` with 0 for null):
//! `offset_delta, zigzag timestamp_delta, key len+1, key, value len+1, value, header count, {name len, name, value len+1, value}*`

use bytes::Bytes;

use crate::broker::BrokerError;

/// One record, borrowed from its batch.
#[derive(Debug, Clone, Copy)]
pub struct RecordRef<'a> {
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Key, if the record has one.
    pub key: Option<&'a [u8]>,
    /// Value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers, in order; names may repeat.
    pub headers: HeadersRef<'a>,
}

impl RecordRef<'_> {
    /// Bytes of key, value and headers: what a broker's limit is about.
    #[must_use]
    pub fn content_bytes(&self) -> usize {
        content_bytes(self.key, self.value, self.headers.iter())
    }
}

pub(crate) fn content_bytes<'a>(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
) -> usize {
    let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    len(key) + len(value) + headers.map(|(name, value)| name.len() + len(value)).sum::<usize>()
}

/// The headers of a record, borrowed from its batch and decoded as they are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeadersRef<'a> {
    count: u32,
    bytes: &'a [u8],
}

impl<'a> HeadersRef<'a> {
    /// True if there is no header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Name and value of each header, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> + use<'a> {
        let mut bytes = self.bytes;
        (0..self.count).map_while(move |_| take_header(&mut bytes))
    }

    /// The value of the last header of that name, which is the one that counts.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&'a [u8]> {
        self.iter().filter(|(n, _)| *n == name).last().and_then(|(_, v)| v)
    }

    /// An owned copy; does not allocate when there is no header.
    #[must_use]
    pub fn to_owned(&self) -> Headers {
        Headers(self.iter().map(|(n, v)| (n.to_owned(), v.map(<[u8]>::to_vec))).collect())
    }
}

/// Owned headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Option<Vec<u8>>)>);

impl Headers {
    /// No headers; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a header; an earlier one of the same name stays.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), Some(value.into())));
    }

    /// Removes every header of that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// The value of the last header of that name.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().rev().find(|(n, _)| n == name).and_then(|(_, v)| v.as_deref())
    }

    /// Name and value of each header, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_deref()))
    }

    /// True if there is no header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many headers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<(String, Option<Vec<u8>>)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, Option<Vec<u8>>)>>(headers: I) -> Self {
        Self(headers.into_iter().collect())
    }
}

/// Headers that can be written into a batch.
pub trait EncodeHeaders {
    /// Appends the count and the headers, as the batch's layout has them.
    fn encode(&self, out: &mut Vec<u8>);
}

impl EncodeHeaders for HeadersRef<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.count));
        out.extend_from_slice(self.bytes);
    }
}

impl EncodeHeaders for Headers {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_headers(self.0.len(), self.iter(), out);
    }
}

/// Appends headers as the batch's layout has them, for those whose headers lie elsewhere; `count` is the iterator's length.
pub fn encode_headers<'a>(count: usize, headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>, out: &mut Vec<u8>) {
    put_varint(out, count as u64);
    for (name, value) in headers {
        put_varint(out, name.len() as u64);
        out.extend_from_slice(name.as_bytes());
        put_nullable(out, value);
    }
}

/// An immutable batch of records of one partition, in offset order. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct RecordBatch {
    base_offset: i64,
    base_timestamp: i64,
    append_time: Option<i64>,
    count: u32,
    next_offset: i64,
    bytes: Bytes,
}

impl RecordBatch {
    /// Wraps stored bytes again. `next_offset` is the offset after the last one that the batch covers (after compaction
    /// that may be more than its last record's plus one). Fails if the bytes are not `count` whole records.
    pub fn from_parts(
        base_offset: i64,
        base_timestamp: i64,
        append_time: Option<i64>,
        count: u32,
        next_offset: i64,
        bytes: Bytes,
    ) -> Result<Self, BrokerError> {
        let mut rest = &bytes[..];
        for _ in 0..count {
            take_record(&mut rest).ok_or_else(|| BrokerError::corrupt("a record batch ends inside a record"))?;
        }
        if !rest.is_empty() {
            return Err(BrokerError::corrupt("a record batch has bytes after its last record"));
        }
        Ok(Self { base_offset, base_timestamp, append_time, count, next_offset, bytes })
    }

    /// The same records at another place in the log; `append_time` stamps them all (LogAppendTime).
    #[must_use]
    pub fn placed_at(mut self, base_offset: i64, append_time: Option<i64>) -> Self {
        self.next_offset = base_offset + (self.next_offset - self.base_offset);
        self.base_offset = base_offset;
        self.append_time = append_time.or(self.append_time);
        self
    }

    /// The batch without its records below an offset; shares the buffer.
    #[must_use]
    pub fn starting_at(mut self, offset: i64) -> Self {
        let mut cursor = Cursor::default();
        let mut skipped = 0;
        let mut start = cursor;
        while self.next(&mut cursor).is_some_and(|r| r.offset < offset) {
            start = cursor;
            skipped += 1;
        }
        self.bytes = self.bytes.slice(start.0..);
        self.count -= skipped;
        self
    }

    /// The same records, said to cover the offsets up to `next_offset`, which compaction may have emptied.
    #[must_use]
    pub fn covering(mut self, next_offset: i64) -> Self {
        self.next_offset = self.next_offset.max(next_offset);
        self
    }

    /// Offset that the records' deltas count from.
    #[must_use]
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// Timestamp that the records' deltas count from.
    #[must_use]
    pub fn base_timestamp(&self) -> i64 {
        self.base_timestamp
    }

    /// The time that all records have, if the broker stamped them.
    #[must_use]
    pub fn append_time(&self) -> Option<i64> {
        self.append_time
    }

    /// The offset after the last that this batch covers.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// True if there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The encoded records.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The records, in offset order.
    #[must_use]
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter { batch: self, cursor: Cursor::default() }
    }

    /// The record at a cursor, which moves on; `None` at the end. For those who keep the batch and their place in it.
    #[must_use]
    pub fn next(&self, cursor: &mut Cursor) -> Option<RecordRef<'_>> {
        let mut rest = self.bytes.get(cursor.0..)?;
        if rest.is_empty() {
            return None;
        }
        let (offset_delta, timestamp_delta, key, value, headers) = take_record(&mut rest)?;
        cursor.0 = self.bytes.len() - rest.len();
        Some(RecordRef {
            offset: self.base_offset + offset_delta,
            timestamp: self.append_time.unwrap_or(self.base_timestamp + timestamp_delta),
            key,
            value,
            headers,
        })
    }
}

/// A place in a batch: the number of bytes read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor(usize);

/// Iterator over the records of a batch.
#[derive(Debug)]
pub struct RecordIter<'a> {
    batch: &'a RecordBatch,
    cursor: Cursor,
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = RecordRef<'a>;

    fn next(&mut self) -> Option<RecordRef<'a>> {
        self.batch.next(&mut self.cursor)
    }
}

impl<'a> IntoIterator for &'a RecordBatch {
    type Item = RecordRef<'a>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.iter()
    }
}

/// A batch under construction. Offsets count from 0 until the broker places the batch.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    bytes: Vec<u8>,
    base_timestamp: i64,
    count: u32,
    next_delta: i64,
}

/// A state of a [`BatchBuilder`] to return to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    bytes: usize,
    count: u32,
    next_delta: i64,
}

impl BatchBuilder {
    /// An empty builder; allocates nothing until the first record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record after the last one.
    pub fn push(&mut self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &impl EncodeHeaders) {
        self.push_at(self.next_delta, timestamp, key, value, headers);
    }

    /// Appends a record at an offset relative to the batch's start, for a compacted batch with gaps.
    pub fn push_at(
        &mut self,
        offset_delta: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &impl EncodeHeaders,
    ) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        let b = &mut self.bytes;
        put_varint(b, offset_delta.cast_unsigned());
        put_varint(b, zigzag(timestamp - self.base_timestamp));
        put_nullable(b, key);
        put_nullable(b, value);
        headers.encode(b);
        self.count += 1;
        self.next_delta = offset_delta + 1;
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// True if there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Encoded size so far.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The state now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), count: self.count, next_delta: self.next_delta }
    }

    /// Takes back every record pushed since `mark`.
    pub fn truncate(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.count = mark.count;
        self.next_delta = mark.next_delta;
    }

    /// The finished batch; the builder is empty again, and starts with room for as much as this batch held.
    #[must_use]
    pub fn finish(&mut self) -> RecordBatch {
        let room = self.bytes.len();
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(room));
        let batch = RecordBatch {
            base_offset: 0,
            base_timestamp: self.base_timestamp,
            append_time: None,
            count: self.count,
            next_offset: self.next_delta,
            bytes: Bytes::from(bytes),
        };
        self.count = 0;
        self.next_delta = 0;
        batch
    }
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -((n & 1).cast_signed())
}

fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "the low seven bits are what is wanted")]
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "n is below 0x80 here")]
    out.push(n as u8);
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => out.push(0),
        Some(bytes) => {
            put_varint(out, bytes.len() as u64 + 1);
            out.extend_from_slice(bytes);
        }
    }
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut n = 0_u64;
    for (i, &byte) in rest.iter().enumerate().take(10) {
        n |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *rest = &rest[i + 1..];
            return Some(n);
        }
    }
    None
}

fn take_bytes<'a>(rest: &mut &'a [u8], len: u64) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    *rest = tail;
    Some(head)
}

fn take_nullable<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    match take_varint(rest)? {
        0 => Some(None),
        n => take_bytes(rest, n - 1).map(Some),
    }
}

fn take_header<'a>(rest: &mut &'a [u8]) -> Option<(&'a str, Option<&'a [u8]>)> {
    let len = take_varint(rest)?;
    let name = std::str::from_utf8(take_bytes(rest, len)?).ok()?;
    Some((name, take_nullable(rest)?))
}

type RawRecord<'a> = (i64, i64, Option<&'a [u8]>, Option<&'a [u8]>, HeadersRef<'a>);

fn take_record<'a>(rest: &mut &'a [u8]) -> Option<RawRecord<'a>> {
    let offset_delta = take_varint(rest)?.cast_signed();
    let timestamp_delta = unzigzag(take_varint(rest)?);
    let key = take_nullable(rest)?;
    let value = take_nullable(rest)?;
    let count = u32::try_from(take_varint(rest)?).ok()?;
    let start = *rest;
    for _ in 0..count {
        take_header(rest)?;
    }
    let headers = HeadersRef { count, bytes: &start[..start.len() - rest.len()] };
    Some((offset_delta, timestamp_delta, key, value, headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Headers = Headers::new();

    #[test]
    fn should_read_back_what_was_pushed_with_nulls_headers_and_backward_timestamps() {
        let headers = Headers(vec![("h".into(), Some(b"1".to_vec())), ("h".into(), None)]);
        let mut b = BatchBuilder::new();
        b.push(1_000, Some(b"k"), Some(b"v"), &headers);
        b.push(900, None, None, &NONE);
        b.push(1_100, Some(b""), Some(&[7; 300]), &NONE);
        let batch = b.finish().placed_at(40, None);
        let read: Vec<_> = batch.iter().map(|r| (r.offset, r.timestamp, r.key, r.value.map(<[u8]>::len))).collect();
        assert_eq!(
            read,
            [(40, 1_000, Some(&b"k"[..]), Some(1)), (41, 900, None, None), (42, 1_100, Some(&b""[..]), Some(300))]
        );
        assert_eq!(batch.iter().next().map(|r| r.headers.to_owned().len()), Some(2));
        assert_eq!(batch.next_offset(), 43);
        assert!(b.is_empty(), "the builder starts anew");
    }

    #[test]
    fn should_start_at_an_offset_within_the_batch() {
        let mut b = BatchBuilder::new();
        for (delta, key) in [(0, b"a"), (2, b"b"), (5, b"c")] {
            b.push_at(delta, 1, Some(key), None, &NONE);
        }
        let batch = b.finish().placed_at(10, None).covering(20);
        for (from, left) in [(9, vec![10, 12, 15]), (11, vec![12, 15]), (12, vec![12, 15]), (16, vec![])] {
            let trimmed = batch.clone().starting_at(from);
            assert_eq!(trimmed.iter().map(|r| r.offset).collect::<Vec<_>>(), left, "from {from}");
            assert_eq!((trimmed.len(), trimmed.next_offset()), (left.len(), 20));
        }
    }

    #[test]
    fn should_take_back_records_to_a_mark() {
        let mut b = BatchBuilder::new();
        b.push(1, Some(b"a"), None, &NONE);
        let mark = b.mark();
        b.push(2, Some(b"b"), None, &NONE);
        b.truncate(mark);
        b.push(3, Some(b"c"), None, &NONE);
        let batch = b.finish();
        let keys: Vec<_> = batch.iter().map(|r| (r.offset, r.key)).collect();
        assert_eq!(keys, [(0, Some(&b"a"[..])), (1, Some(&b"c"[..]))]);
    }

    #[test]
    fn should_refuse_bytes_that_are_not_whole_records() {
        let mut b = BatchBuilder::new();
        b.push(1, Some(b"key"), Some(b"value"), &NONE);
        let bytes = b.finish().bytes().clone();
        for cut in 0..bytes.len() {
            assert!(RecordBatch::from_parts(0, 0, None, 1, 1, bytes.slice(..cut)).is_err(), "cut at {cut}");
        }
        assert!(RecordBatch::from_parts(0, 0, None, 1, 1, bytes).is_ok());
    }
}
