//! What the proxy knows of Kafka's protocol: frames, the header of a request, whose transaction it is about, and how to answer
//! some kinds of request with an error, as of Kafka 4.

#[path = "wire/members.rs"]
pub(crate) mod members;

use std::io::{Read, Write};
use std::net::TcpStream;

use api::{
    ADD_OFFSETS_TO_TXN, ADD_PARTITIONS_TO_TXN, CONSUMER_GROUP_HEARTBEAT, END_TXN, FIND_COORDINATOR, HEARTBEAT,
    INIT_PRODUCER_ID, PRODUCE, TXN_OFFSET_COMMIT,
};

/// The largest frame that either side is believed.
const MAX_FRAME_BYTES: usize = 128 << 20;

/// Of a batch of records, up to the id of its producer.
const BATCH_BYTES: usize = 43;

/// Kafka's numbers of the kinds of request.
pub(crate) mod api {
    pub(crate) const PRODUCE: i16 = 0;
    pub(crate) const FETCH: i16 = 1;
    pub(crate) const METADATA: i16 = 3;
    pub(crate) const FIND_COORDINATOR: i16 = 10;
    pub(crate) const HEARTBEAT: i16 = 12;
    pub(crate) const INIT_PRODUCER_ID: i16 = 22;
    pub(crate) const ADD_PARTITIONS_TO_TXN: i16 = 24;
    pub(crate) const ADD_OFFSETS_TO_TXN: i16 = 25;
    pub(crate) const END_TXN: i16 = 26;
    pub(crate) const TXN_OFFSET_COMMIT: i16 = 28;
    pub(crate) const DESCRIBE_CLUSTER: i16 = 60;
    pub(crate) const CONSUMER_GROUP_HEARTBEAT: i16 = 68;
}

/// What a client has asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) api: i16,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
    pub(crate) client: String,
    /// Connections are numbered as they come.
    pub(crate) connection: u64,
    pub(crate) transaction: Option<Transaction>,
    /// All of it, without the length in front.
    pub(crate) frame: Vec<u8>,
    /// Where what follows the header begins.
    body: usize,
}

/// Whose transaction a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) id: String,
    /// -1 where the client has none yet.
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    /// How it is to end, of an EndTxn.
    pub(crate) commit: Option<bool>,
}

impl Request {
    /// `None` if it is not one.
    pub(crate) fn parse(connection: u64, frame: Vec<u8>) -> Option<Self> {
        let mut bytes = Reader { rest: &frame, flexible: false };
        let (api, version, correlation) = (bytes.i16()?, bytes.i16()?, bytes.i32()?);
        // Its length has two bytes in every version of the header.
        let client = text(bytes.string()?);
        bytes.flexible = is_flexible(api, version);
        bytes.tags()?;
        let body = frame.len() - bytes.rest.len();
        let transaction = Transaction::parse(api, version, bytes);
        Some(Self { api, version, correlation, client, connection, transaction, frame, body })
    }
}

impl Transaction {
    /// `None` if a request is not about one, or if brokers ask it of one another.
    fn parse(api: i16, version: i16, mut bytes: Reader<'_>) -> Option<Self> {
        match api {
            END_TXN | ADD_OFFSETS_TO_TXN | TXN_OFFSET_COMMIT | INIT_PRODUCER_ID => {}
            ADD_PARTITIONS_TO_TXN if version <= 3 => {}
            PRODUCE if version >= 3 => {}
            _ => return None,
        }
        let id = text(bytes.string()?.filter(|id| !id.is_empty()));
        if id.is_empty() {
            return None;
        }
        match api {
            // The group.
            TXN_OFFSET_COMMIT => _ = bytes.string()?,
            // The timeout.
            INIT_PRODUCER_ID => _ = bytes.i32()?,
            PRODUCE => {
                // Acknowledgements and timeout, then the first batch of the first partition of the first topic.
                bytes.take(6)?;
                bytes.count()?;
                bytes.topic(api, version)?;
                bytes.count()?;
                bytes.i32()?;
                bytes = Reader { rest: bytes.sized(4)??, flexible: false };
                bytes.take(BATCH_BYTES)?;
            }
            _ => {}
        }
        let unknown = api == INIT_PRODUCER_ID && version < 3;
        let (producer_id, epoch) = if unknown { (-1, -1) } else { (bytes.i64()?, bytes.i16()?) };
        let commit = if api == END_TXN { Some(bytes.take(1)? != [0]) } else { None };
        Some(Self { id, producer_id, epoch, commit })
    }
}

/// Whether [`answer`] has an answer to this kind of request.
pub(crate) fn can_answer(api: i16) -> bool {
    flexible_since(api).is_some()
}

