//! Another language can play: Python's confluent-kafka, with its Avro serializers and a real registry, sends commands and
//! reads outcomes and events. Where keys land is held against Java's own client, not against our partitioner.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use support::Home;
use support::services::{OwnKafka, OwnRegistry, kafka_tool, script, succeeded};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

/// As `kafka.partitions` has it by default.
const PARTITIONS: &str = "4";
/// As in `tests/python/client.py`.
const PROJECTS: usize = 24;

/// On which of [`PARTITIONS`] Java's client puts each key: it is asked to, and what it did is read back.
fn partitions_of_java(kafka: &OwnKafka, keys: &BTreeSet<&str>) -> BTreeMap<String, u64> {
    kafka.tool(TOPICS, &["--create", "--topic", "java", "--partitions", PARTITIONS]);
    let server = ["--bootstrap-server", kafka.bootstrap(), "--topic", "java"];
    let lines = keys.iter().copied().collect::<Vec<_>>().join("|\n") + "|\n";
    let keyed = ["--reader-property", "parse.key=true", "--reader-property", "key.separator=|"];
    let patient = ["--request-timeout-ms", "60000"];
    kafka_tool(PRODUCER, &[&server[..], &keyed, &patient].concat(), &lines);
    let shown = ["--formatter-property", "print.key=true", "--formatter-property", "print.partition=true"];
    let count = keys.len().to_string();
    let all = ["--from-beginning", "--max-messages", &count];
    let printed = kafka_tool(CONSUMER, &[&server[..], &shown, &all].concat(), "");
    // Partition:2<TAB>key<TAB>value
    let records = printed.lines().filter_map(|line| line.strip_prefix("Partition:")?.split_once('\t'));
    let partition = |text: &str| text.parse().unwrap();
    records.map(|(at, rest)| (rest.split('\t').next().unwrap().to_owned(), partition(at))).collect()
}

/// Everything that the Python client sent and read.
fn play(kafka: &OwnKafka, registry: &OwnRegistry) -> Value {
    let python = succeeded(&script("python.sh").output().unwrap(), "python.sh");
    let mut client = Command::new(python.trim());
    client.arg("tests/python/client.py").args([kafka.bootstrap(), registry.url()]);
    let output = client.arg("schemas/avro").output().unwrap();
    serde_json::from_str(&succeeded(&output, "client.py")).unwrap()
}

#[test]
fn should_serve_a_client_in_python_and_catch_one_that_partitions_otherwise_than_java() {
    let (kafka, registry, home) = (OwnKafka::new(&[]), OwnRegistry::new(), Home::new());
    let mut worker = home.command(&["worker", "--kafka", kafka.bootstrap()]);
    let mut worker = Home::spawn(worker.env("SYNCROBOARD__SCHEMA_REGISTRY__URL", registry.url()));
    worker.wait_until_running();

    let played = play(&kafka, &registry);
    let sent: Vec<&Value> = played["sent"].as_object().unwrap().values().collect();
    assert_eq!(sent.len(), 1 + PROJECTS * 4, "a user; for each project itself, two tickets and one more");
    let keys: BTreeSet<&str> = sent.iter().map(|command| command["key"].as_str().unwrap()).collect();
    let of_java = partitions_of_java(&kafka, &keys);
    assert_eq!(of_java.len(), keys.len());

    let (mut accepted, mut misrouted) = (0, 0);
    for command in &sent {
        let outcomes = command["outcomes"].as_array().unwrap_or_else(|| panic!("no outcome: {command}"));
        assert_eq!(outcomes.len(), 1, "one decision: {command}");
        let outcome = &outcomes[0];
        assert_eq!(outcome["partition"], command["partition"], "beside its command: {command}");
        if command["partition"] == of_java[command["key"].as_str().unwrap()] {
            assert!(outcome["value"].get("ticketId").is_some(), "accepted: {command}");
            accepted += 1;
        } else {
            let reason = outcome["value"]["reason"].as_str().unwrap_or_else(|| panic!("failed: {command}"));
            assert!(reason.contains("misrouted"), "{reason}");
            misrouted += 1;
        }
    }
    // Everything that was sent with `murmur2_random`; and librdkafka's default is not Java's.
    assert!(accepted > PROJECTS * 3, "{accepted} of {}", sent.len());
    assert!(misrouted > 0, "librdkafka's default would do");

    let users = played["userEvents"].as_array().unwrap();
    assert_eq!(users.len(), 1, "{users:?}");
    assert_eq!(users[0]["value"]["email"], "ada@example.org");
    let events = played["ticketEvents"].as_array().unwrap();
    for event in events {
        let key = event["key"].as_str().unwrap();
        assert_eq!(event["partition"], of_java[key], "{event}");
        assert_eq!(event["value"]["projectId"], key, "{event}");
    }
    for project in keys.iter().filter(|key| !key.contains('@')) {
        let of_project = events.iter().filter(|event| event["key"] == **project);
        let numbers: Vec<u64> = of_project.filter_map(|event| event["value"]["number"].as_u64()).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{project}");
        assert!(numbers.len() >= 2, "{project}: {numbers:?}");
    }
}
