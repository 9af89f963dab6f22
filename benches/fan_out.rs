//! The fan-out and the inboxes at full speed: comments on tickets, each of which three members must know of, from `ticket.events` to
//! `notifications` on the embedded broker.
//!
//! `FAN_OUT_EVENTS=1000000 FAN_OUT_THREADS=1 cargo bench --profile dev --bench fan_out`

#![allow(clippy::expect_used, clippy::cast_precision_loss, reason = "a benchmark may fail where it stands")]

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use processors::{PipelineConfig, pipeline, topic_specs};
use schemas::topics::{NOTIFICATIONS, TICKET_EVENTS};
use schemas::{ProjectMemberAdded, TicketCommented, TicketCreated, TicketEvent, TicketWatchAdded, ids};
use topology::broker::{Broker, NewRecord, TopicPartition, partition_for_key};
use topology::{Headers, State, Streams, StreamsConfig};
use uuid::Uuid;

const PARTITIONS: u32 = 4;
const PROJECTS: u64 = 1_000;
const TICKETS: u64 = 10;
const MEMBERS: u64 = 10;

fn main() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let (events, threads) = (number("FAN_OUT_EVENTS", 1_000_000), number("FAN_OUT_THREADS", 1));
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = EmbeddedConfig::new(dir.path().join("log"));
    config.sync = SyncMode::Commit;
    let broker: Arc<dyn Broker> = EmbeddedBroker::open(config).expect("the broker opens");
    broker.create_topics(&topic_specs(PARTITIONS)).expect("topics");
    let mut log = Log::new(&broker);
    log.towns();
    let mut config = StreamsConfig::new("bench", dir.path().join("state"));
    config.threads = usize::try_from(threads).expect("a number of threads");
    let topology = pipeline(&PipelineConfig::default()).expect("a topology");
    // Started once without a measure, so that it has its stores.
    let streams = Streams::start(&topology, &config, &broker).expect("the pipeline starts");
    until(&broker, TICKET_EVENTS, &streams, |_, consumed, end| consumed >= end);
    streams.close().expect("closed");
    let before = end(&broker, NOTIFICATIONS);
    log.comments(events);
    let begun = Instant::now();
    let cpu = process_cpu();
    let streams = Streams::start(&topology, &config, &broker).expect("the pipeline starts");
    let wanted = before + i64::try_from(events * 3).expect("a number of notifications");
    until(&broker, NOTIFICATIONS, &streams, |end, _, _| end >= wanted);
    let (took, cpu) = (begun.elapsed(), process_cpu().saturating_sub(cpu));
    streams.close().expect("closed");
    assert_eq!(end(&broker, NOTIFICATIONS), wanted, "each of the three is told once");
    println!("{events} events, {} notifications, {threads} stream threads", events * 3);
    println!("{:.0} events/s", events as f64 / took.as_secs_f64());
    println!("{:.1} µs of CPU an event, of the whole process", cpu.as_secs_f64() * 1e6 / events as f64);
}

/// Writes events that no command has made.
struct Log<'b> {
    broker: &'b Arc<dyn Broker>,
    sequences: Vec<i64>,
    written: u64,
}

impl<'b> Log<'b> {
    fn new(broker: &'b Arc<dyn Broker>) -> Self {
        Self { broker, sequences: vec![0; usize::try_from(PROJECTS).expect("few")], written: 0 }
    }

    /// Projects with ten members, and ten tickets of the first two that the third watches.
    fn towns(&mut self) {
        let mut events = Vec::new();
        for project in 0..PROJECTS {
            for member in 0..MEMBERS {
                let (user_id, handle) = (user(project, member), format!("m{member}"));
                events.push((project, ProjectMemberAdded { user_id, handle, ..Default::default() }.into()));
            }
            for ticket in 0..TICKETS {
                let number = ticket.cast_signed() + 1;
                let (reporter_id, assignee_id) = (user(project, ticket % 7), Some(user(project, ticket % 7 + 1)));
                let code = format!("P{project}-{number}");
                let title = "A ticket with a title of the usual length, which says what it is".to_owned();
                let created = TicketCreated {
                    number,
                    code,
                    title,
                    reporter_id,
                    created_by: reporter_id,
                    assignee_id,
                    imported: true,
                    ..Default::default()
                };
                events.push((project, created.into()));
                let user_id = user(project, ticket % 7 + 2);
                events.push((project, TicketWatchAdded { number, user_id, ..Default::default() }.into()));
            }
        }
        self.write(events.into_iter());
    }

