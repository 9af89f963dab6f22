//! A client, a log whose answers a test writes down, and a read model in memory.

mod accounts;
mod log;
mod model;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::auth::{Identity, Secret, issue_token};
use api::{AppState, Limits, Origins, Parts, Readiness, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use connectors::board_cache::LocalBoardCache;
use connectors::rate_limit::{LocalLimiter, Rate, RateLimiter};
use connectors::webhook::Policy;
use schemas::reader::{MemberRow, ProjectRow, TicketRow, UserRow};
use schemas::{CommandAccepted, CommandRejected, Outcome, TicketCommand, ids};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use topology::trace::Tracing;
use tower::ServiceExt;
use uuid::Uuid;

pub(crate) use accounts::AccountsAway;
pub(crate) use log::{Answer, Log};
pub(crate) use model::Model;

/// What links to unsubscribe are signed with.
pub(crate) const UNSUBSCRIBE_KEY: &[u8] = b"a key for tests, long enough";

/// The server under test, with its parts at hand.
pub(crate) struct World {
    pub(crate) log: Arc<Log>,
    pub(crate) model: Arc<Model>,
    pub(crate) boards: Arc<LocalBoardCache>,
    pub(crate) secret: Secret,
    pub(crate) app: Router,
    state: AppState,
}

/// The server on a port of its own.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) stop: oneshot::Sender<()>,
    /// Done when nothing is under way any more after a stop.
    pub(crate) done: JoinHandle<std::io::Result<()>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Holds the reply to be a problem of this status and code, and gives its document.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let document = self.json();
        assert_eq!(document["code"], code, "{document}");
        assert_eq!(document["status"], status);
        assert_eq!(document["type"], format!("urn:syncroboard:problem:{code}"));
        assert!(document["title"].is_string(), "{document}");
        document
    }
}

impl World {
    /// One project WEB with Ada as its owner and Bob as a member; Eve belongs nowhere.
    pub(crate) fn new() -> Self {
        Self::with(|limits| {
            limits.outcome_wait = Duration::from_secs(5);
        })
    }

    pub(crate) fn with(adjust: impl FnOnce(&mut Limits)) -> Self {
        Self::build(adjust, Readiness::Ready)
    }

    pub(crate) fn build(adjust: impl FnOnce(&mut Limits), readiness: Readiness) -> Self {
        Self::limited(adjust, readiness, None)
    }

    pub(crate) fn limited(adjust: impl FnOnce(&mut Limits), readiness: Readiness, rate: Option<Rate>) -> Self {
        let (log, model, secret) = (Arc::new(Log::default()), Arc::new(Model::default()), Secret::generate().unwrap());
        let mut limits = Limits::default();
        adjust(&mut limits);
        let boards = Arc::new(LocalBoardCache::default());
        let parts = Parts {
            gateway: log.clone(),
            read_model: model.clone(),
            accounts: Arc::new(AccountsAway),
            webhook_targets: Policy::default(),
            boards: boards.clone(),
            secret: secret.clone(),
            metrics: prometheus::Registry::new(),
            readiness: Arc::new(move || readiness.clone()),
            verify: Arc::new(|| Box::pin(async { Ok(Vec::new()) })),
            tracing: Tracing::off(),
            limits,
            rate_limiter: rate.map(|rate| LocalLimiter::new(rate) as Arc<dyn RateLimiter>),
            origins: Origins::default(),
            unsubscribe_key: UNSUBSCRIBE_KEY.to_vec(),
            mails: None,
        };
        let state = AppState::new(parts).unwrap();
        let world = Self { log, model, boards, secret, app: router(state.clone()), state };
        world.populate();
        world
    }

    fn populate(&self) {
        let mut tables = self.model.tables();
        for name in ["ada", "bob", "eve", "root"] {
            let email = format!("{name}@example.org");
            let user = UserRow {
                id: ids::user_id(&email),
                email: Some(email),
                name: name.to_uppercase(),
                role: "member".to_owned(),
                ..UserRow::default()
            };
            tables.users.push(user);
        }
        let id = web();
        let (key, name) = ("WEB".to_owned(), "The web site".to_owned());
        tables.projects.push(ProjectRow { id, key, name, owner_id: user("ada"), sequence: 7, ..ProjectRow::default() });
        for (name, role) in [("ada", "owner"), ("bob", "member")] {
            let (handle, role) = (name.to_owned(), role.to_owned());
            tables.members.push(MemberRow {
                project_id: id,
                user_id: user(name),
                handle,
                role,
                ..MemberRow::default()
            });
        }
    }

    pub(crate) async fn serve(&self) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let done = tokio::spawn(api::serve(listener, self.state.clone(), async { drop(stopped.await) }));
        Served { address, stop, done }
    }

    pub(crate) fn token(&self, name: &str) -> String {
        let identity = Identity::new(&format!("{name}@example.org"), name, name == "root");
        issue_token(&self.secret, &identity, Duration::from_mins(1)).unwrap()
    }

    /// Sends as `who`, with a JSON body unless it is null.
    pub(crate) async fn send(&self, who: &str, method: Method, path: &str, body: Value) -> Reply {
        self.send_with(who, method, path, body, &[]).await
    }

    pub(crate) async fn send_with(
        &self,
        who: &str,
        method: Method,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {}", self.token(who)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        self.request(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, who: &str, path: &str) -> Reply {
        self.send(who, Method::GET, path, Value::Null).await
    }

    pub(crate) async fn request(&self, request: Request<Body>) -> Reply {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// A ticket WEB-`number` in the read model.
    pub(crate) fn ticket(&self, number: i64, title: &str) -> TicketRow {
        let row = TicketRow {
            id: Uuid::from_u128(1000 + u128::try_from(number).unwrap()),
            project_id: web(),
            number,
            code: format!("WEB-{number}"),
            title: title.to_owned(),
            priority: "MEDIUM".to_owned(),
            status: "OPEN".to_owned(),
            reporter_id: user("bob"),
            version: 3,
            created_at: 1_769_860_800_123,
            updated_at: 1_769_860_800_123,
            ..TicketRow::default()
        };
        self.model.tables().tickets.push(row.clone());
        row
    }
}

pub(crate) fn web() -> Uuid {
    ids::project_id("WEB")
}

pub(crate) fn user(name: &str) -> Uuid {
    ids::user_id(&format!("{name}@example.org"))
}

/// An acceptance as the processor would send it for a command about WEB-`number`.
pub(crate) fn accepted(command: &TicketCommand, number: i64) -> Outcome {
    Outcome::Accepted(CommandAccepted {
        command_id: command.command_id(),
        command_type: command.type_name().to_owned(),
        project_id: Some(command.project_id()),
        sequence: 8,
        number: Some(number),
        code: Some(format!("WEB-{number}")),
        ..CommandAccepted::default()
    })
}

pub(crate) fn rejected(command: &TicketCommand, rejection: &str, allowed: &[&str]) -> Outcome {
    Outcome::Rejected(CommandRejected {
        command_id: command.command_id(),
        command_type: command.type_name().to_owned(),
        project_id: Some(command.project_id()),
        rejection: rejection.to_owned(),
        detail: format!("because of {rejection}"),
        allowed: allowed.iter().map(|&text| text.to_owned()).collect(),
        ..CommandRejected::default()
    })
}
