//! `syncroboard dlq list`: how many letters there are, by topic and reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use topology::dead_letters::DeadLetters;

use super::{Filter, PATIENCE, open, warn_unread};
use crate::broker::BrokerArgs;
use crate::config::Config;
use crate::exit::Failed;
use crate::print::{self, one_line};
use crate::when;

/// What `syncroboard dlq list` takes.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Topics that the records came from, or their dead-letter topics [default: all].
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,

    #[command(flatten)]
    filter: Filter,

    /// Print a JSON object for each topic and reason.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    broker: BrokerArgs,
}

/// The letters of one topic with one reason.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// Where the records came from.
    topic: String,
    /// The error's class.
    reason: String,
    /// How many letters wait.
    letters: u64,
    /// How many were redriven.
    redriven: u64,
    /// Timestamp of the oldest of these records, in milliseconds since the Unix epoch.
    oldest_ms: i64,
    /// That of the newest.
    newest_ms: i64,
}

pub(super) fn run(args: &ListArgs, config: &Config) -> Result<ExitCode, Failed> {
    let broker = args.broker.open(config)?;
    let topics = if args.topics.is_empty() {
        DeadLetters::topics(&*broker)?.iter().map(ToString::to_string).collect()
    } else {
        args.topics.clone()
    };
    let mut rows = Vec::new();
    for topic in topics {
        rows.extend(count(&open(&*broker, &topic)?, &args.filter)?);
    }
    if args.json {
        for row in &rows {
            if !print::json(row)? {
                break;
            }
        }
    } else {
        print::line(table(&rows).trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn count(letters: &DeadLetters<'_>, filter: &Filter) -> anyhow::Result<Vec<Row>> {
    let selection = filter.selection(None);
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let unread = letters.each(PATIENCE, |letter, redriven| {
        if selection.matches(&letter) {
            let row = rows.entry(letter.reason.clone()).or_insert_with(|| Row {
                topic: letters.source().to_string(),
                reason: letter.reason.clone(),
                letters: 0,
                redriven: 0,
                oldest_ms: letter.timestamp,
                newest_ms: letter.timestamp,
            });
            row.letters += u64::from(!redriven);
            row.redriven += u64::from(redriven);
            row.oldest_ms = row.oldest_ms.min(letter.timestamp);
            row.newest_ms = row.newest_ms.max(letter.timestamp);
        }
        ControlFlow::Continue(())
    })?;
    warn_unread(letters.source(), unread);
    Ok(rows.into_values().collect())
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no dead letters".to_owned();
    }
    let widest = |name: &str, of: fn(&Row) -> &str| rows.iter().map(|r| of(r).len()).chain([name.len()]).max();
    let (topics, reasons) = (widest("TOPIC", |r| &r.topic).unwrap_or(0), widest("REASON", |r| &r.reason).unwrap_or(0));
    let mut out = format!(
        "{:<topics$}  {:<reasons$}  {:>8}  {:>8}  {:<24}  NEWEST\n",
        "TOPIC", "REASON", "LETTERS", "REDRIVEN", "OLDEST"
    );
    for r in rows {
        let (oldest, newest) = (when::format(r.oldest_ms), when::format(r.newest_ms));
        let reason = one_line(&r.reason);
        let _ = writeln!(
            out,
            "{:<topics$}  {reason:<reasons$}  {:>8}  {:>8}  {oldest:<24}  {newest}",
            r.topic, r.letters, r.redriven
        );
    }
    let (letters, redriven) = rows.iter().fold((0, 0), |(l, r), row| (l + row.letters, r + row.redriven));
    let _ = writeln!(out, "total: {letters} letters, {redriven} redriven");
    out
}
