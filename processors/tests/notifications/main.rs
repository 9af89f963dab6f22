//! Notifications under the test driver: who is told, once, what they want to hear of; those who watch in their thousands; what was read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

#[path = "../common/mod.rs"]
mod common;
mod digest;
mod inbox;
mod mail;
mod recipients;
mod town;
mod watchers;