    /// By somebody who is none of the three.
    fn comments(&mut self, count: u64) {
        let content = "A comment of two lines or so, as people write them when they have something to say. ".repeat(2);
        self.write((0..count).map(|n| {
            let (project, ticket) = (n % PROJECTS, n / PROJECTS % TICKETS);
            let (number, author_id, content) = (ticket.cast_signed() + 1, Uuid::from_u128(1), content.clone());
            (project, TicketCommented { number, author_id, content, ..Default::default() }.into())
        }));
    }

    fn write(&mut self, events: impl Iterator<Item = (u64, TicketEvent)>) {
        let producer = self.broker.producer().expect("a producer");
        let (done, delivered) = channel();
        let (mut value, mut count) = (Vec::new(), 0_usize);
        for (project, mut event) in events {
            let index = usize::try_from(project).expect("few");
            self.sequences[index] += 1;
            self.written += 1;
            let (sequence, event_id) = (self.sequences[index], Uuid::from_u128(self.written.into()));
            let project_id = ids::project_id(&format!("P{project}"));
            macro_rules! set {
                ($($variant:ident),*) => {
                    match &mut event {
                        $(TicketEvent::$variant(e) => (e.event_id, e.project_id, e.sequence) = (event_id, project_id, sequence),)*
                        _ => unreachable!("no such event is written here"),
                    }
                };
            }
            set!(ProjectMemberAdded, TicketCreated, TicketWatchAdded, TicketCommented);
            value.clear();
            event.encode(&mut value).expect("encoded");
            let key = project_id.to_string();
            let partition = TopicPartition::new(TICKET_EVENTS, partition_for_key(key.as_bytes(), PARTITIONS));
            let record =
                NewRecord { timestamp: 1, key: Some(key.as_bytes()), value: Some(&value), headers: &Headers::new() };
            let done = done.clone();
            let delivery = Box::new(move |result: Result<_, _>| {
                let _ = done.send(result.is_ok());
            });
            producer.send(&partition, record, delivery).expect("taken");
            count += 1;
            if count % 10_000 == 0 {
                delivered.iter().take(10_000).for_each(|ok| assert!(ok));
            }
        }
        delivered.iter().take(count % 10_000).for_each(|ok| assert!(ok));
    }
}

fn user(project: u64, member: u64) -> Uuid {
    ids::user_id(&format!("{project}-{member}@example.org"))
}

/// The records of a topic, by their offsets.
fn end(broker: &Arc<dyn Broker>, topic: &str) -> i64 {
    let ends = (0..PARTITIONS).map(|p| broker.watermarks(&TopicPartition::new(topic, p)).expect("watermarks").1);
    ends.sum()
}

/// Waits until `done` of: the end of `topic`; how many of its records the pipeline has consumed; and the end again.
fn until(broker: &Arc<dyn Broker>, topic: &str, streams: &Streams, done: impl Fn(i64, i64, i64) -> bool) {
    let partitions: Vec<_> = (0..PARTITIONS).map(|p| TopicPartition::new(topic, p)).collect();
    loop {
        let committed = broker.committed("bench", &partitions).expect("offsets");
        let consumed = committed.into_iter().flatten().sum();
        let end = end(broker, topic);
        if done(end, consumed, end) {
            return;
        }
        let stopped = streams.wait_for(State::NotRunning, Duration::from_millis(5));
        assert!(!stopped && streams.state() != State::Error, "the pipeline stopped: {}", streams.state());
    }
}

/// CPU time of this process so far.
fn process_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells it");
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: u64 = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
