//! GET board from the cache in Redis, against a plain axum handler that sends the same bytes: requests a second on one core.
//!
//!     cargo bench --profile dev -p syncroboard-api --bench board
//!
//! The server process is held on the first core; wrk (of that Debian package) and Redis have the second. Both are asked in turns.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a benchmark may fail where it stands"
)]

#[path = "../../tests/support/services.rs"]
mod services;
#[allow(dead_code, unused_imports, reason = "made for the tests of the API")]
#[path = "../tests/api/support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use api::auth::{Identity, issue_token};
use api::{AppState, Limits, Parts, Readiness};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bytes::Bytes;
use connectors::redis::{RedisBoardCache, RedisOptions};
use connectors::webhook::Policy;
use serde_json::Value;
use tokio::net::TcpListener;
use topology::trace::Tracing;

const TICKETS: i64 = 100;
const ROUNDS: usize = 5;
const SECONDS: u64 = 4;
const CONNECTIONS: usize = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--serve") {
        Some(at) => serve(&arguments[at + 1]),
        None => compare(),
    }
}

/// Both servers in one process, until it is killed.
fn serve(redis: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let world = support::World::new();
        for number in 1..=TICKETS {
            world.ticket(number, "A title of sixty characters, as people write them, more or less");
        }
        let parts = Parts {
            gateway: world.log.clone(),
            read_model: world.model.clone(),
            accounts: Arc::new(support::AccountsAway),
            webhook_targets: Policy::default(),
            boards: Arc::new(RedisBoardCache::new(RedisOptions::new(redis)).unwrap()),
            secret: world.secret.clone(),
            metrics: prometheus::Registry::new(),
            readiness: Arc::new(|| Readiness::Ready),
            verify: Arc::new(|| Box::pin(async { Ok(Vec::new()) })),
            tracing: Tracing::off(),
            limits: Limits::default(),
            rate_limiter: None,
            origins: api::Origins::default(),
            unsubscribe_key: support::UNSUBSCRIBE_KEY.to_vec(),
            mails: None,
        };
        let body = Bytes::from(world.get("bob", "/projects/WEB/board").await.text);
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["columns"][0]["count"], TICKETS);
        let bytes = body.len();
        let plain = async move || ([(CONTENT_TYPE, "application/json")], body.clone());
        let listeners = [listener().await, listener().await];
        let [board_at, plain_at] = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let bob = Identity::new("bob@example.org", "bob", false);
        let token = issue_token(&world.secret, &bob, Duration::from_hours(1)).unwrap();
        println!("{board_at} {plain_at} {token} {bytes}");
        let [board, plain_listener] = listeners;
        let api = tokio::spawn(api::serve(board, AppState::new(parts).unwrap(), std::future::pending()));
        let plain_router = Router::new().route("/projects/{id}/board", get(plain));
        tokio::spawn(async move { axum::serve(plain_listener, plain_router).await });
        api.await.unwrap().unwrap();
    });
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn compare() {
    let redis = services::OwnRedis::new(&[]);
    let pid = std::fs::read_to_string(redis.dir().join("pid")).unwrap();
    let pinned = Command::new("taskset").args(["-cp", "1", pid.trim()]).stdout(Stdio::null()).status();
    assert!(pinned.expect("taskset, of util-linux").success());
    let mut server = Command::new("taskset");
    server.args(["-c", "0"]).arg(std::env::current_exe().unwrap()).args(["--serve", redis.url()]);
    let mut server = server.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let [board, plain, token, bytes] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line:?}") };
    wrk(board, token, 1);
    let mut rates: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    let mut costs: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (which, at) in [plain, board].into_iter().enumerate() {
            let before = cpu_us(server.id());
            let (rate, requests) = wrk(at, token, SECONDS);
            rates[which].push(rate);
            costs[which].push((cpu_us(server.id()) - before) / requests);
        }
    }
    server.kill().unwrap();
    server.wait().unwrap();
    println!(
        "a board of {TICKETS} tickets, {bytes} bytes; medians of {ROUNDS} rounds of {SECONDS} s, {CONNECTIONS} connections"
    );
    for (which, name) in ["plain axum handler", "GET board from the cache"].into_iter().enumerate() {
        let (rate, cost) = (median(&mut rates[which]), median(&mut costs[which]));
        let own = 1e6 / cost;
        println!("{name}: {rate:.0}/s; {cost:.1} us of CPU a request, so {own:.0}/s of a core that it has for itself");
    }
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// CPU time of a process, in microseconds: fields 14 and 15, in ticks of 10 ms.
fn cpu_us(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at - 3].parse::<f64>().unwrap();
    (ticks(14) + ticks(15)) * 10_000.0
}

/// Requests a second, and in all, each of which must have been answered with 2xx.
fn wrk(at: &str, token: &str, seconds: u64) -> (f64, f64) {
    let mut wrk = Command::new("taskset");
    wrk.args(["-c", "1", "wrk", "-t1"]).arg(format!("-c{CONNECTIONS}")).arg(format!("-d{seconds}s"));
    wrk.arg("-H").arg(format!("Authorization: Bearer {token}")).arg(format!("http://{at}/projects/WEB/board"));
    let output = wrk.output().expect("wrk, of the package wrk");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")).expect("a rate");
    let requests = text.lines().find_map(|line| line.split_once(" requests in ")).expect("a count");
    (rate.trim().parse().unwrap(), requests.0.trim().parse().unwrap())
}
