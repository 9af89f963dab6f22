//! What processes have used: CPU by process and by thread, and memory; as Linux tells it.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Context as _;
use serde::Serialize;

/// A tick of /proc, on every Linux.
const TICK_US: u64 = 10_000;

/// What was used up to a moment.
pub(crate) struct Reading {
    at: Instant,
    worker: BTreeMap<String, u64>,
    worker_us: u64,
    broker_us: u64,
}

/// What was used between two moments, for each command.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Used {
    pub(crate) commands: u64,
    pub(crate) seconds: f64,
    /// CPU of the whole worker, in microseconds a command.
    pub(crate) worker_us: f64,
    pub(crate) broker_us: f64,
    /// The same by the names of the worker's threads.
    pub(crate) threads: BTreeMap<String, f64>,
}

impl Reading {
    pub(crate) fn now(worker: u32, broker: u32) -> anyhow::Result<Self> {
        let mut threads: BTreeMap<String, u64> = BTreeMap::new();
        for task in std::fs::read_dir(format!("/proc/{worker}/task"))? {
            // It may have ended meanwhile.
            let Ok(stat) = std::fs::read_to_string(task?.path().join("stat")) else { continue };
            let (name, us) = parse(&stat)?;
            *threads.entry(name).or_default() += us;
        }
        let of = |pid: u32| Ok::<_, anyhow::Error>(parse(&std::fs::read_to_string(format!("/proc/{pid}/stat"))?)?.1);
        Ok(Self { at: Instant::now(), worker: threads, worker_us: of(worker)?, broker_us: of(broker)? })
    }

    /// What was used since an earlier one, in which so many commands were processed.
    pub(crate) fn since(&self, earlier: &Self, commands: u64) -> Used {
        let per_command = |now: u64, then: u64| now.saturating_sub(then) as f64 / commands as f64;
        let then = |name: &String| earlier.worker.get(name).copied().unwrap_or_default();
        Used {
            commands,
            seconds: (self.at - earlier.at).as_secs_f64(),
            worker_us: per_command(self.worker_us, earlier.worker_us),
            broker_us: per_command(self.broker_us, earlier.broker_us),
            threads: self.worker.iter().map(|(name, us)| (name.clone(), per_command(*us, then(name)))).collect(),
        }
    }

    /// User and system time of the whole worker so far, in microseconds.
    pub(crate) fn worker_us(&self) -> u64 {
        self.worker_us
    }
}

impl Used {
    pub(crate) fn per_second(&self) -> f64 {
        self.commands as f64 / self.seconds
    }
}

/// The highest resident memory of a process so far, in MB.
pub(crate) fn peak_mb(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().strip_suffix(" kB")).and_then(|n| n.parse::<f64>().ok());
    Ok(kib.context("no VmHWM")? * 1024.0 / 1e6)
}

/// Name, and user and system time, of a line of /proc/.../stat. The name is in brackets and may have brackets in it.
fn parse(stat: &str) -> anyhow::Result<(String, u64)> {
    let (before, after) = stat.rsplit_once(')').context("no name in brackets")?;
    let name = before.split_once('(').map_or("", |(_, name)| name);
    let mut fields = after.split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|n| n.parse::<u64>().ok()).context("no times");
    Ok((name.to_owned(), (ticks()? + ticks()?) * TICK_US))
}
