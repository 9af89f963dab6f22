//! Stream threads on the embedded broker: several of them, coming and going, commits whose outcome nobody knows, stores that
//! are lost or damaged and restored, versions that take over from one another.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod changelogs;
mod damage;
mod disk;
#[path = "../../connectors/tests/dead_letters/faulty.rs"]
#[allow(dead_code, reason = "shared with the tests of dead letters, which use the rest")]
mod faulty;
mod memory;
mod numbering;
mod outputs;
mod punctuation;
mod purge;
mod restore;
mod rolling;
#[path = "../support/services.rs"]
mod services;
mod threads;
