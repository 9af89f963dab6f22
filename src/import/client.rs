//! Sends batches to `POST /commands:bulk` and reads the answers, through lost connections and restarts of the server.
//!
//! Sending a line twice is harmless: its command id makes it the same command. So after a lost connection every line
//! without an answer is simply sent again.

use std::cell::Cell;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use reqwest::{Response, StatusCode, Url, header};
use uuid::Uuid;

use super::answer::{Answer, KnownTicket, Verdict};
use super::batch::{Batch, Item};
use super::error::ImportError;
use super::keys::KeyUse;

/// How long to go on without any progress, and how long until then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until the server has answered anything at all: nobody wants to wait for a wrong address.
    pub(super) first_contact: Duration,
    /// After that: long enough for a server to be restarted.
    pub(super) without_progress: Duration,
    /// Without a single result line on an open connection; longer than the server itself waits for an outcome.
    pub(super) idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_contact: Duration::from_secs(3),
            without_progress: Duration::from_mins(2),
            idle: Duration::from_secs(70),
        }
    }
}

const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// A result line is small; a server that sends more than this without a line's end is none of ours.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// A connection to one server.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    patience: Patience,
    /// Whether the server has answered anything yet.
    met: Cell<bool>,
}

/// Who hears what became of a line.
pub(super) trait Told: FnMut(usize, Verdict, Option<KnownTicket>) {}

impl<F: FnMut(usize, Verdict, Option<KnownTicket>)> Told for F {}

/// What follows a page of comments.
enum Comments {
    /// There was no page: the ticket cannot be seen.
    Unseen,
    Last,
    MoreFrom(String),
}

/// Why a request ended early.
enum Fault {
    /// Worth another try.
    Passing {
        why: String,
        after: Option<Duration>,
    },
    Final(ImportError),
}

