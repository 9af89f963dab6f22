//! Assignment over the whole pipeline, under the test driver: the choice, what changes load, what crosses on the way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod choice;
#[path = "../common/mod.rs"]
mod common;
mod crossing;
mod deactivated;
mod fairness;
mod firm;
mod loads;
mod moving;
mod office;
mod oracle;
mod pools;
