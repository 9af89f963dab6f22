//! `/commands/{id}`, and commands that are sent again.

use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use super::PATIENCE;
use super::stage::{Person, Stage};

/// Sends a command that no one waits for; where to look for its outcome.
fn send(who: &Person<'_>, project: &str) -> String {
    let path = format!("/projects/{project}/tickets");
    let taken = who.send("POST", &path, &json!({ "title": "x" }), &[("prefer", "respond-async")]);
    taken.is(202);
    let place = taken.header("location").to_owned();
    assert_eq!(place, format!("/commands/{}", taken.json()["commandId"].as_str().unwrap()));
    place
}

fn wait_until_accepted(who: &Person<'_>, place: &str) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let asked = who.get(place);
        if asked.status == 200 && asked.json()["status"] == "accepted" {
            return asked.json();
        }
        // Whoever did not take it may not know of it yet.
        assert!(asked.status == 404 || asked.json()["status"] == "pending", "{asked:?}");
        assert!(Instant::now() < end, "no outcome: {asked:?}");
    }
}

pub(super) fn should_answer_202_at_once_to_those_who_prefer_it_and_tell_anywhere_what_became_of_it(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    for n in 1..=6 {
        let place = send(&ada, &web);
        assert_eq!(wait_until_accepted(&ada, &place)["result"]["number"], n);
    }
    ada.get(&format!("/commands/{}", Uuid::from_u128(1))).problem(404, "command_not_found");
    ada.get("/commands/not-an-id").problem(404, "command_not_found");
}

pub(super) fn should_do_once_what_the_same_person_sends_again_with_the_same_key(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let key = [("idempotency-key", "order 66")];
    let create = |who: &Person<'_>| {
        let made = who.send("POST", &format!("/projects/{web}/tickets"), &json!({ "title": "once" }), &key);
        made.is(201);
        made.json()
    };
    let first = create(&ada);
    for _ in 0..3 {
        assert_eq!(create(&ada)["id"], first["id"]);
    }
    assert_eq!(create(&bob)["number"], 2, "another person's key is another key");
    let again = ada.send("POST", &format!("/projects/{web}/tickets"), &json!({ "title": "twice" }), &key);
    again.problem(422, "idempotency_key_reused");
    let other = ada.send("PATCH", &format!("/projects/{web}"), &json!({ "name": "other" }), &key);
    other.problem(422, "idempotency_key_reused");
    let empty = ada.send("PATCH", &format!("/projects/{web}"), &json!({}), &[("idempotency-key", "")]);
    empty.problem(400, "header_invalid");
}

/// A processor remembers the commands of its partition, which is that of one of these projects or of none.
pub(super) fn should_refuse_a_key_in_another_project_whatever_partition_that_is_on(stage: &Stage<'_>) {
    let (_, ada, _) = stage.project();
    let (eve, hers) = (stage.user("eve"), stage.own("E"));
    let key = [("idempotency-key", "pass")];
    let create =
        |project: &str| eve.send("POST", &format!("/projects/{project}/tickets"), &json!({ "title": "mine" }), &key);
    eve.post("/projects", json!({ "key": hers, "name": "Hers" })).is(201);
    create(&hers).is(201);
    wait_until_accepted(&eve, &format!("/commands/{}", Uuid::new_v5(&eve.id(), b"pass")));
    for n in 0..6 {
        let theirs = stage.own(&format!("T{n}"));
        ada.post("/projects", json!({ "key": theirs, "name": "Theirs" })).is(201);
        ada.ticket(&theirs, "not for eve");
        create(&theirs).problem(422, "idempotency_key_reused");
    }
}

pub(super) fn should_show_nothing_of_what_became_of_the_commands_of_others(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let place = send(&ada, &web);
    wait_until_accepted(&bob, &place);
    wait_until_accepted(&stage.root(), &place);
    stage.person("eve").get(&place).problem(404, "command_not_found");
}

/// The examples stand in the order in which each has what it needs.
pub(super) fn should_accept_every_example_of_the_page_about_commands(stage: &Stage<'_>) {
    let page = std::fs::read_to_string("docs/commands.md").unwrap();
    let examples: Vec<&str> = page.lines().filter(|line| line.starts_with("{\"type\": ")).collect();
    assert!(examples.len() > 20, "{examples:?}");
    let results = stage.root().pour(&examples.join("\n"));
    assert_eq!(results.len(), examples.len());
    for (example, result) in examples.iter().zip(&results) {
        assert_eq!(result["status"], "accepted", "{example}: {result}");
    }
}
