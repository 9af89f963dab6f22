//! One trace from the request to the caches: in one process, and through processes that meet on Kafka only.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use reqwest::blocking::Response;
use schemas::topics::TICKET_COMMANDS;
use serde_json::{Value, json};
use topology::Headers;
use topology::broker::{NewRecord, TopicPartition};

use crate::collector::{Collector, Seen};
use crate::site::Site;
use crate::support::{Home, Server, http, text};

/// The caller's span.
const CALLER: &str = "00000000000000c1";
/// How long a process may take to end when no one takes its spans.
const ENDED: Duration = Duration::from_secs(8);

/// A client that says which trace its requests belong to.
struct Client<'a> {
    server: &'a Server,
    token: String,
}

impl Client<'_> {
    /// Sends a request within a trace, or within none if that is empty.
    fn post(&self, path: &str, body: &Value, traceparent: &str) -> Response {
        let mut request = http().post(format!("{}{path}", self.server.url)).bearer_auth(&self.token).json(body);
        if !traceparent.is_empty() {
            request = request.header("traceparent", traceparent).header("tracestate", "vendor=1");
        }
        let response = request.send().unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.text().unwrap());
        response
    }

    /// Makes a project and its users, in a trace that nobody gathers.
    fn prepare(&self) {
        self.post("/projects", &json!({ "key": "WEB", "name": "Web" }), &traceparent(1, false));
        let bob = json!({ "type": "RegisterUser", "email": "bob@example.org", "name": "Bob" });
        let registered = self.post("/commands:bulk", &bob, &traceparent(1, false)).text().unwrap();
        assert!(registered.contains("accepted"), "{registered}");
    }
}

fn trace_id(n: u8) -> String {
    format!("{:032x}", 0xabcd_0000_u128 + u128::from(n))
}

fn traceparent(n: u8, sampled: bool) -> String {
    format!("00-{}-{CALLER}-0{}", trace_id(n), u8::from(sampled))
}

/// Each span of a trace with the one that it is below, sorted.
fn tree(spans: &[Seen]) -> Vec<String> {
    let name = |id: &str| match id {
        "" => "no one".to_owned(),
        CALLER => "the caller".to_owned(),
        _ => spans.iter().find(|span| span.id == id).map_or_else(|| format!("unknown {id}"), |span| span.name.clone()),
    };
    let mut lines: Vec<_> =
        spans.iter().map(|span| format!("{}: {} < {}", span.service, span.name, name(&span.parent))).collect();
    lines.sort();
    lines
}

/// What a trace looks like, of parts with their spans and the names above these.
fn expected(of: &[(&str, &str, &str)], all_in: Option<&str>) -> Vec<String> {
    let line =
        |(part, name, above): &(&str, &str, &str)| format!("syncroboard-{}: {name} < {above}", all_in.unwrap_or(part));
    let mut lines: Vec<_> = of.iter().map(line).collect();
    lines.sort();
    lines
}

const COMMANDS: &str = "process ticket.commands";
const ASKED: &str = "process syncroboard-user-lookup-requests-repartition";
const REPLIED: &str = "process syncroboard-user-lookup-replies-repartition";

const TOLD: &str = "process syncroboard-pool-inputs-repartition";
const PROPOSED: &str = "process ticket.assignments";
const FANNED_OUT: &str = "process ticket.events";
const NOTIFIED: &str = "process syncroboard-inbox-inputs-repartition";

fn ticket(above: &'static str) -> Vec<(&'static str, &'static str, &'static str)> {
    const POST: &str = "POST /projects/{id}/tickets";
    vec![
        ("api", POST, above),
        ("api", "send ticket.commands", POST),
        ("worker", COMMANDS, "send ticket.commands"),
        ("worker", "commit transaction", COMMANDS),
        ("api", "receive command.outcomes", COMMANDS),
        ("sink", "sink ticket.events", COMMANDS),
        ("sink", "sink command.outcomes", COMMANDS),
        // Its pool is told of it, proposes its owner, and hears that it was so.
        ("worker", TOLD, COMMANDS),
        ("worker", "commit transaction", TOLD),
        ("worker", PROPOSED, TOLD),
        ("worker", "commit transaction", PROPOSED),
        ("sink", "sink ticket.events", PROPOSED),
        ("worker", TOLD, PROPOSED),
        ("worker", "commit transaction", TOLD),
        // Nobody must know that it was made; whoever it is given to is told.
        ("worker", FANNED_OUT, COMMANDS),
        ("worker", "commit transaction", FANNED_OUT),
        ("worker", FANNED_OUT, PROPOSED),
        ("worker", "commit transaction", FANNED_OUT),
        ("worker", NOTIFIED, FANNED_OUT),
        ("worker", "commit transaction", NOTIFIED),
        ("sink", "sink notifications", NOTIFIED),
        ("sink", "sink email.outbox", NOTIFIED),
    ]
}

