//! Clients that create tickets at once and do not give up: each sends a command, one by one or in bulk, until it is
//! acknowledged, whatever happens to the server meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use reqwest::{Response, StatusCode};
use schemas::ids;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};
use uuid::Uuid;

use crate::oracle::Acknowledged;
use crate::support::{ADMIN, Server, http};

/// One client in so many sends its commands in bulk.
const BULK_EVERY: usize = 4;
/// Commands in one bulk request.
const BULK_LINES: usize = 24;
/// Tickets of a load that goes on until it is told to end: more than there will ever be.
pub(crate) const ENDLESS: usize = 1 << 40;
/// When a request failed although no other server has come up: how long until the next try.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the server is at the moment, if it is up.
pub(crate) type Address = Option<Arc<str>>;

/// What is to be created.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) projects: Vec<String>,
    pub(crate) tickets: usize,
    pub(crate) clients: usize,
    pub(crate) seed: u64,
}

/// The seed in `KILL_SEED`, or one of its own each time.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("KILL_SEED").ok().map(|seed| seed.parse().expect("KILL_SEED is a number"));
    given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// Makes projects, all at once.
pub(crate) fn make_projects(server: &Server, token: &str, keys: &[String]) {
    let line = |key: &String| format!("{}\n", json!({"type": "CreateProject", "key": key, "name": key}));
    let request = http().post(format!("{}/commands:bulk", server.url)).bearer_auth(token);
    let body: String = keys.iter().map(line).collect();
    let answers = request.header("content-type", "application/x-ndjson").body(body).send().unwrap().text().unwrap();
    assert_eq!(answers.matches("\"accepted\"").count(), keys.len(), "{answers}");
}

/// Clients at work.
pub(crate) struct Load {
    runtime: Runtime,
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<Acknowledged>>>,
    server: watch::Sender<Address>,
    acknowledged: watch::Receiver<usize>,
}

struct Shared {
    plan: Plan,
    token: String,
    http: reqwest::Client,
    next: AtomicUsize,
    in_flight: AtomicUsize,
    cut: AtomicUsize,
    acknowledged: watch::Sender<usize>,
    /// When the next command may be sent, if they have a pace.
    pace: Option<Mutex<Interval>>,
}

impl Load {
    /// Lets the clients loose; they wait until they are told where the server is.
    pub(crate) fn start(plan: Plan, token: String) -> Self {
        Self::start_at_pace(plan, token, None)
    }

    /// As [`Self::start`], with so much time between two commands, and until [`Self::end`].
    pub(crate) fn endless(plan: Plan, token: String, pace: Duration) -> Self {
        Self::start_at_pace(Plan { tickets: ENDLESS, ..plan }, token, Some(pace))
    }

    fn start_at_pace(plan: Plan, token: String, pace: Option<Duration>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let pace = pace.map(|pace| {
            let _runtime = runtime.enter();
            let mut pace = interval(pace);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(pace)
        });
        let (server, address) = watch::channel(None);
        let (sender, acknowledged) = watch::channel(0);
        let shared = Arc::new(Shared {
            plan,
            token,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            next: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            cut: AtomicUsize::new(0),
            acknowledged: sender,
            pace,
        });
        let client = |number: usize| {
            let random = SmallRng::seed_from_u64(shared.plan.seed ^ (number as u64 + 1));
            let client = Client { shared: shared.clone(), server: address.clone(), random };
            runtime.spawn(client.run(number.is_multiple_of(BULK_EVERY)))
        };
        let clients = (0..shared.plan.clients).map(client).collect();
        Self { runtime, shared, clients, server, acknowledged }
    }

    /// Tells the clients where the server is now.
    pub(crate) fn server_is_at(&self, url: &str) {
        self.server.send_replace(Some(url.into()));
    }

    /// Tells the clients that the server is gone.
    pub(crate) fn server_is_gone(&self) {
        self.server.send_replace(None);
    }

    /// Requests that have no whole answer yet.
    pub(crate) fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// Requests that were broken off, so far.
    pub(crate) fn cut(&self) -> usize {
        self.shared.cut.load(Ordering::SeqCst)
    }

