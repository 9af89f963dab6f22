//! One fault at a time, each seen to take effect.

use std::time::{Duration, Instant};

use schemas::ids;
use serde_json::json;
use topology::broker::TopicPartition;

use crate::exposition::scrape;
use crate::load::{ENDLESS, seed};
use crate::site::{Parts, Scene, Site, wait_until};
use crate::support::services::psql;
use crate::support::{Home, Server, http, text};

/// How long what is promised without a time may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A write as the administrator: status, `Retry-After` and the body.
fn create(api: &Server, token: &str, key: &str, title: &str) -> (u16, Option<String>, serde_json::Value) {
    let request = http().post(format!("{}/projects/WEB/tickets", api.url)).bearer_auth(token);
    let response = request.header("idempotency-key", key).json(&json!({ "title": title })).send().unwrap();
    let retry = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), retry, response.json().unwrap())
}

/// As [`create`], again with the same key for as long as the answer is that it is not decided yet.
fn create_in_the_end(api: &Server, token: &str, key: &str, title: &str) -> (u16, serde_json::Value) {
    let end = Instant::now() + PATIENCE;
    loop {
        let (status, _, answer) = create(api, token, key, title);
        if status != 202 && answer["code"] != "request_in_flight" {
            return (status, answer);
        }
        assert!(Instant::now() < end, "it is never decided: {answer}");
    }
}

fn make_project(api: &Server, token: &str) {
    let request = http().post(format!("{}/projects", api.url)).bearer_auth(token);
    let made = request.json(&json!({ "key": "WEB", "name": "Web" })).send().unwrap();
    assert_eq!(made.status().as_u16(), 201);
}

#[test]
fn should_go_on_reading_and_refuse_writes_while_kafka_is_down() {
    let site = Site::new();
    let parts = site.start();
    let (api, token) = (&parts.apis[0], site.token());
    make_project(api, &token);
    assert_eq!(create(api, &token, "1", "before").0, 201);
    // A broker that is alone leaves a transaction open for ever that it dies under (docs/kafka.md, "Exactly once needs replicas").
    site.rests();
    site.kafka.kill();
    assert!(wait_until(api, 503).contains("Kafka"));
    let (status, retry, problem) = create(api, &token, "2", "meanwhile");
    assert_eq!((status, retry.as_deref()), (503, Some("1")), "{problem}");
    assert_eq!(api.columns(&token, "WEB")[0], ("OPEN".to_owned(), 1), "reads go on");
    site.kafka.start();
    wait_until(api, 200);
    // Whether or not the first try got through in the end. The broker answers before its coordinators have loaded, so the
    // worker may take longer than a request waits.
    let (status, ticket) = create_in_the_end(api, &token, "2", "meanwhile");
    assert_eq!((status, ticket["number"].as_i64()), (201, Some(2)), "{ticket}");
    assert_eq!(create_in_the_end(api, &token, "3", "after").1["number"], 3);
    site.verifies();
}

#[test]
fn should_say_which_part_is_missing_and_come_back_by_itself() {
    let site = Site::new();
    let parts = site.start();
    let (api, token) = (&parts.apis[0], site.token());
    make_project(api, &token);
    site.postgres.kill();
    let said = wait_until(api, 503);
    assert!(said.contains("Postgres") && !said.contains("Kafka"), "{said}");
    let read = http().get(format!("{}/projects/WEB", api.url)).bearer_auth(&token).send().unwrap();
    assert_eq!(read.status().as_u16(), 503);
    site.postgres.start();
    wait_until(api, 200);
    // Without Redis nothing is missing: it is slower.
    site.redis.kill();
    assert_eq!(create(api, &token, "1", "without Redis").0, 201);
    assert_eq!(api.columns(&token, "WEB")[0], ("OPEN".to_owned(), 1));
    wait_until(api, 200);
    site.redis.start();
    assert_eq!(create(api, &token, "2", "with Redis").0, 201);
    assert_eq!(api.columns(&token, "WEB")[0], ("OPEN".to_owned(), 2));
    // One that hears and does not answer is not waited for.
    site.redis.signal("STOP");
    assert_eq!(create(api, &token, "3", "with a frozen Redis").0, 201);
    for _ in 0..20 {
        assert_eq!(api.columns(&token, "WEB")[0], ("OPEN".to_owned(), 3));
    }
    wait_until(api, 200);
    site.redis.signal("CONT");
    site.verifies();
}

