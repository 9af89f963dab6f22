//! `syncroboard bench`: the pipeline on the embedded broker, drained at full speed and then paced, in a directory of its own.

mod load;
mod measure;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use processors::{PipelineConfig, pipeline, topic_specs};
use serde::Serialize;
use topology::broker::Broker;
use topology::{State, Streams, StreamsConfig};

use crate::exit::Failed;
use load::Load;

const PARTITIONS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(600);

/// What `syncroboard bench` takes.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Commands to drain: 60 % create, 30 % move, 9 % comment, 1 % repeats.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    commands: u64,

    /// Projects that they are spread over.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    projects: u32,

    /// Stream threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,

    /// Commands a second in the paced part, from which the latencies are; 0 leaves it out.
    #[arg(long, default_value_t = 2_000)]
    paced: u32,

    /// Seconds of the paced part.
    #[arg(long, default_value_t = 10)]
    paced_seconds: u32,

    /// Afterwards delete the stores and restore them whole from their changelogs.
    #[arg(long)]
    restore: bool,

    /// Leave flushing to the operating system (`embedded.sync = "os"`).
    #[arg(long)]
    sync_os: bool,

    /// Work in this directory, and keep it; it must not exist [default: one in the system's temporary directory].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    commands: u64,
    projects: u32,
    threads: u8,
    /// Drained, from the first poll to the last commit.
    commands_per_s: f64,
    /// CPU time of the stream threads for each command, in microseconds.
    cpu_us_per_command: f64,
    /// CPU time of the whole process for each command while draining, in microseconds.
    process_cpu_us_per_command: f64,
    /// From handing a command to the producer to reading its outcome, at the paced rate, in milliseconds.
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    p999_ms: Option<f64>,
    /// Highest resident memory, in MB.
    rss_mb: f64,
    /// From starting the pipeline again on what it has made, to RUNNING, in milliseconds.
    restart_ms: f64,
    /// With --restore: changelog records in all, and how many a second from the start to RUNNING.
    restored: Option<u64>,
    restored_per_s: Option<f64>,
    /// CPU time of the stream threads, and of the whole process, for each of them, in microseconds.
    restore_cpu_us: Option<f64>,
    restore_process_cpu_us: Option<f64>,
    accepted: u64,
    rejected: u64,
    duplicates: u64,
}

pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode, Failed> {
    let (dir, keep) = match &args.dir {
        Some(dir) if dir.exists() => return Err(Failed::usage(format!("--dir {}: it exists already", dir.display()))),
        Some(dir) => (dir.clone(), true),
        None => (std::env::temp_dir().join(format!("syncroboard-bench-{}", std::process::id())), false),
    };
    std::fs::create_dir_all(&dir)?;
    let done = measure_in(args, &dir);
    if !keep {
        std::fs::remove_dir_all(&dir)?;
    }
    let report = done?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", text(&report)?);
    }
    Ok(if report.rejected == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn measure_in(args: &BenchArgs, dir: &std::path::Path) -> anyhow::Result<Report> {
    let mut config = EmbeddedConfig::new(dir.join("log"));
    config.sync = if args.sync_os { SyncMode::Os } else { SyncMode::Commit };
    let broker: Arc<dyn Broker> = EmbeddedBroker::open(config)?;
    broker.create_topics(&topic_specs(PARTITIONS))?;
    let topology = pipeline(&PipelineConfig::default())?;
    let mut streams_config = StreamsConfig::new("bench", dir.join("state"));
    streams_config.threads = usize::from(args.threads);
    let mut load = Load::new(&broker, PARTITIONS, args.projects)?;
    progress(args, "making projects");
    let start = |config: &StreamsConfig| -> anyhow::Result<Streams> {
        let streams = Streams::start(&topology, config, &broker)?;
        anyhow::ensure!(streams.wait_for(State::Running, PATIENCE), "the pipeline did not start: {}", streams.state());
        Ok(streams)
    };
    load.projects()?;
    let streams = start(&streams_config)?;
    measure::drained(&broker, "bench", &streams)?;
    streams.close()?;

    progress(args, "writing the commands");
    let before = measure::outcome_ends(&broker)?;
    load.commands(args.commands)?;
    progress(args, "draining");
    let cpu = measure::process_cpu_us();
    let streams = start(&streams_config)?;
    let drain = measure::drained(&broker, "bench", &streams)?;
    let process_cpu = measure::process_cpu_us() - cpu;
    let counts = streams.metrics().counts();
    anyhow::ensure!(counts.failed == 0, "{} records were dead-lettered", counts.failed);

    let latencies =
        if args.paced == 0 { None } else { Some(measure::paced(&broker, &mut load, args.paced, args.paced_seconds)?) };
    let rss_mb = measure::peak_rss_mb();
    streams.close()?;
    let restarting = std::time::Instant::now();
    let streams = start(&streams_config)?;
    let restart_ms = restarting.elapsed().as_secs_f64() * 1e3;
    streams.close()?;
    let restored = if args.restore {
        progress(args, "restoring");
        std::fs::remove_dir_all(dir.join("state"))?;
        let cpu = measure::process_cpu_us();
        let restoring = std::time::Instant::now();
        let streams = start(&streams_config)?;
        let took = restoring.elapsed();
        // The threads tell their CPU time every 200 ms.
        let _ = streams.wait_for(State::NotRunning, Duration::from_millis(700));
        let counts = streams.metrics().counts();
        let process_cpu = measure::process_cpu_us() - cpu;
        streams.close()?;
        Some((counts.restored, took, counts.cpu_us, process_cpu))
    } else {
        None
    };
    progress(args, "checking the outcomes");
    let outcomes = measure::outcomes(&broker, &before, args.commands)?;
    let per_command = |us: u64| us as f64 / args.commands as f64;
    Ok(Report {
        commands: args.commands,
        projects: args.projects,
        threads: args.threads,
        commands_per_s: args.commands as f64 / drain.took.as_secs_f64(),
        cpu_us_per_command: per_command(drain.cpu_us),
        process_cpu_us_per_command: per_command(process_cpu),
        p50_ms: latencies.as_ref().map(|l| l.quantile(0.5)),
        p99_ms: latencies.as_ref().map(|l| l.quantile(0.99)),
        p999_ms: latencies.as_ref().map(|l| l.quantile(0.999)),
        rss_mb,
        restart_ms,
        restored: restored.map(|(count, ..)| count),
        restored_per_s: restored.map(|(count, took, ..)| count as f64 / took.as_secs_f64()),
        restore_cpu_us: restored.map(|(count, _, cpu_us, _)| cpu_us as f64 / count as f64),
        restore_process_cpu_us: restored.map(|(count, .., cpu_us)| cpu_us as f64 / count as f64),
        accepted: outcomes.accepted,
        rejected: outcomes.rejected,
        duplicates: outcomes.duplicates,
    })
}

fn progress(args: &BenchArgs, what: &str) {
    if !args.json {
        eprintln!("{what} ...");
    }
}

fn text(report: &Report) -> anyhow::Result<String> {
    let serde_json::Value::Object(fields) = serde_json::to_value(report)? else { return Ok(String::new()) };
    let line = |(name, value): (String, serde_json::Value)| match value.as_f64() {
        Some(number) if value.is_f64() => format!("{name:28}{number:.1}\n"),
        _ => format!("{name:28}{value}\n"),
    };
    Ok(fields.into_iter().map(line).collect())
}
