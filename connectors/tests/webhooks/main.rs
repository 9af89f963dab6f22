//! Webhooks: what is posted to whom and when, what is never spoken to, and what is not posted twice. The receivers are real servers of
//! the test's own; the clock is moved by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod again;
mod client;
mod deliveries;
mod desk;
mod receiver;
#[path = "../../../tests/support/services.rs"]
mod services;
mod signature;
#[path = "../../../tests/support/signed.rs"]
mod signed;
