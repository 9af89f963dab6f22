//! `syncroboard topics`, with Kafka's own tools as the oracle, and on a data directory.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::collections::BTreeMap;
use std::process::Output;
use std::sync::Arc;

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig};
use serde_json::Value;
use topology::broker::{Broker, Cleanup, TopicSpec};

use support::services::OwnKafka;
use support::{Home, text};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";

/// Some of each kind, as Kafka's tools should show them: name, partitions, settings.
const EXPECTED: [(&str, &str, &[&str]); 10] = [
    (
        "ticket.commands",
        "4",
        &["cleanup.policy=delete", "retention.ms=604800000", "message.timestamp.type=LogAppendTime"],
    ),
    ("ticket.events", "4", &["cleanup.policy=delete", "retention.ms=-1", "retention.bytes=-1"]),
    ("user.events", "4", &["cleanup.policy=compact", "message.timestamp.type=CreateTime"]),
    // What is remembered of commands is restored from it: seven days and one of grace.
    ("command.outcomes", "4", &["cleanup.policy=delete", "retention.ms=691200000"]),
    ("ticket.assignments", "4", &["cleanup.policy=delete", "retention.ms=604800000"]),
    ("notifications", "4", &["cleanup.policy=delete", "retention.ms=-1"]),
    ("ticket.commands.dlq", "4", &["cleanup.policy=delete", "retention.ms=-1"]),
    ("syncroboard-project-state-changelog", "4", &["cleanup.policy=compact"]),
    // The memory's seven days and one of grace.
    ("syncroboard-user-command-memory-changelog", "4", &["cleanup.policy=compact,delete", "retention.ms=691200000"]),
    ("syncroboard-user-lookup-requests-repartition", "4", &["cleanup.policy=delete", "retention.ms=-1"]),
];

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}

/// Runs `topics` and checks how it ends; what it said.
fn topics(home: &Home, arguments: &[&str], expected: i32) -> String {
    let output = home.run(&[&["topics"], arguments].concat());
    assert_eq!(status(&output), Some(expected), "topics {arguments:?}: {}", text(&output));
    text(&output)
}

/// Partition count and settings of a topic, as `kafka-topics --describe` shows them.
fn described(kafka: &OwnKafka, topic: &str) -> (String, Vec<String>) {
    let out = kafka.tool(TOPICS, &["--describe", "--topic", topic]);
    let first = out.lines().next().unwrap();
    let fields: BTreeMap<&str, &str> = first.split('\t').filter_map(|field| field.trim().split_once(": ")).collect();
    // A setting's own value may have a comma in it.
    let mut settings: Vec<String> = Vec::new();
    for part in fields["Configs"].split(',') {
        match settings.last_mut() {
            Some(last) if !part.contains('=') => last.extend([",", part]),
            _ => settings.push(part.to_owned()),
        }
    }
    (fields["PartitionCount"].to_owned(), settings)
}

#[test]
fn should_make_topics_on_kafka_and_alter_what_someone_changed() {
    let (home, kafka) = (Home::new(), OwnKafka::new(&[]));
    let at = ["--kafka", kafka.bootstrap()];
    let plan = [&["plan"], &at[..]].concat();
    let apply = [&["apply"], &at[..]].concat();

    let said = topics(&home, &plan, 1);
    assert!(said.contains("ticket.events: to be made, 4 partitions, kept for ever"), "{said}");
    assert_eq!(kafka.tool(TOPICS, &["--list", "--exclude-internal"]).trim(), "", "a plan makes nothing");
    topics(&home, &apply, 0);
    for (topic, partitions, settings) in EXPECTED {
        let (count, found) = described(&kafka, topic);
        assert_eq!(count, partitions, "{topic}");
        for setting in settings {
            assert!(found.iter().any(|found| found == setting), "{topic} lacks {setting}: {found:?}");
        }
    }
    let said = topics(&home, &plan, 0);
    let made = kafka.tool(TOPICS, &["--list", "--exclude-internal"]).lines().count();
    assert!(said.contains(&format!("{made} of {made} topics are as they should be")), "{said}");

    // Someone lets events go, keeps outcomes longer, and sets something that is nobody else's business.
    let change = |topic: &str, settings: &str| {
        let arguments = ["--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config", settings];
        kafka.tool(CONFIGS, &arguments);
    };
    change("ticket.events", "retention.ms=3600000,segment.ms=123456");
    change("command.outcomes", "retention.ms=1209600000");
    change("user.commands", "message.timestamp.type=CreateTime");
    let said = topics(&home, &plan, 1);
    let events = "ticket.events: to be altered: is kept for 1 h instead of kept for ever, which loses records";
    assert!(said.contains(events), "{said}");
    assert!(said.contains("user.commands: to be altered: has the records' own time"), "{said}");
    assert!(!said.contains("command.outcomes"), "kept longer is no difference: {said}");
    // Nothing works on a log that is being lost.
    let worker = home.run(&[&["worker"], &at[..]].concat());
    assert_eq!(status(&worker), Some(3));
    let why = "topic ticket.events exists with records kept for 1 h, but records kept for ever is asked for";
    assert!(text(&worker).contains(why), "{}", text(&worker));

    let json = home.run(&[&["topics", "plan", "--json"], &at[..]].concat());
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    let all = report["topics"].as_array().unwrap();
    let differing =
        all.iter().filter(|topic| topic["state"] == "differs").map(|topic| topic["topic"].as_str().unwrap());
    assert_eq!(differing.collect::<Vec<_>>(), ["user.commands", "ticket.events"]);
    assert_eq!(report["asTheyShouldBe"], all.len() - 2);

    topics(&home, &apply, 0);
    topics(&home, &plan, 0);
    let (_, settings) = described(&kafka, "ticket.events");
    for setting in ["retention.ms=-1", "segment.ms=123456"] {
        assert!(settings.iter().any(|found| found == setting), "ticket.events lacks {setting}: {settings:?}");
    }
}

