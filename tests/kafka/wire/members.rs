//! Who is in a group, asked of its coordinator in Kafka's protocol: its own tool takes seconds to start, and librdkafka tells no
//! partitions.

use std::net::TcpStream;
use std::time::Duration;

use super::{Reader, Writer, read_frame, write_frame};

const DESCRIBE_GROUPS: i16 = 15;
const CONSUMER_GROUP_DESCRIBE: i16 = 69;

/// How long a broker may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// How many partitions each member of a group holds; empty while they are being given out. `None` if this broker is not the
/// group's coordinator, or does not answer.
pub(crate) fn held(broker: &str, group: &str) -> Option<Vec<usize>> {
    let connection = TcpStream::connect(broker).ok()?;
    connection.set_read_timeout(Some(ANSWER)).ok()?;
    let answer = ask(&connection, DESCRIBE_GROUPS, false, |to| {
        to.count(1);
        to.string(Some(group.as_bytes()));
    })?;
    let told = classic(Reader { rest: &answer, flexible: false })?;
    if told.is_some() {
        return told;
    }
    // Groups of the new protocol are dead to that request.
    let answer = ask(&connection, CONSUMER_GROUP_DESCRIBE, true, |to| {
        to.count(1);
        to.string(Some(group.as_bytes()));
        to.bytes.push(0);
        to.tags();
    })?;
    consumer(Reader { rest: &answer, flexible: true })
}

/// Version 0 of a request; the answer from the correlation id on.
fn ask(connection: &TcpStream, api: i16, flexible: bool, body: impl FnOnce(&mut Writer)) -> Option<Vec<u8>> {
    let mut to = Writer { bytes: Vec::new(), flexible: false };
    to.i16(api);
    to.i16(0);
    to.i32(0);
    to.string(Some(b"of-the-test"));
    to.flexible = flexible;
    to.tags();
    body(&mut to);
    write_frame(connection, &to.bytes)?;
    read_frame(connection)
}

/// `Some(None)` if it is no group of the classic protocol, or there is none.
fn classic(mut from: Reader<'_>) -> Option<Option<Vec<usize>>> {
    from.i32()?;
    from.count()?;
    if from.i16()? != 0 {
        return None;
    }
    // The group, and then its state.
    from.string()?;
    if from.string()? == Some(b"Dead") {
        return Some(None);
    }
    from.string()?;
    from.string()?;
    let mut held = Vec::new();
    for _ in 0..from.count()? {
        for _ in 0..3 {
            from.string()?;
        }
        from.sized(4)?;
        held.push(from.sized(4)?.map_or(Some(0), assigned)?);
    }
    Some(Some(held))
}

/// How many partitions a classic member's assignment has.
fn assigned(bytes: &[u8]) -> Option<usize> {
    if bytes.is_empty() {
        return Some(0);
    }
    let mut from = Reader { rest: bytes, flexible: false };
    from.i16()?;
    partitions(&mut from)
}

fn consumer(mut from: Reader<'_>) -> Option<Vec<usize>> {
    from.i32()?;
    from.tags()?;
    from.i32()?;
    from.count()?;
    if from.i16()? != 0 {
        return None;
    }
    for _ in 0..3 {
        // Why not, the group, its state.
        from.string()?;
    }
    from.i32()?;
    from.i32()?;
    from.string()?;
    let mut held = Vec::new();
    for _ in 0..from.count()? {
        for _ in 0..3 {
            from.string()?;
        }
        from.i32()?;
        from.string()?;
        from.string()?;
        for _ in 0..from.count()? {
            from.string()?;
        }
        from.string()?;
        held.push(partitions(&mut from)?);
        from.tags()?;
        // What it is to hold in the end.
        partitions(&mut from)?;
        from.tags()?;
        from.tags()?;
    }
    Some(held)
}

/// Of topics with their partitions; in flexible versions a topic has an id, too.
fn partitions(from: &mut Reader<'_>) -> Option<usize> {
    let mut sum = 0;
    for _ in 0..from.count()? {
        if from.flexible {
            from.take(16)?;
        }
        from.string()?;
        let count = from.count()?;
        from.take(4 * count)?;
        from.tags()?;
        sum += count;
    }
    Some(sum)
}
