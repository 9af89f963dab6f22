//! `/metrics` of a running server: what the documentation names is there and nothing else, and the numbers are true.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use exposition::{Sample, scrape};
use support::{Home, Server, text};

const COMMANDS: &str = r#"{"type":"CreateProject","key":"WEB","name":"Web"}
{"type":"CreateTicket","project":"WEB","title":"First"}
{"type":"MoveTicket","ticket":"WEB-1","status":"IN_PROGRESS"}
"#;

/// Each metric and the labels that it has.
type Metrics = BTreeMap<String, BTreeSet<String>>;

/// A histogram's and a summary's samples under the name that they share.
fn shown(samples: &[Sample]) -> Metrics {
    let mut metrics = Metrics::new();
    let is_family = |name: &str| samples.iter().any(|s| s.metric == format!("{name}_count"));
    for sample in samples {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| sample.metric.strip_suffix(end));
        let name = base.filter(|base| is_family(base)).unwrap_or(&sample.metric);
        let labels = sample.labels.keys().filter(|label| *label != "le").cloned();
        metrics.entry(name.to_owned()).or_default().extend(labels);
    }
    metrics
}

/// The table of `docs/operating.md`: its first column names metrics, its second one labels.
fn documented() -> Metrics {
    let text = include_str!("../docs/operating.md");
    let ticked = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let section = text.split("## ").find(|s| s.starts_with("Metrics")).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 5);
    let cells = rows.map(|row| row.split('|').map(ticked).collect::<Vec<_>>());
    cells.flat_map(|cells| cells[1].clone().into_iter().map(move |name| (name, cells[2].clone()))).collect()
}

fn sum(samples: &[Sample], metric: &str) -> f64 {
    samples.iter().filter(|s| s.metric == metric).map(|s| s.value).sum()
}

/// The sum of what is whole numbers.
fn count(samples: &[Sample], metric: &str) -> u64 {
    sum(samples, metric) as u64
}

fn served(home: &Home) -> Server {
    let server = home.start();
    let file = home.file("commands.ndjson", COMMANDS.as_bytes());
    let import = home.run(&["import", "--server", &server.url, "--token", &home.token(), file.to_str().unwrap()]);
    assert!(import.status.success(), "{}", text(&import));
    // A write on the way that single requests go; it waits for the read model too.
    server.settle(&home.token(), "WEB");
    server
}

#[test]
fn should_show_each_metric_that_is_documented_with_its_labels_and_no_other() {
    let home = Home::new();
    let server = served(&home);
    let (shown, documented) = (shown(&scrape(&server.url)), documented());
    assert!(documented.len() > 35, "{} metrics are documented", documented.len());
    let names = |m: &Metrics| m.keys().cloned().collect::<BTreeSet<_>>();
    let (s, d) = (names(&shown), names(&documented));
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    assert_eq!((only(&s, &d), only(&d, &s)), (Vec::new(), Vec::new()), "not documented, and not shown");
    for (name, labels) in &documented {
        assert_eq!(&shown[name], labels, "labels of {name}");
    }
}

#[test]
fn should_count_each_record_once_by_thread_by_task_and_by_age_and_show_no_lag_when_all_is_done() {
    let home = Home::new();
    let server = served(&home);
    let samples = scrape(&server.url);
    assert!(samples.iter().all(|s| s.value.is_finite()), "no value is NaN or infinite");
    let processed = count(&samples, "kafka_streams_thread_process_total");
    assert!(processed >= 4, "{processed} records of 4 commands");
    for metric in [
        "kafka_streams_thread_poll_records_total",
        "kafka_streams_task_process_total",
        "kafka_streams_task_record_e2e_latency_seconds_count",
    ] {
        assert_eq!(count(&samples, metric), processed, "{metric}");
    }
    assert!(count(&samples, "kafka_streams_thread_commit_latency_seconds_count") >= 1);
    assert!(count(&samples, "kafka_streams_state_put_total") >= 3, "a project and a ticket, twice");
    assert!(sum(&samples, "kafka_streams_state_flush_latency_seconds_sum") > 0.0);
    for metric in ["kafka_consumer_records_lag", "kafka_consumer_records_lag_seconds"] {
        assert!(sum(&samples, metric) <= 0.0, "{metric}");
    }
    let running = samples.iter().filter(|s| s.metric == "kafka_streams_client_state" && s.value > 0.0);
    assert_eq!(running.map(|s| s.labels["state"].as_str()).collect::<Vec<_>>(), ["RUNNING"]);
}