#[test]
fn should_refuse_a_partition_count_and_do_the_rest() {
    let (home, kafka) = (Home::new(), OwnKafka::new(&[]));
    let create = |topic: &str, partitions: &str| {
        kafka.tool(TOPICS, &["--create", "--topic", topic, "--partitions", partitions]);
    };
    create("ticket.commands", "6");
    create("syncroboard-tickets-changelog", "3");
    let at = ["--kafka", kafka.bootstrap()];
    let said = topics(&home, &[&["plan"], &at[..]].concat(), 1);
    let refused = "syncroboard-tickets-changelog: REFUSED: has 3 partitions instead of 6";
    assert!(said.contains(refused) && said.contains("a partition count cannot be altered"), "{said}");
    let said = topics(&home, &[&["apply"], &at[..]].concat(), 1);
    assert!(said.contains(refused), "{said}");
    for (topic, partitions) in [
        // Those that are there keep theirs; what depends on them follows; the rest is as configured.
        ("ticket.commands", "6"),
        ("command.outcomes", "6"),
        ("syncroboard-members-changelog", "6"),
        ("user.commands", "4"),
        ("syncroboard-users-changelog", "4"),
        ("syncroboard-tickets-changelog", "3"),
    ] {
        assert_eq!(described(&kafka, topic).0, partitions, "{topic}");
    }
    assert!(described(&kafka, "ticket.commands").1.contains(&"retention.ms=604800000".to_owned()));
}

#[test]
fn should_look_after_the_topics_of_a_data_directory() {
    let home = Home::new();
    assert_eq!(status(&home.run(&["topics", "plan"])), Some(3), "there is no log");
    let started = || {
        let mut server = home.start();
        server.terminate();
        assert!(server.wait_until_ended(std::time::Duration::from_secs(60)).success());
    };
    started();
    topics(&home, &["plan"], 0);

    let alter = |name: &str, cleanup| {
        let broker: Arc<dyn Broker> = EmbeddedBroker::open(EmbeddedConfig::new(home.data().join("log"))).unwrap();
        let found = broker.describe_topics(&[name.into()]).unwrap().remove(0).unwrap();
        broker.alter_topics(&[TopicSpec { cleanup, ..found }]).unwrap();
    };
    alter("ticket.events", Cleanup::Retain { retention_ms: 1_000 });
    alter("syncroboard-project-state-changelog", Cleanup::Keep);
    let said = topics(&home, &["plan"], 1);
    assert!(said.contains("ticket.events: to be altered: is kept for 1 s"), "{said}");
    assert!(
        said.contains("syncroboard-project-state-changelog: to be altered: is kept for ever instead of compacted"),
        "{said}"
    );
    topics(&home, &["apply"], 0);
    topics(&home, &["plan"], 0);

    // Nobody else does: a server puts its own topics right when it starts.
    alter("ticket.events", Cleanup::Compact);
    alter("syncroboard-project-state-changelog", Cleanup::Keep);
    started();
    topics(&home, &["plan"], 0);
}

/// A data directory of a version before, in which the command memory has a changelog.
#[test]
fn should_tell_of_a_changelog_that_can_be_done_without_and_ask_nothing_of_the_outcomes_until_it_is_gone() {
    let home = Home::new();
    let broker: Arc<dyn Broker> = EmbeddedBroker::open(EmbeddedConfig::new(home.data().join("log"))).unwrap();
    let days = |days: i64| days * 24 * 3_600 * 1_000;
    let topic = |name: &str, cleanup| TopicSpec { name: name.into(), partitions: 4, cleanup, log_append_time: false };
    let changelog = Cleanup::CompactAndRetain { retention_ms: days(8) };
    let of_old = [
        topic("command.outcomes", Cleanup::Retain { retention_ms: days(7) }),
        topic("syncroboard-command-memory-changelog", changelog),
    ];
    broker.create_topics(&of_old).unwrap();
    drop(broker);
    topics(&home, &["apply"], 0);
    let said = topics(&home, &["plan"], 0);
    let expected = "syncroboard-command-memory-changelog: can be done without, as command.outcomes says the same";
    assert!(said.contains(expected) && !said.contains("command.outcomes: to be altered"), "{said}");
    let report: Value = serde_json::from_str(&topics(&home, &["plan", "--json"], 0)).unwrap();
    assert_eq!(report["superseded"][0]["by"], "command.outcomes");
}

#[test]
fn should_say_that_the_broker_is_not_there() {
    let said = topics(&Home::new(), &["plan", "--kafka", "127.0.0.1:1"], 3);
    assert!(said.contains("127.0.0.1:1"), "{said}");
}
