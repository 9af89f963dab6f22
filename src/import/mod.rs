//! `syncroboard import`: pours files of native commands or of GitHub issues into a running server.
//!
//! ```text
//! input (gzip, lines or arrays) -> plan (github | native) -> batches -> POST /commands:bulk -> answers -> report, rejects file
//! ```
//!
//! - Memory is bounded: one window of the input is held at a time, and no line above [`input::MAX_RECORD_BYTES`].
//! - A bad line never ends an import: it is reported with its number and a code, and kept in the rejects file.
//! - Running an import again changes nothing: command ids derive from what a line says, so the server answers with what
//!   it decided the first time; and an external reference that is known counts as unchanged.
//! - What it does not do: no rule about tickets stands here. Limits, roles and transitions are the server's to judge.

mod answer;
mod args;
mod batch;
mod client;
mod command_id;
mod error;
mod format;
mod github;
mod input;
mod keys;
mod native;
mod plan;
mod progress;
mod rejects;
mod report;
mod runner;
#[cfg(test)]
mod tests;

pub(crate) use args::ImportArgs;
pub(crate) use runner::run;