/// In one process there is a mailer too.
fn mailed_ticket(above: &'static str) -> Vec<(&'static str, &'static str, &'static str)> {
    const MAILED: &str = "process email.outbox";
    let mut spans = ticket(above);
    spans.extend([("mailer", MAILED, NOTIFIED), ("mailer", "commit transaction", MAILED)]);
    spans
}

fn member(above: &'static str) -> Vec<(&'static str, &'static str, &'static str)> {
    const POST: &str = "POST /projects/{id}/members";
    vec![
        ("api", POST, above),
        ("api", "send ticket.commands", POST),
        ("worker", COMMANDS, "send ticket.commands"),
        ("worker", "commit transaction", COMMANDS),
        ("worker", ASKED, COMMANDS),
        ("worker", "commit transaction", ASKED),
        ("worker", REPLIED, ASKED),
        ("worker", "commit transaction", REPLIED),
        ("api", "receive command.outcomes", REPLIED),
        ("sink", "sink ticket.events", REPLIED),
        ("sink", "sink command.outcomes", REPLIED),
        ("worker", TOLD, REPLIED),
        ("worker", "commit transaction", TOLD),
        ("worker", FANNED_OUT, REPLIED),
        ("worker", "commit transaction", FANNED_OUT),
    ]
}

/// `dev` that traces, with a share of what comes without a trace.
fn dev(home: &Home, endpoint: &str, ratio: &str) -> Server {
    let mut command = home.command(&["dev", "--listen", "127.0.0.1:0"]);
    command.env("SYNCROBOARD__TRACING__OTLP_ENDPOINT", endpoint).env("SYNCROBOARD__TRACING__SAMPLE_RATIO", ratio);
    let mut server = Home::spawn(command.env("SYNCROBOARD__LOG__JSON", "true"));
    server.wait_until_running();
    server
}

#[test]
fn should_show_a_write_and_its_effects_as_one_trace_in_one_process() {
    let (home, collector) = (Home::new(), Collector::new());
    let mut server = dev(&home, &collector.url, "0");
    let client = Client { server: &server, token: home.token() };
    client.prepare();
    client.post("/projects/WEB/tickets", &json!({ "title": "Traced" }), &traceparent(2, true));
    client.post("/projects/WEB/members", &json!({ "user": "bob@example.org" }), &traceparent(3, true));
    client.post("/projects/WEB/tickets", &json!({ "title": "Not" }), "");
    client.post("/projects/WEB/tickets", &json!({ "title": "Malformed" }), &traceparent(4, true)[1..]);
    for (trace, spans) in [(2, mailed_ticket("the caller")), (3, member("the caller"))] {
        collector.wait_for(&trace_id(trace), spans.len());
    }
    server.stop();
    let all_in_one = Some("dev");
    assert_eq!(tree(&collector.trace(&trace_id(2))), expected(&mailed_ticket("the caller"), all_in_one));
    assert_eq!(tree(&collector.trace(&trace_id(3))), expected(&member("the caller"), all_in_one));
    for silent in [1, 4] {
        assert_eq!(tree(&collector.trace(&trace_id(silent))), [""; 0]);
    }
    let spans = collector.trace(&trace_id(2));
    let post = spans.iter().find(|span| span.parent == CALLER).unwrap();
    assert_eq!(post.attributes["http.response.status_code"], "201");
    assert!(spans.iter().all(|span| !span.failed && span.nanos.0 <= span.nanos.1), "{spans:#?}");
    let processed = spans.iter().find(|span| span.name == COMMANDS).unwrap();
    assert_eq!(processed.attributes["messaging.destination.name"], TICKET_COMMANDS);
    assert!(processed.attributes["streams.task"].starts_with("tickets-by-command-"), "{processed:?}");
    let received = spans.iter().find(|span| span.name == "receive command.outcomes").unwrap();
    assert!(received.nanos.1 <= post.nanos.1, "the request ends after its outcome was heard");
}

#[test]
fn should_begin_a_trace_for_a_request_that_comes_without_one() {
    let (home, collector) = (Home::new(), Collector::new());
    let mut server = dev(&home, &collector.url, "1");
    let client = Client { server: &server, token: home.token() };
    client.prepare();
    client.post("/projects/WEB/tickets", &json!({ "title": "First" }), "");
    let begun = collector.first("POST /projects/{id}/tickets");
    http().get(format!("{}/metrics", server.url)).send().unwrap();
    collector.wait_for(&begun.trace, mailed_ticket("no one").len());
    server.stop();
    assert_eq!(tree(&collector.trace(&begun.trace)), expected(&mailed_ticket("no one"), Some("dev")));
    assert_eq!(tree(&collector.trace(&trace_id(1))), [""; 0], "the caller's decision counts");
}

