//! `syncroboard import`: pours files of native commands, of issues of GitHub or Jira, or tables into a running server.
//!
//! ```text
//! input (gzip; lines, arrays, pages or rows) -> plan (github | jira | table | native, with the mapping file)
//!   -> batches -> POST /commands:bulk -> answers -> comments of the tickets -> report, rejects file
//! ```
//!
//! - Memory is bounded: one window of the input is held at a time, and no line above [`input::MAX_RECORD_BYTES`].
//! - A bad line never ends an import: it is reported with its number and a code, and kept in the rejects file.
//! - Running an import again changes nothing: command ids derive from what a line says, so the server answers with what
//!   it decided the first time; and an external reference that is known counts as unchanged.
//! - What it does not do: no rule about tickets stands here. Limits, roles and transitions are the server's to judge.

mod adf;
mod answer;
mod args;
mod batch;
mod client;
mod columns;
mod command_id;
mod dates;
mod error;
mod format;
mod github;
mod input;
mod jira;
mod keys;
mod mapping;
mod native;
mod needs;
mod people;
mod plan;
mod progress;
mod rejects;
mod report;
mod runner;
mod table;
#[cfg(test)]
mod tests;
mod ticket;

pub(crate) use args::ImportArgs;
pub(crate) use runner::run;
