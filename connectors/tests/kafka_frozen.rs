//! A broker that stands still for longer than sessions last, again and again: every member reads on each time.
//!
//! After such a time the broker may name no broker at all, or answer two requests to join of the same member: librdkafka may be left without
//! a broker (librdkafka#5301), and a member may be taken for its own twin. Neither happens each time, so there are many members.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "../../tests/support/services.rs"]
mod services;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use connectors::kafka::{GroupProtocol, KafkaBroker, KafkaConfig};
use parking_lot::Mutex;
use services::OwnKafka;
use topology::Headers;
use topology::broker::{Broker, Cleanup, Consumer, NewRecord, Polled, TopicName, TopicPartition, TopicSpec};

const TOPICS: [&str; 3] = ["left", "middle", "right"];
const PARTITIONS: u32 = 2;
const MEMBERS: usize = 10;
const FREEZES: usize = 4;
const SESSION: Duration = Duration::from_secs(3);
/// How long a stream thread waits for a transaction, about.
const GIVEN_UP: Duration = Duration::from_millis(2_900);
/// How long a member may take to be one again and to read.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Where a member is.
type Positions = Arc<Mutex<BTreeMap<TopicPartition, i64>>>;

fn broker(kafka: &OwnKafka, protocol: GroupProtocol) -> Arc<dyn Broker> {
    let mut config = KafkaConfig::new(kafka.bootstrap());
    config.group_protocol = protocol;
    config.session_timeout = SESSION;
    config.properties.insert("socket.timeout.ms".to_owned(), "4000".to_owned());
    KafkaBroker::open(config).unwrap()
}

fn partitions() -> Vec<TopicPartition> {
    TOPICS.iter().flat_map(|topic| (0..PARTITIONS).map(|n| TopicPartition::new(*topic, n))).collect()
}

fn is_true(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

/// Does with what it is assigned as a stream thread does: holds it back, asks where to begin, and begins there; again if it hears
/// nothing for so long that a transaction would have failed.
fn read(member: &mut dyn Consumer, positions: &Mutex<BTreeMap<TopicPartition, i64>>, ended: &AtomicBool) {
    let topics: Vec<TopicName> = TOPICS.iter().map(|topic| TopicName::from(*topic)).collect();
    member.subscribe(&topics).unwrap();
    let (mut held, mut waiting, mut heard): (Vec<TopicPartition>, Vec<_>, _) = (Vec::new(), Vec::new(), Instant::now());
    while !is_true(ended) {
        match member.poll(Duration::from_millis(if waiting.is_empty() { 50 } else { 5 })).unwrap() {
            Polled::Assigned(partitions) => {
                member.pause(&partitions).unwrap();
                waiting.clone_from(&partitions);
                held = partitions;
            }
            Polled::Lost(gone) | Polled::Revoked(gone) => {
                held.retain(|p| !gone.contains(p));
                waiting.retain(|p| !gone.contains(p));
            }
            Polled::Batches(batches) => {
                heard = Instant::now();
                let read: Vec<_> = batches.into_iter().map(|b| (b.partition, b.batch.next_offset())).collect();
                positions.lock().extend(read.iter().cloned());
                // Refused where the membership has ended meanwhile.
                let _ = member.commit(&read);
            }
            _ => {}
        }
        if waiting.is_empty() && heard.elapsed() > GIVEN_UP {
            member.pause(&held).unwrap();
            waiting.clone_from(&held);
        }
        if let Ok(committed) = member.committed(&waiting) {
            for (partition, offset) in waiting.iter().zip(committed) {
                member.seek(partition, offset.unwrap_or(0)).unwrap();
            }
            member.resume(&waiting).unwrap();
            if !waiting.is_empty() {
                heard = Instant::now();
            }
            waiting.clear();
        }
    }
}

/// Writes a record to each partition now and then; those that the broker does not take are tried no more.
fn fill(broker: &dyn Broker, frozen: &AtomicBool, ended: &AtomicBool) {
    let producer = broker.producer().unwrap();
    let headers = Headers::default();
    while !is_true(ended) {
        if !is_true(frozen) {
            for partition in partitions() {
                let record = NewRecord { timestamp: 1, key: None, value: Some(b"a record"), headers: &headers };
                let _ = producer.send(&partition, record, Box::new(|_| {}));
            }
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until all members have read beyond where all partitions end now.
fn await_progress(broker: &dyn Broker, members: &[Positions]) {
    let deadline = Instant::now() + PATIENCE;
    let end = |p: &TopicPartition| loop {
        match broker.watermarks(p) {
            Ok((_, end)) => return end,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    let ends: Vec<_> = partitions().into_iter().map(|p| (end(&p), p)).collect();
    loop {
        let mut behind = Vec::new();
        for (n, positions) in members.iter().enumerate() {
            let positions = positions.lock();
            let late = ends.iter().filter(|(end, p)| positions.get(p).is_none_or(|at| at <= end));
            behind.extend(late.map(|(_, p)| (n, p.to_string())));
        }
        if behind.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "these members do not read on: {behind:?}");
        thread::sleep(LOOK_AGAIN);
    }
}

fn read_on(protocol: GroupProtocol) {
    let kafka = OwnKafka::new(&[]);
    let admin = broker(&kafka, protocol);
    let spec = |topic: &&str| TopicSpec {
        name: TopicName::from(*topic),
        partitions: PARTITIONS,
        cleanup: Cleanup::Keep,
        log_append_time: false,
    };
    admin.create_topics(&TOPICS.iter().map(spec).collect::<Vec<_>>()).unwrap();
    let (frozen, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let members: Vec<Positions> = (0..MEMBERS).map(|_| Arc::default()).collect();
    thread::scope(|scope| {
        for (n, positions) in members.iter().enumerate() {
            let (broker, ended) = (broker(&kafka, protocol), &ended);
            scope.spawn(move || {
                let mut member = broker.consumer(&format!("group-{n}"), &format!("member-{n}")).unwrap();
                read(member.as_mut(), positions, ended);
            });
        }
        scope.spawn(|| fill(&*admin, &frozen, &ended));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            await_progress(&*admin, &members);
            for n in 0..FREEZES {
                frozen.store(true, Ordering::Relaxed);
                // Twice, the second time while it is still finding out who is there. These are the times of the fault, not waits for
                // something.
                for (stands, runs) in [(1_000, 200 + 50 * n as u64), (1_500, 0)] {
                    kafka.signal("STOP");
                    thread::sleep(SESSION + Duration::from_millis(stands));
                    kafka.signal("CONT");
                    thread::sleep(Duration::from_millis(runs));
                }
                frozen.store(false, Ordering::Relaxed);
                await_progress(&*admin, &members);
            }
        }));
        ended.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|why| std::panic::resume_unwind(why));
    });
}

#[test]
fn should_read_on_after_each_time_that_the_broker_stood_still() {
    read_on(GroupProtocol::Classic);
}

#[test]
fn should_read_on_after_each_time_that_the_broker_stood_still_where_the_server_assigns() {
    read_on(GroupProtocol::Consumer);
}
