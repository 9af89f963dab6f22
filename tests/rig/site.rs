//! The servers of a round, and how processes are told to behave on them.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use connectors::kafka::{KafkaBroker, KafkaConfig};
use rand::Rng;
use rand::rngs::SmallRng;
use topology::broker::Broker;

use crate::PARTITIONS;
use crate::hooks::Hooks;
use crate::post::{Post, free_port};
use crate::proxy::Proxy;
use crate::support::services::{OwnKafka, OwnPostgres, OwnRedis, psql};
use crate::support::{ADMIN, Home, LOG_FILTER, Server, text};

/// What tokens are signed with.
const SECRET: &str = "3f0c9d5be8a14c6eb2d7f1a09c5e4d3b8f6a7c2e1d0b9a8f7e6d5c4b3a291807";

/// Or a broker that is frozen would take itself for lost when it wakes, and its partitions would be without a leader for a moment,
/// which costs a lone broker transaction markers (`docs/kafka.md`).
const ALONE: [(&str, &str); 1] = [("broker.session.timeout.ms", "60000")];

/// What brokers of a cluster are set to whose every partition has three replicas.
const REPLICATED: [(&str, &str); 6] = [
    // Three of them on two cores are late now and then.
    ("broker.session.timeout.ms", "6000"),
    ("default.replication.factor", "3"),
    ("min.insync.replicas", "2"),
    ("offsets.topic.replication.factor", "3"),
    ("transaction.state.log.replication.factor", "3"),
    ("transaction.state.log.min.isr", "2"),
];

/// How a round's workers run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Three brokers, or one behind a proxy.
    pub(crate) cluster: bool,
    /// The server assigns partitions (KIP-848).
    pub(crate) server_assigns: bool,
    pub(crate) static_members: bool,
    pub(crate) threads: usize,
}

impl Shape {
    /// The first of its sort has what all kinds of faults need; the others are drawn.
    pub(crate) fn draw(cluster: bool, first: bool, random: &mut SmallRng) -> Self {
        let (server_assigns, static_members) = (random.random_bool(0.3), random.random_bool(0.7));
        let threads = random.random_range(1..=2);
        if first {
            return Self { cluster, server_assigns: false, static_members: true, threads: 1 };
        }
        Self { cluster, server_assigns, static_members, threads }
    }

    /// How long a worker's session lasts. Where the server assigns it is the brokers' setting (`scripts/services/kafka.properties`).
    pub(crate) fn session(self) -> Duration {
        Duration::from_secs(if self.cluster || self.server_assigns { 6 } else { 3 })
    }

    /// Whether one of two workers with one id ends, as the group has told it that the other has come.
    pub(crate) fn tells_twins(self) -> bool {
        self.static_members && !self.server_assigns
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brokers = if self.cluster { "three brokers" } else { "one broker, proxy" };
        let members = if self.static_members { "static" } else { "dynamic" };
        let assigns = if self.server_assigns { "KIP-848" } else { "classic" };
        write!(f, "{brokers}; {assigns}, {members}, {} threads", self.threads)
    }
}

pub(crate) struct Site {
    pub(crate) shape: Shape,
    pub(crate) kafka: OwnKafka,
    /// The cluster's other brokers.
    pub(crate) others: Vec<OwnKafka>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) postgres: OwnPostgres,
    pub(crate) redis: OwnRedis,
    pub(crate) post: Post,
    pub(crate) hooks: Hooks,
    pub(crate) home: Home,
    /// `host:port` of the API, also after a restart.
    pub(crate) api: String,
    settings: BTreeMap<&'static str, String>,
}

