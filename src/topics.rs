//! `syncroboard topics`: the topics that the pipeline needs, against those that there are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use processors::{COMMAND_MEMORY, COMMAND_MEMORY_MS, PipelineConfig, pipeline, topic_specs};
use schemas::topics::{
    COMMAND_OUTCOMES, NOTIFICATIONS, TICKET_ASSIGNMENTS, TICKET_COMMANDS, TICKET_EVENTS, USER_COMMANDS,
    WEBHOOK_COMMANDS,
};
use serde::Serialize;
use topology::broker::{Broker, Cleanup, TopicName, TopicSpec};
use topology::{Difference, StreamsConfig, TopicCheck, check_topics, internal_topics, superseded_changelogs};

use crate::broker::BrokerArgs;
use crate::config::Config;
use crate::exit::Failed;
use crate::print;

/// What `syncroboard topics` takes.
#[derive(Debug, Args)]
pub(crate) struct TopicsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print what is missing or differs, and change nothing.
    ///
    /// Exit status: 0 nothing is to be done; 1 something is; 2 wrong use; 3 the broker is not there.
    Plan(Options),
    /// Make what is missing and alter what differs, as far as it can be altered.
    ///
    /// Exit status: 0 all topics are as they should be now; 1 something cannot be altered; 2 wrong use; 3 the broker is
    /// not there, or refuses.
    Apply(Options),
}

#[derive(Debug, Args)]
struct Options {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    broker: BrokerArgs,
}

