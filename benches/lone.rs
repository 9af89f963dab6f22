//! A lone command through HTTP: one client that sends the next one when the last one is answered, to `syncroboard dev`, with either way to
//! keep the log.
//!
//! `cargo bench --profile dev --bench lone -- [--commands N]`

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use reqwest::blocking::Client;
use serde_json::json;

const BIN: &str = env!("CARGO_BIN_EXE_syncroboard");
const USER: &str = "bench@example.org";

#[derive(Debug, Parser)]
struct Args {
    /// Commands that are measured, after a tenth that is not.
    #[arg(long, default_value_t = 3_000)]
    commands: usize,

    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Ends with this.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    println!("| `embedded.sync` | p50, ms | p99, ms | most, ms |\n|---|---|---|---|");
    for sync in ["os", "commit"] {
        let dir = tempfile::tempdir()?;
        let times = measure(dir.path(), sync, args.commands)?;
        println!("{}", row(&format!("`{sync}`"), times));
    }
    println!("{}", row("a file's `fdatasync` after 4 KiB", flushes(args.commands)?));
    Ok(())
}

/// How long each command took from being sent to being answered, as created.
fn measure(dir: &Path, sync: &str, commands: usize) -> anyhow::Result<Vec<Duration>> {
    let (_server, address) = start(dir, sync)?;
    let token = Command::new(BIN).args(["token", "--user", USER, "--admin", "--data-dir"]).arg(dir).output()?;
    let token = String::from_utf8(token.stdout)?;
    let token = token.lines().last().context("no token")?.to_owned();
    let client = Client::new();
    let post = |path: &str, body: serde_json::Value| -> anyhow::Result<()> {
        let answer = client.post(format!("{address}{path}")).bearer_auth(&token).json(&body).send()?;
        let status = answer.status().as_u16();
        ensure!(status == 201, "{path}: {status} {}", answer.text()?);
        answer.bytes()?;
        Ok(())
    };
    post("/projects", json!({ "key": "BENCH", "name": "Bench" }))?;
    let mut times = Vec::with_capacity(commands);
    for n in 0..commands + commands / 10 {
        let body = json!({ "title": format!("Ticket {n}"), "description": "x".repeat(300) });
        let sent = Instant::now();
        post("/projects/BENCH/tickets", body)?;
        if n >= commands / 10 {
            times.push(sent.elapsed());
        }
    }
    Ok(times)
}

/// `syncroboard dev`, once it runs, and where.
fn start(dir: &Path, sync: &str) -> anyhow::Result<(Server, String)> {
    let mut command = Command::new(BIN);
    command.args(["dev", "--data-dir"]).arg(dir).env("SYNCROBOARD__API__LISTEN", "127.0.0.1:0");
    command.env("SYNCROBOARD__EMBEDDED__SYNC", sync).env("SYNCROBOARD__LOG__FILTER", "warn");
    let mut server = Server(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let said = server.0.stdout.take().context("no output")?;
    for line in BufReader::new(said).lines() {
        if let Some((state, address)) = line?.split_once("listen=")
            && state.starts_with("state=RUNNING")
        {
            return Ok((server, address.trim_end_matches('/').to_owned()));
        }
    }
    anyhow::bail!("the server has ended")
}

/// What the disk takes for one flush, where the log is too.
fn flushes(count: usize) -> anyhow::Result<Vec<Duration>> {
    let mut file = tempfile::tempfile()?;
    let mut flush = || -> anyhow::Result<Duration> {
        let begun = Instant::now();
        file.write_all(&[7; 4_096])?;
        file.sync_data()?;
        Ok(begun.elapsed())
    };
    (0..count).map(|_| flush()).collect()
}

fn row(name: &str, mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    format!("| {name} | {:.2} | {:.2} | {:.2} |", at(50), at(99), at(100))
}
