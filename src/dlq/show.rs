//! `syncroboard dlq show`: letters whole, with what they say of the error and what they hold.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;
use schemas::SchemaRegistry;
use serde::Serialize;
use topology::dead_letters::{DeadLetter, DeadLetters};

use super::{Filter, PATIENCE, open, warn_unread};
use crate::broker::BrokerArgs;
use crate::config::Config;
use crate::content::{self, Content};
use crate::exit::Failed;
use crate::print::{one_line, printable};
use crate::{print, when};

/// What `syncroboard dlq show` takes.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The topic that the records came from, or its dead-letter topic.
    #[arg(value_name = "TOPIC")]
    topic: String,

    /// Only the letter at this partition of the dead-letter topic ...
    #[arg(value_name = "PARTITION", requires = "offset")]
    partition: Option<u32>,

    /// ... and this offset.
    #[arg(value_name = "OFFSET")]
    offset: Option<i64>,

    #[command(flatten)]
    filter: Filter,

    /// Also those that were redriven.
    #[arg(long)]
    all: bool,

    /// No more than so many.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    /// Print a JSON object for each letter.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    broker: BrokerArgs,
}

/// A letter as `--json` prints it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    letter: Place<'a>,
    /// Where the record lay when it failed; null if the letter does not say.
    origin: Option<Place<'a>>,
    timestamp_ms: i64,
    reason: &'a str,
    message: &'a str,
    stacktrace: &'a str,
    replays: u32,
    redriven: bool,
    /// True if key, value and headers lie at the origin only.
    omitted: bool,
    key: Option<Content>,
    value: Option<Content>,
    headers: Vec<Header<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'a> {
    topic: &'a str,
    partition: u32,
    offset: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Header<'a> {
    name: &'a str,
    value: Option<Content>,
}

pub(super) fn run(args: &ShowArgs, config: &Config) -> Result<ExitCode, Failed> {
    let broker = args.broker.open(config)?;
    let letters = open(&*broker, &args.topic)?;
    let at = args.partition.zip(args.offset);
    let registry = content::registry(&args.broker, config);
    let (shown, more) = show(args, &letters, at, registry.as_deref())?;
    if more {
        eprintln!("syncroboard: there are more letters; --limit shows them");
    }
    if let Some((partition, offset)) = at.filter(|_| shown == 0) {
        eprintln!("syncroboard: there is no letter at {}.dlq-{partition}@{offset}", letters.source());
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

/// Answers how many letters were shown, and whether there are more.
fn show(
    args: &ShowArgs,
    letters: &DeadLetters<'_>,
    at: Option<(u32, i64)>,
    registry: Option<&dyn SchemaRegistry>,
) -> anyhow::Result<(usize, bool)> {
    let selection = args.filter.selection(at);
    let dlq = format!("{}.dlq", letters.source());
    let (mut shown, mut more, mut failed) = (0, false, None);
    let unread = letters.each(PATIENCE, |letter, redriven| {
        if !selection.matches(&letter) || (redriven && !args.all && at.is_none()) {
            return ControlFlow::Continue(());
        }
        if shown == args.limit {
            more = true;
            return ControlFlow::Break(());
        }
        shown += 1;
        let printed = Shown::new(&dlq, &letter, redriven, registry);
        let printed = if args.json { print::json(&printed) } else { print::line(&printed.text()) };
        match printed {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if !more {
        warn_unread(letters.source(), unread);
    }
    Ok((shown, more))
}

impl<'a> Shown<'a> {
    fn new(dlq: &'a str, letter: &'a DeadLetter, redriven: bool, registry: Option<&dyn SchemaRegistry>) -> Self {
        let content = |bytes: &[u8]| Content::of(bytes, registry);
        let header = |(name, value): (&'a str, Option<&[u8]>)| Header { name, value: value.map(content) };
        Self {
            letter: Place { topic: dlq, partition: letter.partition, offset: letter.offset },
            origin: letter.origin.as_ref().map(|o| Place { topic: &o.topic, partition: o.partition, offset: o.offset }),
            timestamp_ms: letter.timestamp,
            reason: &letter.reason,
            message: &letter.message,
            stacktrace: &letter.stacktrace,
            replays: letter.replays,
            redriven,
            omitted: letter.omitted,
            key: letter.key.as_deref().map(content),
            value: letter.value.as_deref().map(content),
            headers: letter.headers.iter().map(header).collect(),
        }
    }

    fn text(&self) -> String {
        let mut out = format!("{}{}\n", self.letter, if self.redriven { "  (redriven)" } else { "" });
        let mut field = |name: &str, value: &str| {
            let _ = writeln!(out, "  {name:<10} {}", value.replace('\n', "\n             "));
        };
        field("from", &self.origin.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string));
        field("time", &when::format(self.timestamp_ms));
        field("reason", &one_line(self.reason));
        field("message", &printable(self.message));
        field("where", &printable(self.stacktrace));
        field("replays", &self.replays.to_string());
        if self.omitted {
            field("content", "too large for a letter: it lies where the record came from");
            return out;
        }
        let text = |content: &Option<Content>| content.as_ref().map_or_else(|| "null".to_owned(), ToString::to_string);
        field("key", &text(&self.key));
        for header in &self.headers {
            field("header", &format!("{}: {}", one_line(header.name), text(&header.value)));
        }
        field("value", &text(&self.value));
        out
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}@{}", one_line(self.topic), self.partition, self.offset)
    }
}
