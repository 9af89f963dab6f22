//! One run: a broker of its own, and the worker or the bare client on it, through all parts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use connectors::kafka::{KafkaBroker, KafkaConfig};
use processors::{PipelineConfig, pipeline, topic_specs};
use schemas::topics::{COMMAND_OUTCOMES, TICKET_COMMANDS};
use serde::Serialize;
use topology::StreamsConfig;
use topology::broker::{Broker, TopicPartition};

use super::broker::OwnBroker;
use super::outcomes::{self, Outcomes};
use super::paced::{Paced, paced};
use super::process::Process;
use super::sender::Sender;
use super::traffic::{self, Ends, Traffic};
use super::usage::{Reading, Used, peak_mb};
use super::{Args, PARTITIONS, RATES, WARM_UP};

/// The application, and the group of both.
const APPLICATION: &str = "syncroboard";
/// The part at full speed, in [`Traffic`].
pub(crate) const DRAIN: &str = "drain";
/// How often it is asked how far the group is.
const LOOK: Duration = Duration::from_millis(20);
/// Longer than that nothing may stand still.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the reader of outcomes lets the broker wait for more.
const FETCH_WAIT_MS: &str = "10";

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Subject {
    Engine,
    Bare,
}

/// What a run has shown.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) subject: Subject,
    pub(crate) round: u32,
    pub(crate) commands: u64,
    /// At full speed, without the first 30 %; until everything that came of it was processed too.
    pub(crate) drain: Used,
    /// From RUNNING on.
    pub(crate) drain_whole: Used,
    /// The highest resident memory in the drain.
    pub(crate) peak_mb: f64,
    pub(crate) restore: Option<Restore>,
    pub(crate) paced: Vec<Paced>,
    pub(crate) outcomes: Option<Outcomes>,
    pub(crate) traffic: Traffic,
}

/// From nothing to RUNNING.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Restore {
    /// Changelog offsets.
    pub(crate) records: f64,
    /// From the start of the process.
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mb: f64,
}

/// What a run needs. The server comes last, as it is ended when it is dropped.
pub(crate) struct Site<'a> {
    args: &'a Args,
    subject: Subject,
    broker: Arc<dyn Broker>,
    reading: Arc<dyn Broker>,
    dir: PathBuf,
    kafka: OwnBroker,
}

impl<'a> Site<'a> {
    /// A site for the worker or, if it is said what to write, for the bare client.
    pub(crate) fn new(args: &'a Args, traffic: Option<&Traffic>) -> anyhow::Result<Self> {
        let kafka = OwnBroker::start()?;
        let broker = KafkaBroker::open(KafkaConfig::new(kafka.bootstrap()))?;
        let mut quick = KafkaConfig::new(kafka.bootstrap());
        quick.properties.insert("fetch.wait.max.ms".to_owned(), FETCH_WAIT_MS.to_owned());
        let reading = KafkaBroker::open(quick)?;
        broker.create_topics(&topic_specs(PARTITIONS))?;
        let dir = kafka.dir().join("bench");
        std::fs::create_dir_all(&dir)?;
        let mut subject = Subject::Engine;
        if let Some(traffic) = traffic {
            subject = Subject::Bare;
            let config = StreamsConfig::new(APPLICATION, &dir);
            let topology = pipeline(&PipelineConfig::default())?;
            broker.create_topics(&topology::internal_topics(&topology, &config, &broker.topics()?)?)?;
            std::fs::write(dir.join("traffic.json"), serde_json::to_string(traffic)?)?;
        }
        Ok(Self { args, subject, broker, reading, dir, kafka })
    }

