//! The cases of `cases`, on one process and on the parts.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::cases::{CASES, Installation, pass_on};
use crate::exposition::{Sample, scrape};
use crate::log;
use crate::proxy::RoundRobin;
use crate::site::{Parts, SECRET, Site};
use crate::support::{Home, Server, http, text};

/// How long sinks may take to have read the last marker of a transaction.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn should_answer_every_case_in_one_process_and_have_one_for_every_route() {
    let home = Home::new();
    let server = home.start();
    let secret = std::fs::read_to_string(home.data().join("secret")).unwrap();
    pass_on(&Installation::new(&server.url, &secret, |arguments| home.run(arguments)));
    // Those with a success of at least one request.
    let requests = scrape(&server.url).into_iter().filter(|sample| sample.metric == "syncroboard_http_requests_total");
    let answered: BTreeSet<String> = requests
        .filter(|sample| sample.labels["status"].starts_with(['2', '3']))
        .map(|sample| format!("{} {}", sample.labels["method"], sample.labels["route"]))
        .collect();
    let routes = routes();
    assert!(routes.len() > 25, "{routes:?}");
    let left_out: Vec<_> = routes.difference(&answered).collect();
    assert!(left_out.is_empty(), "no case asks {left_out:?}");
}

/// Method and path of everything that the router has: what is described, and pages, but for those that only a process has that is alone:
/// `tests/mailing.rs` asks for them.
fn routes() -> BTreeSet<String> {
    let paths = api::openapi()["paths"].as_object().unwrap().iter();
    let described = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let (_, pages) = include_str!("../../api/src/router.rs").split_once("fn pages()").unwrap();
    let pages = pages.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")?.split_once('"'));
    let pages = pages.filter(|(path, _)| !path.starts_with("/dev/")).flat_map(|(path, handlers)| {
        let handlers = handlers.replace('.', " ");
        let asked = ["get", "post"].into_iter().filter(move |method| handlers.contains(&format!(" {method}(")));
        asked.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    described.chain(pages).collect()
}

#[test]
fn should_try_every_case_that_is_written_down() {
    let mut written = BTreeSet::new();
    for entry in std::fs::read_dir("tests/apart/cases").unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let cases = text.lines().filter_map(|line| line.strip_prefix("pub(super) fn ")?.split_once('('));
        written.extend(cases.map(|(case, _)| format!("{module}::{case}")));
    }
    let tried: BTreeSet<_> = CASES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!((written, CASES.len()), (tried.clone(), tried.len()));
}

#[test]
fn should_answer_every_case_with_two_api_processes_behind_a_round_robin_and_limit_both_together() {
    let mut site = Site::new();
    let parts = site.start();
    let mut deliverer = site.ready(&["webhooks"]);
    let proxy = RoundRobin::new(&parts.apis.each_ref().map(|api| api.url.clone()));
    pass_on(&Installation::new(&proxy.url, SECRET, |arguments| site.run(arguments)));
    let served = proxy.served();
    assert!(served.iter().all(|served| *served > 200), "{served:?} were served by each");
    deliverer.stop();
    site.verifies();
    tell_what_they_did(&site, &parts);
    share_the_buckets_of_callers(&mut site);
}

/// What one process has taken out of somebody's bucket the other does not have, though it has the same limit.
fn share_the_buckets_of_callers(site: &mut Site) {
    const EACH: usize = 60;
    site.set("SYNCROBOARD__API__RATE_PER_SECOND", "1");
    site.set("SYNCROBOARD__API__RATE_BURST", "1000");
    let apis = [(); 2].map(|()| site.api());
    let token = site.token();
    let left = |api: &Server| -> u64 {
        let reply = http().get(format!("{}/projects", api.url)).bearer_auth(&token).send().unwrap();
        assert_eq!((reply.status().as_u16(), reply.headers()["ratelimit-limit"].to_str().unwrap()), (200, "1000"));
        reply.headers()["ratelimit-remaining"].to_str().unwrap().parse().unwrap()
    };
    let lefts = apis.each_ref().map(|api| (0..EACH).map(|_| left(api)).min().unwrap());
    assert!(lefts[1] < 1_000 - EACH as u64 - 10, "{lefts:?}: one token comes back in a second");
    site.redis.kill();
    assert!(left(&apis[1]) > 990, "a bucket of its own while Redis is away");
}

#[test]
fn should_let_pages_of_listed_origins_read_answers_and_no_others() {
    const PAGE: &str = "https://app.example.org";
    let home = Home::new();
    let dev = |origins: &str| {
        let mut command = home.command(&["dev", "--listen", "127.0.0.1:0"]);
        command.env("SYNCROBOARD__API__CORS_ORIGINS", origins);
        command
    };
    let refused = dev("https://app.example.org/").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused).contains("api.cors_origins: `https://app.example.org/` is not an origin"),
        "{}",
        text(&refused)
    );
    let mut server = Home::spawn(&mut dev(&format!("http://localhost:3000, {PAGE}")));
    server.wait_until_running();
    let asks = |origin: &str, method: &str, headers: &[(&str, &str)]| {
        let request = http().request(method.parse().unwrap(), format!("{}/projects", server.url));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.header("origin", origin).bearer_auth(home.token()).send().unwrap()
    };
    let said = |reply: &reqwest::blocking::Response, name: &str| {
        reply.headers().get(name).map_or(String::new(), |value| value.to_str().unwrap().to_ascii_lowercase())
    };
    let before = [("access-control-request-method", "PATCH"), ("access-control-request-headers", "idempotency-key")];
    let reply = asks(PAGE, "OPTIONS", &before);
    assert_eq!((reply.status().as_u16(), said(&reply, "access-control-allow-origin")), (200, PAGE.to_owned()));
    assert!(said(&reply, "access-control-allow-methods").contains("patch"), "{reply:?}");
    assert!(said(&reply, "access-control-allow-headers").contains("idempotency-key"), "{reply:?}");
    let reply = asks(PAGE, "GET", &[]);
    assert_eq!((reply.status().as_u16(), said(&reply, "access-control-allow-origin")), (200, PAGE.to_owned()));
    assert!(said(&reply, "access-control-expose-headers").contains("syncroboard-sequence"), "{reply:?}");
    assert!(said(&reply, "vary").contains("origin"), "{reply:?}");
    for method in ["OPTIONS", "GET"] {
        assert_eq!(said(&asks("https://evil.example.org", method, &before), "access-control-allow-origin"), "");
    }
}