#[test]
fn should_show_a_write_and_its_effects_as_one_trace_through_processes() {
    let (mut site, collector) = (Site::new(), Collector::new());
    site.set("SYNCROBOARD__TRACING__OTLP_ENDPOINT", &collector.url);
    site.set("SYNCROBOARD__TRACING__SAMPLE_RATIO", "0");
    let mut parts = site.start();
    let client = Client { server: &parts.apis[0], token: site.token() };
    client.prepare();
    client.post("/projects/WEB/tickets", &json!({ "title": "Traced" }), &traceparent(2, true));
    client.post("/projects/WEB/members", &json!({ "user": "bob@example.org" }), &traceparent(3, true));
    client.post("/projects/WEB/tickets", &json!({ "title": "Not" }), "");
    let told = |spans: &[_]| spans.iter().filter(|(_, name, _)| *name == "sink ticket.events").count();
    for (trace, spans) in [(2, ticket("the caller")), (3, member("the caller"))] {
        collector.wait_for(&trace_id(trace), spans.len() + told(&spans));
    }
    parts.worker.stop();
    for server in parts.sinks.iter_mut().chain(&mut parts.apis) {
        server.stop();
    }
    for (trace, mut spans) in [(2, ticket("the caller")), (3, member("the caller"))] {
        spans.extend(vec![("sink", "tell redis", "sink ticket.events"); told(&spans)]);
        assert_eq!(tree(&collector.trace(&trace_id(trace))), expected(&spans, None));
    }
    assert_eq!(tree(&collector.trace(&trace_id(1))), [""; 0]);
}

#[test]
fn should_show_what_becomes_of_a_record_that_fails_and_is_put_back() {
    let (mut site, collector) = (Site::new(), Collector::new());
    site.set("SYNCROBOARD__TRACING__OTLP_ENDPOINT", &collector.url);
    let mut worker = site.launch(&["worker"]);
    worker.wait_until_running();
    poison(&site, 5);
    let line: Value = serde_json::from_str(&worker.wait_for_log("\"trace_id\"")).unwrap();
    collector.wait_for(&trace_id(5), 2);
    let first = collector.trace(&trace_id(5));
    assert_eq!((&line["trace_id"], &line["span_id"]), (&json!(trace_id(5)), &json!(first[0].id)), "{line}");
    let redriven = site.run(&["dlq", "redrive", TICKET_COMMANDS]);
    assert_eq!(redriven.status.code(), Some(0), "{}", text(&redriven));
    collector.wait_for(&trace_id(5), 4);
    worker.stop();
    let spans = collector.trace(&trace_id(5));
    let [failed, _, again, _] = &spans[..] else { panic!("{spans:#?}") };
    assert!(failed.failed && again.failed && again.parent == failed.id, "{spans:#?}");
    assert_eq!((failed.parent.as_str(), failed.name.as_str(), again.name.as_str()), (CALLER, COMMANDS, COMMANDS));
    assert_eq!(failed.attributes["error.type"], "deserialization");
    let commits: Vec<_> = spans.iter().filter(|span| span.name == "commit transaction").collect();
    assert!(commits.len() == 2 && commits.iter().all(|commit| !commit.failed), "{spans:#?}");
}

#[test]
fn should_go_on_and_end_in_time_when_no_one_takes_the_spans() {
    // One that is not there, and one that is and never answers.
    let (gone, silent) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = [&gone, &silent].map(|listener| format!("http://{}", listener.local_addr().unwrap()));
    drop(gone);
    for endpoint in addresses {
        let home = Home::new();
        let mut server = dev(&home, &endpoint, "1");
        let client = Client { server: &server, token: home.token() };
        client.prepare();
        let begun = Instant::now();
        for n in 0..100 {
            client.post("/projects/WEB/tickets", &json!({ "title": n.to_string() }), "");
        }
        println!("{:?} for 100 requests with the collector away", begun.elapsed());
        server.wait_for_log("does not take spans");
        let metrics = http().get(format!("{}/metrics", server.url)).send().unwrap().text().unwrap();
        let failed =
            metrics.lines().find_map(|line| line.strip_prefix("syncroboard_trace_spans_total{result=\"failed\"} "));
        assert!(failed.unwrap().parse::<f64>().unwrap() > 0.0, "{metrics}");
        let begun = Instant::now();
        server.stop();
        assert!(begun.elapsed() < ENDED, "it took {:?} to end", begun.elapsed());
        let warned = server.logged().iter().filter(|line| line.contains("does not take spans")).count();
        assert_eq!(warned, 1, "once");
    }
}

/// A record that is no command, within a trace.
fn poison(site: &Site, trace: u8) {
    let mut headers = Headers::new();
    headers.push("traceparent", traceparent(trace, true));
    let record = NewRecord { timestamp: 1, key: Some(b"key"), value: Some(b"no command"), headers: &headers };
    let (tell, told) = std::sync::mpsc::channel();
    let delivery = Box::new(move |written: Result<_, _>| tell.send(written.is_ok()).unwrap());
    // It lives until the record is written: what it has not sent goes with it.
    let producer = site.broker().producer().unwrap();
    producer.send(&TopicPartition::new(TICKET_COMMANDS, 0), record, delivery).unwrap();
    assert!(told.recv().unwrap());
}