    pub(crate) fn run(self, round: u32) -> anyhow::Result<Run> {
        let mut traffic = Traffic::default();
        let mut sender = Sender::new(&self.broker, self.args.projects)?;
        self.say(round, "projects");
        sender.projects()?;
        self.written(u64::from(self.args.projects))?;
        let mut process = self.start()?;
        self.settled(&mut process, |_| Ok(()))?;
        process.stop()?;

        self.say(round, "writing the commands");
        let first = traffic::ends(&self.broker)?;
        let commands = self.args.commands;
        for _ in 0..commands {
            sender.one()?;
        }
        self.written(u64::from(self.args.projects) + commands)?;
        self.say(round, "draining");
        let mut process = self.start()?;
        let (drain, drain_whole) = self.drain(&mut process, &mut traffic, commands)?;
        let peak_mb = peak_mb(process.id())?;
        let drained = traffic::ends(&self.broker)?;
        traffic.note(&self.broker, DRAIN, (&first, &drained), commands)?;
        let mut restore = None;
        if self.subject == Subject::Engine {
            self.say(round, "restoring");
            process.stop()?;
            (process, restore) = self.restore().map(|(process, restore)| (process, Some(restore)))?;
        }
        let mut paced = Vec::new();
        for rate in RATES.iter().filter(|_| self.args.paced_seconds > 0) {
            self.say(round, &format!("{rate} commands a second"));
            paced.push(self.paced(&mut process, &mut sender, &mut traffic, *rate)?);
        }
        process.stop()?;
        let outcomes = match self.subject {
            Subject::Engine => Some(outcomes::check(&self.broker, &outcome_ends(&first), &sender)?),
            Subject::Bare => None,
        };
        Ok(Run {
            subject: self.subject,
            round,
            commands,
            drain,
            drain_whole,
            peak_mb,
            restore,
            paced,
            outcomes,
            traffic,
        })
    }

    fn say(&self, round: u32, what: &str) {
        eprintln!("{} {round}: {what} ...", self.subject);
    }

    fn start(&self) -> anyhow::Result<Process> {
        let (core, servers) = (self.args.cores.1, self.kafka.bootstrap());
        match self.subject {
            Subject::Engine => {
                let built = Path::new(env!("CARGO_BIN_EXE_syncroboard"));
                let program = std::path::absolute(self.args.worker.as_deref().unwrap_or(built))?;
                let state = self.state_dir();
                let state = state.to_str().context("a path")?;
                let arguments = ["worker", "--kafka", servers, "--threads", "1", "--state-dir", state];
                Process::start(&program, &arguments, &self.dir, core)
            }
            Subject::Bare => {
                let arguments = ["bare", "--kafka", servers, "--group", APPLICATION, "--traffic", "traffic.json"];
                Process::start(&std::env::current_exe()?, &arguments, &self.dir, core)
            }
        }
    }

    fn state_dir(&self) -> PathBuf {
        self.dir.join("state")
    }

    fn reading(&self, process: &Process) -> anyhow::Result<Reading> {
        Reading::now(process.id(), self.kafka.pid())
    }

    /// Waits until the log has so many commands.
    fn written(&self, count: u64) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let ends = commands().map(|p| Ok(self.broker.watermarks(&p)?.1)).collect::<anyhow::Result<Vec<_>>>()?;
            if u64::try_from(ends.iter().sum::<i64>())? >= count {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "{ends:?} of {count} commands are in the log");
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the group has processed all there is, and tells each time how many commands it has.
    fn settled(&self, process: &mut Process, mut told: impl FnMut(u64) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let sources: Vec<_> = commands().collect();
        let ends = sources.iter().map(|p| Ok(self.broker.watermarks(p)?.1)).collect::<anyhow::Result<Vec<_>>>()?;
        let (total, mut done, mut moved) = (ends.iter().sum::<i64>(), -1, Instant::now());
        while done < total {
            process.ensure_alive()?;
            let now = self.broker.committed(APPLICATION, &sources)?.into_iter().flatten().sum::<i64>();
            if now != done {
                (done, moved) = (now, Instant::now());
                told(u64::try_from(done)?)?;
            }
            ensure!(moved.elapsed() < PATIENCE, "{done} of {total} commands are processed");
            std::thread::sleep(LOOK);
        }
        // What came of them, as far as the group reads it.
        loop {
            let ends: Vec<_> = traffic::ends(&self.broker)?.into_iter().filter(|(_, end)| *end > 0).collect();
            let partitions: Vec<_> = ends.iter().map(|(partition, _)| partition.clone()).collect();
            let committed = self.broker.committed(APPLICATION, &partitions)?;
            if committed.iter().zip(&ends).all(|(at, (_, end))| at.is_none_or(|at| at >= *end)) {
                return Ok(());
            }
            ensure!(moved.elapsed() < PATIENCE, "{committed:?} of {ends:?} are processed");
            std::thread::sleep(LOOK);
        }
    }