    /// Commands acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        *self.acknowledged.borrow()
    }

    /// Waits until so many commands are acknowledged. Fails when that takes too long: a client may have failed.
    pub(crate) fn wait_for(&mut self, count: usize) {
        let acknowledged = &mut self.acknowledged;
        let reached = self.runtime.block_on(async {
            let enough = acknowledged.wait_for(|&now| now >= count);
            tokio::time::timeout(Duration::from_mins(5), enough).await.is_ok_and(|reached| reached.is_ok())
        });
        assert!(reached, "only {} of {count} were acknowledged in five minutes", self.acknowledged());
    }

    /// Waits until every command is acknowledged, and tells what the clients were told.
    pub(crate) fn finish(self) -> Vec<Acknowledged> {
        let tickets = self.shared.plan.tickets;
        self.finish_at(tickets)
    }

    /// No further command is begun; waits until those that were are acknowledged. What the clients were told, and how many tickets
    /// they were to make.
    pub(crate) fn end(self) -> (Vec<Acknowledged>, usize) {
        // Whoever takes a number from now on takes one that is too high.
        let begun = self.shared.next.fetch_add(ENDLESS, Ordering::Relaxed).min(self.shared.plan.tickets);
        (self.finish_at(begun), begun)
    }

    fn finish_at(mut self, tickets: usize) -> Vec<Acknowledged> {
        self.wait_for(tickets);
        let clients = std::mem::take(&mut self.clients);
        clients.into_iter().flat_map(|client| self.runtime.block_on(client).unwrap()).collect()
    }

    /// Stops the clients as they are.
    pub(crate) fn abandon(self) {
        self.runtime.shutdown_background();
    }
}

impl Shared {
    /// Waits until so many further commands may be sent.
    async fn paced(&self, commands: usize) {
        for _ in 0..commands {
            if let Some(pace) = &self.pace {
                pace.lock().await.tick().await;
            }
        }
    }
}

/// One command.
#[derive(Debug, Clone, Copy)]
struct Order<'a> {
    index: usize,
    project: &'a str,
}

impl Order<'_> {
    fn idempotency_key(self) -> String {
        format!("order-{}", self.index)
    }

    /// The same, whichever way it is sent.
    fn command_id(self) -> Uuid {
        Uuid::new_v5(&ids::user_id(ADMIN), self.idempotency_key().as_bytes())
    }

    fn title(self) -> String {
        format!("Ticket of order {}", self.index)
    }

    fn line(self) -> String {
        let (id, title) = (self.command_id(), self.title());
        let line = json!({"type": "CreateTicket", "commandId": id, "project": self.project, "title": title});
        format!("{line}\n")
    }

    fn acknowledged(self, number: i64) -> Acknowledged {
        Acknowledged { project: ids::project_id(self.project), command: self.command_id(), number }
    }
}

struct Client {
    shared: Arc<Shared>,
    server: watch::Receiver<Address>,
    random: SmallRng,
}

impl Client {
    async fn run(mut self, in_bulk: bool) -> Vec<Acknowledged> {
        let shared = self.shared.clone();
        let (plan, size) = (&shared.plan, if in_bulk { BULK_LINES } else { 1 });
        let mut told = Vec::new();
        loop {
            let begin = shared.next.fetch_add(size, Ordering::Relaxed);
            if begin >= plan.tickets {
                return told;
            }
            shared.paced(size).await;
            let order = |index| Order { index, project: &plan.projects[index % plan.projects.len()] };
            let orders: Vec<_> = (begin..plan.tickets.min(begin + size)).map(order).collect();
            if in_bulk {
                self.send_bulk(&orders, &mut told).await;
            } else {
                self.send_one(orders[0], &mut told).await;
            }
            shared.acknowledged.send_modify(|count| *count += orders.len());
        }
    }

