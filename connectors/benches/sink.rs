//! How fast the sink writes events into SQLite: sixty thousand of a hundred projects, with texts of 300 characters.
//! Prints events a second; nothing is asserted, as a clock tells of the machine too.

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

use std::time::Instant;

use support::{Log, busy_projects, open, reach, start};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let log = Log::new();
    let (keys, events, sequence) = busy_projects(200);
    let total = events.len();
    log.events(events);
    let model = open(&log.database()).await;
    let started = Instant::now();
    let _sink = start(&model, &log);
    for key in &keys {
        reach(&*model, key, sequence).await;
    }
    let per_second = total as f64 / started.elapsed().as_secs_f64();
    println!("{total} events, {per_second:.0} a second");
}