#[test]
fn should_answer_right_while_redis_is_full_and_cache_again_when_there_is_room() {
    let site = Site::new();
    let mut parts = site.start();
    let token = site.token();
    make_project(&parts.apis[0], &token);
    let boards_cached = |parts: &Parts| -> f64 {
        let samples = parts.apis.iter().flat_map(|api| scrape(&api.url));
        let fills = samples.filter(|sample| sample.metric == "syncroboard_board_cache_fills_total");
        fills.filter(|sample| sample.labels["result"] == "taken").map(|sample| sample.value).sum()
    };
    let mut tickets = 0_u64;
    let mut write_and_read = |parts: &Parts| {
        for n in 0..4 {
            tickets += 1;
            assert_eq!(create(&parts.apis[n % 2], &token, &format!("k{tickets}"), "x").2["number"], tickets);
            let sequence = parts.apis[0].get(&token, "/projects/WEB")["sequence"].as_i64().unwrap();
            // Twice each: whoever caches would have it by then.
            for api in parts.apis.iter().chain(&parts.apis) {
                let board = api.get_since(&token, "/projects/WEB/board", ids::project_id("WEB"), sequence);
                assert_eq!(board["columns"][0]["count"], tickets, "{board}");
            }
        }
    };
    write_and_read(&parts);
    site.redis.fill_up();
    write_and_read(&parts);
    // One that takes over has to say that nothing cached counts, and there is no room for that either.
    for sink in &mut parts.sinks {
        sink.kill();
    }
    parts.sinks = [(); 2].map(|()| site.sink());
    write_and_read(&parts);
    for api in &parts.apis {
        wait_until(api, 200);
    }
    let before = boards_cached(&parts);
    site.redis.make_room();
    let end = Instant::now() + PATIENCE;
    while boards_cached(&parts) <= before {
        assert!(Instant::now() < end, "nothing is cached any more");
        write_and_read(&parts);
    }
    site.verifies();
}

#[test]
fn should_tell_anywhere_what_became_of_a_command_whose_process_died() {
    let site = Site::new();
    let mut parts = site.start();
    let token = site.token();
    make_project(&parts.apis[0], &token);
    // Taken, and not decided before the process is gone: the only worker is away.
    parts.worker.kill();
    let request = http().post(format!("{}/projects/WEB/tickets", parts.apis[0].url)).bearer_auth(&token);
    let taken = request.header("prefer", "respond-async").json(&json!({ "title": "x" })).send().unwrap();
    assert_eq!(taken.status().as_u16(), 202);
    let place = taken.headers()["location"].to_str().unwrap().to_owned();
    parts.apis[0].kill();
    parts.worker = site.launch(&["worker"]);
    parts.worker.wait_until_running();
    let end = Instant::now() + PATIENCE;
    let answer = loop {
        let asked = http().get(format!("{}{place}", parts.apis[1].url)).bearer_auth(&token).send().unwrap();
        match asked.status().as_u16() {
            200 => break asked.json::<serde_json::Value>().unwrap(),
            status => assert_eq!(status, 404),
        }
        assert!(Instant::now() < end, "no outcome");
    };
    assert_eq!((answer["status"].as_str(), answer["result"]["number"].as_i64()), (Some("accepted"), Some(1)));
}

/// How many records of all partitions are done, as the database and as the group has it.
pub(crate) fn reached(site: &Site) -> (i64, i64) {
    let sql = "SELECT coalesce(sum(next_offset), 0)::bigint FROM read_model.sink_offsets";
    let database = psql(site.postgres.url(), sql).trim().parse().unwrap();
    let broker = site.broker();
    let topics = broker.topics().unwrap();
    let count = |topic: &str| topics[topic];
    let partitions: Vec<_> = [
        "ticket.events",
        "user.events",
        "notifications",
        "email.outbox",
        "email.results",
        "webhook.results",
        "command.outcomes",
    ]
    .into_iter()
    .flat_map(|topic| (0..count(topic)).map(move |number| TopicPartition::new(topic, number)))
    .collect();
    let group = broker.committed("syncroboard-sink", &partitions).unwrap().into_iter().flatten().sum();
    (database, group)
}

#[test]
fn should_go_on_from_the_database_when_sinks_die_between_its_commit_and_that_of_the_group() {
    let site = Site::new();
    let mut parts = site.start();
    let token = site.token();
    make_project(&parts.apis[0], &token);
    let mut between = 0;
    for n in 0..6 {
        // Answered with 201: it is in the database. The group is told once a second.
        assert_eq!(create(&parts.apis[n % 2], &token, &n.to_string(), "x").0, 201);
        for sink in &mut parts.sinks {
            sink.kill();
        }
        let (database, group) = reached(&site);
        between += usize::from(database > group);
        parts.sinks = [(); 2].map(|()| site.sink());
    }
    assert!(between > 0, "the group had been told of everything each time");
    println!("{between} of 6 kills came between the commits");
    assert_eq!(create(&parts.apis[0], &token, "last", "x").2["number"], 7);
    site.verifies();
}

