//! Everything that speaks to the outside.
//!
//! | module | what it speaks to |
//! |---|---|
//! | [`accounts`] | any database: what the log does not say, such as webhooks and their secrets |
//! | [`board_cache`] | whoever reads boards: the rendered ones, kept |
//! | [`embedded`] | no one: the broker inside the process, on RocksDB |
//! | [`event_log`] | any broker: the event topics, read whole for `verify` |
//! | [`gateway`] | the log: commands go out, outcomes come back |
//! | [`sink`] | any database: what the log says goes into the read model |
//! | [`sqlite`] | SQLite: the read model |
//! | [`kafka`] | Apache Kafka, through librdkafka |
//! | [`live`] | the rest of the process: how far the read model is, and the events |
//! | [`mail`] | SMTP: mails from what is asked for, their texts, and who takes them |
//! | [`postgres`] | PostgreSQL: the read model for several processes |
//! | [`read_model`] | any database: what can be asked of it |
//! | [`redis`] | Redis: the board cache of all API processes, and the events for them |
//! | [`registry`] | a schema registry with Confluent's REST API |
//! | [`webhook`] | receivers of webhooks: what happens is posted to them, signed |
//! | [`conformance`] | any broker: the promises that every implementation is held to |

pub mod accounts;
pub mod board_cache;
#[cfg(feature = "injected-bugs")]
pub mod bugs;
pub mod conformance;
pub mod embedded;
pub mod event_log;
pub mod gateway;
pub mod kafka;
pub mod live;
pub mod mail;
mod outgoing;
pub mod postgres;
pub mod rate_limit;
pub mod read_model;
pub mod redis;
pub mod registry;
pub mod sink;
mod sql;
pub mod sqlite;
mod traced;
pub mod webhook;
