//! The cases of `cases.rs`, on one process and on the parts.

use std::time::{Duration, Instant};

use crate::cases::Client;
use crate::log;
use crate::proxy::RoundRobin;
use crate::site::{Parts, Site};
use crate::support::{Home, Server, http};

/// How long sinks may take to have read the last marker of a transaction.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn should_answer_every_case_in_one_process() {
    let home = Home::new();
    let server = home.start();
    Client::new(&server.url, |arguments| home.run(arguments)).passes_every_case();
}

#[test]
fn should_answer_every_case_with_two_api_processes_behind_a_round_robin() {
    let site = Site::new();
    let parts = site.start();
    let proxy = RoundRobin::new(&parts.apis.each_ref().map(|api| api.url.clone()));
    Client::new(&proxy.url, |arguments| site.run(arguments)).passes_every_case();
    let served = proxy.served();
    assert!(served.iter().all(|served| *served > 30), "{served:?} were served by each");
    site.verifies();
    tell_what_they_did(&site, &parts);
}

/// Name and labels, and the value, of each sample of a sink's own metrics.
fn samples(sink: &Server) -> Vec<(String, f64)> {
    let text = http().get(format!("{}/metrics", sink.url)).send().unwrap().text().unwrap();
    let lines = text.lines().filter(|line| line.starts_with("syncroboard_sink_"));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// Each metric of a sink that is documented is there, together the sinks have written each record once, and nothing is left.
fn tell_what_they_did(site: &Site, parts: &Parts) {
    let end = Instant::now() + PATIENCE;
    let samples = loop {
        let samples: Vec<_> = parts.sinks.iter().flat_map(samples).collect();
        let lag: f64 = samples.iter().filter(|(name, _)| name.contains("_lag_")).map(|(_, value)| value).sum();
        if lag <= 0.0 {
            break samples;
        }
        assert!(Instant::now() < end, "there is lag, though no one writes: {samples:?}");
    };
    let documented = include_str!("../../docs/operating.md");
    let rows = documented.lines().filter(|line| line.starts_with("| `syncroboard_sink_"));
    let names: Vec<_> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    assert!(names.len() > 4, "{names:?}");
    for name in names {
        assert!(samples.iter().any(|(sample, _)| sample.starts_with(name)), "{name} is not shown");
    }
    let sum = |part: &str| samples.iter().filter(|(name, _)| name.contains(part)).map(|(_, value)| value).sum::<f64>();
    let events = log::read(&*site.broker()).events.len();
    let written = sum("records_total{topic=\"ticket.events\"}");
    assert!((written - events as f64).abs() < 0.5, "{events} events, {written} written");
    assert!(sum("state{state=\"RUNNING\"}") > 1.5, "{samples:?}");
}
