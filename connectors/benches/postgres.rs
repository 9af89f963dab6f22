//! How fast the sink writes events into PostgreSQL, and how fast psql's COPY puts the very same rows into the same tables: both
//! in one run, on the server that `make services-up` has started. Nothing is asserted, as a clock tells of the machine too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a benchmark may fail where it stands"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::live::Live;
use connectors::postgres::{Grants, PostgresReadModel, migrate, start_sink};
use connectors::sink::SinkOptions;
use support::database::OwnDatabase;
use support::{Log, busy_projects, reach};

const TABLES: [&str; 7] =
    ["projects", "project_sequences", "tickets", "ticket_labels", "status_counts", "comments", "history"];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let log = Log::new();
    let (keys, events, sequence) = busy_projects(400);
    let total = events.len();
    log.events(events);
    for _ in 0..3 {
        let database = OwnDatabase::new().await;
        let sink = by_sink(&log, &database, &keys, sequence).await;
        let copy = by_copy(&database).await;
        let per_second = |time: Duration| total as f64 / time.as_secs_f64();
        println!(
            "{total} events: the sink {:.0} a second; COPY of the rows that come of them, {:.0} a second; ratio {:.2}",
            per_second(sink),
            per_second(copy),
            copy.as_secs_f64() / sink.as_secs_f64(),
        );
    }
}

async fn by_sink(log: &Log, database: &OwnDatabase, keys: &[String], sequence: i64) -> Duration {
    migrate(&database.config, &Grants::default()).await.expect("migrated");
    let live = Arc::new(Live::default());
    let model = PostgresReadModel::open(database.config.clone(), live.clone()).expect("a read model");
    let started = Instant::now();
    let options = SinkOptions { group: support::services::unique("bench"), ..SinkOptions::default() };
    let sink = start_sink(log.broker.clone(), &database.config, live, options).expect("the sink starts");
    for key in keys {
        reach(&*model, key, sequence).await;
    }
    let took = started.elapsed();
    sink.stop().expect("a clean stop");
    model.close().await;
    took
}

/// In one transaction, into tables with the same indexes.
async fn by_copy(database: &OwnDatabase) -> Duration {
    migrate(&database.config.in_schema("copied"), &Grants::default()).await.expect("migrated");
    let dir = tempfile::tempdir().expect("a directory");
    let file = |table: &str| dir.path().join(table).display().to_string();
    psql(database, &TABLES.map(|table| format!("\\copy read_model.{table} to '{}'", file(table))));
    let started = Instant::now();
    psql(database, &TABLES.map(|table| format!("\\copy copied.{table} from '{}'", file(table))));
    started.elapsed()
}

fn psql(database: &OwnDatabase, commands: &[String]) {
    let mut psql = Command::new("psql");
    psql.args(["--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", &database.config.url]);
    commands.iter().for_each(|command| {
        psql.args(["--command", command]);
    });
    assert!(psql.status().expect("psql runs").success(), "psql failed");
}
