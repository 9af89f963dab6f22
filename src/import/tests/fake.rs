//! A server with the bulk endpoint's protocol and a memory of what it decided. It knows no rule but what a test gives it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

/// What the server does with the next requests, before it behaves.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// Answers with this status.
    Status(u16),
    /// Decides all lines, but the connection breaks after so many bytes of the answer.
    CutAfter(usize),
    /// Says of every second line that it has no outcome yet.
    Timeouts,
    /// Answers what no bulk endpoint answers.
    Nonsense,
}

type Rule = Box<dyn Fn(&Value) -> Option<(&'static str, String)> + Send>;

/// What the server saw and knows.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) trouble: VecDeque<Trouble>,
    /// Every line that came, in order, repeats too.
    pub(super) received: Vec<Value>,
    /// Commands that were carried out, in order.
    pub(super) applied: Vec<Value>,
    pub(super) projects: HashMap<String, Value>,
    pub(super) requests: usize,
    /// Ids of comments by the code of their ticket.
    pub(super) comments: HashMap<String, Vec<String>>,
    /// Codes of tickets that cannot be read any more.
    pub(super) deleted: HashSet<String>,
    /// Codes of tickets by their external reference.
    tickets: HashMap<String, (String, Value)>,
    decided: HashMap<String, Value>,
    rule: Option<Rule>,
}

impl Facts {
    pub(super) fn applied_of(&self, kind: &str) -> Vec<&Value> {
        self.applied.iter().filter(|command| command["type"] == kind).collect()
    }

    /// Days pass: the server no longer knows which commands it has seen.
    pub(super) fn forget(&mut self) {
        self.decided.clear();
    }

    /// What an accepted command made; or why it is refused.
    fn carry_out(&mut self, command: &Value) -> Result<Value, (&'static str, String)> {
        let text = |name: &str| command[name].as_str().unwrap_or_default().to_owned();
        match command["type"].as_str() {
            Some("CreateProject") => {
                if self.projects.contains_key(&text("key")) {
                    return Err(("key_taken", "there is one".into()));
                }
                self.projects.insert(text("key"), command.clone());
                Ok(json!({}))
            }
            Some("ImportTicket") => {
                let reference = format!("{} {} {}", text("project"), text("externalSource"), text("externalId"));
                let mut content = command.clone();
                content["commandId"] = json!(null);
                if let Some((code, known)) = self.tickets.get(&reference) {
                    let what = if *known == content { "unchanged" } else { "differs" };
                    return Err(("already_imported", format!("{what}: it was imported before, as {code}")));
                }
                let code = format!("{}-{}", text("project"), self.tickets.len() + 1);
                self.tickets.insert(reference, (code.clone(), content));
                Ok(json!({"code": code}))
            }
            Some("CommentTicket") => {
                let id = schemas::ids::comment_id(text("commandId").parse().unwrap()).to_string();
                self.comments.entry(text("ticket")).or_default().push(id);
                Ok(json!({"code": text("ticket")}))
            }
            _ => Ok(json!({})),
        }
    }

    fn decide(&mut self, command: &Value) -> Value {
        let id = command["commandId"].as_str().unwrap().to_owned();
        if let Some(first) = self.decided.get(&id) {
            let mut again = first.clone();
            again["duplicate"] = json!(true);
            return again;
        }
        let refused = self.rule.as_ref().and_then(|rule| rule(command));
        let outcome = match refused.map_or_else(|| self.carry_out(command), Err) {
            Err((code, detail)) => json!({"commandId": id, "status": "rejected", "code": code, "detail": detail}),
            Ok(result) => {
                self.applied.push(command.clone());
                json!({"commandId": id, "status": "accepted", "result": result})
            }
        };
        self.decided.insert(id, outcome.clone());
        outcome
    }
}

/// The running server.
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    facts: Arc<Mutex<Facts>>,
    _runtime: tokio::runtime::Runtime,
}

pub(super) const TOKEN: &str = "a-token";

impl Fake {
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let facts = Arc::<Mutex<Facts>>::default();
        let router = Router::new()
            .route("/commands:bulk", post(bulk))
            .route("/projects/{key}", get(project))
            .route("/tickets/{code}/comments", get(comments))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::clone(&facts));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, facts, _runtime: runtime }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        lock(&self.facts)
    }

    pub(super) fn rule(&self, rule: impl Fn(&Value) -> Option<(&'static str, String)> + Send + 'static) {
        self.facts().rule = Some(Box::new(rule));
    }

    pub(super) fn trouble(&self, trouble: impl IntoIterator<Item = Trouble>) {
        self.facts().trouble = trouble.into_iter().collect();
    }
}

fn lock(facts: &Mutex<Facts>) -> MutexGuard<'_, Facts> {
    facts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_allowed(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| value == format!("Bearer {TOKEN}").as_str())
}

fn problem(status: StatusCode) -> Response {
    (status, json!({"title": "no", "status": status.as_u16(), "detail": "the fake says no"}).to_string())
        .into_response()
}

async fn project(State(facts): State<Arc<Mutex<Facts>>>, Path(key): Path<String>) -> Response {
    match lock(&facts).projects.get(&key) {
        Some(project) => project.to_string().into_response(),
        None => problem(StatusCode::NOT_FOUND),
    }
}

/// One on each page, whose number is the cursor.
async fn comments(
    State(facts): State<Arc<Mutex<Facts>>>,
    Path(code): Path<String>,
    Query(query): Query<HashMap<String, usize>>,
) -> Response {
    let facts = lock(&facts);
    if facts.deleted.contains(&code) {
        return problem(StatusCode::NOT_FOUND);
    }
    let ids = facts.comments.get(&code).map_or(&[][..], Vec::as_slice);
    let at = query.get("cursor").copied().unwrap_or_default();
    let next = (at + 1 < ids.len()).then(|| (at + 1).to_string());
    let items: Vec<Value> = ids.iter().skip(at).take(1).map(|id| json!({ "id": id })).collect();
    json!({"items": items, "nextCursor": next}).to_string().into_response()
}

async fn bulk(State(facts): State<Arc<Mutex<Facts>>>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_allowed(&headers) {
        return problem(StatusCode::UNAUTHORIZED);
    }
    let mut facts = lock(&facts);
    facts.requests += 1;
    let trouble = facts.trouble.pop_front();
    match trouble {
        Some(Trouble::Status(status)) => return problem(StatusCode::from_u16(status).unwrap()),
        Some(Trouble::Nonsense) => return "<html>hello</html>\n".into_response(),
        _ => {}
    }
    let mut out = String::new();
    for (line, number) in body.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).zip(1_usize..) {
        let command: Value = serde_json::from_slice(line).unwrap();
        facts.received.push(command.clone());
        let mut result = if matches!(trouble, Some(Trouble::Timeouts)) && number % 2 == 0 {
            json!({"status": "timeout"})
        } else {
            facts.decide(&command)
        };
        result["line"] = json!(number);
        out.extend([result.to_string().as_str(), "\n"]);
    }
    match trouble {
        Some(Trouble::CutAfter(bytes)) => {
            out.truncate(bytes); // ASCII
            let sent = Bytes::from(out);
            // Room for one: what was sent is on its way before the fault is seen.
            let (parts, body) = tokio::sync::mpsc::channel(1);
            tokio::spawn(async move {
                let _ = parts.send(Ok(sent)).await;
                let _ = parts.send(Err(std::io::Error::other("cut"))).await;
            });
            Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(body)).into_response()
        }
        _ => out.into_response(),
    }
}
