//! `docker/prometheus` and `docker/grafana`: rules that fire when they should, and name nothing that no process shows.

#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp, reason = "a test may fail where it stands")]

#[path = "../support/exposition.rs"]
mod exposition;
mod parts;
mod promql;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use exposition::scrape;
use parts::Parts;
use promql::Use;
use serde_json::Value;
use support::services::{OwnKafka, psql, succeeded};
use support::{Home, Server};

/// How long a process may take to see what happened to Kafka.
const PATIENCE: Duration = Duration::from_mins(1);

/// Each metric, as it stands in a query, and its labels.
type Metrics = BTreeMap<String, BTreeSet<String>>;

fn docker(path: &str) -> PathBuf {
    Path::new("docker").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(docker(path)).unwrap()
}

fn yaml(path: &str) -> Value {
    serde_norway::from_str(&read(path)).unwrap()
}

/// Runs Prometheus' own checker.
fn promtool(arguments: &[&str]) -> String {
    let output = Command::new("promtool").args(arguments).current_dir(docker("prometheus")).output();
    let output = output.unwrap_or_else(|e| panic!("promtool ({e}) is not there: run `scripts/setup.sh services`"));
    succeeded(&output, &format!("promtool {arguments:?}"))
}

fn rules() -> Vec<Value> {
    let groups = yaml("prometheus/alerts.yml")["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn alerts() -> BTreeSet<String> {
    rules().iter().filter_map(|rule| Some(rule["alert"].as_str()?.to_owned())).collect()
}

/// Each panel's title and queries.
fn panels() -> Vec<(String, Vec<String>)> {
    let dashboard: Value = serde_json::from_str(&read("grafana/dashboards/syncroboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
    let queries = |panel: &Value| {
        let targets = panel["targets"].as_array().unwrap().iter();
        targets.map(|target| target["expr"].as_str().unwrap().replace("$__rate_interval", "1m")).collect()
    };
    panels.map(|panel| (panel["title"].as_str().unwrap().to_owned(), queries(panel))).collect()
}

/// Each query of rules and dashboard, by where it stands.
fn queries() -> Vec<(String, String)> {
    let name = |rule: &Value| rule["alert"].as_str().or(rule["record"].as_str()).unwrap().to_owned();
    let rules = rules().into_iter().map(|rule| (name(&rule), rule["expr"].as_str().unwrap().to_owned()));
    let panels = panels().into_iter().flat_map(|(title, queries)| queries.into_iter().map(move |q| (title.clone(), q)));
    rules.chain(panels).collect()
}

/// What Prometheus adds to every series of a process.
const TARGET: [&str; 2] = ["instance", "job"];

/// What Prometheus itself knows: its own series, and those of recording rules, whose labels are those that they keep.
fn known_to_prometheus() -> Metrics {
    let own = |name: &str, labels: &[&str]| (name.to_owned(), labels.iter().map(|l| (*l).to_owned()).collect());
    let recorded = rules().into_iter().filter_map(|rule| {
        let kept = promql::uses(rule["expr"].as_str()?).into_iter().filter_map(Use::into_kept).flatten();
        Some((rule["record"].as_str()?.to_owned(), kept.collect()))
    });
    [own("up", &TARGET), own("ALERTS", &["alertname", "alertstate", "severity"])].into_iter().chain(recorded).collect()
}

fn shown(server: &Server) -> Metrics {
    let mut metrics = Metrics::new();
    for sample in scrape(&server.url) {
        let labels = metrics.entry(sample.metric).or_default();
        labels.extend(sample.labels.into_keys().chain(TARGET.map(str::to_owned)));
    }
    metrics
}

/// A worker on Kafka.
fn worker(home: &Home, kafka: &OwnKafka) -> Server {
    let arguments = ["worker", "--kafka", kafka.bootstrap(), "--listen", "127.0.0.1:0"];
    let mut server = Home::spawn(&mut home.command(&arguments));
    server.wait_until_running();
    server
}

#[test]
fn should_have_a_configuration_and_rules_that_prometheus_takes_and_alerts_that_fire_when_they_should() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["test", "rules", "alerts.test.yml"]);
}

#[test]
fn should_have_seen_each_alert_fire_and_not_fire() {
    let tests = yaml("prometheus/alerts.test.yml");
    let tests = tests["tests"].as_array().unwrap().iter();
    let cases: Vec<Value> = tests.filter_map(|test| test["alert_rule_test"].as_array()).flatten().cloned().collect();
    let seen = |fires: bool| {
        let fired = |case: &&Value| case["exp_alerts"].as_array().unwrap().is_empty() != fires;
        let names = cases.iter().filter(fired).map(|case| case["alertname"].as_str().unwrap().to_owned());
        names.collect::<BTreeSet<_>>()
    };
    assert!(alerts().len() >= 9, "{:?}", alerts());
    assert_eq!(seen(true), alerts());
    assert_eq!(seen(false), alerts());
}

#[test]
fn should_say_of_each_alert_what_it_means_and_what_to_do() {
    let text = std::fs::read_to_string(docker("../docs/operating.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("Alerts\n")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    assert_eq!(rows.map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>(), alerts());
}

#[test]
fn should_name_only_metrics_and_labels_that_are_shown() {
    let parts = Parts::start();
    let exported = [&parts.worker, &parts.sink, &parts.api].map(shown).into_iter().flatten();
    let shown: Metrics = exported.chain(known_to_prometheus()).collect();
    let (mut missing, mut names) = (Vec::new(), BTreeSet::new());
    for (place, query) in queries() {
        let uses = promql::uses(&query);
        let labels: BTreeSet<_> = uses.iter().filter_map(|u| shown.get(u.metric()?)).flatten().collect();
        for one in &uses {
            match one {
                Use::Metric { name, matched } => {
                    names.insert(name.clone());
                    match shown.get(name) {
                        None => missing.push(format!("{place}: {name}")),
                        Some(labels) => missing.extend(
                            matched.iter().filter(|l| !labels.contains(*l)).map(|l| format!("{place}: {name}{{{l}}}")),
                        ),
                    }
                }
                Use::Labels(kept) => {
                    missing.extend(kept.iter().filter(|l| !labels.contains(l)).map(|l| format!("{place}: by ({l})")));
                }
            }
        }
    }
    assert!(names.len() > 25, "{names:?}");
    assert_eq!(missing, [""; 0], "nobody shows this");

    // The roles of compose.
    let database = parts.postgres.url().strip_suffix("postgres").unwrap().to_owned() + "syncroboard";
    let may = |role: &str, what: &str| {
        psql(&database, &format!("SELECT has_table_privilege('syncroboard_{role}', 'read_model.tickets', '{what}')"))
    };
    assert_eq!([may("write", "UPDATE"), may("read", "SELECT"), may("read", "UPDATE")], ["t", "t", "f"]);
}

#[test]
fn should_have_a_dashboard_of_queries_that_prometheus_takes_from_the_source_that_grafana_is_given() {
    let panels = panels();
    assert!(panels.len() > 15, "{}", panels.len());
    let rules = panels
        .iter()
        .flat_map(|(_, queries)| queries)
        .enumerate()
        .map(|(n, query)| serde_json::json!({ "record": format!("panel:{n}"), "expr": query }));
    let file = serde_json::json!({ "groups": [{ "name": "panels", "rules": rules.collect::<Vec<_>>() }] });
    let home = Home::new();
    let file = home.file("panels.yml", file.to_string().as_bytes());
    promtool(&["check", "rules", file.to_str().unwrap()]);

    let source = &yaml("grafana/provisioning/datasources/prometheus.yml")["datasources"][0];
    let dashboard = read("grafana/dashboards/syncroboard.json");
    let asked = dashboard.matches(r#""uid": "#).count();
    let of_source = dashboard.matches(&format!(r#""uid": "{}""#, source["uid"].as_str().unwrap())).count();
    assert_eq!(asked, of_source + 1, "only the dashboard itself has another uid");
}

#[test]
fn should_show_how_many_brokers_there_are_while_there_is_none_and_when_it_is_back() {
    let (home, kafka) = (Home::new(), OwnKafka::new(&[]));
    let worker = worker(&home, &kafka);
    let wait_for = |brokers: f64| {
        let end = Instant::now() + PATIENCE;
        let seen = || scrape(&worker.url).iter().find(|s| s.metric == "kafka_brokers").map(|s| s.value);
        while seen() != Some(brokers) {
            assert!(Instant::now() < end, "{:?} brokers instead of {brokers}", seen());
        }
    };
    wait_for(1.0);
    let second = kafka.join(&[]);
    wait_for(2.0);
    second.kill();
    wait_for(1.0);
    kafka.kill();
    wait_for(0.0);
    kafka.start();
    wait_for(1.0);
}
