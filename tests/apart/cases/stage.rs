//! Where a case plays: an installation, and a project and people that no other case has.

use std::process::Output;

use connectors::mail::unsubscribe;
use reqwest::blocking::{RequestBuilder, Response};
use reqwest::header::HeaderMap;
use schemas::ids;
use serde_json::{Value, json};
use uuid::Uuid;

use super::described::Answered;
use crate::support::ADMIN;

/// Something that answers at one address.
pub(crate) struct Installation<'a> {
    url: String,
    http: reqwest::blocking::Client,
    /// What its tokens are signed with.
    secret: String,
    run: Box<dyn Fn(&[&str]) -> Output + 'a>,
}

impl<'a> Installation<'a> {
    /// `run` runs the binary with the installation's settings.
    pub(crate) fn new(url: &str, secret: &str, run: impl Fn(&[&str]) -> Output + 'a) -> Self {
        let http = reqwest::blocking::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let (url, secret) = (url.to_owned(), secret.trim().to_owned());
        Self { url, http: http.build().unwrap(), secret, run: Box::new(run) }
    }

    fn token(&self, arguments: &[&str]) -> String {
        let output = (self.run)(&[&["token", "--user"], arguments].concat());
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap().trim().to_owned()
    }
}

/// One case's part of it.
pub(crate) struct Stage<'a> {
    at: &'a Installation<'a>,
    number: usize,
}

impl<'a> Stage<'a> {
    pub(super) fn new(at: &'a Installation<'a>, number: usize) -> Self {
        Self { at, number }
    }

    /// This, as no other case has it: the login or the beginning of the e-mail of someone.
    pub(super) fn own(&self, name: &str) -> String {
        format!("{name}{}", self.number)
    }

    /// The key of this case's project.
    pub(super) fn key(&self) -> String {
        self.own("R")
    }

    /// Someone with a token, of whom nothing is known yet.
    pub(super) fn person(&self, name: &str) -> Person<'a> {
        let email = format!("{}@example.org", self.own(name));
        let token = self.at.token(&[&email, "--name", name]);
        Person { at: self.at, token: Some(token), email }
    }

    /// Someone whom everyone can see as a user, with this name.
    pub(super) fn user(&self, name: &str) -> Person<'a> {
        let person = self.person(name);
        self.root().post("/users", json!({ "email": person.email, "name": name })).is(201);
        person
    }

    /// The path that a mail to somebody leads to who wants no more.
    pub(super) fn unsubscribe_path(&self, who: &Person<'_>) -> String {
        let key = unsubscribe::derived_key(self.at.secret.as_bytes());
        format!("/unsubscribe?token={}", unsubscribe::sign(&key, &who.id()))
    }

    /// An administrator.
    pub(super) fn root(&self) -> Person<'a> {
        Person { at: self.at, token: Some(self.at.token(&[ADMIN, "--admin"])), email: ADMIN.to_owned() }
    }

    /// Someone without a token.
    pub(super) fn nobody(&self) -> Person<'a> {
        Person { at: self.at, token: None, email: String::new() }
    }

    /// The key of a project with Ada as its owner and Bob as a member, and the two. Nothing in it is assigned automatically.
    pub(super) fn project(&self) -> (String, Person<'a>, Person<'a>) {
        let (key, ada, bob) = (self.key(), self.user("ada"), self.user("bob"));
        ada.post("/projects", json!({ "key": key, "name": "The web site" })).is(201);
        ada.assigns(&key, "manual");
        ada.post(&format!("/projects/{key}/members"), json!({ "email": bob.email })).is(201);
        (key, ada, bob)
    }
}

/// Someone who sends requests.
pub(super) struct Person<'a> {
    at: &'a Installation<'a>,
    token: Option<String>,
    pub(super) email: String,
}