    fn drain(&self, process: &mut Process, traffic: &mut Traffic, commands: u64) -> anyhow::Result<(Used, Used)> {
        let running = self.reading(process)?;
        let profile = self.profile(process)?;
        let (pid, broker_pid, projects) = (process.id(), self.kafka.pid(), u64::from(self.args.projects));
        let mut warm = None;
        self.settled(process, |done| {
            let done = done.saturating_sub(projects);
            if warm.is_none() && done * 100 >= commands * WARM_UP {
                if self.subject == Subject::Engine {
                    traffic.sample(&self.broker)?;
                }
                warm = Some((done, Reading::now(pid, broker_pid)?));
            }
            Ok(())
        })?;
        let end = self.reading(process)?;
        if let Some(mut perf) = profile {
            Command::new("kill").args(["-INT", &perf.id().to_string()]).status()?;
            perf.wait()?;
        }
        let (at, warm) = warm.context("nothing was processed")?;
        ensure!(at < commands, "too few commands: all of them in the warm-up");
        Ok((end.since(&warm, commands - at), end.since(&running, commands)))
    }

    fn profile(&self, process: &Process) -> anyhow::Result<Option<Child>> {
        let Some(file) = self.args.perf.as_ref().filter(|_| self.subject == Subject::Engine) else { return Ok(None) };
        let mut perf = Command::new("perf");
        perf.args(["record", "-F", "499", "-g", "-e", "cpu-clock", "-p", &process.id().to_string(), "-o"]).arg(file);
        Ok(Some(perf.spawn().context("perf is needed")?))
    }

    fn restore(&self) -> anyhow::Result<(Process, Restore)> {
        std::fs::remove_dir_all(self.state_dir())?;
        let process = self.start()?;
        let reading = self.reading(&process)?;
        let restore = Restore {
            records: process.counter("kafka_streams_state_restore_total")?,
            seconds: process.took.as_secs_f64(),
            cpu_seconds: Duration::from_micros(reading.worker_us()).as_secs_f64(),
            peak_mb: peak_mb(process.id())?,
        };
        Ok((process, restore))
    }

    fn paced(
        &self,
        process: &mut Process,
        sender: &mut Sender,
        traffic: &mut Traffic,
        rate: u32,
    ) -> anyhow::Result<Paced> {
        let part = paced_part(rate);
        if self.subject == Subject::Bare {
            process.tell(&part)?;
        }
        let before = traffic::ends(&self.broker)?;
        let (from, seconds) = (outcome_ends(&before), self.args.paced_seconds);
        let paced = paced(&self.reading, &from, sender, rate, seconds, || self.reading(process))?;
        self.settled(process, |_| Ok(()))?;
        let after = traffic::ends(&self.broker)?;
        traffic.note(&self.broker, &part, (&before, &after), u64::from(rate) * u64::from(seconds))?;
        Ok(paced)
    }
}

/// A paced part, in [`Traffic`].
pub(crate) fn paced_part(rate: u32) -> String {
    format!("paced {rate}")
}

fn commands() -> impl Iterator<Item = TopicPartition> {
    (0..PARTITIONS).map(|p| TopicPartition::new(TICKET_COMMANDS, p))
}

fn outcome_ends(ends: &Ends) -> Vec<(TopicPartition, i64)> {
    ends.iter().filter(|(p, _)| &*p.topic == COMMAND_OUTCOMES).map(|(p, end)| (p.clone(), *end)).collect()
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Engine => "engine",
            Self::Bare => "bare",
        })
    }
}
