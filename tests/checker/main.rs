//! The checker of topics, stores, tables and boards, held to sound and to damaged ones; and, in a binary with `injected-bugs` and
//! `kill-points`, to the real binary on a real Kafka, with bugs put in on purpose.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]
#![allow(dead_code, reason = "what other tests bring along is used in part")]

#[path = "../kill/board.rs"]
mod board;
#[path = "mod.rs"]
mod checker;
#[path = "../simulation/commands.rs"]
mod commands;
#[path = "../kafka/hangs.rs"]
mod hangs;
mod installation;
#[path = "../kill/load.rs"]
mod load;
#[path = "../kill/log.rs"]
mod log;
#[path = "../simulation/news.rs"]
mod news;
#[path = "../kill/oracle.rs"]
mod oracle;
#[path = "../../processors/tests/assignment/oracle.rs"]
mod pools;
#[path = "../kafka/proxy.rs"]
mod proxy;
#[path = "../simulation/records.rs"]
mod records;
mod scene;
#[cfg(all(feature = "injected-bugs", feature = "kill-points"))]
mod scenes;
#[path = "../kafka/site.rs"]
mod site;
#[path = "../support/mod.rs"]
mod support;
#[path = "../kafka/wire.rs"]
mod wire;

/// Partitions of every topic.
pub(crate) const PARTITIONS: u32 = 2;
