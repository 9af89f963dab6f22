//! One fault at a time, each seen to take effect.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::kafka::{KafkaBroker, KafkaConfig};
use topology::broker::{Broker, TopicPartition};
use topology::{BatchBuilder, Headers};

use crate::load::{ENDLESS, seed};
use crate::site::{Scene, Site, settings, settings_for_three};
use crate::support::services::OwnKafka;
use crate::support::{Home, STOPPED, Server, http};

/// How long a process may take to notice what happened to it.
const NOTICED: Duration = Duration::from_secs(60);

fn frozen_past_its_session_is_fenced(protocol: &str) {
    let site = Site::new(settings(protocol));
    let server = site.dev();
    let mut worker = site.worker(&[]);
    worker.wait_until_running();
    site.wait_for_members(2);
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    scene.goes_on(300);
    worker.signal("STOP");
    // The other one takes everything over, and goes on.
    site.wait_for_members(1);
    scene.goes_on(300);
    worker.signal("CONT");
    worker.wait_for_log("were lost to other members");
    site.wait_for_members(2);
    scene.goes_on(300);
    worker.stop();
    site.is_whole(server, scene);
}

#[test]
fn should_fence_a_worker_that_was_frozen_past_its_session() {
    frozen_past_its_session_is_fenced("classic");
}

#[test]
fn should_fence_a_worker_that_was_frozen_past_its_session_where_the_server_assigns() {
    frozen_past_its_session_is_fenced("consumer");
}

#[test]
fn should_end_the_first_of_two_workers_with_one_id() {
    let site = Site::new(settings("classic"));
    let server = site.dev();
    let mut first = site.worker(&["--instance", "twin", "--state-dir", "one"]);
    first.wait_until_running();
    site.wait_for_members(2);
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    scene.goes_on(300);
    let mut second = site.worker(&["--instance", "twin", "--state-dir", "two"]);
    let ended = first.wait_until_ended(NOTICED);
    assert_eq!(ended.code(), Some(3));
    let said = first.logged().join("\n");
    assert!(said.contains("give each instance an id of its own"), "{said}");
    second.wait_until_running();
    scene.goes_on(300);
    second.stop();
    site.is_whole(server, scene);
}

#[test]
fn should_refuse_a_second_process_with_the_stores_of_the_first() {
    let site = Site::new(settings("classic"));
    let mut first = site.worker(&["--instance", "twin"]);
    first.wait_until_running();
    let mut second = site.worker(&["--instance", "twin"]);
    assert_eq!(second.wait_until_ended(NOTICED).code(), Some(3));
    let said = second.logged().join("\n");
    assert!(said.contains("another process runs as instance `twin`"), "{said}");
    assert!(first.is_alive());
}

#[test]
fn should_go_on_through_a_rolling_restart_under_load() {
    let site = Site::new(settings_for_three("classic"));
    let mut server = site.dev();
    let mut workers = [site.worker(&[]), site.worker(&[])];
    workers.iter_mut().for_each(Server::wait_until_running);
    site.wait_for_members(3);
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    for worker in &mut workers {
        scene.goes_on(300);
        worker.stop();
        *worker = site.worker(&[]);
        worker.wait_until_running();
    }
    scene.goes_on(300);
    server.terminate();
    assert_eq!(server.wait_until_ended(Duration::from_secs(30)).code(), Some(0), "{:?}", server.logged());
    scene.load.server_is_gone();
    server = site.dev();
    scene.load.server_is_at(&server.url);
    scene.goes_on(300);
    workers.iter_mut().for_each(Server::stop);
    site.is_whole(server, scene);
}

/// Each of the other brokers in turn is ended under load, and comes back when a part of the load is done without it.
fn outlives_brokers(end: impl Fn(&OwnKafka)) {
    let site = Site::cluster(settings("classic"), &[]);
    let server = site.dev();
    let mut worker = site.worker(&[]);
    worker.wait_until_running();
    site.wait_for_members(2);
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    for broker in &site.others {
        scene.goes_on(300);
        assert!(scene.load.in_flight() > 0);
        end(broker);
        scene.goes_on(300);
        broker.start();
        site.wait_for_replicas();
    }
    scene.goes_on(300);
    assert!(worker.is_alive(), "{:?}", worker.logged());
    worker.stop();
    site.is_whole(server, scene);
}

#[test]
fn should_go_on_when_brokers_are_restarted_under_load() {
    outlives_brokers(|broker| broker.stop());
}

#[test]
fn should_go_on_when_brokers_are_killed_under_load() {
    outlives_brokers(|broker| broker.kill());
}

