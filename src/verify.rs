//! `syncroboard verify`.
use std::process::ExitCode;
use crate::{config::Config, exit::Failed};
/// Args.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {}
pub(crate) fn run(_: &VerifyArgs, _: &Config) -> Result<ExitCode, Failed> { Err(Failed::missing("later")) }
