//! What clients of the REST API rely on, told once and tried on one process and on two behind a round-robin. Each case has a
//! project of its own, so that they can follow one another on one installation.

use std::process::Output;
use std::time::{Duration, Instant};

use reqwest::blocking::{RequestBuilder, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{ADMIN, http};

/// How long what is promised without a time may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of an installation.
pub(crate) struct Client {
    pub(crate) url: String,
    http: reqwest::blocking::Client,
    admin: String,
    ada: String,
    eve: String,
}

/// A status, the body and the headers that matter.
#[derive(Debug)]
struct Reply {
    status: u16,
    body: Value,
    token: Option<String>,
    location: Option<String>,
    etag: Option<String>,
}

/// Every case, by its name.
pub(crate) const CASES: [(&str, fn(&Client)); 13] = [
    ("a project, its tickets and its board", board),
    ("numbers without gaps", numbers),
    ("a repeated key", repeated),
    ("a token of consistency", consistent),
    ("a command that no one waits for", not_waited_for),
    ("commands in bulk", bulk),
    ("a version that is out of date", stale),
    ("a move that is not allowed", not_allowed),
    ("comments", comments),
    ("members, and who is none", members),
    ("pages of a list", pages),
    ("tokens", tokens),
    ("pages for people", pages_for_people),
];

impl Client {
    /// `run` runs the binary with the installation's settings.
    pub(crate) fn new(url: &str, run: impl Fn(&[&str]) -> Output) -> Self {
        let token = |arguments: &[&str]| {
            let output = run(&[&["token", "--user"], arguments].concat());
            String::from_utf8(output.stdout).unwrap().lines().last().unwrap().trim().to_owned()
        };
        let (ada, eve) = (token(&["ada@example.org"]), token(&["eve@example.org"]));
        let admin = token(&[ADMIN, "--admin"]);
        Self { url: url.to_owned(), http: http(), admin, ada, eve }
    }

    /// Runs every case; says which one it is at, for the sake of one that fails.
    pub(crate) fn passes_every_case(&self) {
        for (name, case) in CASES {
            println!("case: {name}");
            case(self);
        }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.http.request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    fn send(&self, method: &str, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.request(method, path);
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.bearer_auth(&self.ada);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Reply::of(request.send().unwrap())
    }

    fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None, &[])
    }

    fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, Some(body), &[])
    }

    /// A project of Ada's.
    fn project(&self, key: &str) {
        let made = self.post("/projects", json!({ "key": key, "name": key }));
        made.is(201);
        assert_eq!(made.body["key"], key);
    }

    fn ticket(&self, project: &str, title: &str) -> Value {
        let made = self.post(&format!("/projects/{project}/tickets"), json!({ "title": title }));
        made.is(201);
        made.body
    }
}

impl Reply {
    fn of(response: Response) -> Self {
        let header = |name: &str| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        let (token, location, etag) = (header("syncroboard-sequence"), header("location"), header("etag"));
        let status = response.status().as_u16();
        let text = response.text().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, body, token, location, etag }
    }

    fn is(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
    }

    fn problem(&self, status: u16, code: &str) {
        self.is(status);
        assert_eq!(self.body["code"], code, "{self:?}");
    }
}

fn board(client: &Client) {
    client.project("BOARD");
    let ticket = client.ticket("BOARD", "The board flickers");
    assert_eq!((ticket["code"].as_str(), ticket["status"].as_str()), (Some("BOARD-1"), Some("OPEN")));
    client.send("PATCH", "/tickets/BOARD-1/status", Some(json!({ "status": "IN_PROGRESS" })), &[]).is(200);
    // What a write has answered can be read at once, wherever.
    for _ in 0..4 {
        let board = client.get("/projects/BOARD/board");
        board.is(200);
        let columns = board.body["columns"].as_array().unwrap();
        let count = |status: &str| columns.iter().find(|c| c["status"] == status).unwrap()["count"].as_i64();
        assert_eq!((count("OPEN"), count("IN_PROGRESS")), (Some(0), Some(1)), "{board:?}");
    }
    client.get("/projects/NOSUCH/board").problem(404, "project_not_found");
    client.get("/tickets/BOARD-99").problem(404, "ticket_not_found");
}