/// An answer as the broker would give it, with this error wherever there is room for one. `None` if the request is not sound, or
/// is one that brokers ask one another.
pub(crate) fn answer(request: &Request, code: i16) -> Option<Vec<u8>> {
    let &Request { api, version, correlation, .. } = request;
    let flexible = is_flexible(api, version);
    let mut asked = Reader { rest: &request.frame[request.body..], flexible };
    let mut to = Writer { bytes: correlation.to_be_bytes().to_vec(), flexible };
    to.tags();
    if has_throttle(api, version) {
        to.i32(0);
    }
    match api {
        PRODUCE => {
            if version >= 3 {
                asked.string()?;
            }
            asked.take(6)?;
            answer_partitions(request, code, &mut asked, &mut to)?;
            if version >= 1 {
                to.i32(0);
            }
        }
        ADD_PARTITIONS_TO_TXN if version <= 3 => {
            asked.string()?;
            asked.take(10)?;
            answer_partitions(request, code, &mut asked, &mut to)?;
        }
        TXN_OFFSET_COMMIT => {
            asked.string()?;
            asked.string()?;
            asked.take(10)?;
            if version >= 3 {
                asked.i32()?;
                asked.string()?;
                asked.string()?;
            }
            answer_partitions(request, code, &mut asked, &mut to)?;
        }
        FIND_COORDINATOR if version >= 4 => {
            asked.take(1)?;
            let keys = asked.count()?;
            to.count(keys);
            for _ in 0..keys {
                to.string(asked.string()?);
                to.i32(-1);
                to.string(Some(b""));
                to.i32(-1);
                to.i16(code);
                to.string(None);
                to.tags();
            }
        }
        FIND_COORDINATOR => {
            to.i16(code);
            if version >= 1 {
                to.string(None);
            }
            to.i32(-1);
            to.string(Some(b""));
            to.i32(-1);
        }
        INIT_PRODUCER_ID => {
            to.i16(code);
            to.no_producer();
            if version >= 6 {
                to.no_producer();
            }
        }
        END_TXN => {
            to.i16(code);
            if version >= 5 {
                to.no_producer();
            }
        }
        HEARTBEAT | ADD_OFFSETS_TO_TXN => to.i16(code),
        CONSUMER_GROUP_HEARTBEAT => {
            to.i16(code);
            to.string(None);
            to.string(None);
            to.i32(0);
            to.i32(0);
            // No assignment.
            to.bytes.push(0xff);
        }
        _ => return None,
    }
    to.tags();
    Some(to.bytes)
}

/// The same for every partition of every topic that was asked for.
fn answer_partitions(request: &Request, code: i16, asked: &mut Reader<'_>, to: &mut Writer) -> Option<()> {
    let &Request { api, version, .. } = request;
    let topics = asked.count()?;
    to.count(topics);
    for _ in 0..topics {
        match asked.topic(api, version)? {
            Topic::Name(name) => to.string(Some(name)),
            Topic::Id(id) => to.bytes.extend_from_slice(id),
        }
        let partitions = asked.count()?;
        to.count(partitions);
        for _ in 0..partitions {
            to.i32(asked.i32()?);
            to.i16(code);
            match api {
                PRODUCE => {
                    asked.sized(4)?;
                    // Offset, time of appending, start of the log, errors of single records, and what went wrong.
                    to.i64(-1);
                    if version >= 2 {
                        to.i64(-1);
                    }
                    if version >= 5 {
                        to.i64(-1);
                    }
                    if version >= 8 {
                        to.count(0);
                        to.string(None);
                    }
                }
                TXN_OFFSET_COMMIT => {
                    asked.take(if version >= 2 { 12 } else { 8 })?;
                    asked.string()?;
                }
                _ => {}
            }
            // Of AddPartitionsToTxn there are numbers only.
            if api != ADD_PARTITIONS_TO_TXN {
                asked.tags()?;
            }
            to.tags();
        }
        asked.tags()?;
        to.tags();
    }
    Some(())
}

/// The first error in a broker's answer, 0 if there is none. `None` if it is not one of those that [`answer`] makes.
pub(crate) fn code(api: i16, version: i16, frame: &[u8]) -> Option<i16> {
    let mut bytes = Reader { rest: frame, flexible: is_flexible(api, version) };
    bytes.i32()?;
    bytes.tags()?;
    if has_throttle(api, version) {
        bytes.i32()?;
    }
    match api {
        FIND_COORDINATOR if version >= 4 => {
            bytes.count()?;
            bytes.string()?;
            bytes.i32()?;
            bytes.string()?;
            bytes.i32()?;
        }
        ADD_PARTITIONS_TO_TXN if version >= 4 => {}
        PRODUCE | ADD_PARTITIONS_TO_TXN | TXN_OFFSET_COMMIT => {
            for _ in 0..bytes.count()? {
                bytes.topic(api, version)?;
                for _ in 0..bytes.count()? {
                    bytes.i32()?;
                    let code = bytes.i16()?;
                    // A client sends its Produce requests for one partition each.
                    if code != 0 || api == PRODUCE {
                        return Some(code);
                    }
                    bytes.tags()?;
                }
                bytes.tags()?;
            }
            return Some(0);
        }
        _ if !can_answer(api) => return None,
        _ => {}
    }
    bytes.i16()
}

