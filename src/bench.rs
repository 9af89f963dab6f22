//! `syncroboard bench`.
use std::process::ExitCode;
use crate::exit::Failed;
/// Args.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {}
pub(crate) fn run(_: &BenchArgs) -> Result<ExitCode, Failed> { Err(Failed::missing("later")) }
