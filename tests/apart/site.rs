//! Servers of a test's own, and the processes on them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::kafka::{KafkaBroker, KafkaConfig};
use topology::broker::Broker;

use crate::load::{ENDLESS, Load, Plan, make_projects};
use crate::proxy::RoundRobin;
use crate::support::services::{OwnKafka, OwnPostgres, OwnRedis, psql};
use crate::support::turn::Turn;
use crate::support::{Home, LOG_FILTER, Server, http, text};
use crate::{board, log};

/// How long a process may take to have what it needs.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two commands of a load that goes on for as long as it is needed: what it leaves is to be looked through.
const PACE: Duration = Duration::from_millis(3);

/// What tokens are signed with.
pub(crate) const SECRET: &str = "3f0c9d5be8a14c6eb2d7f1a09c5e4d3b8f6a7c2e1d0b9a8f7e6d5c4b3a291807";

/// The servers, a directory and the processes' settings.
pub(crate) struct Site {
    pub(crate) kafka: OwnKafka,
    pub(crate) postgres: OwnPostgres,
    pub(crate) redis: OwnRedis,
    pub(crate) home: Home,
    settings: BTreeMap<&'static str, String>,
    _turn: Turn,
}

/// A worker, two sinks and two API processes.
pub(crate) struct Parts {
    pub(crate) worker: Server,
    pub(crate) sinks: [Server; 2],
    pub(crate) apis: [Server; 2],
}

impl Site {
    pub(crate) fn new() -> Self {
        let turn = Turn::wait();
        let (kafka, postgres, redis) = (OwnKafka::new(&[]), OwnPostgres::new(&[]), OwnRedis::new(&[]));
        // A role each, so that a part that does more than it should is found.
        psql(postgres.url(), "CREATE ROLE writer LOGIN PASSWORD 'w'");
        psql(postgres.url(), "CREATE ROLE reader LOGIN PASSWORD 'r'");
        let (_, server) = postgres.url().split_once('@').unwrap();
        let (writer, reader) = (format!("postgres://writer:w@{server}"), format!("postgres://reader:r@{server}"));
        let settings = [
            ("SYNCROBOARD__KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap()),
            ("SYNCROBOARD__KAFKA__SESSION_TIMEOUT_MS", "3000"),
            ("SYNCROBOARD__KAFKA__TRANSACTION_TIMEOUT_MS", "4000"),
            ("SYNCROBOARD__POSTGRES__URL", writer.as_str()),
            ("SYNCROBOARD__POSTGRES__READ_URL", reader.as_str()),
            ("SYNCROBOARD__POSTGRES__MIGRATE_URL", postgres.url()),
            ("SYNCROBOARD__REDIS__URL", redis.url()),
            ("SYNCROBOARD__API__SECRET", SECRET),
            ("SYNCROBOARD__API__LISTEN", "127.0.0.1:0"),
            ("SYNCROBOARD__LOG__FILTER", LOG_FILTER),
            ("SYNCROBOARD__LOG__JSON", "true"),
        ];
        let settings = settings.map(|(key, value)| (key, value.to_owned())).into();
        let home = Home::new();
        Self { kafka, postgres, redis, home, settings, _turn: turn }
    }

    /// One more setting of the processes that are started from now on.
    pub(crate) fn set(&mut self, key: &'static str, value: &str) {
        self.settings.insert(key, value.to_owned());
    }

    /// Starts everything, and waits until it is ready.
    pub(crate) fn start(&self) -> Parts {
        let migrated = self.run(&["sink", "migrate"]);
        assert_eq!(migrated.status.code(), Some(0), "{}", text(&migrated));
        let mut worker = self.launch(&["worker"]);
        worker.wait_until_running();
        let sinks = [(); 2].map(|()| self.sink());
        let apis = [(); 2].map(|()| self.api());
        Parts { worker, sinks, apis }
    }

    /// An API process, once it is ready.
    pub(crate) fn api(&self) -> Server {
        self.ready(&["api"])
    }

    /// A sink, once it is ready.
    pub(crate) fn sink(&self) -> Server {
        self.ready(&["sink"])
    }

    /// Any other part, once it is ready.
    pub(crate) fn ready(&self, arguments: &[&str]) -> Server {
        let mut server = self.launch(arguments);
        server.wait_until_running();
        wait_until(&server, 200);
        server
    }

    /// A process that has not said anything yet.
    pub(crate) fn launch(&self, arguments: &[&str]) -> Server {
        self.launch_with(arguments, &[])
    }

    /// As [`Self::launch`], with more in its environment.
    pub(crate) fn launch_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Server {
        Home::spawn(self.home.command(arguments).envs(&self.settings).envs(more.iter().copied()))
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.home.command(arguments).envs(&self.settings).output().unwrap()
    }

    /// An administrator's token.
    pub(crate) fn token(&self) -> String {
        let output = self.run(&["token", "--user", crate::support::ADMIN, "--admin"]);
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap().trim().to_owned()
    }

    /// The tables are what the log says, and so is what Redis holds.
    pub(crate) fn verifies(&self) {
        let verified = self.run(&["verify"]);
        assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
        assert!(text(&verified).contains("0 differences"), "{}", text(&verified));
    }

    /// Waits until the worker has done all that there is to do, and has no transaction open.
    pub(crate) fn rests(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let output = self.run(&["lag", "--json", "--samples", "1"]);
            let lag: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
            if lag.as_ref().is_some_and(|lag| lag["groups"][0]["lag"] == 0) {
                return;
            }
            assert!(Instant::now() < end, "{lag:?} {}", text(&output));
        }
    }