/// The first version of a kind of request, and of its answer, that has compact lengths and tagged fields.
fn flexible_since(api: i16) -> Option<i16> {
    Some(match api {
        PRODUCE => 9,
        FIND_COORDINATOR | ADD_PARTITIONS_TO_TXN | ADD_OFFSETS_TO_TXN | END_TXN | TXN_OFFSET_COMMIT => 3,
        HEARTBEAT => 4,
        INIT_PRODUCER_ID => 2,
        CONSUMER_GROUP_HEARTBEAT => 0,
        _ => return None,
    })
}

fn is_flexible(api: i16, version: i16) -> bool {
    flexible_since(api).is_some_and(|since| version >= since)
}

/// Whether an answer begins with how long the client is to be quiet.
fn has_throttle(api: i16, version: i16) -> bool {
    match api {
        PRODUCE => false,
        FIND_COORDINATOR | HEARTBEAT => version >= 1,
        _ => true,
    }
}

/// The number by which an answer tells what it answers.
pub(crate) fn correlation(frame: &[u8]) -> Option<i32> {
    Reader { rest: frame, flexible: false }.i32()
}

/// `None` at the end, and at what cannot be a frame.
pub(crate) fn read_frame(mut from: &TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let length = usize::try_from(i32::from_be_bytes(length)).ok().filter(|length| *length <= MAX_FRAME_BYTES)?;
    let mut frame = vec![0; length];
    from.read_exact(&mut frame).ok()?;
    Some(frame)
}

/// `None` if the other side is not there any more.
pub(crate) fn write_frame(mut to: &TcpStream, frame: &[u8]) -> Option<()> {
    let length = i32::try_from(frame.len()).ok()?;
    to.write_all(&[&length.to_be_bytes(), frame].concat()).ok()
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// What is left to read, and whether it has compact lengths and tagged fields. Nothing is read past the end.
struct Reader<'a> {
    rest: &'a [u8],
    flexible: bool,
}

enum Topic<'a> {
    Name(&'a [u8]),
    Id(&'a [u8]),
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn varint(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// Bytes behind their length, which has so many bytes if it is not compact; `Some(None)` for null.
    fn sized(&mut self, width: usize) -> Option<Option<&'a [u8]>> {
        let length = match (self.flexible, width) {
            (true, _) => self.varint()?.checked_sub(1),
            (false, 2) => usize::try_from(self.i16()?).ok(),
            (false, _) => usize::try_from(self.i32()?).ok(),
        };
        match length {
            Some(length) => self.take(length).map(Some),
            None => Some(None),
        }
    }

    fn string(&mut self) -> Option<Option<&'a [u8]>> {
        self.sized(2)
    }

    /// Of an array; null has none.
    fn count(&mut self) -> Option<usize> {
        if self.flexible {
            return Some(self.varint()?.saturating_sub(1));
        }
        Some(usize::try_from(self.i32()?).unwrap_or_default())
    }

    /// By its id since Produce 13, by its name elsewhere.
    fn topic(&mut self, api: i16, version: i16) -> Option<Topic<'a>> {
        if api == PRODUCE && version >= 13 {
            return self.take(16).map(Topic::Id);
        }
        self.string()?.map(Topic::Name)
    }

    fn tags(&mut self) -> Option<()> {
        if self.flexible {
            for _ in 0..self.varint()? {
                self.varint()?;
                let length = self.varint()?;
                self.take(length)?;
            }
        }
        Some(())
    }
}

/// Writes what [`Reader`] reads.
struct Writer {
    bytes: Vec<u8>,
    flexible: bool,
}

impl Writer {
    fn i16(&mut self, value: i16) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn i32(&mut self, value: i32) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn string(&mut self, string: Option<&[u8]>) {
        match (self.flexible, string) {
            (true, None) => self.varint(0),
            (true, Some(string)) => self.varint(string.len() + 1),
            (false, None) => self.i16(-1),
            // It was read with a length of two bytes.
            (false, Some(string)) => self.i16(string.len() as i16),
        }
        self.bytes.extend_from_slice(string.unwrap_or_default());
    }

    fn count(&mut self, count: usize) {
        if self.flexible {
            self.varint(count + 1);
        } else {
            // It was read from four bytes.
            self.i32(count as i32);
        }
    }

    fn no_producer(&mut self) {
        self.i64(-1);
        self.i16(-1);
    }

    fn tags(&mut self) {
        if self.flexible {
            self.bytes.push(0);
        }
    }
}
