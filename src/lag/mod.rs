//! `syncroboard lag`: how far consumer groups are behind, and whether that is bad.

mod table;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use processors::{PipelineConfig, pipeline};
use serde::Serialize;
use topology::broker::{Broker, TopicName};
use topology::lag::{GroupLag, GroupStatus, LagMonitor, Status};
use topology::system_clock;

use crate::broker::BrokerArgs;
use crate::config::Config;
use crate::exit::Failed;
use crate::print;

/// How many looks `--watch` judges by.
const WATCH_WINDOW: usize = 10;

/// What `syncroboard lag` takes.
///
/// Exit status: 0 all is well; 1 some partition is not (WARN, STOP, STALL, REWIND, NO_DATA), or there is no such group;
/// 2 wrong use; 3 the broker is not there.
#[derive(Debug, Args)]
pub(crate) struct LagArgs {
    /// Groups to look at [default: worker.application_id of the configuration].
    #[arg(value_name = "GROUP", conflicts_with = "all")]
    groups: Vec<String>,

    /// Look at every group that the broker knows.
    #[arg(long)]
    all: bool,

    /// Look again and again, until interrupted.
    #[arg(long)]
    watch: bool,

    /// Seconds between two looks. Groups that commit seldom need more: all looks together should span two of their commits.
    #[arg(long, value_name = "S", default_value = "2", value_parser = seconds)]
    interval: Duration,

    /// Looks to take before lag is judged. Without lag one is enough; with 1 lag is shown but not judged.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..))]
    samples: u8,

    /// Print one JSON object: with --watch one a look, otherwise one at the end.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    broker: BrokerArgs,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    /// Milliseconds since the Unix epoch.
    at_ms: i64,
    groups: &'a [GroupLag],
}

pub(crate) fn run(args: &LagArgs, config: &Config) -> Result<ExitCode, Failed> {
    let broker = args.broker.open(config)?;
    let samples = usize::from(args.samples);
    let mut watcher = Watcher {
        args,
        application_id: &config.worker.application_id,
        sources: pipeline(&PipelineConfig::default())?.source_topics(&config.worker.application_id),
        monitor: LagMonitor::new(if args.watch { WATCH_WINDOW.max(samples) } else { samples }, samples),
        broker: &*broker,
    };
    let mut looks = 1;
    let (mut at_ms, mut groups) = watcher.look()?;
    loop {
        let judged = groups.iter().flat_map(|g| &g.partitions).all(|p| p.status != Status::NoData);
        let last = !args.watch && (judged || looks >= samples);
        if (args.watch || last) && !show(args, at_ms, &groups)? {
            break;
        }
        if last {
            break;
        }
        thread::sleep(args.interval);
        looks += 1;
        match watcher.look() {
            Ok(seen) => (at_ms, groups) = seen,
            // Whoever watches a broker that restarts wants to see it come back.
            Err(error) if args.watch => eprintln!("syncroboard: {error:#}"),
            Err(error) => return Err(error.into()),
        }
    }
    let well = groups.iter().all(|g| g.status == GroupStatus::Ok);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

struct Watcher<'a> {
    args: &'a LagArgs,
    application_id: &'a str,
    /// What our own application reads: its partitions have lag also before the first commit.
    sources: Vec<TopicName>,
    monitor: LagMonitor,
    broker: &'a dyn Broker,
}

impl Watcher<'_> {
    fn look(&mut self) -> anyhow::Result<(i64, Vec<GroupLag>)> {
        let names = if self.args.all {
            self.broker.groups()?
        } else if self.args.groups.is_empty() {
            vec![self.application_id.to_owned()]
        } else {
            self.args.groups.clone()
        };
        let mut groups = Vec::with_capacity(names.len());
        let at_ms = system_clock()();
        for name in names {
            let also = if name == self.application_id { &self.sources[..] } else { &[] };
            groups.push(self.monitor.look(self.broker, &name, also, system_clock()())?);
        }
        // The worst first, as within a group.
        groups.sort_by(|a, b| {
            b.status.cmp(&a.status).then_with(|| b.lag.cmp(&a.lag)).then_with(|| a.group.cmp(&b.group))
        });
        Ok((at_ms, groups))
    }
}

/// False if nobody reads any more.
fn show(args: &LagArgs, at_ms: i64, groups: &[GroupLag]) -> anyhow::Result<bool> {
    if args.json { print::json(&Report { at_ms, groups }) } else { print::line(&table::render(groups)) }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
    if !(0.01..=86_400.0).contains(&seconds) {
        return Err(format!("{text} s is not between 0.01 s and a day"));
    }
    Ok(Duration::from_secs_f64(seconds))
}