    /// A client of this site's Kafka.
    pub(crate) fn broker(&self) -> Arc<dyn Broker> {
        KafkaBroker::open(KafkaConfig::new(self.kafka.bootstrap())).unwrap()
    }

    /// All that must be true once the clients have ended and everyone has been answered: the log is sound, the boards and the tables are what it says.
    pub(crate) fn is_whole(&self, api: &Server, scene: Scene) {
        let Scene { token, projects, load, .. } = scene;
        let (acknowledged, tickets) = load.end();
        let log = log::read(&*self.broker());
        log.is_sound(&acknowledged, tickets);
        board::equals(api, &token, &projects, &log);
        self.verifies();
    }
}

/// Clients at work, behind a round-robin.
pub(crate) struct Scene {
    pub(crate) token: String,
    pub(crate) projects: Vec<String>,
    pub(crate) load: Load,
    pub(crate) proxy: RoundRobin,
}

impl Scene {
    /// Lets 32 clients loose, for so many tickets, or, at a pace, until they are told to end.
    pub(crate) fn new(site: &Site, parts: &Parts, tickets: usize, seed: u64) -> Self {
        let proxy = RoundRobin::new(&parts.apis.each_ref().map(|api| api.url.clone()));
        let projects: Vec<String> = (0..20).map(|n| format!("P{n:03}")).collect();
        let token = site.token();
        make_projects(&parts.apis[0], &token, &projects);
        let plan = Plan { projects: projects.clone(), tickets, clients: 32, seed };
        let load = match tickets {
            ENDLESS => Load::endless(plan, token.clone(), PACE),
            _ => Load::start(plan, token.clone()),
        };
        load.server_is_at(&proxy.url);
        Self { token, projects, load, proxy }
    }

    /// Waits until so many more tickets are made.
    pub(crate) fn goes_on(&mut self, tickets: usize) {
        self.load.wait_for(self.load.acknowledged() + tickets);
    }
}

/// Waits until `/readyz` answers so, and tells what it says then.
pub(crate) fn wait_until(server: &Server, status: u16) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = http().get(format!("{}/readyz", server.url)).send().unwrap();
        let (now, said) = (answer.status().as_u16(), answer.text().unwrap());
        if now == status {
            return said;
        }
        assert!(Instant::now() < end, "/readyz answers {now}, not {status}: {said}");
    }
}
