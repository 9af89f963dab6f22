//! The deliverer of webhooks as a process of its own on Apache Kafka. What it delivers is in `connectors/tests/webhooks`.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use support::services::OwnKafka;
use support::{Home, text};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";

#[test]
fn a_deliverer_runs_on_kafka_beside_another_and_comes_back() {
    let kafka = OwnKafka::new(&[]);
    let home = Home::new();
    let start = || {
        let mut process = Home::spawn(&mut home.command(&["webhooks", "--kafka", kafka.bootstrap()]));
        process.wait_until_running();
        process
    };
    let (mut one, mut other) = (start(), start());
    one.kill();
    let mut again = start();
    again.stop();
    other.stop();
    let lag = home.run(&["lag", "syncroboard-webhooks", "--kafka", kafka.bootstrap()]);
    assert!(text(&lag).contains("webhook.commands"), "{}", text(&lag));
}

#[test]
fn topics_of_different_partition_counts_are_refused_by_their_names() {
    let kafka = OwnKafka::new(&[]);
    for (topic, partitions) in [("ticket.events", "4"), ("notifications", "2")] {
        kafka.tool(TOPICS, &["--create", "--topic", topic, "--partitions", partitions]);
    }
    let home = Home::new();
    // All but the counts is made right.
    home.run(&["topics", "apply", "--kafka", kafka.bootstrap()]);
    let output = home.run(&["webhooks", "--kafka", kafka.bootstrap()]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let said = text(&output);
    assert!(said.contains("ticket.events") && said.contains("notifications"), "{said}");
}

#[test]
fn a_deliverer_says_what_it_needs() {
    let home = Home::new();
    let output = home.run(&["webhooks"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("kafka.bootstrap_servers"), "{}", text(&output));
    let output = home.command(&["webhooks"]).env("SYNCROBOARD__WEBHOOKS__TIMEOUT_MS", "0").output().unwrap();
    assert!(text(&output).contains("webhooks.timeout_ms must be at least 1"), "{}", text(&output));
}
