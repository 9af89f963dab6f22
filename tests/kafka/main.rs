//! The real binary in several processes on a real Apache Kafka, while clients write: processes killed, stopped, frozen and
//! replaced, brokers restarted, single requests and answers lost. The oracle is that of `tests/kill`: it reads the log and shares no code with what writes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod acls;
#[path = "../kill/board.rs"]
mod board;
#[path = "../simulation/commands.rs"]
#[allow(dead_code, reason = "shared with tests/simulation, which uses the rest")]
mod commands;
#[path = "../support/damage.rs"]
mod damage;
#[path = "../simulation/oracle.rs"]
mod decisions;
mod faults;
mod hangs;
#[path = "../kill/load.rs"]
#[allow(dead_code, reason = "shared with tests/kill, which uses the rest")]
mod load;
#[path = "../kill/log.rs"]
mod log;
#[path = "../simulation/news.rs"]
mod news;
#[path = "../kill/oracle.rs"]
mod oracle;
#[path = "../../processors/tests/assignment/oracle.rs"]
mod pools;
mod proxied;
#[allow(dead_code, reason = "whole, though the tests do not use every part of it")]
mod proxy;
mod readme;
#[path = "../simulation/records.rs"]
mod records;
mod refusals;
mod servers;
mod site;
#[path = "../support/small_disk.rs"]
mod small_disk;
mod state_directory;
mod storm;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "whole, though the tests do not use every part of it")]
mod wire;
mod workload;

/// Partitions of every topic of a workload.
pub(crate) const PARTITIONS: u32 = 2;
