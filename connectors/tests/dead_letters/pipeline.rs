//! Dead letters of the real pipeline: once the cause is removed a redrive decides the command; where it is not, it ends.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use processors::{PipelineConfig, pipeline, topic_specs};
use schemas::topics::{COMMAND_OUTCOMES, TICKET_COMMANDS};
use schemas::{CreateProject, Outcome, TicketCommand, ids};
use topology::broker::{Broker, NewRecord, TopicPartition, partition_for_key};
use topology::dead_letters::{DeadLetters, Fate, Redrive};
use topology::{Headers, State, Streams, StreamsConfig};
use uuid::Uuid;

const PARTITIONS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(60);

struct Board {
    broker: Arc<dyn Broker>,
    streams: Streams,
}

impl Board {
    fn start(dir: &Path) -> Self {
        let mut config = EmbeddedConfig::new(dir.join("log"));
        config.sync = SyncMode::Os;
        let broker: Arc<dyn Broker> = EmbeddedBroker::open(config).unwrap();
        broker.create_topics(&topic_specs(PARTITIONS)).unwrap();
        let config = StreamsConfig::new("app", dir.join("state"));
        let streams = Streams::start(&pipeline(&PipelineConfig::default()).unwrap(), &config, &broker).unwrap();
        assert!(streams.wait_for(State::Running, PATIENCE));
        Self { broker, streams }
    }

    fn send(&self, partition: u32, key: &str, command: impl Into<TicketCommand>) {
        let mut value = Vec::new();
        command.into().encode(&mut value).unwrap();
        let record =
            NewRecord { timestamp: 1, key: Some(key.as_bytes()), value: Some(&value), headers: &Headers::new() };
        let producer = self.broker.producer().unwrap();
        let to = TopicPartition::new(TICKET_COMMANDS, partition);
        producer.send(&to, record, Box::new(|written| assert!(written.is_ok()))).unwrap();
    }

    /// Waits for the nth outcome, in the order in which they come.
    fn outcomes(&self, count: usize) -> Vec<&'static str> {
        let mut reader = self.broker.reader().unwrap();
        let all: Vec<_> = (0..PARTITIONS).map(|n| (TopicPartition::new(COMMAND_OUTCOMES, n), 0)).collect();
        reader.assign(&all).unwrap();
        let mut outcomes = Vec::new();
        while outcomes.len() < count {
            let fetched = reader.poll(PATIENCE).unwrap();
            assert!(!fetched.is_empty(), "{outcomes:?}");
            for record in fetched.iter().flat_map(|piece| piece.batch.iter()) {
                outcomes.push(match Outcome::decode(record.value.unwrap()).unwrap() {
                    Outcome::Accepted(_) => "accepted",
                    Outcome::Rejected(_) => "rejected",
                    Outcome::Failed(_) => "failed",
                });
            }
        }
        outcomes.sort_unstable();
        outcomes
    }

    fn redrive(&self, by_key: &[&str]) -> Vec<Fate> {
        let letters = DeadLetters::open(&*self.broker, TICKET_COMMANDS).unwrap().unwrap();
        let mut redrive = Redrive::new("app", TICKET_COMMANDS);
        redrive.by_key = by_key.iter().map(|reason| (*reason).to_owned()).collect();
        let mut fates = Vec::new();
        redrive
            .run(&letters, &mut |letter, fate| {
                assert_eq!(letter.reason, "misrouted");
                fates.push(fate.clone());
            })
            .unwrap();
        fates
    }
}

fn project() -> (String, CreateProject) {
    let project_id = ids::project_id("SYNC");
    let command = CreateProject {
        command_id: Uuid::from_u128(1),
        project_id,
        key: "SYNC".to_owned(),
        name: "SyncroBoard".to_owned(),
        ..CreateProject::default()
    };
    (project_id.to_string(), command)
}

#[test]
fn should_decide_a_command_that_failed_once_its_cause_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let board = Board::start(dir.path());
    let (key, command) = project();
    let right = partition_for_key(key.as_bytes(), PARTITIONS);
    board.send((right + 1) % PARTITIONS, &key, command);
    assert_eq!(board.outcomes(1), ["failed"]);
    assert_eq!(board.redrive(&["misrouted"]), [Fate::Redriven(TopicPartition::new(TICKET_COMMANDS, right))]);
    assert_eq!(board.outcomes(2), ["accepted", "failed"], "what failed is not remembered as the answer");
    assert_eq!(board.redrive(&["misrouted"]), []);
    board.streams.close().unwrap();
}

#[test]
fn should_end_the_circle_of_a_command_that_fails_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let board = Board::start(dir.path());
    let (_, command) = project();
    // The key is not the payload's project: no partition is the right one.
    board.send(0, "another", command);
    for replays in 1..=3 {
        assert_eq!(board.outcomes(replays), vec!["failed"; replays]);
        let fates = board.redrive(&["misrouted"]);
        assert!(matches!(fates[..], [Fate::Redriven(_)]), "{fates:?}");
    }
    assert_eq!(board.outcomes(4), ["failed"; 4]);
    assert_eq!(board.redrive(&["misrouted"]), [Fate::AtLimit]);
    assert_eq!(board.redrive(&["misrouted"]), [Fate::AtLimit]);
    board.streams.close().unwrap();
}