    /// Sends a command until it is acknowledged; now and then twice at once, or again the other way.
    async fn send_one(&mut self, order: Order<'_>, told: &mut Vec<Acknowledged>) {
        match self.random.random_range(0..50) {
            0 => {
                let (first, second) = tokio::join!(self.post(order), self.post(order));
                assert_eq!(first, second, "one command, two numbers");
                told.extend([order.acknowledged(first), order.acknowledged(second)]);
            }
            1 => {
                told.push(order.acknowledged(self.post(order).await));
                self.send_bulk(&[order], told).await;
            }
            _ => told.push(order.acknowledged(self.post(order).await)),
        }
    }

    /// The number that the ticket got.
    async fn post(&self, order: Order<'_>) -> i64 {
        loop {
            let base = self.base().await;
            let request = self.shared.http.post(format!("{base}/projects/{}/tickets", order.project));
            let request = request.bearer_auth(&self.shared.token).header("idempotency-key", order.idempotency_key());
            let underway = Underway::new(&self.shared);
            let number = match request.json(&json!({"title": order.title()})).send().await {
                // One of two that were sent at once, or the one before is not over although its client has given it up.
                Ok(response) if response.status() == StatusCode::CONFLICT => {
                    let problem: Value = response.json().await.unwrap_or_default();
                    assert!(
                        ["request_in_flight", ""].contains(&problem["code"].as_str().unwrap_or_default()),
                        "{problem}"
                    );
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Ok(response) => number_in(response).await,
                Err(_) => None,
            };
            drop(underway);
            match number {
                Some(number) => return number,
                None => self.after_fault(&base).await,
            }
        }
    }

    /// Sends lines until each is acknowledged.
    async fn send_bulk(&self, orders: &[Order<'_>], told: &mut Vec<Acknowledged>) {
        let mut open = orders.to_vec();
        while !open.is_empty() {
            let base = self.base().await;
            let request = self.shared.http.post(format!("{base}/commands:bulk")).bearer_auth(&self.shared.token);
            let body: String = open.iter().map(|order| order.line()).collect();
            let underway = Underway::new(&self.shared);
            let mut answered = vec![None; open.len()];
            if let Ok(response) = request.header("content-type", "application/x-ndjson").body(body).send().await {
                numbers_in(response, &mut answered).await;
            }
            drop(underway);
            let mut answers = answered.into_iter();
            open.retain(|order| match answers.next().flatten() {
                Some(number) => {
                    told.push(order.acknowledged(number));
                    false
                }
                None => true,
            });
            if !open.is_empty() {
                self.after_fault(&base).await;
            }
        }
    }

    async fn base(&self) -> Arc<str> {
        let mut server = self.server.clone();
        server.wait_for(Option::is_some).await.unwrap().clone().unwrap()
    }

    /// Waits for another server, or a little while.
    async fn after_fault(&self, base: &Arc<str>) {
        self.shared.cut.fetch_add(1, Ordering::SeqCst);
        let mut server = self.server.clone();
        let _ = tokio::time::timeout(PAUSE, server.wait_for(|now| now.as_ref() != Some(base))).await;
    }
}

/// Counts a request for as long as it lives.
struct Underway<'a>(&'a Shared);

impl<'a> Underway<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The number in an answer to one command; none if it must be sent again.
async fn number_in(response: Response) -> Option<i64> {
    let status = response.status();
    let body: Value = response.json().await.ok()?;
    match status {
        StatusCode::CREATED => Some(body["number"].as_i64().unwrap()),
        // Decided, but not to be seen yet; or only taken.
        StatusCode::ACCEPTED => body["result"]["number"].as_i64(),
        _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => None,
        _ => panic!("a ticket was refused with {status}: {body}"),
    }
}

/// Notes the numbers in the answers to lines, for as long as answers come.
async fn numbers_in(mut response: Response, answered: &mut [Option<i64>]) {
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return;
    }
    assert_eq!(status, StatusCode::OK);
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = bytes.drain(..=end).collect();
            let answer: Value = serde_json::from_slice(&line).unwrap();
            let index = usize::try_from(answer["line"].as_u64().unwrap()).unwrap() - 1;
            match answer["status"].as_str().unwrap() {
                "accepted" => answered[index] = Some(answer["result"]["number"].as_i64().unwrap()),
                "timeout" => {}
                _ => panic!("a line was refused: {answer}"),
            }
        }
    }
}
