//! A broker of a test's own: what it has to keep through stops and kills, so that tests of restarts can build on it.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "../../tests/support/services.rs"]
mod services;

use services::{OwnKafka, kafka_tool, unique};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

fn produce(bootstrap: &str, topic: &str, lines: &str) {
    // Its own 1.5 s for an answer are few on a busy machine, and it does not say when they were too few.
    let patient = ["--sync", "--request-timeout-ms", "60000"];
    kafka_tool(PRODUCER, &[&["--bootstrap-server", bootstrap, "--topic", topic], &patient[..]].concat(), lines);
}

// Of partition 0, without a group: a group's coordinator may be on the broker that the test killed.
fn consume(bootstrap: &str, topic: &str, count: &str) -> String {
    let from = ["--bootstrap-server", bootstrap, "--topic", topic, "--partition", "0", "--offset", "earliest"];
    kafka_tool(CONSUMER, &[&from[..], &["--max-messages", count]].concat(), "")
}

#[test]
fn should_keep_address_data_and_settings_when_it_is_stopped_and_when_it_is_killed() {
    let kafka = OwnKafka::new(&[("num.partitions", "3")]);
    let bootstrap = kafka.bootstrap().to_owned();
    kafka.tool(TOPICS, &["--create", "--topic", "kept", "--partitions", "1"]);
    produce(&bootstrap, "kept", "before the stop\n");
    kafka.stop();
    assert!(std::net::TcpStream::connect(&bootstrap).is_err(), "it is stopped");
    kafka.start();
    produce(&bootstrap, "kept", "before the kill\n");
    kafka.kill();
    assert!(std::net::TcpStream::connect(&bootstrap).is_err(), "it is killed");
    kafka.start();
    let kept = consume(&bootstrap, "kept", "2");
    assert!(kept.contains("before the stop") && kept.contains("before the kill"), "{kept}");
    kafka.tool(TOPICS, &["--create", "--topic", "as-set"]);
    assert!(kafka.tool(TOPICS, &["--describe", "--topic", "as-set"]).contains("PartitionCount: 3"));
}

#[test]
fn should_be_a_cluster_that_outlives_one_of_its_brokers() {
    let first = OwnKafka::new(&[("default.replication.factor", "2"), ("min.insync.replicas", "1")]);
    let second = first.join(&[]);
    first.tool(TOPICS, &["--create", "--topic", "twice", "--replica-assignment", "2:1"]);
    let described = first.tool(TOPICS, &["--describe", "--topic", "twice"]);
    assert!(described.contains("Leader: 2"), "{described}");
    produce(first.bootstrap(), "twice", "kept twice\n");
    second.kill();
    assert!(consume(first.bootstrap(), "twice", "1").contains("kept twice"));
}

#[test]
fn should_have_a_further_listener_that_lets_in_who_knows_the_secret() {
    let login = "org.apache.kafka.common.security.plain.PlainLoginModule required";
    let users = format!("{login} user_ann=\"her secret\";");
    let kafka = OwnKafka::with_listener(
        "SASL_PLAINTEXT",
        &[("sasl.enabled.mechanisms", "PLAIN"), ("listener.name.sasl_plaintext.plain.sasl.jaas.config", &users)],
    );
    let client = |secret: &str| {
        let config = kafka.dir().join(unique("client"));
        let jaas = format!("{login} username=\"ann\" password=\"{secret}\";");
        let lines = format!("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={jaas}\n");
        std::fs::write(&config, lines).unwrap();
        let mut list = services::script("kafka.sh");
        list.args(["tool", TOPICS, "--bootstrap-server", kafka.listener("SASL_PLAINTEXT"), "--list"]);
        list.arg("--command-config").arg(config).output().unwrap()
    };
    let (right, wrong) = (client("her secret"), client("a guess"));
    assert!(right.status.success(), "{}", String::from_utf8_lossy(&right.stderr));
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("Authentication failed"), "{wrong:?}");
}
