//! The parts run apart on the real servers: workers, sinks and API processes on Apache Kafka, Postgres and Redis; what clients
//! rely on, in one process and behind a round-robin of two; and processes and servers killed while clients write. The oracle is
//! that of `tests/kill`: it reads the log and shares no code with what writes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod accounts;
#[path = "../kill/board.rs"]
mod board;
mod cases;
mod collector;
#[path = "../support/exposition.rs"]
mod exposition;
mod faults;
#[cfg(feature = "kill-points")]
mod kill_points;
#[path = "../kill/load.rs"]
#[allow(dead_code, reason = "shared with tests/kill, which uses the rest")]
mod load;
#[path = "../kill/log.rs"]
mod log;
#[path = "../kill/oracle.rs"]
mod oracle;
mod proxy;
mod rest;
mod servers;
mod site;
mod storm;
#[path = "../support/mod.rs"]
mod support;
mod traces;
