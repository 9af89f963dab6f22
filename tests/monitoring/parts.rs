//! The parts of docker/compose.yaml, run as it says, with servers of the test's own in the place of its servers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::services::{OwnKafka, OwnPostgres, psql, services, succeeded, unique};
use crate::support::{Home, Server, http};

/// How long a part may take to find the others.
const PATIENCE: Duration = Duration::from_mins(2);

/// A worker, a sink and an API process that have done some work.
pub(crate) struct Parts {
    pub(crate) worker: Server,
    pub(crate) sink: Server,
    pub(crate) api: Server,
    pub(crate) postgres: OwnPostgres,
    _kafka: OwnKafka,
    _home: Home,
}

impl Parts {
    pub(crate) fn start() -> Self {
        let (home, kafka, postgres) = (Home::new(), OwnKafka::new(&[]), OwnPostgres::new(&[]));
        psql(postgres.url(), &crate::read("postgres/roles.sql"));
        let places = [
            ("kafka:19092", kafka.bootstrap()),
            ("registry:8080", place(&services().registry)),
            ("postgres:5432", place(postgres.url())),
            ("redis:6379", place(&services().redis)),
        ];
        let (compose, prefix) = (crate::yaml("compose.yaml"), unique("compose"));
        let command = |name: &str| {
            let service = &compose["services"][name];
            let words = service["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
            let mut command = home.command(&words.collect::<Vec<_>>());
            command.envs(environment(service, &places)).env("SYNCROBOARD__REDIS__PREFIX", &prefix);
            // The image says so of the API.
            command.env("SYNCROBOARD__API__LISTEN", "127.0.0.1:0");
            command
        };
        succeeded(&command("migrate").output().unwrap(), "migrate");
        let [worker, sink, api] = ["worker", "sink", "api"].map(|name| {
            let mut server = Home::spawn(&mut command(name));
            server.wait_until_running();
            server
        });
        wait_until_ready(&api);
        let token = home.token();
        let file = home.file("commands.ndjson", br#"{"type":"CreateProject","key":"WEB","name":"Web"}"#);
        let import = home.run(&["import", "--server", &api.url, "--token", &token, file.to_str().unwrap()]);
        succeeded(&import, "import");
        api.settle(&token, "WEB");
        Self { worker, sink, api, postgres, _kafka: kafka, _home: home }
    }
}

/// What compose sets for a service, with addresses that are there.
fn environment(service: &Value, places: &[(&str, &str)]) -> BTreeMap<String, String> {
    let given = service["environment"].as_object().unwrap().iter();
    let there = |value: &Value| {
        let value = value.as_str().unwrap().to_owned();
        let value = places.iter().fold(value, |value, (name, place)| value.replace(name, place));
        if value.starts_with("0.0.0.0:") { "127.0.0.1:0".to_owned() } else { value }
    };
    given.map(|(name, value)| (name.clone(), there(value))).collect()
}

/// Host and port of an address.
fn place(address: &str) -> &str {
    let place = address.rsplit("://").next().unwrap().rsplit('@').next().unwrap();
    place.split('/').next().unwrap()
}

fn wait_until_ready(server: &Server) {
    let end = Instant::now() + PATIENCE;
    let ready = || http().get(format!("{}/readyz", server.url)).send().unwrap();
    let mut answer = ready();
    while !answer.status().is_success() {
        assert!(Instant::now() < end, "{}", answer.text().unwrap());
        answer = ready();
    }
}
