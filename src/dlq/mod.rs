//! `syncroboard dlq`: what could not be processed, why, and putting it back once the cause is removed.

mod list;
mod redrive;
mod show;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use topology::broker::Broker;
use topology::dead_letters::{DeadLetters, Selection};

use crate::config::Config;
use crate::exit::Failed;
use crate::when;

/// How long to wait for what cannot be read yet, when it is only to be looked at.
const PATIENCE: Duration = Duration::from_secs(5);

/// What can be done with dead letters.
///
/// Exit status: 0 done; 1 letters stay that were to be redriven, or there is no such letter; 2 wrong use; 3 the broker is not
/// there, or not all could be read.
#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// Count dead letters by topic and reason.
    List(list::ListArgs),
    /// Print dead letters whole.
    Show(show::ShowArgs),
    /// Put dead letters back into the topic that they came from, each once.
    Redrive(redrive::RedriveArgs),
}

/// Which letters.
#[derive(Debug, Clone, Args)]
pub(crate) struct Filter {
    /// Only those of this error class.
    #[arg(long, value_name = "CLASS")]
    reason: Option<String>,

    /// Only those whose record is not older: a time (RFC 3339) or an age (30s, 5m, 2h, 3d).
    #[arg(long, value_name = "T", value_parser = when::parse, allow_hyphen_values = true)]
    since: Option<i64>,

    /// Only those whose record is older: a time or an age, as for --since.
    #[arg(long, value_name = "T", value_parser = when::parse, allow_hyphen_values = true)]
    until: Option<i64>,
}

impl Filter {
    fn selection(&self, at: Option<(u32, i64)>) -> Selection {
        Selection { reason: self.reason.clone(), since_ms: self.since, until_ms: self.until, at }
    }
}

pub(crate) fn run(command: &DlqCommand, config: &Config) -> Result<ExitCode, Failed> {
    match command {
        DlqCommand::List(args) => list::run(args, config),
        DlqCommand::Show(args) => show::run(args, config),
        DlqCommand::Redrive(args) => redrive::run(args, config),
    }
}

/// The dead letters of a topic, which may be named by its dead-letter topic too.
fn open<'a>(broker: &'a dyn Broker, topic: &str) -> Result<DeadLetters<'a>, Failed> {
    let source = topic.strip_suffix(".dlq").unwrap_or(topic);
    DeadLetters::open(broker, source)?.map_or_else(
        || {
            let there = DeadLetters::topics(broker)?;
            Err(Failed::usage(format!("{source} has no dead-letter topic; these have one: {}", there.join(", "))))
        },
        Ok,
    )
}

/// Says what could not be read, if anything.
fn warn_unread(source: &str, unread: i64) {
    if unread > 0 {
        eprintln!("syncroboard: {unread} offsets of {source}.dlq cannot be read yet; is a transaction open?");
    }
}
