//! The pipeline on Apache Kafka at full speed and paced, in turn with a client that does the same to Kafka without an engine.
//!
//! `cargo bench --profile dev --bench kafka -- [--commands N] [--rounds N] [--paced-seconds S]`
//!
//! A bench target and not part of `syncroboard bench`: the bare client is written on rdkafka, which the binary does not name, and it
//! and the worker are processes of their own, so that each can be held on its core and its CPU be read.

mod bare;
mod broker;
#[path = "../../src/bench/load.rs"]
#[allow(dead_code, reason = "shared with `syncroboard bench`, which uses the rest")]
mod load;
mod outcomes;
mod paced;
mod process;
#[path = "../../src/sample/random.rs"]
#[allow(dead_code, reason = "shared with the sample, which uses the rest")]
mod random;
mod report;
mod run;
mod sender;
mod traffic;
mod usage;
mod sample {
    //! Where the load looks for it.
    pub(crate) use crate::random;
}

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use run::{Run, Site};
use traffic::Traffic;

/// Partitions of every topic.
const PARTITIONS: u32 = 4;
/// Commands a second of the paced parts.
const RATES: [u32; 2] = [2_000, 10_000];
/// How much of each part is let pass before anything is measured, in percent.
const WARM_UP: u64 = 30;

#[derive(Debug, Parser)]
#[command(name = "kafka")]
struct Args {
    /// Commands to drain: 60 % create, 30 % move, 9 % comment, 1 % repeats.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    commands: u64,

    /// Projects that they are spread over.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    projects: u32,

    /// How often worker and bare client run in turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,

    /// Seconds of each paced part; 0 leaves them out.
    #[arg(long, default_value_t = 60)]
    paced_seconds: u32,

    /// The broker's core, which load and reader share, and the worker's.
    #[arg(long, default_value = "0,1", value_parser = cores)]
    cores: (usize, usize),

    /// Runs the worker alone.
    #[arg(long)]
    engine_only: bool,

    /// Runs the bare client alone, with what this file of an earlier run of the worker says, perhaps edited, is to be written.
    #[arg(long, value_name = "FILE", conflicts_with = "engine_only")]
    traffic: Option<PathBuf>,

    /// Where each run's figures go, one JSON file a run.
    #[arg(long, value_name = "DIR", default_value = ".services/bench-kafka")]
    out: PathBuf,

    /// The worker's binary [default: the one that was built with this].
    #[arg(long, value_name = "FILE")]
    worker: Option<PathBuf>,

    /// Profiles the worker with perf while it drains, into this file.
    #[arg(long, value_name = "FILE")]
    perf: Option<PathBuf>,

    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,

    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// What the benchmark starts beside the worker.
    #[command(hide = true)]
    Bare(bare::BareArgs),
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(Part::Bare(args)) = &args.part {
        return bare::run(args);
    }
    process::pin_this(args.cores.0)?;
    std::fs::create_dir_all(&args.out)?;
    let mut runs: Vec<Run> = Vec::new();
    let given = args.traffic.as_deref().map(Traffic::of_run).transpose()?;
    for round in 1..=args.rounds {
        let traffic = match &given {
            Some(traffic) => traffic.clone(),
            None => {
                let engine = Site::new(&args, None)?.run(round)?;
                keep(&args, &engine)?;
                runs.push(engine);
                runs[runs.len() - 1].traffic.clone()
            }
        };
        if !args.engine_only {
            let bare = Site::new(&args, Some(&traffic))?.run(round)?;
            keep(&args, &bare)?;
            traffic.ensure_written(&bare.traffic)?;
            runs.push(bare);
        }
    }
    print!("{}", report::tables(&runs));
    Ok(())
}

fn keep(args: &Args, run: &Run) -> anyhow::Result<()> {
    let path = args.out.join(format!("{}-{}.json", run.subject, run.round));
    std::fs::write(&path, serde_json::to_string_pretty(run)?)?;
    eprintln!("{}", report::line(run));
    Ok(())
}

fn cores(text: &str) -> Result<(usize, usize), String> {
    let pair = text.split_once(',').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    pair.ok_or_else(|| "two numbers with a comma between, as in 0,1".to_owned())
}
