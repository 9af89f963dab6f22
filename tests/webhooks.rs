//! Webhooks from the real binary, to a real receiver: in one process, and with a deliverer of its own on Apache Kafka and PostgreSQL.
//! What is delivered when, down to each answer, is in `connectors/tests/webhooks`.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/signed.rs"]
mod signed;
mod support;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use receiver::{Post, Receiver, Reply};
use schemas::ids;
use serde_json::{Value, json};
use support::services::{OwnKafka, OwnPostgres};
use support::{Home, Server, http, text};
use uuid::Uuid;

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";

/// How long a delivery may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Those at this machine may be told, by HTTP, and soon again.
const SETTINGS: [(&str, &str); 3] = [
    ("SYNCROBOARD__WEBHOOKS__ALLOW_PRIVATE", "true"),
    ("SYNCROBOARD__WEBHOOKS__ALLOW_HTTP", "true"),
    ("SYNCROBOARD__WEBHOOKS__RETRY_AFTER_MS", "200"),
];

/// Where people write, and how what delivers is killed and started again.
struct Board<'a> {
    url: RefCell<String>,
    token: String,
    kill: Box<dyn Fn(&RefCell<String>) + 'a>,
}

impl Board<'_> {
    /// Status, `Location` and body of an answer.
    fn send(&self, method: &str, path: &str, body: &Value, key: Option<&str>) -> (u16, String, Value) {
        let request = http().request(method.parse().unwrap(), format!("{}{path}", self.url.borrow()));
        let request = request.bearer_auth(&self.token);
        let request = if let Some(key) = key { request.header("idempotency-key", key) } else { request };
        let answer = if body.is_null() { request.send() } else { request.json(body).send() }.unwrap();
        let location = answer.headers().get("location").map_or("", |value| value.to_str().unwrap()).to_owned();
        (answer.status().as_u16(), location, serde_json::from_str(&answer.text().unwrap()).unwrap())
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let (status, _, answer) = self.send("POST", path, body, None);
        assert!((200..300).contains(&status), "{path}: {answer}");
        answer
    }

    fn kill(&self) {
        (self.kill)(&self.url);
    }
}

/// A project, and a webhook that is told of its tickets.
struct Scene<'a> {
    board: &'a Board<'a>,
    receiver: &'a Receiver,
    hook: Uuid,
    secret: String,
}

impl<'a> Scene<'a> {
    /// Once what delivers knows of the webhook.
    fn new(board: &'a Board<'a>, receiver: &'a Receiver) -> Self {
        board.post("/projects", &json!({ "key": "WEB", "name": "The web site" }));
        let made = board.post("/projects/WEB/webhooks", &json!({ "url": receiver.url(), "kinds": ["ticket.created"] }));
        let hook = made["id"].as_str().unwrap().parse().unwrap();
        let scene = Self { board, receiver, hook, secret: made["secret"].as_str().unwrap().to_owned() };
        let end = Instant::now() + PATIENCE;
        loop {
            scene.ticket("probe");
            if receiver.next(Duration::from_millis(500)).is_some() {
                return scene;
            }
            assert!(Instant::now() < end, "nothing is delivered");
        }
    }

    fn ticket(&self, title: &str) {
        self.board.post("/projects/WEB/tickets", &json!({ "title": title }));
    }

    /// What is posted next, signed; not what was to find out whether anything is.
    fn next(&self) -> Post {
        loop {
            let post = self.receiver.next(PATIENCE).unwrap();
            post.is_signed(&self.secret);
            assert_eq!(
                (post.header("content-type"), post.header("syncroboard-event")),
                ("application/json", "ticket.created")
            );
            if post.title() != "probe" {
                return post;
            }
        }
    }

    fn path(&self) -> String {
        format!("/webhooks/{}/deliveries", self.hook)
    }

