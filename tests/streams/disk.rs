//! What the pipeline keeps on the disk when the same load comes again and again: the log of events, and nothing else that grows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use processors::topic_specs;
use schemas::topics::{COMMAND_OUTCOMES, NOTIFICATIONS, TICKET_COMMANDS, TICKET_EVENTS};
use schemas::{EditTicket, TicketCommand};
use topology::broker::{Broker, TopicName, TopicPartition};
use uuid::Uuid;

use crate::memory::{create_project, create_ticket, project, run_with, send};
use crate::numbering::config;

const PARTITIONS: u32 = 4;
const ROUNDS: usize = 10;
/// From this round on as much expires as comes: outcomes are kept for eight days.
const STEADY: usize = 5;
const BETWEEN: Duration = Duration::from_secs(3 * 24 * 3600);
const TICKETS: usize = 40;
const EDITS: usize = 3_000;
const WRITE_BUFFER: usize = 256 << 10;
/// What is for ever.
const KEPT: [&str; 2] = [TICKET_EVENTS, NOTIFICATIONS];

/// Bytes of each topic's records.
type Sizes = BTreeMap<TopicName, u64>;

fn sizes(broker: &Arc<dyn Broker>) -> Sizes {
    let topics = broker.topics().unwrap();
    topics.into_iter().map(|(topic, partitions)| (topic.clone(), size(broker, &topic, partitions))).collect()
}

fn size(broker: &Arc<dyn Broker>, topic: &str, partitions: u32) -> u64 {
    let mut reader = broker.reader().unwrap();
    let partitions = (0..partitions).map(|p| TopicPartition::new(topic, p));
    let mut ends: BTreeMap<_, _> = partitions.map(|p| (p.clone(), broker.watermarks(&p).unwrap())).collect();
    ends.retain(|_, (low, high)| low < high);
    reader.assign(&ends.iter().map(|(p, (low, _))| (p.clone(), *low)).collect::<Vec<_>>()).unwrap();
    let mut bytes = 0;
    while !ends.is_empty() {
        for piece in reader.poll(Duration::from_secs(10)).unwrap() {
            bytes += piece.batch.bytes().len() as u64;
            if ends.get(&piece.partition).is_some_and(|(_, high)| piece.batch.next_offset() >= *high) {
                ends.remove(&piece.partition);
            }
        }
    }
    bytes
}

/// Of all files below a directory.
fn on_disk(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.file_type().unwrap() {
            kind if kind.is_dir() => on_disk(&entry.path()),
            _ => entry.metadata().unwrap().len(),
        })
        .sum()
}

/// Tickets' descriptions change, each time to a text of their own that does not compress.
fn edits(round: usize) -> Vec<TicketCommand> {
    let edit = |n: usize| {
        let command_id = Uuid::new_v5(&Uuid::from_u128(round as u128), &n.to_be_bytes());
        let description = (0..12).map(|part| Uuid::new_v5(&command_id, &[part]).to_string()).collect();
        let number = (n % TICKETS / 4 + 1) as i64;
        let project_id = project(n % 4).1;
        let actor_id = Uuid::from_u128(1);
        EditTicket { command_id, actor_id, project_id, number, description: Some(description), ..EditTicket::default() }
            .into()
    };
    (0..EDITS).map(edit).collect()
}

#[test]
fn should_give_back_over_ten_rounds_of_the_same_load_what_is_no_longer_needed() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(topology::system_clock()()));
    let mut log = EmbeddedConfig::new(dir.path().join("log"));
    log.sync = SyncMode::Os;
    log.write_buffer_bytes = WRITE_BUFFER;
    log.compact_min_records = 100;
    let now = Arc::clone(&clock);
    log.clock = Arc::new(move || now.load(Ordering::Relaxed));
    let embedded = EmbeddedBroker::open(log).unwrap();
    let broker: Arc<dyn Broker> = embedded.clone();
    broker.create_topics(&topic_specs(PARTITIONS)).unwrap();
    let mut settings = config(dir.path(), "a", 1);
    let now = Arc::clone(&clock);
    settings.clock = Arc::new(move || now.load(Ordering::Relaxed));

    send(&broker, &(0..4).map(create_project).collect::<Vec<_>>());
    send(&broker, &(0..TICKETS).map(|n| create_ticket(n % 4, 1_000 + n as u128)).collect::<Vec<_>>());
    let mut rounds: Vec<(Sizes, u64, u64)> = Vec::new();
    for round in 0..ROUNDS {
        send(&broker, &edits(round));
        run_with(&broker, &settings);
        clock.fetch_add(BETWEEN.as_millis() as i64, Ordering::Relaxed);
        embedded.maintain(clock.load(Ordering::Relaxed)).unwrap();
        let state = on_disk(&settings.state_dir);
        rounds.push((sizes(&broker), on_disk(&dir.path().join("log")), state));
    }

    let (before, last) = (&rounds[STEADY], &rounds[ROUNDS - 1]);
    for (topic, bytes) in &last.0 {
        let then = before.0[topic];
        println!("{topic}: {} bytes after round {STEADY}, {bytes} after round {}", then, ROUNDS - 1);
        if KEPT.contains(&&**topic) {
            assert!(*bytes >= then, "{topic} has lost something: {then} bytes, then {bytes}");
        } else {
            assert!(*bytes <= then + then / 10 + 4_096, "{topic} grows: {then} bytes, then {bytes}");
        }
    }
    // The load was one: each round of it is in the log of events, and in the topics that forget.
    let grown = last.0[TICKET_EVENTS] - before.0[TICKET_EVENTS];
    assert!(grown > ((ROUNDS - 1 - STEADY) * EDITS * 400) as u64, "{grown}");
    for topic in [TICKET_COMMANDS, COMMAND_OUTCOMES] {
        assert!(rounds[0].0[topic] > 0 && last.0[topic] > 0, "{topic} has nothing of the last round");
    }
    // What is removed may take as much room again as all that is there, and four write buffers.
    let (held, room) = (last.0.values().sum::<u64>(), last.1);
    println!("the log's directory: {} bytes, then {room}; it holds {held}", before.1);
    assert!(room < 2 * held + 8 * WRITE_BUFFER as u64, "the log takes {room} bytes for {held}");
    println!("the stores: {} and {} bytes", before.2, last.2);
    assert!(last.2 <= before.2 * 3 / 2, "the stores grow: {} bytes, then {}", before.2, last.2);
}