impl Site {
    pub(crate) fn new(shape: Shape) -> Self {
        let settings = if shape.cluster { &REPLICATED[..] } else { &ALONE };
        let kafka = OwnKafka::new(settings);
        let others = if shape.cluster { vec![kafka.join(settings), kafka.join(settings)] } else { Vec::new() };
        let proxy = (!shape.cluster).then(|| Proxy::start(kafka.bootstrap().parse().unwrap()));
        let entrance = proxy.as_ref().map_or_else(|| kafka.bootstrap().to_owned(), Proxy::address);
        let (postgres, redis, post) = (OwnPostgres::new(&[]), OwnRedis::new(&[]), Post::start());
        psql(postgres.url(), "CREATE ROLE writer LOGIN PASSWORD 'w'");
        psql(postgres.url(), "CREATE ROLE reader LOGIN PASSWORD 'r'");
        let (_, server) = postgres.url().split_once('@').unwrap();
        let settings = [
            ("SYNCROBOARD__KAFKA__BOOTSTRAP_SERVERS", entrance),
            ("SYNCROBOARD__KAFKA__PARTITIONS", PARTITIONS.to_string()),
            (
                "SYNCROBOARD__KAFKA__GROUP_PROTOCOL",
                if shape.server_assigns { "consumer" } else { "classic" }.to_owned(),
            ),
            ("SYNCROBOARD__KAFKA__STATIC_MEMBERSHIP", shape.static_members.to_string()),
            ("SYNCROBOARD__KAFKA__SESSION_TIMEOUT_MS", shape.session().as_millis().to_string()),
            ("SYNCROBOARD__KAFKA__TRANSACTION_TIMEOUT_MS", "4000".to_owned()),
            ("SYNCROBOARD__WORKER__THREADS", shape.threads.to_string()),
            ("SYNCROBOARD__POSTGRES__URL", format!("postgres://writer:w@{server}")),
            ("SYNCROBOARD__POSTGRES__READ_URL", format!("postgres://reader:r@{server}")),
            ("SYNCROBOARD__POSTGRES__MIGRATE_URL", postgres.url().to_owned()),
            ("SYNCROBOARD__REDIS__URL", redis.url().to_owned()),
            ("SYNCROBOARD__API__SECRET", SECRET.to_owned()),
            ("SYNCROBOARD__MAIL__URL", post.url()),
            ("SYNCROBOARD__MAIL__PER_SECOND", "1000".to_owned()),
            ("SYNCROBOARD__MAIL__TIMEOUT_MS", "1000".to_owned()),
            ("SYNCROBOARD__MAIL__RETRY_AFTER_MS", "200".to_owned()),
            ("SYNCROBOARD__WEBHOOKS__ALLOW_PRIVATE", "true".to_owned()),
            ("SYNCROBOARD__WEBHOOKS__ALLOW_HTTP", "true".to_owned()),
            ("SYNCROBOARD__WEBHOOKS__TIMEOUT_MS", "1000".to_owned()),
            ("SYNCROBOARD__WEBHOOKS__RETRY_AFTER_MS", "200".to_owned()),
            ("SYNCROBOARD__LOG__FILTER", LOG_FILTER.to_owned()),
        ];
        let (home, hooks, api) = (Home::new(), Hooks::start(), format!("127.0.0.1:{}", free_port()));
        let settings = settings.into();
        let site = Self { shape, kafka, others, proxy, postgres, redis, post, hooks, home, api, settings };
        let migrated = site.run(&["sink", "migrate"]);
        assert_eq!(migrated.status.code(), Some(0), "{}", text(&migrated));
        site
    }

    /// A process that has not said anything yet.
    pub(crate) fn launch(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Server {
        let mut command = self.home.command(arguments);
        Home::spawn(command.envs(&self.settings).env("NO_COLOR", "1").envs(environment.iter().copied()))
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.home.command(arguments).envs(&self.settings).output().unwrap()
    }

    /// An administrator's token.
    pub(crate) fn token(&self) -> String {
        let output = self.run(&["token", "--user", ADMIN, "--admin"]);
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap().trim().to_owned()
    }

    /// A client of its own, which knows nothing of the proxy.
    pub(crate) fn broker(&self) -> Arc<dyn Broker> {
        KafkaBroker::open(KafkaConfig::new(self.kafka.bootstrap())).unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.api)
    }
}