/// Each metric of a sink that is documented is there, together the sinks have written each record once, and nothing is left.
fn tell_what_they_did(site: &Site, parts: &Parts) {
    let end = Instant::now() + PATIENCE;
    let samples = loop {
        let samples: Vec<Sample> = parts.sinks.iter().flat_map(|sink| scrape(&sink.url)).collect();
        let lag: f64 = samples.iter().filter(|s| s.metric.starts_with("syncroboard_sink_lag_")).map(|s| s.value).sum();
        if lag <= 0.0 {
            break samples;
        }
        assert!(Instant::now() < end, "there is lag, though no one writes: {lag}");
    };
    let documented = include_str!("../../docs/operating.md");
    let rows = documented.lines().filter(|line| line.starts_with("| `syncroboard_sink_"));
    let names: Vec<_> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    assert!(names.len() > 4, "{names:?}");
    for name in names {
        assert!(samples.iter().any(|sample| sample.metric.starts_with(name)), "{name} is not shown");
    }
    let sum = |metric: &str, label: &str, value: &str| {
        let of =
            samples.iter().filter(|s| s.metric == format!("syncroboard_sink_{metric}") && s.labels[label] == value);
        of.map(|sample| sample.value).sum::<f64>()
    };
    let events = log::read(&*site.broker()).events.len();
    let written = sum("records_total", "topic", "ticket.events");
    assert!((written - events as f64).abs() < 0.5, "{events} events, {written} written");
    assert!(sum("state", "state", "RUNNING") > 1.5);
}
