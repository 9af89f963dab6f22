//! TLS and SASL against a real broker, with certificates and users made here: who is known gets in, who is not is told why,
//! and no secret is printed.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "../../tests/support/services.rs"]
mod services;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::kafka::{KafkaBroker, KafkaConfig};
use services::{OwnKafka, kafka_tool};
use topology::broker::{Broker, BrokerError, Cleanup, GroupMetadata, TopicPartition, TopicSpec};
use topology::{BatchBuilder, Headers};

const STORE_PASSWORD: &str = "of-the-test";
const SECRET: &str = "a secret that is nowhere";

/// A key with a self-signed certificate for this host: the store that a broker reads, and the certificate alone.
struct Certificate {
    dir: tempfile::TempDir,
}

impl Certificate {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let new = Self { dir };
        let store = new.store();
        keytool(&[
            &["-genkeypair", "-alias", "broker", "-keyalg", "EC", "-validity", "2", "-dname", "CN=broker"][..],
            &["-ext", "SAN=ip:127.0.0.1,dns:localhost", "-storetype", "PKCS12", "-keystore", &store],
        ]);
        keytool(&[&["-exportcert", "-rfc", "-alias", "broker", "-keystore", &store, "-file", &new.certificate()]]);
        new
    }

    fn store(&self) -> String {
        path(&self.dir.path().join("broker.p12"))
    }

    fn certificate(&self) -> String {
        path(&self.dir.path().join("broker.pem"))
    }

    fn certificate_text(&self) -> String {
        std::fs::read_to_string(self.certificate()).unwrap()
    }

    /// What the broker's TLS listeners need.
    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("ssl.keystore.location", self.store()),
            ("ssl.keystore.type", "PKCS12".to_owned()),
            ("ssl.keystore.password", STORE_PASSWORD.to_owned()),
        ]
    }
}

fn keytool(arguments: &[&[&str]]) {
    let output = Command::new("keytool").args(arguments.concat()).args(["-storepass", STORE_PASSWORD]).output();
    let output = output.unwrap_or_else(|e| panic!("keytool, which comes with Java: {e}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn start(listener: &str, certificate: &Certificate, more: &[(&'static str, String)]) -> OwnKafka {
    let settings = [certificate.settings(), more.to_vec()].concat();
    let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    OwnKafka::with_listener(listener, &settings)
}

fn config(address: &str, properties: &[(&str, &str)]) -> KafkaConfig {
    let mut config = KafkaConfig::new(address);
    config.properties = properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    config
}

/// Makes a topic, commits a transaction with a record and an offset, and reads it back.
fn works(config: &KafkaConfig) {
    let broker: Arc<dyn Broker> = KafkaBroker::open(config.clone()).unwrap();
    let name = services::unique("secured");
    let spec = TopicSpec { name: name.clone().into(), partitions: 1, cleanup: Cleanup::Keep, log_append_time: false };
    broker.create_topics(&[spec]).unwrap();
    let partition = TopicPartition::new(name.clone(), 0);
    let mut producer = broker.transactional_producer(&name).unwrap();
    let mut batch = BatchBuilder::new();
    batch.push(1, None, Some(b"v"), &Headers::new());
    producer.begin().unwrap();
    producer.send(&partition, batch.finish()).unwrap();
    let nobody = GroupMetadata { group: name.clone(), member: String::new(), generation: -1 };
    producer.send_offsets(&[(partition.clone(), 1)], &nobody).unwrap();
    producer.commit().unwrap();
    assert_eq!(broker.committed(&name, std::slice::from_ref(&partition)).unwrap(), [Some(1)]);
    let mut reader = broker.reader().unwrap();
    reader.assign(&[(partition, 0)]).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while reader.poll(Duration::from_secs(1)).unwrap().iter().all(|f| f.batch.is_empty()) {
        assert!(Instant::now() < end, "nothing to read");
    }
}

/// Why someone is not let in.
fn refusal(config: &KafkaConfig) -> String {
    assert!(!format!("{config:?}").contains(SECRET));
    match KafkaBroker::open(config.clone()).unwrap().topics() {
        Err(BrokerError::Unavailable(why)) => {
            assert!(!why.contains(SECRET), "{why}");
            why
        }
        other => panic!("let in, or refused otherwise: {other:?}"),
    }
}

#[test]
fn should_speak_tls_with_a_broker_whose_certificate_is_trusted() {
    let certificate = Certificate::new();
    let kafka = start("SSL", &certificate, &[]);
    let trusted = certificate.certificate();
    works(&config(kafka.listener("SSL"), &[("security.protocol", "ssl"), ("ssl.ca.location", &trusted)]));
    let other = Certificate::new().certificate_text();
    let stranger = config(kafka.listener("SSL"), &[("security.protocol", "ssl"), ("ssl.ca.pem", &other)]);
    let why = refusal(&stranger);
    assert!(why.contains("certificate verify failed"), "{why}");
}

fn lets_in_who_knows_the_secret(mechanism: &str, server: &[(&'static str, String)], make_user: impl Fn(&OwnKafka)) {
    let certificate = Certificate::new();
    let enabled = [("sasl.enabled.mechanisms", mechanism.to_owned())];
    let kafka = start("SASL_SSL", &certificate, &[&enabled, server].concat());
    make_user(&kafka);
    let trusted = certificate.certificate();
    let client = |secret| {
        let properties = [
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", mechanism),
            ("sasl.username", "worker"),
            ("sasl.password", secret),
            ("ssl.ca.location", &trusted),
        ];
        config(kafka.listener("SASL_SSL"), &properties)
    };
    works(&client(SECRET));
    let why = refusal(&client("another secret"));
    assert!(why.to_lowercase().contains("authentication"), "{why}");
}

#[test]
fn should_let_in_who_knows_the_secret_in_plain_text_inside_tls() {
    let login = "org.apache.kafka.common.security.plain.PlainLoginModule required";
    let users = format!("{login} user_worker=\"{SECRET}\";");
    lets_in_who_knows_the_secret("PLAIN", &[("listener.name.sasl_ssl.plain.sasl.jaas.config", users)], |_| {});
}

#[test]
fn should_let_in_who_can_prove_to_know_the_secret() {
    let login = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    let server = [("listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config", login.to_owned())];
    lets_in_who_knows_the_secret("SCRAM-SHA-512", &server, |kafka| {
        let password = format!("SCRAM-SHA-512=[password={SECRET}]");
        let user = ["--entity-type", "users", "--entity-name", "worker", "--add-config", &password];
        let arguments = [&["--bootstrap-server", kafka.bootstrap(), "--alter"], &user[..]].concat();
        kafka_tool("kafka.admin.ConfigCommand", &arguments, "");
    });
}