fn numbers(client: &Client) {
    client.project("NUMBERS");
    let numbers: Vec<_> = (0..20).map(|n| client.ticket("NUMBERS", &format!("{n}"))["number"].as_i64()).collect();
    assert_eq!(numbers, (1..=20).map(Some).collect::<Vec<_>>());
}

fn repeated(client: &Client) {
    client.project("AGAIN");
    let key = [("idempotency-key", "again-1")];
    let send = || client.send("POST", "/projects/AGAIN/tickets", Some(json!({ "title": "once" })), &key);
    let first = send();
    first.is(201);
    for _ in 0..3 {
        let again = send();
        again.is(201);
        assert_eq!(again.body["id"], first.body["id"]);
    }
    assert_eq!(client.ticket("AGAIN", "next")["number"], 2);
    let other = client.send("PATCH", "/projects/AGAIN", Some(json!({ "name": "other" })), &key);
    other.problem(422, "idempotency_key_reused");
}

fn consistent(client: &Client) {
    client.project("TOKEN");
    for n in 1..=10 {
        let made = client.post("/projects/TOKEN/tickets", json!({ "title": "x" }));
        made.is(201);
        let token = made.token.unwrap();
        let seen = client.send("GET", &format!("/tickets/TOKEN-{n}"), None, &[("syncroboard-sequence", &token)]);
        seen.is(200);
        let board = client.send("GET", "/projects/TOKEN/board", None, &[("syncroboard-sequence", &token)]);
        board.is(200);
        assert_eq!(board.body["columns"][0]["count"], n, "{board:?}");
    }
}

fn not_waited_for(client: &Client) {
    client.project("LATER");
    for _ in 0..6 {
        let headers = [("prefer", "respond-async")];
        let taken = client.send("POST", "/projects/LATER/tickets", Some(json!({ "title": "x" })), &headers);
        taken.is(202);
        let place = taken.location.unwrap();
        assert_eq!(place, format!("/commands/{}", taken.body["commandId"].as_str().unwrap()));
        let end = Instant::now() + PATIENCE;
        loop {
            let asked = client.get(&place);
            // Whoever did not take it may not know of it yet.
            if asked.status == 200 && asked.body["status"] == "accepted" {
                break;
            }
            assert!(asked.status == 404 || asked.body["status"] == "pending", "{asked:?}");
            assert!(Instant::now() < end, "no outcome: {asked:?}");
        }
    }
    client.get(&format!("/commands/{}", Uuid::from_u128(1))).problem(404, "command_not_found");
}

fn bulk(client: &Client) {
    client.project("BULK");
    let line = |n: usize| format!("{}\n", json!({"type": "CreateTicket", "project": "BULK", "title": n.to_string()}));
    let body: String = (0..200).map(line).collect();
    let request = client.request("POST", "/commands:bulk").bearer_auth(&client.ada);
    let answer = request.header("content-type", "application/x-ndjson").body(body).send().unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let answers: Vec<Value> = answer.text().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<_> = answers.iter().map(|answer| answer["result"]["number"].as_i64()).collect();
    assert_eq!(numbers, (1..=200).map(Some).collect::<Vec<_>>());
    let next = client.post("/projects/BULK/tickets", json!({ "title": "after all of them" }));
    assert_eq!(next.body["number"], 201);
    assert_eq!(client.get("/projects/BULK/board").body["columns"][0]["count"], 201);
}

fn stale(client: &Client) {
    client.project("STALE");
    client.ticket("STALE", "x");
    let seen = client.get("/tickets/STALE-1").etag.unwrap();
    let update = |title: &str| {
        client.send("PATCH", "/tickets/STALE-1", Some(json!({ "title": title })), &[("if-match", seen.as_str())])
    };
    update("first").is(200);
    update("second").problem(412, "version_conflict");
    assert_eq!(client.get("/tickets/STALE-1").body["title"], "first");
}

