//! Everything that can go wrong, at random from a printed seed: the parts run apart on real servers, clients write, and processes,
//! servers, connections and single requests fail, for as long as `RIG_SECONDS` says. Each kind of fault is counted where it took
//! effect. After each round all is healed and drained, and what is left is held to the oracles.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

#[path = "../kill/board.rs"]
mod board;
mod check;
#[path = "../checker/mod.rs"]
#[allow(dead_code, reason = "whole, though the rig does not use every part of it")]
mod checker;
#[path = "../simulation/commands.rs"]
#[allow(dead_code, reason = "shared with tests/simulation, which uses the rest")]
mod commands;
mod damage;
#[path = "../simulation/oracle.rs"]
mod decisions;
mod deck;
mod drained;
mod feeder;
#[path = "../kafka/hangs.rs"]
mod hangs;
mod hooks;
mod kinds;
#[path = "../kill/load.rs"]
#[allow(dead_code, reason = "shared with tests/kill, which uses the rest")]
mod load;
#[path = "../kill/log.rs"]
mod log;
#[path = "../simulation/news.rs"]
mod news;
#[path = "../kill/oracle.rs"]
mod oracle;
mod pace;
#[path = "../../processors/tests/assignment/oracle.rs"]
mod pools;
mod post;
mod processes;
#[path = "../kafka/proxy.rs"]
#[allow(dead_code, reason = "whole, though the rig does not use every part of it")]
mod proxy;
#[path = "../simulation/records.rs"]
mod records;
#[path = "../kafka/refusals.rs"]
mod refusals;
mod report;
mod requests;
mod rig;
mod rounds;
mod servers;
#[path = "../support/signed.rs"]
mod signed;
mod site;
mod slot;
#[path = "../support/mod.rs"]
mod support;
mod tally;
#[path = "../kafka/wire.rs"]
#[allow(dead_code, reason = "whole, though the rig does not use every part of it")]
mod wire;

/// Partitions of every topic: few, so that each worker's task has work.
pub(crate) const PARTITIONS: u32 = 2;