pub(crate) fn run(args: &TopicsArgs, config: &Config) -> Result<ExitCode, Failed> {
    let (options, apply) = match &args.what {
        What::Plan(options) => (options, false),
        What::Apply(options) => (options, true),
    };
    let broker = options.broker.open_as_it_is(config)?;
    let partitions = match options.broker.kafka(config) {
        Some(_) => config.kafka.partitions,
        None => config.embedded.partitions,
    };
    let existing = broker.topics()?;
    let wanted = wanted(&existing, partitions, config)?;
    let checks = check_topics(&*broker, &wanted)?;
    if apply {
        make_so(&*broker, &checks)?;
    }
    let report = Report::new(&checks, superseded(&existing, config)?, apply);
    if options.json {
        print::line(&serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?)?;
    } else {
        print::line(&report.text())?;
    }
    let done = if apply { report.refused == 0 } else { report.as_they_should_be == checks.len() };
    Ok(if done { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The topics between the pipeline and the rest of the world. Those that exist keep their partitions, however many are
/// configured now; but each outcome lies on its command's partition number, so there must be room for it. Outcomes are kept longer
/// where the command memory is restored from them.
pub(crate) fn external(existing: &BTreeMap<TopicName, u32>, partitions: u32, config: &Config) -> Vec<TopicSpec> {
    let count = |topic: &str| existing.get(topic).copied().unwrap_or(partitions);
    let outcomes = count(COMMAND_OUTCOMES).max(count(TICKET_COMMANDS)).max(count(USER_COMMANDS));
    let own_changelog = format!("{}-{COMMAND_MEMORY}-changelog", config.worker.application_id);
    let is_restored_from_its_own = existing.contains_key(&*own_changelog);
    let mut specs = topic_specs(partitions);
    for spec in &mut specs {
        spec.partitions = match &*spec.name {
            COMMAND_OUTCOMES => outcomes,
            // Read together with the commands, so as many.
            TICKET_ASSIGNMENTS => existing.get(TICKET_ASSIGNMENTS).copied().unwrap_or(count(TICKET_COMMANDS)),
            // What webhooks deliver is read together.
            name @ (NOTIFICATIONS | WEBHOOK_COMMANDS) => existing.get(name).copied().unwrap_or(count(TICKET_EVENTS)),
            name => count(name),
        };
        if &*spec.name == COMMAND_OUTCOMES && is_restored_from_its_own {
            spec.cleanup = Cleanup::Retain { retention_ms: COMMAND_MEMORY_MS };
        }
    }
    specs
}

/// Changelogs that the application has and could do without, and the topics that say the same.
fn superseded(existing: &BTreeMap<TopicName, u32>, config: &Config) -> anyhow::Result<Vec<(TopicName, TopicName)>> {
    Ok(superseded_changelogs(&pipeline(&PipelineConfig::default())?, &streams(config), existing)?)
}

fn streams(config: &Config) -> StreamsConfig {
    StreamsConfig::new(config.worker.application_id.clone(), std::path::PathBuf::new())
}

/// Makes all topics what they should be, of a broker that nobody else looks after.
pub(crate) fn settle(broker: &dyn Broker, config: &Config) -> anyhow::Result<()> {
    let wanted = wanted(&broker.topics()?, config.embedded.partitions, config)?;
    make_so(broker, &check_topics(broker, &wanted)?)
}

/// Makes what is missing and alters what differs, as far as that can be done. Done again it does the rest.
fn make_so(broker: &dyn Broker, checks: &[TopicCheck]) -> anyhow::Result<()> {
    let specs = |which: &dyn Fn(&TopicCheck) -> bool| -> Vec<TopicSpec> {
        checks.iter().filter(|check| which(check)).map(|check| check.wanted.clone()).collect()
    };
    let missing = |check: &TopicCheck| check.differences.contains(&Difference::Missing);
    broker.create_topics(&specs(&missing)).context("making topics")?;
    let alterable = |check: &TopicCheck| state(check) == State::Differs;
    broker.alter_topics(&specs(&alterable)).context("altering topics")
}

/// Everything that the pipeline reads and writes, given what there is.
fn wanted(existing: &BTreeMap<TopicName, u32>, partitions: u32, config: &Config) -> anyhow::Result<Vec<TopicSpec>> {
    let mut wanted = external(existing, partitions, config);
    let mut counts = existing.clone();
    counts.extend(wanted.iter().map(|spec| (spec.name.clone(), spec.partitions)));
    wanted.extend(internal_topics(&pipeline(&PipelineConfig::default())?, &streams(config), &counts)?);
    Ok(wanted)
}

/// How it stands with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Missing,
    Differs,
    Refused,
}

fn state(check: &TopicCheck) -> State {
    match &check.differences[..] {
        [] => State::Ok,
        [Difference::Missing] => State::Missing,
        differences if differences.iter().all(Difference::can_be_altered) => State::Differs,
        _ => State::Refused,
    }
}

/// What is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    topics: Vec<Topic>,
    as_they_should_be: usize,
    refused: usize,
    /// Topics that can be done without.
    superseded: Vec<Superseded>,
    #[serde(skip)]
    applied: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Topic {
    topic: TopicName,
    partitions: u32,
    /// What happens to old records.
    cleanup: String,
    log_append_time: bool,
    state: State,
    /// For people; what of it was made or altered is not so any more after `apply`.
    differences: Vec<String>,
}

/// A changelog whose store could be restored from another topic.
#[derive(Debug, Serialize)]
struct Superseded {
    topic: TopicName,
    by: TopicName,
}

impl Report {
    fn new(checks: &[TopicCheck], superseded: Vec<(TopicName, TopicName)>, applied: bool) -> Self {
        let topics: Vec<Topic> = checks
            .iter()
            .map(|check| Topic {
                topic: check.wanted.name.clone(),
                partitions: check.wanted.partitions,
                cleanup: check.wanted.cleanup.to_string(),
                log_append_time: check.wanted.log_append_time,
                state: state(check),
                differences: check.differences.iter().map(ToString::to_string).collect(),
            })
            .collect();
        let count = |state| topics.iter().filter(|topic| topic.state == state).count();
        let superseded = superseded.into_iter().map(|(topic, by)| Superseded { topic, by }).collect();
        Self { superseded, as_they_should_be: count(State::Ok), refused: count(State::Refused), topics, applied }
    }

    /// For people.
    fn text(&self) -> String {
        let mut out = String::new();
        for topic in self.topics.iter().filter(|topic| topic.state != State::Ok) {
            let Topic { topic: name, partitions, cleanup, .. } = topic;
            let done = |made: &'static str, to_make: &'static str| if self.applied { made } else { to_make };
            let differences = topic.differences.join("; ");
            let _ = match topic.state {
                State::Ok => Ok(()),
                State::Missing => {
                    writeln!(out, "{name}: {}, {partitions} partitions, {cleanup}", done("made", "to be made"))
                }
                State::Differs => writeln!(out, "{name}: {}: {differences}", done("altered", "to be altered")),
                State::Refused => writeln!(out, "{name}: REFUSED: {differences}\n    {WHAT_TO_DO}"),
            };
        }
        for Superseded { topic, by } in &self.superseded {
            println!("{topic}: can be done without, as {by} says the same\n    {HOW_TO_DO_WITHOUT}");
        }
        let Self { as_they_should_be, topics, .. } = self;
        let were = if self.applied { "were" } else { "are" };
        let _ = write!(out, "{as_they_should_be} of {} topics {were} as they should be", topics.len());
        out
    }
}

/// What the versions before write is found nowhere else by them.
const HOW_TO_DO_WITHOUT: &str = "stop every worker, delete this topic, run `syncroboard topics apply` and start again; from then on no version may \
                                 run that needs it";

/// Keys stay on their partitions for as long as there is state.
const WHAT_TO_DO: &str = "a partition count cannot be altered while there is state: stop the workers, then delete this topic and \
                          let it be made anew if nothing in it is needed; else take other topics, or another worker.application_id";
