//! The process that is measured: the worker, or the bare client; each says `state=RUNNING` when it works.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// How long it may take to start, to stop, and to restore.
const PATIENCE: Duration = Duration::from_secs(300);

/// A process held on one core.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    /// From its start to RUNNING.
    pub(crate) took: Duration,
    /// What it said when it was RUNNING.
    running: String,
}

impl Process {
    /// Starts it, and waits until it is RUNNING.
    pub(crate) fn start(program: &Path, arguments: &[&str], dir: &Path, core: usize) -> anyhow::Result<Self> {
        let mut command = Command::new("taskset");
        command.arg("-c").arg(core.to_string()).arg(program).args(arguments).current_dir(dir);
        command.env("SYNCROBOARD__LOG__FILTER", "warn").stdin(Stdio::piped()).stdout(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn().context("taskset is needed (Debian: util-linux)")?;
        let out = BufReader::new(child.stdout.take().context("no standard output")?);
        let (line, lines) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|l| line.send(l)));
        let mut process = Self { child, lines, took: Duration::ZERO, running: String::new() };
        while !process.running.starts_with("state=RUNNING") {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            process.running = process.lines.recv_timeout(left).context("it does not run")?;
        }
        process.took = begun.elapsed();
        Ok(process)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails if it has ended.
    pub(crate) fn ensure_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => anyhow::bail!("it ended: {status}"),
            None => Ok(()),
        }
    }

    /// Says a line to it.
    pub(crate) fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let stdin = self.child.stdin.as_mut().context("no standard input")?;
        Ok(writeln!(stdin, "{line}").and_then(|()| stdin.flush())?)
    }

    /// The sum of a counter over all its labels.
    pub(crate) fn counter(&self, name: &str) -> anyhow::Result<f64> {
        let address = self.running.split_once("listen=http://").map(|(_, rest)| rest.trim_end_matches('/'));
        let mut stream = TcpStream::connect(address.context("it does not say where it listens")?)?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let values =
            answer.lines().filter(|l| l.starts_with(name)).filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        anyhow::ensure!(Command::new("kill").arg(self.id().to_string()).status()?.success(), "kill");
        self.child.wait()?;
        Ok(())
    }
}

/// Whatever fails, nothing runs on.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Holds this process, and what it starts from now on, on one core.
pub(crate) fn pin_this(core: usize) -> anyhow::Result<()> {
    let me = std::process::id().to_string();
    let mut command = Command::new("taskset");
    command.args(["-c", "-p"]).arg(core.to_string()).arg(me).stdout(Stdio::null());
    anyhow::ensure!(command.status().context("taskset is needed")?.success(), "cannot be held on core {core}");
    Ok(())
}