fn wait_until_it_holds_partitions(sink: &Server) {
    let end = Instant::now() + PATIENCE;
    let shown = || http().get(format!("{}/metrics", sink.url)).send().unwrap().text().unwrap();
    while !shown().contains("syncroboard_sink_lag_records{") {
        assert!(Instant::now() < end, "it was given nothing");
    }
}

#[test]
fn should_find_a_damage_in_the_tables_and_nothing_before() {
    let site = Site::new();
    let parts = site.start();
    let token = site.token();
    make_project(&parts.apis[0], &token);
    assert_eq!(create(&parts.apis[0], &token, "1", "The first").0, 201);
    // A sink that is given partitions has all boards count no more; so first they are given out, and that is told.
    parts.sinks.iter().for_each(wait_until_it_holds_partitions);
    site.verifies();
    // Puts the board into the cache, where it stays what it was.
    parts.apis[0].columns(&token, "WEB");
    psql(site.postgres.url(), "UPDATE read_model.tickets SET title = 'Forged'");
    let one = "(SELECT command_id FROM read_model.outcomes LIMIT 1)";
    let damage = format!("UPDATE read_model.outcomes SET outcome = '\\x00' WHERE command_id = {one}");
    psql(site.postgres.url(), &damage);
    let verified = site.run(&["verify"]);
    let said = text(&verified);
    assert_eq!(verified.status.code(), Some(1), "{said}");
    assert!(said.contains("3 differences") && said.contains("Forged") && said.contains("cached board"), "{said}");
    assert!(said.lines().any(|line| line.contains("outcomes") && line.contains("unreadable")), "{said}");
    let rebuilt = site.run(&["sink", "rebuild"]);
    assert_eq!(rebuilt.status.code(), Some(0), "{}", text(&rebuilt));
    site.verifies();
}

#[test]
fn should_make_the_tables_anew_while_clients_read_and_write() {
    let site = Site::new();
    let parts = site.start();
    let mut scene = Scene::new(&site, &parts, ENDLESS, seed());
    scene.goes_on(500);
    psql(site.postgres.url(), "UPDATE read_model.tickets SET title = 'Forged'");
    let rebuilt = site.run(&["sink", "rebuild"]);
    assert_eq!(rebuilt.status.code(), Some(0), "{}", text(&rebuilt));
    assert!(text(&rebuilt).contains("was made anew"), "{}", text(&rebuilt));
    scene.goes_on(300);
    site.is_whole(&parts.apis[0], scene);
}

#[test]
fn should_wait_for_what_is_away_when_it_starts_and_stop_in_order() {
    let site = Site::new();
    assert_eq!(site.run(&["sink", "migrate"]).status.code(), Some(0));
    site.kafka.stop();
    let mut sink = site.launch(&["sink"]);
    sink.wait_for_log("trying again every second");
    let mut api = site.launch(&["api"]);
    api.wait_until_running();
    assert!(wait_until(&api, 503).contains("Kafka"));
    site.kafka.start();
    let mut worker = site.launch(&["worker"]);
    worker.wait_until_running();
    sink.wait_until_running();
    wait_until(&api, 200);
    for part in [&mut api, &mut sink, &mut worker] {
        part.stop();
    }
    for part in [&mut api, &mut sink, &mut worker] {
        let logged = part.logged();
        assert!(!logged.is_empty());
        let json =
            |line: &String| serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line["level"].is_string());
        assert!(logged.iter().all(json), "each line of the log is one JSON object: {logged:?}");
    }
}

#[test]
fn should_say_what_a_part_needs() {
    let home = Home::new();
    for (arguments, needed) in [
        (&["sink"][..], "kafka.bootstrap_servers"),
        (&["api"], "kafka.bootstrap_servers"),
        (&["sink", "--kafka", "127.0.0.1:1"], "postgres.url"),
        (&["api", "--kafka", "127.0.0.1:1"], "postgres.read_url"),
        (&["sink", "migrate"], "postgres.migrate_url"),
    ] {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains(needed), "{arguments:?}: {}", text(&output));
    }
}

#[test]
fn should_stop_with_what_to_do_when_tables_are_missing() {
    let site = Site::new();
    let mut worker = site.launch(&["worker"]);
    worker.wait_until_running();
    let mut sink = site.launch(&["sink"]);
    assert_eq!(sink.wait_until_ended(PATIENCE).code(), Some(3));
    let said = sink.logged().join("\n");
    assert!(said.contains("sink migrate"), "{said}");
}
