//! The router over made-up parts: what clients see, above all when something goes wrong. One module for each part of the
//! URL tree. The same paths over the real parts are tested in the root package.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, too, fail by panicking")]

mod auth;
mod board;
mod bulk;
mod commands;
mod health;
mod members;
mod pages;
mod problems;
mod projects;
mod support;
mod tickets;
mod users;