impl Person<'_> {
    pub(super) fn id(&self) -> Uuid {
        ids::user_id(&self.email)
    }

    pub(super) fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    /// What the pages know them by.
    pub(super) fn session(&self) -> String {
        format!("theme=dark; syncroboard_session={}", self.token())
    }

    pub(super) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &Value::Null, &[])
    }

    #[expect(clippy::needless_pass_by_value, reason = "what is sent is made where it is sent")]
    pub(super) fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &body, &[])
    }

    #[expect(clippy::needless_pass_by_value, reason = "what is sent is made where it is sent")]
    pub(super) fn put(&self, path: &str, body: Value) -> Reply {
        self.send("PUT", path, &body, &[])
    }

    #[expect(clippy::needless_pass_by_value, reason = "what is sent is made where it is sent")]
    pub(super) fn patch(&self, path: &str, body: Value) -> Reply {
        self.send("PATCH", path, &body, &[])
    }

    pub(super) fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &Value::Null, &[])
    }

    /// With a JSON body unless it is null.
    pub(super) fn send(&self, method: &str, path: &str, body: &Value, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::of(if body.is_null() { request } else { request.json(body) })
    }

    /// With this text as its body.
    pub(super) fn text(&self, path: &str, kind: &str, body: impl Into<String>) -> Reply {
        self.text_with(path, kind, body, &[])
    }

    /// The same, with headers.
    pub(super) fn text_with(&self, path: &str, kind: &str, body: impl Into<String>, headers: &[(&str, &str)]) -> Reply {
        let request = self.request("POST", path).header("content-type", kind);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Reply::of(request.body(body.into()))
    }

    /// A page, by the cookie.
    pub(super) fn visit(&self, path: &str) -> Reply {
        let anyone = Person { at: self.at, token: None, email: String::new() };
        match &self.token {
            None => anyone.get(path),
            Some(_) => anyone.send("GET", path, &Value::Null, &[("cookie", &self.session())]),
        }
    }

    /// The answers to commands in bulk, one a line.
    pub(super) fn pour(&self, lines: &str) -> Vec<Value> {
        self.pour_into("/commands:bulk", lines, &[])
    }

    /// Results of these lines, sent to this path.
    pub(super) fn pour_into(&self, path: &str, lines: &str, headers: &[(&str, &str)]) -> Vec<Value> {
        let reply = self.text_with(path, "application/x-ndjson", lines, headers);
        reply.is(200);
        assert_eq!(reply.header("content-type"), "application/x-ndjson");
        reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Sets how a project's tickets are assigned.
    pub(super) fn assigns(&self, project: &str, policy: &str) {
        let configured =
            self.send("PUT", &format!("/projects/{project}/assignment"), &json!({ "policy": policy }), &[]);
        configured.is(200);
        assert_eq!(configured.json()["assignmentPolicy"], policy);
    }

    /// What `syncroboard explain` says of a ticket.
    pub(super) fn explanation(&self, ticket: &str) -> Output {
        self.runs(&["explain", ticket])
    }

    /// What the command line says that asks the installation.
    pub(super) fn runs(&self, arguments: &[&str]) -> Output {
        (self.at.run)(&[arguments, &["--server", &self.at.url, "--token", self.token()]].concat())
    }

    /// A ticket of this title.
    pub(super) fn ticket(&self, project: &str, title: &str) -> Value {
        let made = self.post(&format!("/projects/{project}/tickets"), json!({ "title": title }));
        made.is(201);
        made.json()
    }

    /// So many tickets, `title 1` and on, to be seen by everyone.
    pub(super) fn tickets(&self, project: &str, count: usize) {
        let line =
            |n: usize| json!({ "type": "CreateTicket", "project": project, "title": format!("title {n}") }).to_string();
        let answers = self.pour(&(1..=count).map(line).collect::<Vec<_>>().join("\n"));
        let numbers: Vec<_> = answers.iter().map(|answer| answer["result"]["number"].as_u64()).collect();
        assert_eq!(numbers, (1..=count as u64).map(Some).collect::<Vec<_>>());
        // Answered once what came before it can be read.
        self.patch(&format!("/projects/{project}"), json!({})).is(200);
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let request = self.at.http.request(method.parse().unwrap(), format!("{}{path}", self.at.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
    /// The same, as text.
    pub(super) text: String,
}

impl Reply {
    fn of(request: RequestBuilder) -> Self {
        let (http, request) = request.build_split();
        let request = request.unwrap();
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let response: Response = http.execute(request).unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().unwrap().to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answered { method: &method, path: &path, status, headers: &headers, text: &text }.hold();
        Self { status, headers, bytes, text }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Vec<Value> {
        self.is(200);
        self.json()["items"].as_array().unwrap().clone()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn is(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
    }

    /// Holds the reply to be a problem of this status and code, and gives its document.
    pub(super) fn problem(&self, status: u16, code: &str) -> Value {
        self.is(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let document = self.json();
        assert_eq!(document["code"], code, "{document}");
        assert_eq!(document["status"], status);
        assert_eq!(document["type"], format!("urn:syncroboard:problem:{code}"));
        assert!(document["title"].is_string(), "{document}");
        document
    }
}