#[test]
fn should_go_on_when_kafka_was_silent_for_longer_than_sessions_and_transactions_last() {
    let mut settings = settings("classic");
    // Longer than a transaction lasts, so that whoever has lost the session has lost the transaction.
    settings.insert("SYNCROBOARD__KAFKA__SESSION_TIMEOUT_MS", "6000".to_owned());
    // Or the broker would take itself for lost, and its partitions would be without a leader for a moment.
    let site = Site::with(settings, &[("broker.session.timeout.ms", "60000")]);
    let server = site.dev();
    let mut worker = site.worker(&[]);
    worker.wait_until_running();
    site.wait_for_members(2);
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    scene.goes_on(300);
    assert!(scene.load.in_flight() > 0);
    site.kafka.signal("STOP");
    worker.wait_for_log("Consumer group session timed out");
    site.kafka.signal("CONT");
    scene.goes_on(300);
    assert!(worker.is_alive(), "{:?}", worker.logged());
    worker.stop();
    site.is_whole(server, scene);
}

/// What it cannot commit any more is done again by whoever comes next.
#[test]
fn should_end_when_it_is_stopped_while_no_broker_answers() {
    // Or brokers that are woken would take one another for lost.
    let site = Site::cluster(settings("classic"), &[("broker.session.timeout.ms", "60000")]);
    let server = site.dev();
    let mut worker = site.worker(&[]);
    worker.wait_until_running();
    site.wait_for_members(2);
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    scene.goes_on(300);
    assert!(scene.load.in_flight() > 0);
    let brokers = || site.others.iter().chain([&site.kafka]);
    brokers().for_each(|broker| broker.signal("STOP"));
    let asked = Instant::now();
    worker.terminate();
    let ended = worker.wait_until_ended(STOPPED);
    println!("ended {:?} after it was asked to", asked.elapsed());
    brokers().for_each(|broker| broker.signal("CONT"));
    assert_eq!(ended.code(), Some(0), "{:?}", worker.logged());
    scene.goes_on(300);
    site.is_whole(server, scene);
}

#[test]
fn should_wait_for_a_broker_that_is_away_when_it_starts() {
    let site = Site::new(settings("classic"));
    site.kafka.stop();
    let mut worker = site.worker(&[]);
    worker.wait_for_log("cannot be reached, trying again");
    let begun = Instant::now();
    site.kafka.start();
    worker.wait_until_running();
    println!("running {:?} after the broker", begun.elapsed());
    worker.stop();
}

/// What is restored ends with a record whose transaction is still open.
#[test]
fn should_say_that_it_is_not_ready_and_how_much_is_left_while_it_restores() {
    let site = Site::new(settings("classic"));
    let mut worker = site.worker(&[]);
    worker.wait_until_running();
    worker.stop();
    let mut config = KafkaConfig::new(site.kafka.bootstrap());
    config.transaction_timeout = Duration::from_mins(1);
    let broker: Arc<dyn Broker> = KafkaBroker::open(config).unwrap();
    let changelog = TopicPartition::new("syncroboard-project-state-changelog", 0);
    let mut producer = broker.transactional_producer("of-the-test").unwrap();
    let mut batch = BatchBuilder::new();
    batch.push(0, Some(b"projects:a project"), None, &Headers::new());
    producer.begin().unwrap();
    producer.send(&changelog, batch.finish()).unwrap();
    let until = |what: &str, reached: &dyn Fn() -> bool| {
        let end = Instant::now() + NOTICED;
        while !reached() {
            assert!(Instant::now() < end, "{what}");
        }
    };
    until("it is written", &|| broker.watermarks(&changelog).unwrap().1 == 1);
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut worker = site.worker(&["--listen", &listen]);
    let ready = || {
        let answer = http().get(format!("http://{listen}/readyz")).send().ok()?;
        Some((answer.status().as_u16(), answer.text().unwrap()))
    };
    until("it restores", &|| {
        ready().is_some_and(|(status, said)| {
            status == 503 && said.contains("; 1 of ") && said.contains(" tasks restore their stores, 1 offsets left")
        })
    });
    producer.abort().unwrap();
    worker.wait_until_running();
    assert_eq!(ready().unwrap().0, 200);
    worker.stop();
}

#[test]
fn should_refuse_stores_of_another_cluster() {
    let site = Site::new(settings("classic"));
    let mut worker = site.worker(&["--instance", "one"]);
    worker.wait_until_running();
    worker.stop();
    std::fs::write(site.home.data().join("workers/one/cluster"), "another").unwrap();
    let mut worker = site.worker(&["--instance", "one"]);
    assert_eq!(worker.wait_until_ended(NOTICED).code(), Some(3));
    let said = worker.logged().join("\n");
    assert!(said.contains("belong to Kafka cluster another"), "{said}");
}

#[test]
fn should_say_that_a_worker_needs_kafka() {
    let home = Home::new();
    let output = home.run(&["worker"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(crate::support::text(&output).contains("kafka.bootstrap_servers"));
}
