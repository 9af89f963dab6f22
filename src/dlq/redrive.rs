//! `syncroboard dlq redrive`: letters back into the topic that they came from, each once.

use std::process::ExitCode;

use clap::Args;
use topology::dead_letters::{DeadLetter, Fate, Redrive};

use super::{Filter, open};
use crate::broker::BrokerArgs;
use crate::config::Config;
use crate::exit::Failed;
use crate::print::{self, one_line};

/// Errors of a record that lies on the wrong partition: it must not go there again.
const BY_KEY: [&str; 1] = ["misrouted"];

/// What `syncroboard dlq redrive` takes.
#[derive(Debug, Args)]
pub(crate) struct RedriveArgs {
    /// The topic that the records came from, or its dead-letter topic.
    #[arg(value_name = "TOPIC")]
    topic: String,

    #[command(flatten)]
    filter: Filter,

    /// Print what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,

    /// Leave letters that were put back so often.
    #[arg(long, value_name = "N", default_value_t = 3)]
    max_replays: u32,

    /// Put back no more than so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    #[command(flatten)]
    broker: BrokerArgs,
}

pub(super) fn run(args: &RedriveArgs, config: &Config) -> Result<ExitCode, Failed> {
    let broker = args.broker.open(config)?;
    let letters = open(&*broker, &args.topic)?;
    let mut redrive = Redrive::new(&config.worker.application_id, letters.source());
    redrive.selection = args.filter.selection(None);
    redrive.max_replays = args.max_replays;
    redrive.limit = args.limit.unwrap_or(usize::MAX);
    redrive.by_key = BY_KEY.map(str::to_owned).to_vec();
    let (mut redriven, mut staying, mut failed) = (0_usize, 0_usize, None);
    let mut tell = |letter: &DeadLetter, fate: &Fate| {
        *(if fate.is_redriven() { &mut redriven } else { &mut staying }) += 1;
        // Letters go on being put back even if nobody reads: what was begun is not left half done.
        if let Err(error) = print::line(&line(letters.source(), letter, fate, args)) {
            failed.get_or_insert(error);
        }
    };
    if args.dry_run { redrive.plan(&letters, &mut tell) } else { redrive.run(&letters, &mut tell) }?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let verb = if args.dry_run { "would be redriven" } else { "redriven" };
    print::line(&format!("{redriven} {verb}, {staying} stay"))?;
    Ok(if staying == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn line(source: &str, letter: &DeadLetter, fate: &Fate, args: &RedriveArgs) -> String {
    let what = match fate {
        Fate::Redriven(to) if args.dry_run => format!("would go to {to}"),
        Fate::Redriven(to) => format!("-> {to}"),
        Fate::AtLimit => format!("stays: it was put back {} times; --max-replays allows more", letter.replays),
        Fate::ContentGone => "stays: its content was too large for a letter, and is gone where it came from".to_owned(),
        Fate::Refused(why) => format!("stays: {}", one_line(why)),
        _ => "stays".to_owned(),
    };
    format!("{source}.dlq-{}@{} {}: {what}", letter.partition, letter.offset, one_line(&letter.reason))
}
