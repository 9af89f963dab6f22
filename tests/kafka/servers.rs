//! Kafka and the schema registry are away for long, and workers die and come meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::hangs::nothing_hangs;
use crate::load::{ENDLESS, seed};
use crate::proxy::{Action, Rule};
use crate::site::{Scene, Site, settings, settings_for_three};
use crate::support::services::{Own, OwnRegistry};
use crate::support::text;
use crate::wire::api;

/// How long a request may take to come, or an answer.
const SOON: Duration = Duration::from_secs(30);

/// As long as Kafka Streams' own tests leave it without.
const OUTAGE: Duration = Duration::from_secs(70);

/// No request reaches Kafka, which ends sessions and transactions meanwhile. It is not stopped: a lone broker that is stopped under
/// load skips markers (decision 25).
#[test]
fn should_live_through_seventy_seconds_without_a_broker_and_start_meanwhile() {
    let (site, proxy) = Site::proxied(settings_for_three("classic"));
    let server = site.dev();
    let mut worker = site.worker(&["--instance", "lives"]);
    let mut other = site.worker(&["--instance", "dies"]);
    worker.wait_until_running();
    other.wait_until_running();
    site.wait_for_members(3);
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    scene.goes_on(300);
    assert!(scene.load.in_flight() > 0);
    let begun = Instant::now();
    let outage = proxy.rule(Rule::on_any(Action::CutConnections));
    worker.wait_for_log("again: ");
    other.kill();
    other = site.worker(&["--instance", "dies"]);
    other.wait_for_log("cannot be reached, trying again");
    assert!(!worker.says("state=NOT_RUNNING", OUTAGE.saturating_sub(begun.elapsed())));
    let before = scene.load.acknowledged();
    proxy.clear();
    println!("{} requests did not reach the broker, {before} were acknowledged", outage.hits());
    assert!(outage.hits() > 100, "{}", outage.hits());
    other.wait_until_running();
    site.wait_for_members(3);
    scene.goes_on(300);
    assert!(worker.is_alive(), "{:?}", worker.logged());
    worker.stop();
    other.stop();
    site.is_whole(server, scene);
}

/// It is frozen with its offsets on the way, for longer than its transaction lasts and for less than its session.
#[test]
fn should_do_again_what_was_in_a_transaction_that_ran_into_its_timeout() {
    let mut settings = settings("classic");
    settings.insert("SYNCROBOARD__KAFKA__SESSION_TIMEOUT_MS", "20000".to_owned());
    let (site, proxy) = Site::proxied(settings);
    let server = site.dev();
    let mut worker = site.worker(&["--instance", "frozen"]);
    worker.wait_until_running();
    site.wait_for_members(2);
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    scene.goes_on(300);
    let of_it = |id: &str| id == "syncroboard-frozen-0";
    let rule = Rule::on(api::TXN_OFFSET_COMMIT, Action::HoldRequest { cut: false });
    let rule = rule.when(move |request| request.transaction.as_ref().is_some_and(|t| of_it(&t.id)));
    let open = proxy.rule(rule.first(1)).held(SOON);
    worker.signal("STOP");
    // Kafka looks once a second. The other one goes on.
    assert!(!server.says("state=NOT_RUNNING", Duration::from_secs(6)));
    let code = open.release(SOON);
    assert!(code.is_some_and(|code| code != 0), "the transaction was still open: {code:?}");
    worker.signal("CONT");
    println!("{code:?}: {}", worker.wait_for_log("transaction given up"));
    scene.goes_on(300);
    assert!(worker.is_alive());
    assert!(worker.logged().iter().all(|line| !line.contains("were lost to other members")), "it kept its session");
    worker.stop();
    site.is_whole(server, scene);
}

/// Answers over HTTP are all that is looked at: with a registry, the records' ids are not those in the code.
#[test]
fn should_go_on_without_the_schema_registry_and_start_when_it_is_back() {
    let registry = OwnRegistry::new();
    let mut settings = settings("classic");
    settings.insert("SYNCROBOARD__SCHEMA_REGISTRY__URL", registry.url().to_owned());
    let site = Site::new(settings);
    let server = site.dev();
    let start = || site.worker(&["--instance", "killed"]);
    let mut worker = start();
    worker.wait_until_running();
    site.wait_for_members(2);
    let mut scene = Scene::new(&site, &server, 20, ENDLESS, seed());
    let absences: [(&str, &dyn Fn(&Own), &dyn Fn(&Own)); 3] = [
        ("stopped", &|registry| registry.stop(), &|registry| registry.start()),
        ("killed", &|registry| registry.kill(), &|registry| registry.start()),
        ("frozen", &|registry| registry.signal("STOP"), &|registry| registry.signal("CONT")),
    ];
    for (how, away, back) in absences {
        scene.goes_on(200);
        away(&registry);
        worker.kill();
        worker = start();
        println!("{how}: {}", worker.wait_for_log("nothing starts before the schema registry answers"));
        // Those that run need it no more, and take over.
        site.wait_for_members(1);
        scene.goes_on(200);
        back(&registry);
        worker.wait_until_running();
        site.wait_for_members(2);
    }
    let Scene { token, projects, load, .. } = scene;
    let mut numbers: BTreeMap<_, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
    for told in load.end().0 {
        numbers.entry(told.project).or_default().entry(told.number).or_default().insert(told.command);
    }
    assert_eq!(numbers.len(), projects.len());
    for (project, numbers) in numbers {
        assert!(numbers.values().all(|commands| commands.len() == 1), "{project}: {numbers:?}");
        assert!(numbers.keys().copied().eq(1..=numbers.len() as i64), "{project}: {:?}", numbers.keys());
    }
    worker.stop();
    site.wait_for_members(1);
    let verified = server.verified(&site.home, &token);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
    nothing_hangs(&*site.broker());
}