impl Client {
    pub(super) fn new(server: &str, token: String, patience: Patience) -> Result<Self, ImportError> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .no_proxy()
            .build()
            .map_err(|error| ImportError::Server(format!("no HTTP client: {}", chain(&error))))?;
        let base = server.trim_end_matches('/').to_owned();
        Ok(Self { http, base, token, patience, met: Cell::new(false) })
    }

    /// What stands under a project's key.
    pub(super) async fn project(&self, key: &str) -> Result<KeyUse, ImportError> {
        let mut wait = Wait::new(self);
        loop {
            match self.try_project(key).await {
                Ok(found) => return Ok(found),
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Passing { why, after }) => wait.before_next_try(&why, after).await?,
            }
        }
    }

    async fn try_project(&self, key: &str) -> Result<KeyUse, Fault> {
        let request = self.http.get(format!("{}/projects/{key}", self.base)).timeout(self.patience.idle);
        let response = self.heard(request.bearer_auth(&self.token).send().await)?;
        match response.status() {
            StatusCode::NOT_FOUND => return Ok(KeyUse::Free),
            StatusCode::FORBIDDEN => return Ok(KeyUse::Hidden),
            _ => {}
        }
        let body = self.accepted(response).await?.bytes().await.map_err(|error| passing(&error))?;
        let project: serde_json::Value = serde_json::from_slice(&body).map_err(|_| self.stranger("no project"))?;
        let text = |name: &str| project[name].as_str().unwrap_or_default().to_owned();
        Ok(KeyUse::Taken { name: text("name"), description: text("description") })
    }

    /// The ids of the comments on the ticket with this code; none if it cannot be seen, as it was deleted, or is not in the read model now.
    pub(super) async fn comments(&self, ticket: &str) -> Result<Option<HashSet<Uuid>>, ImportError> {
        let mut known = HashSet::new();
        let mut cursor = None;
        let mut wait = Wait::new(self);
        loop {
            match self.try_comments(ticket, cursor.as_deref(), &mut known).await {
                Ok(Comments::Unseen) => return Ok(None),
                Ok(Comments::Last) => return Ok(Some(known)),
                Ok(Comments::MoreFrom(next)) => {
                    cursor = Some(next);
                    wait = Wait::new(self);
                }
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Passing { why, after }) => wait.before_next_try(&why, after).await?,
            }
        }
    }

    /// One page of them.
    async fn try_comments(
        &self,
        ticket: &str,
        cursor: Option<&str>,
        known: &mut HashSet<Uuid>,
    ) -> Result<Comments, Fault> {
        let address = format!("{}/tickets/{ticket}/comments", self.base);
        let address = Url::parse_with_params(&address, cursor.map(|cursor| ("cursor", cursor)))
            .map_err(|error| Fault::Final(ImportError::Server(format!("{address} is no address: {error}"))))?;
        let request = self.http.get(address).timeout(self.patience.idle).bearer_auth(&self.token);
        let response = self.heard(request.send().await)?;
        if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) {
            return Ok(Comments::Unseen);
        }
        let body = self.accepted(response).await?.bytes().await.map_err(|error| passing(&error))?;
        let page: serde_json::Value = serde_json::from_slice(&body).map_err(|_| self.stranger("no comments"))?;
        let ids = page["items"].as_array().into_iter().flatten().filter_map(|comment| comment["id"].as_str());
        known.extend(ids.filter_map(|id| Uuid::try_parse(id).ok()));
        Ok(page["nextCursor"].as_str().map_or(Comments::Last, |next| Comments::MoreFrom(next.to_owned())))
    }

    /// Sends a batch until every line has its verdict; `told` hears each once, with the index of its line, and the ticket
    /// that it is about.
    pub(super) async fn send(&self, batch: &Batch, mut told: impl Told) -> Result<(), ImportError> {
        let mut open: Vec<usize> = (0..batch.items.len()).collect();
        let mut wait = Wait::new(self);
        while !open.is_empty() {
            let mut answered = vec![false; open.len()];
            let end = self.post(&batch.items, &open, &mut answered, &mut told).await;
            let before = open.len();
            let mut answered = answered.into_iter();
            open.retain(|_| answered.next() != Some(true));
            if open.len() < before {
                wait = Wait::new(self);
            }
            match end {
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Passing { why, after }) if !open.is_empty() => wait.before_next_try(&why, after).await?,
                Ok(()) if !open.is_empty() => wait.before_next_try("it left lines undecided", None).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// One request with the lines that are open; marks those that got a verdict.
    async fn post(
        &self,
        items: &[Item],
        open: &[usize],
        answered: &mut [bool],
        told: &mut impl Told,
    ) -> Result<(), Fault> {
        let mut body = Vec::with_capacity(open.iter().map(|&index| items[index].line.len() + 1).sum());
        for &index in open {
            body.extend_from_slice(&items[index].line);
            body.push(b'\n');
        }
        let request = self
            .http
            .post(format!("{}/commands:bulk", self.base))
            .bearer_auth(&self.token)
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .header(header::ACCEPT, "application/x-ndjson")
            .body(body);
        let sent = tokio::time::timeout(self.patience.idle, request.send()).await.map_err(|_| self.silent())?;
        let mut response = self.accepted(self.heard(sent)?).await?;
        let mut rest = Vec::new();
        loop {
            let chunk = tokio::time::timeout(self.patience.idle, response.chunk()).await.map_err(|_| self.silent())?;
            let ended = match chunk.map_err(|error| passing(&error))? {
                Some(chunk) => {
                    rest.extend_from_slice(&chunk);
                    false
                }
                None => true,
            };
            let mut start = 0;
            while let Some(length) = rest[start..].iter().position(|&byte| byte == b'\n') {
                self.answer(&rest[start..start + length], open, answered, told)?;
                start += length + 1;
            }
            rest.drain(..start);
            if ended {
                return Ok(());
            }
            if rest.len() > MAX_ANSWER_BYTES {
                return Err(self.stranger("a result line without end"));
            }
        }
    }

    fn answer(&self, line: &[u8], open: &[usize], answered: &mut [bool], told: &mut impl Told) -> Result<(), Fault> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let answer: Answer = serde_json::from_slice(line).map_err(|_| self.stranger("no result line"))?;
        let at = answer.line.wrapping_sub(1);
        let (Some(&index), Some(done)) = (open.get(at), answered.get_mut(at)) else {
            return Err(self.stranger("a result for a line that was not sent"));
        };
        let ticket = answer.ticket();
        let verdict = answer.verdict();
        if !*done && verdict != Verdict::Unknown {
            *done = true;
            told(index, verdict, ticket);
        }
        Ok(())
    }

    /// Notes that there is a server.
    fn heard(&self, response: Result<Response, reqwest::Error>) -> Result<Response, Fault> {
        let response = response.map_err(|error| passing(&error))?;
        self.met.set(true);
        Ok(response)
    }

    /// Tells the answers that mean no.
    async fn accepted(&self, response: Response) -> Result<Response, Fault> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let header = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let after = header.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        let body = response.bytes().await.unwrap_or_default();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let detail = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or("no detail given");
        let why = format!("{} answered {status}: {detail}", self.base);
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Fault::Passing { why, after },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let hint = "`syncroboard token --user EMAIL --admin` makes a token that may import";
                Fault::Final(ImportError::Usage(format!("{why}\n{hint}")))
            }
            _ if status.is_server_error() => Fault::Passing { why, after },
            _ => Fault::Final(ImportError::Server(why)),
        })
    }

    fn silent(&self) -> Fault {
        let why = format!("{} said nothing for {} s", self.base, self.patience.idle.as_secs());
        Fault::Passing { why, after: None }
    }

    fn stranger(&self, what: &str) -> Fault {
        Fault::Final(ImportError::Server(format!("{} sent {what}: is it a SyncroBoard server?", self.base)))
    }
}

fn passing(error: &reqwest::Error) -> Fault {
    Fault::Passing { why: chain(error), after: None }
}

/// An error with its causes: reqwest's own sentence does not say that a connection was refused.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

/// The time since something last worked, and the pauses between tries.
struct Wait<'a> {
    client: &'a Client,
    since: Instant,
    pause: Duration,
}

impl<'a> Wait<'a> {
    fn new(client: &'a Client) -> Self {
        Self { client, since: Instant::now(), pause: BACKOFF_FIRST }
    }

    /// Waits, or gives up when patience is at its end.
    async fn before_next_try(&mut self, why: &str, after: Option<Duration>) -> Result<(), ImportError> {
        let met = self.client.met.get();
        let patience = self.client.patience;
        let limit = if met { patience.without_progress } else { patience.first_contact };
        let pause = after.map_or(self.pause, |after| after.clamp(self.pause, BACKOFF_MAX));
        if self.since.elapsed() + pause > limit {
            return Err(ImportError::Server(if met {
                format!("gave up after {} s without progress: {why}", self.since.elapsed().as_secs())
            } else {
                format!("no server at {}: is `syncroboard dev` running? ({why})", self.client.base)
            }));
        }
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(BACKOFF_MAX);
        Ok(())
    }
}
