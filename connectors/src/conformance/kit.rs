//! What the cases are written with: topics, records, reading until something is there.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use topology::broker::{
    Broker, BrokerError, Cleanup, Consumer, Fetched, NewRecord, Polled, Producer, TopicName, TopicPartition, TopicSpec,
    Written,
};
use topology::{BatchBuilder, Headers, RecordBatch};

use super::{Failure, Harness, Outcome};

/// How long anything may take that must happen.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// How long to look for what must not happen.
pub(super) const MOMENT: Duration = Duration::from_millis(100);

/// Fails with a message unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Failure::Broken(format!($($message)+)));
        }
    };
}
pub(super) use ensure;

/// A record that was read: offset, timestamp, key, value.
pub(super) type Seen = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);

pub(super) fn broken(what: impl Into<String>) -> Failure {
    Failure::Broken(what.into())
}

pub(super) fn spec(name: &TopicName, partitions: u32) -> TopicSpec {
    TopicSpec { name: Arc::clone(name), partitions, cleanup: Cleanup::Keep, log_append_time: false }
}

/// Makes a topic of its own for the case.
pub(super) fn topic(h: &dyn Harness, what: &str, partitions: u32) -> Result<TopicName, Failure> {
    let name: TopicName = h.name(what).into();
    h.broker().create_topics(&[spec(&name, partitions)])?;
    Ok(name)
}

pub(super) fn at(topic: &TopicName, partition: u32) -> TopicPartition {
    TopicPartition::new(Arc::clone(topic), partition)
}

/// A batch of records with these values, timestamp 1 and no key.
pub(super) fn batch<V: AsRef<[u8]>>(values: &[V]) -> RecordBatch {
    let mut b = BatchBuilder::new();
    for value in values {
        b.push(1, None, Some(value.as_ref()), &Headers::new());
    }
    b.finish()
}

/// Produces one record and waits until it is durable.
pub(super) fn produce(
    producer: &dyn Producer,
    partition: &TopicPartition,
    timestamp: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<Written, Failure> {
    let headers = Headers::new();
    produce_record(producer, partition, NewRecord { timestamp, key, value, headers: &headers })
}

pub(super) fn produce_record(
    producer: &dyn Producer,
    partition: &TopicPartition,
    record: NewRecord<'_>,
) -> Result<Written, Failure> {
    let (tell, told) = mpsc::channel();
    producer.send(partition, record, Box::new(move |result| drop(tell.send(result))))?;
    Ok(told.recv_timeout(LIMIT).map_err(|_| broken("no delivery report"))??)
}

/// Produces records with these values, one after the other.
pub(super) fn fill(broker: &dyn Broker, partition: &TopicPartition, values: &[&str]) -> Outcome {
    let producer = broker.producer()?;
    for value in values {
        produce(producer.as_ref(), partition, 1, None, Some(value.as_bytes()))?;
    }
    Ok(())
}

/// Everything from an offset to the high watermark.
pub(super) fn read_all(broker: &dyn Broker, partition: &TopicPartition, from: i64) -> Result<Vec<Seen>, Failure> {
    let (_, high) = broker.watermarks(partition)?;
    let mut reader = broker.reader()?;
    reader.assign(&[(partition.clone(), from)])?;
    let (mut seen, mut position) = (Vec::new(), from);
    let deadline = Instant::now() + LIMIT;
    while position < high {
        ensure!(Instant::now() < deadline, "{partition} ends at {high}, but reading stays at {position}");
        for Fetched { batch, .. } in reader.poll(LIMIT)? {
            position = batch.next_offset();
            seen.extend(
                batch.iter().map(|r| (r.offset, r.timestamp, r.key.map(<[u8]>::to_vec), r.value.map(<[u8]>::to_vec))),
            );
        }
    }
    Ok(seen)
}

/// The values of everything in a partition, as text.
pub(super) fn values(broker: &dyn Broker, partition: &TopicPartition) -> Result<Vec<String>, Failure> {
    let (low, _) = broker.watermarks(partition)?;
    Ok(read_all(broker, partition, low)?.into_iter().map(|(_, _, _, value)| text(value.as_deref())).collect())
}

pub(super) fn text(value: Option<&[u8]>) -> String {
    value.map_or_else(|| "null".into(), |v| String::from_utf8_lossy(v).into_owned())
}

/// A consumer that has subscribed.
pub(super) fn member(
    broker: &dyn Broker,
    group: &str,
    id: &str,
    topics: &[TopicName],
) -> Result<Box<dyn Consumer>, Failure> {
    let mut consumer = broker.consumer(group, id)?;
    consumer.subscribe(topics)?;
    Ok(consumer)
}

/// What a member has learnt by polling.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    pub(super) held: Vec<TopicPartition>,
    /// Whether it has heard what it is given.
    pub(super) told: bool,
    pub(super) records: Vec<(TopicPartition, i64, String)>,
    pub(super) lost: bool,
}

impl Learnt {
    /// Polls once and takes in what comes.
    pub(super) fn poll(&mut self, consumer: &mut dyn Consumer, timeout: Duration) -> Outcome {
        match consumer.poll(timeout)? {
            Polled::Assigned(new) => {
                self.told = true;
                self.held.extend(new);
            }
            Polled::Revoked(gone) => self.held.retain(|p| !gone.contains(p)),
            Polled::Lost(gone) => {
                self.lost = true;
                self.held.retain(|p| !gone.contains(p));
            }
            Polled::Batches(batches) => {
                for Fetched { partition, batch } in batches {
                    self.records.extend(batch.iter().map(|r| (partition.clone(), r.offset, text(r.value))));
                }
            }
            _ => {}
        }
        self.held.sort();
        Ok(())
    }
}

/// A member, once it holds all the partitions of a topic, of which there are so many.
pub(super) fn holder(
    broker: &dyn Broker,
    group: &str,
    id: &str,
    topic: &TopicName,
    partitions: usize,
) -> Result<(Box<dyn Consumer>, Learnt), Failure> {
    let mut holder = member(broker, group, id, std::slice::from_ref(topic))?;
    let mut learnt = Learnt::default();
    poll_until(&mut [(holder.as_mut(), &mut learnt)], "it has all", |l| l[0].held.len() == partitions)?;
    Ok((holder, learnt))
}

/// Polls members in turn until a condition on what they have learnt holds.
pub(super) fn poll_until(
    members: &mut [(&mut dyn Consumer, &mut Learnt)],
    what: &str,
    mut holds: impl FnMut(&[&Learnt]) -> bool,
) -> Outcome {
    let deadline = Instant::now() + LIMIT;
    loop {
        let learnt: Vec<&Learnt> = members.iter().map(|(_, learnt)| &**learnt).collect();
        if holds(&learnt) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "waited in vain until {what}: {learnt:?}");
        for (consumer, learnt) in members.iter_mut() {
            learnt.poll(&mut **consumer, Duration::from_millis(10))?;
        }
    }
}

/// Fails unless the result is the error that is expected.
pub(super) fn expect_error<T>(
    result: Result<T, BrokerError>,
    expected: impl Fn(&BrokerError) -> bool,
    what: &str,
) -> Outcome {
    match result {
        Err(e) if expected(&e) => Ok(()),
        Err(e) => Err(broken(format!("expected {what}, not: {e:?}"))),
        Ok(_) => Err(broken(format!("expected {what}, but it went well"))),
    }
}
