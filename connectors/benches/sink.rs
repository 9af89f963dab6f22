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

use support::{Log, comment, moved, open, project, reach, start, ticket};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let log = Log::new();
    let keys: Vec<String> = (0..100).map(|n| format!("P{n}")).collect();
    let mut events: Vec<schemas::TicketEvent> = keys.iter().map(|key| project(key).into()).collect();
    let mut sequence = 1;
    for number in 1..=200_i64 {
        for key in &keys {
            let mut event = ticket(key, sequence + 1, number);
            event.description = "x".repeat(300);
            events.push(event.into());
            events.push(moved(key, sequence + 2, number, "OPEN", "IN_PROGRESS").into());
            events.push(comment(key, sequence + 3, number, "a comment of some length").into());
        }
        sequence += 3;
    }
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