fn not_allowed(client: &Client) {
    client.project("MOVES");
    client.ticket("MOVES", "x");
    let refused = client.send("PATCH", "/tickets/MOVES-1/status", Some(json!({ "status": "DONE" })), &[]);
    refused.problem(409, "transition_illegal");
    assert_eq!(refused.body["allowed"], json!(["IN_PROGRESS"]), "{refused:?}");
    client.post("/projects", json!({ "key": "MOVES", "name": "again" })).problem(409, "key_taken");
    client.post("/projects/MOVES/tickets", json!({ "title": "" })).is(422);
}

fn comments(client: &Client) {
    client.project("TALK");
    client.ticket("TALK", "x");
    for n in 0..5 {
        client.post("/tickets/TALK-1/comments", json!({ "content": n.to_string() })).is(201);
    }
    let list = client.get("/tickets/TALK-1/comments");
    let said: Vec<_> = list.body["items"].as_array().unwrap().iter().map(|c| c["content"].clone()).collect();
    assert_eq!(said, ["0", "1", "2", "3", "4"]);
}

fn members(client: &Client) {
    client.project("TEAM");
    client.ticket("TEAM", "x");
    let eve = ("authorization", format!("Bearer {}", client.eve));
    let as_eve =
        |method: &str, path: &str, body: Option<Value>| client.send(method, path, body, &[(eve.0, eve.1.as_str())]);
    as_eve("GET", "/projects/TEAM/board", None).problem(404, "project_not_found");
    as_eve("POST", "/projects/TEAM/tickets", Some(json!({ "title": "mine" }))).problem(403, "not_a_member");
    // That has made her a user, but a refusal does not wait until everyone can see it.
    let end = Instant::now() + PATIENCE;
    let me = loop {
        let me = as_eve("GET", "/users/me", None);
        if me.status == 200 {
            break me;
        }
        me.problem(404, "user_unknown");
        assert!(Instant::now() < end, "{me:?}");
    };
    let member = json!({ "userId": me.body["id"], "role": "member" });
    client.post("/projects/TEAM/members", member).is(201);
    as_eve("GET", "/projects/TEAM/board", None).is(200);
    as_eve("POST", "/projects/TEAM/tickets", Some(json!({ "title": "mine" }))).is(201);
    let path = format!("/projects/TEAM/members/{}", me.body["id"].as_str().unwrap());
    client.send("DELETE", &path, None, &[]).is(204);
    for _ in 0..4 {
        as_eve("GET", "/projects/TEAM/board", None).problem(404, "project_not_found");
    }
}

fn pages(client: &Client) {
    client.project("PAGES");
    (0..7).for_each(|n| drop(client.ticket("PAGES", &n.to_string())));
    let mut seen = Vec::new();
    let mut path = "/projects/PAGES/tickets?limit=3".to_owned();
    loop {
        let page = client.get(&path);
        page.is(200);
        seen.extend(page.body["items"].as_array().unwrap().iter().filter_map(|ticket| ticket["number"].as_i64()));
        let Some(cursor) = page.body["nextCursor"].as_str() else { break };
        path = format!("/projects/PAGES/tickets?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
}

fn tokens(client: &Client) {
    let with = |token: &str| client.send("GET", "/projects", None, &[("authorization", token)]);
    assert_eq!(Reply::of(client.request("GET", "/projects").send().unwrap()).body["code"], "token_missing");
    with("Bearer nonsense").problem(401, "token_invalid");
    with(&format!("Bearer {}", client.admin)).is(200);
    let me = client.get("/users/me");
    assert_eq!(me.body["email"], "ada@example.org");
}

fn pages_for_people(client: &Client) {
    client.project("PEOPLE");
    client.ticket("PEOPLE", "<b>bold</b>");
    let session = format!("syncroboard_session={}", client.ada);
    let page = client.send("GET", "/p/PEOPLE", None, &[("cookie", &session)]);
    page.is(200);
    let text = page.body.as_str().unwrap();
    assert!(text.contains("&lt;b&gt;bold") && !text.contains("<b>bold"), "{text}");
    client.get("/healthz").is(200);
    client.get("/readyz").is(200);
}