    /// A delivery, once this has become of it.
    fn became(&self, delivery: &str, state: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let (status, _, found) = self.board.send("GET", &format!("{}/{delivery}", self.path()), &Value::Null, None);
            if status == 200 && found["state"] == state {
                return found;
            }
            assert!(Instant::now() < end, "not {state}: {status} {found}");
        }
    }

    fn list(&self, query: &str) -> Vec<Value> {
        let (_, _, list) = self.board.send("GET", &format!("{}?{query}", self.path()), &Value::Null, None);
        list["items"].as_array().unwrap().clone()
    }

    /// Tried again, given up, looked up and repeated.
    fn tells_and_logs_it_and_repeats_it_once(&self) {
        self.receiver.will("busy", [Reply::Status(500)]);
        self.ticket("busy");
        let posts = [self.next(), self.next()];
        assert_eq!([posts[0].title(), posts[0].body.clone()], [posts[1].title(), posts[1].body.clone()]);
        let id = posts[0].delivery();
        assert_eq!((id, posts[0].json()["id"].as_str()), (posts[1].delivery(), Some(id)));
        let logged = self.became(id, "delivered");
        let subject = posts[0].json()["data"]["eventId"].clone();
        assert_eq!((&logged["attempts"], &logged["status"], &logged["why"]), (&json!(2), &json!(200), &Value::Null));
        assert_eq!((&logged["event"], &logged["subjectId"]), (&json!("ticket.created"), &subject));
        assert_eq!((&logged["id"], &logged["webhookId"]), (&json!(id), &json!(self.hook)));
        assert!(logged["firstAt"].as_str() < logged["lastAt"].as_str(), "{logged}");
        assert_eq!(self.list("limit=1"), std::slice::from_ref(&logged));
        assert!(self.list("state=delivered").contains(&logged) && !self.list("state=retrying").contains(&logged));

        self.receiver.will("gone", [Reply::Status(410)]);
        self.ticket("gone");
        let failed = self.became(self.next().delivery(), "failed");
        assert_eq!((&failed["attempts"], &failed["status"]), (&json!(1), &json!(410)));
        assert!(failed["why"].as_str().unwrap().contains("why"), "what it said: {failed}");
        assert_eq!(self.list("state=failed"), [failed]);

        let replay = format!("{}/{id}/replay", self.path());
        let asked = [(); 2].map(|()| self.board.send("POST", &replay, &json!({}), Some("again")));
        assert_eq!((asked[0].0, &asked[0]), (202, &asked[1]));
        let again = asked[0].2["deliveryId"].as_str().unwrap();
        assert_ne!(again, id);
        assert_eq!(asked[0].1, format!("{}/{again}", self.path()));
        let post = self.next();
        assert_eq!((post.delivery(), &post.body), (again, &posts[0].body));
        let repeated = self.became(again, "delivered");
        assert_eq!((&repeated["attempts"], &repeated["subjectId"]), (&json!(1), &subject));
        // Not twice.
        self.ticket("after");
        assert_eq!(self.next().title(), "after");
    }

    /// Whatever dies when: each is told, always under one id.
    fn loses_none_when_it_is_killed(&self) {
        self.receiver.will("held", [Reply::Silence]);
        self.ticket("held");
        let first = self.next();
        self.board.kill();
        let again = self.next();
        assert_eq!((first.delivery(), &first.body), (again.delivery(), &again.body));
        let titles: BTreeSet<String> = (1..=20).map(|n| format!("ticket {n}")).collect();
        for (number, title) in titles.iter().enumerate() {
            self.ticket(title);
            if number % 8 == 5 {
                self.board.kill();
            }
        }
        let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        while told.len() < titles.len() {
            let post = self.next();
            let subject = post.json()["data"]["eventId"].as_str().unwrap().parse().unwrap();
            assert_eq!(post.delivery(), ids::delivery_id(subject, self.hook).to_string());
            if titles.contains(&post.title()) {
                told.entry(post.title()).or_default().insert(post.delivery().to_owned());
            }
        }
        for (title, deliveries) in &told {
            assert_eq!(deliveries.len(), 1, "{title}");
            deliveries.iter().for_each(|delivery| drop(self.became(delivery, "delivered")));
        }
    }
}

#[test]
fn one_process_tells_a_receiver_logs_it_and_loses_none_when_it_is_killed() {
    let (home, receiver) = (Home::new(), Receiver::start());
    let start = || {
        let mut server = Home::spawn(home.command(&["dev", "--listen", "127.0.0.1:0"]).envs(SETTINGS));
        server.wait_until_running();
        server
    };
    let server = RefCell::new(start());
    let kill = |url: &RefCell<String>| {
        server.borrow_mut().kill();
        let again = start();
        url.replace(again.url.clone());
        server.replace(again);
    };
    let url = RefCell::new(server.borrow().url.clone());
    let board = Board { url, token: home.token(), kill: Box::new(kill) };
    let scene = Scene::new(&board, &receiver);
    scene.tells_and_logs_it_and_repeats_it_once();
    scene.loses_none_when_it_is_killed();
    assert_eq!(board.post("/verify", &json!({}))["differences"], json!([]));
}

/// Apache Kafka and PostgreSQL, and processes that know of both.
struct Site {
    kafka: OwnKafka,
    postgres: OwnPostgres,
    home: Home,
}

