//! A Kafka of a test's own, processes on it, clients that write, and what must be true in the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::kafka::{KafkaBroker, KafkaConfig};
use topology::broker::{Broker, TopicPartition};

use crate::hangs::nothing_hangs;
use crate::load::{ENDLESS, Load, Plan, make_projects};
use crate::proxy::Proxy;
use crate::support::services::OwnKafka;
use crate::support::turn::Turn;
use crate::support::{Home, LOG_FILTER, Server, text};
use crate::wire::members;
use crate::{board, log};

/// How long processes may take to agree on who does what.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two commands of a load that goes on for as long as it is needed: what it leaves is to be looked through.
const PACE: Duration = Duration::from_millis(3);
/// How often a group is asked who is in it: nobody tells.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How processes of a site are told to behave.
pub(crate) type Settings = BTreeMap<&'static str, String>;

/// The settings of a site whose members are missed soon.
pub(crate) fn settings(protocol: &str) -> Settings {
    let setting = |(key, value): (&'static str, &str)| (key, value.to_owned());
    [
        ("SYNCROBOARD__KAFKA__GROUP_PROTOCOL", protocol),
        // A broker is busy with every partition, and a commit costs by those that it touches.
        ("SYNCROBOARD__KAFKA__PARTITIONS", "2"),
        ("SYNCROBOARD__KAFKA__SESSION_TIMEOUT_MS", "3000"),
        ("SYNCROBOARD__KAFKA__TRANSACTION_TIMEOUT_MS", "4000"),
        ("SYNCROBOARD__LOG__FILTER", LOG_FILTER),
    ]
    .map(setting)
    .into()
}

/// As [`settings`], with partitions for three processes.
pub(crate) fn settings_for_three(protocol: &str) -> Settings {
    let mut settings = settings(protocol);
    settings.insert("SYNCROBOARD__KAFKA__PARTITIONS", "3".to_owned());
    settings
}

/// What brokers of a cluster are set to whose every partition has three replicas.
const REPLICATED: [(&str, &str); 5] = [
    ("default.replication.factor", "3"),
    ("min.insync.replicas", "2"),
    ("offsets.topic.replication.factor", "3"),
    ("transaction.state.log.replication.factor", "3"),
    ("transaction.state.log.min.isr", "2"),
];

/// A Kafka, a directory and the processes' settings.
pub(crate) struct Site {
    pub(crate) kafka: OwnKafka,
    /// The cluster's other brokers.
    pub(crate) others: Vec<OwnKafka>,
    pub(crate) home: Home,
    /// Where the processes are told that Kafka is.
    entrance: String,
    settings: Settings,
    _turn: Turn,
}

impl Site {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::with(settings, &[])
    }

    /// With settings of the broker.
    pub(crate) fn with(settings: Settings, broker: &[(&str, &str)]) -> Self {
        Self::on(|| OwnKafka::new(broker), |kafka| kafka.bootstrap(), settings)
    }

    /// With a listener that asks processes who they are, and a broker that lets them do what they were granted; whoever comes by
    /// the plain listener may do everything.
    pub(crate) fn guarded(settings: Settings, broker: &[(&str, &str)]) -> Self {
        const LISTENER: &str = "SASL_PLAINTEXT";
        Self::on(|| OwnKafka::with_listener(LISTENER, broker), |kafka| kafka.listener(LISTENER), settings)
    }

    /// With a proxy between the processes and Kafka; the tests' own clients and tools go straight to it.
    pub(crate) fn proxied(settings: Settings) -> (Self, Proxy) {
        let mut site = Self::new(settings);
        let proxy = Proxy::start(site.kafka.bootstrap().parse().unwrap());
        site.entrance = proxy.address();
        (site, proxy)
    }

    /// On a Kafka that is started when it is this site's turn, and that processes enter there.
    fn on(start: impl FnOnce() -> OwnKafka, entrance: impl FnOnce(&OwnKafka) -> &str, settings: Settings) -> Self {
        let turn = Turn::wait();
        let kafka = start();
        let entrance = entrance(&kafka).to_owned();
        Self { kafka, others: Vec::new(), home: Home::new(), entrance, settings, _turn: turn }
    }

    /// With a cluster of three brokers, of which each of the other two can be missed.
    pub(crate) fn cluster(settings: Settings, brokers: &[(&str, &str)]) -> Self {
        let brokers = [&REPLICATED, brokers].concat();
        let mut site = Self::with(settings, &brokers);
        site.others = (0..2).map(|_| site.kafka.join(&brokers)).collect();
        site
    }

    /// API, read model and a worker, in one process; not ready yet.
    pub(crate) fn launch_dev(&self) -> Server {
        self.launch(&["dev", "--listen", "127.0.0.1:0"])
    }

    /// As [`Self::launch_dev`], and ready.
    pub(crate) fn dev(&self) -> Server {
        let mut server = self.launch_dev();
        server.wait_until_running();
        server
    }

    /// A worker; it has not been given anything yet.
    pub(crate) fn worker(&self, arguments: &[&str]) -> Server {
        self.launch(&[&["worker"], arguments].concat())
    }

    fn launch(&self, arguments: &[&str]) -> Server {
        let arguments = [arguments, &["--kafka", &self.entrance]].concat();
        Home::spawn(self.home.command(&arguments).envs(&self.settings))
    }

    /// A client of this site's Kafka.
    pub(crate) fn broker(&self) -> Arc<dyn Broker> {
        KafkaBroker::open(KafkaConfig::new(self.kafka.bootstrap())).unwrap()
    }

    /// Waits until the threads of so many processes share the group's partitions, each with some.
    pub(crate) fn wait_for_members(&self, processes: usize) {
        let threads = self.settings.get("SYNCROBOARD__WORKER__THREADS").map_or(1, |n| n.parse().unwrap());
        let count: usize = processes * threads;
        let end = Instant::now() + PATIENCE;
        loop {
            let brokers = self.others.iter().chain([&self.kafka]);
            let held = brokers.map(OwnKafka::bootstrap).find_map(|broker| members::held(broker, "syncroboard"));
            let held = held.unwrap_or_default();
            if held.len() == count && held.iter().all(|n| *n > 0) {
                return;
            }
            assert!(Instant::now() < end, "there are not {count} members with partitions: {held:?}");
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits until every replica of every partition is in sync again.
    pub(crate) fn wait_for_replicas(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let missing = ["--describe", "--under-replicated-partitions"];
            let said = self.kafka.tool("org.apache.kafka.tools.TopicCommand", &missing);
            if said.trim().is_empty() {
                return;
            }
            assert!(Instant::now() < end, "these do not get into sync:\n{said}");
        }
    }

    /// All that must be true once the clients have ended and everyone has been answered: the log is sound; the stores and the read model of the
    /// server, which has no one beside it any more, are what the events say; no transaction hangs.
    pub(crate) fn is_whole(&self, mut server: Server, scene: Scene) {
        let Scene { token, projects, load } = scene;
        let (acknowledged, tickets) = load.end();
        self.wait_for_members(1);
        let broker = self.broker();
        let log = log::read(&*broker);
        log.is_sound(&acknowledged, tickets);
        board::equals(&server, &token, &projects, &log);
        let verified =
            self.home.command(&["verify", "--server", &server.url]).env("SYNCROBOARD_TOKEN", &token).output();
        let verified = verified.unwrap();
        assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
        assert!(server.is_alive());
        server.stop();
        nothing_hangs(&*broker);
    }
}

/// Clients at work.
pub(crate) struct Scene {
    pub(crate) token: String,
    pub(crate) projects: Vec<String>,
    pub(crate) load: Load,
}

impl Scene {
    /// Lets 32 clients loose on a server, for so many tickets, or, at a pace, until they are told to end.
    pub(crate) fn new(site: &Site, server: &Server, projects: usize, tickets: usize, seed: u64) -> Self {
        let projects: Vec<String> = (0..projects).map(|n| format!("P{n:03}")).collect();
        let token = site.home.token();
        make_projects(server, &token, &projects);
        let plan = Plan { projects: projects.clone(), tickets, clients: 32, seed };
        let load = match tickets {
            ENDLESS => Load::endless(plan, token.clone(), PACE),
            _ => Load::start(plan, token.clone()),
        };
        load.server_is_at(&server.url);
        Self { token, projects, load }
    }

    /// Waits until so many more tickets are made.
    pub(crate) fn goes_on(&mut self, tickets: usize) {
        self.load.wait_for(self.load.acknowledged() + tickets);
    }
}

/// Waits until the group has consumed all that there is, also what it has sent itself.
pub(crate) fn wait_until_consumed(broker: &dyn Broker) {
    let end = Instant::now() + PATIENCE;
    let topics = broker.topics().unwrap().into_iter();
    let read =
        |topic: &str| [".commands", ".events", ".assignments", "-repartition"].iter().any(|end| topic.ends_with(end));
    let sources = topics.filter(|(topic, _)| read(topic));
    let sources: Vec<_> = sources.flat_map(|(t, n)| (0..n).map(move |p| TopicPartition::new(t.clone(), p))).collect();
    let behind = || {
        let committed = broker.committed("syncroboard", &sources).unwrap();
        let behind = sources.iter().zip(committed).find(|(partition, committed)| {
            let (low, high) = broker.watermarks(partition).unwrap();
            committed.unwrap_or(low) < high
        });
        behind.map(|(partition, committed)| format!("{partition} at {committed:?}"))
    };
    // Twice in a row: what is on its way from one sub-topology to the other is in no log for a moment.
    let mut still = 0;
    while still < 2 {
        match behind() {
            None => still += 1,
            Some(partition) => {
                still = 0;
                assert!(Instant::now() < end, "{partition} is not consumed");
            }
        }
    }
}