impl Site {
    /// With its tables.
    fn new() -> Self {
        let site = Self { kafka: OwnKafka::new(&[]), postgres: OwnPostgres::new(&[]), home: Home::new() };
        let migrated = site.command(&["sink", "migrate"]).output().unwrap();
        assert!(migrated.status.success(), "{}", text(&migrated));
        site
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command.envs(SETTINGS).envs([
            ("SYNCROBOARD__KAFKA__BOOTSTRAP_SERVERS", self.kafka.bootstrap()),
            ("SYNCROBOARD__KAFKA__SESSION_TIMEOUT_MS", "3000"),
            ("SYNCROBOARD__KAFKA__TRANSACTION_TIMEOUT_MS", "4000"),
            ("SYNCROBOARD__POSTGRES__URL", self.postgres.url()),
            ("SYNCROBOARD__API__LISTEN", "127.0.0.1:0"),
        ]);
        command
    }

    fn start(&self, part: &str) -> Server {
        let mut process = Home::spawn(&mut self.command(&[part]));
        process.wait_until_running();
        process
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.command(arguments).output().unwrap()
    }
}

#[test]
fn a_deliverer_apart_tells_a_receiver_and_loses_none_when_it_is_killed() {
    let (site, receiver) = (Site::new(), Receiver::start());
    let (_worker, _sink, api) = (site.start("worker"), site.start("sink"), site.start("api"));
    let both = || [(); 2].map(|()| site.start("webhooks"));
    let deliverers = RefCell::new(both());
    let kill = |_: &RefCell<String>| {
        for deliverer in deliverers.borrow_mut().iter_mut() {
            deliverer.kill();
        }
        deliverers.replace(both());
    };
    wait_until(&api.url, 200);
    let board = Board { url: RefCell::new(api.url.clone()), token: site.home.token(), kill: Box::new(kill) };
    let scene = Scene::new(&board, &receiver);
    scene.tells_and_logs_it_and_repeats_it_once();
    scene.loses_none_when_it_is_killed();
    let verified = site.run(&["verify"]);
    assert!(text(&verified).contains("0 differences"), "{}", text(&verified));
    let lag = site.run(&["lag", "syncroboard-webhooks"]);
    assert!(text(&lag).contains("webhook.commands"), "{}", text(&lag));
    // A repetition that nobody can be asked for.
    let delivery = scene.list("limit=1")[0]["id"].clone();
    site.kafka.kill();
    let replay = format!("{}/{}/replay", scene.path(), delivery.as_str().unwrap());
    let (status, _, problem) = board.send("POST", &replay, &json!({}), None);
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")), "{problem}");
}

/// Waits until `/readyz` answers so, and tells what it says then.
fn wait_until(url: &str, status: u16) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Ok(answer) = http().get(format!("{url}/readyz")).send() {
            let (now, said) = (answer.status().as_u16(), answer.text().unwrap());
            if now == status {
                return said;
            }
            assert!(Instant::now() < end, "{now}: {said}");
        }
        assert!(Instant::now() < end, "no answer");
    }
}

#[test]
fn a_deliverer_waits_for_its_database_and_says_so() {
    let site = Site::new();
    site.postgres.stop();
    let place = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut process = Home::spawn(&mut site.command(&["webhooks", "--listen", &place]));
    process.wait_for_log("webhooks are not known yet");
    let url = format!("http://{place}");
    let said = wait_until(&url, 503);
    assert!(said.contains("accounts: "), "{said}");
    assert!(http().get(format!("{url}/healthz")).send().unwrap().status().is_success());
    site.postgres.start();
    process.wait_until_running();
    wait_until(&url, 200);
    // What it knows counts while the database is away again.
    site.postgres.stop();
    process.wait_for_log("webhooks cannot be read");
    wait_until(&url, 200);
    process.stop();
}

#[test]
fn topics_of_different_partition_counts_are_refused_by_their_names() {
    let site = Site::new();
    for (topic, partitions) in [("ticket.events", "4"), ("notifications", "2")] {
        site.kafka.tool(TOPICS, &["--create", "--topic", topic, "--partitions", partitions]);
    }
    // All but the counts is made right.
    site.run(&["topics", "apply"]);
    let output = site.run(&["webhooks"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let said = text(&output);
    assert!(said.contains("ticket.events") && said.contains("notifications"), "{said}");
}

#[test]
fn a_deliverer_says_what_it_needs() {
    let home = Home::new();
    for (arguments, missing) in [
        (&["webhooks"][..], "kafka.bootstrap_servers"),
        (&["webhooks", "--kafka", "127.0.0.1:9"], "give postgres.read_url"),
    ] {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(missing), "{}", text(&output));
    }
    let output = home.command(&["webhooks"]).env("SYNCROBOARD__WEBHOOKS__TIMEOUT_MS", "0").output().unwrap();
    assert!(text(&output).contains("webhooks.timeout_ms must be at least 1"), "{}", text(&output));
}
