//! `/users`.

use std::thread::yield_now;
use std::time::Instant;

use serde_json::{Value, json};

use super::PATIENCE;
use super::stage::{Person, Stage};

pub(super) fn should_show_people_to_themselves_and_to_administrators(stage: &Stage<'_>) {
    let bob = stage.user("bob");
    assert_eq!(bob.get("/users/me").json()["email"], bob.email);
    let path = format!("/users/{}", bob.id());
    bob.get(&path).is(200);
    assert_eq!(stage.root().get(&path).json()["name"], "bob");
    let eve = stage.person("eve");
    eve.get(&path).problem(404, "user_unknown");
    eve.get("/users/me").problem(404, "user_unknown");
}

pub(super) fn should_register_placeholders(stage: &Stage<'_>) {
    let (root, login) = (stage.root(), stage.own("Octo"));
    let made = root.post("/users", json!({ "source": "github", "login": login, "name": "Octo Cat" }));
    made.is(201);
    let user = made.json();
    let id = schemas::ids::user_id(&format!("github:{}", login.to_lowercase()));
    assert_eq!((&user["id"], &user["name"], &user["email"]), (&json!(id), &json!("Octo Cat"), &json!(null)));
    assert_eq!(made.header("location"), format!("/users/{id}"));
    assert_eq!(root.get(&format!("/users/{id}")).json(), user);
    let eve = stage.person("eve");
    eve.post("/users", json!({ "source": "github", "login": login })).problem(409, "email_taken");
    let other = format!("{}@example.org", stage.own("other"));
    eve.post("/users", json!({ "email": other })).problem(403, "insufficient_role");
}

/// Every process has seen it once each of some answers in a row says so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !(0..4).all(|_| is_so()) {
        assert!(Instant::now() < end, "{what}");
        yield_now();
    }
}

/// Whether a project's history says that this became of a member.
fn history_says(who: &Person<'_>, project: &str, member: &Person<'_>, deactivated: bool) -> bool {
    let change = json!({ "field": "deactivated", "old": !deactivated, "new": deactivated });
    let items = who.get(&format!("/projects/{project}/history")).items();
    let of_member = items.iter().find(|item| item["userId"] == json!(member.id()));
    of_member.is_some_and(|item| item["changes"] == json!([change]))
}

pub(super) fn should_refuse_everything_to_whoever_is_deactivated_until_they_are_reactivated(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let root = stage.root();
    let (theirs, other) = (ada.ticket(&web, "theirs"), ada.ticket(&web, "another"));
    let assignee = |ticket: &Value| format!("/tickets/{}/assignee", ticket["code"].as_str().unwrap());
    let to_bob = json!({ "assigneeId": bob.id() });
    ada.put(&assignee(&theirs), to_bob.clone()).is(200);
    let path = format!("/users/{}", bob.id());
    ada.post(&format!("{path}/deactivate"), json!({})).problem(404, "user_unknown");
    for _ in 0..2 {
        let gone = root.post(&format!("{path}/deactivate"), json!({}));
        gone.is(200);
        assert_eq!((&gone.json()["id"], &gone.json()["active"]), (&json!(bob.id()), &json!(false)));
    }
    until("Bob is let in", || bob.get("/users/me").status == 403);
    bob.get(&format!("/projects/{web}")).problem(403, "actor_deactivated");
    bob.post(&format!("/projects/{web}/tickets"), json!({ "title": "mine" })).problem(403, "actor_deactivated");
    bob.visit("/").is(401);
    until("the project is not told", || history_says(&ada, &web, &bob, true));
    let ticket = format!("/tickets/{}", theirs["id"].as_str().unwrap());
    assert_eq!(ada.get(&ticket).json()["assigneeId"], json!(bob.id()), "what they have they keep");
    ada.put(&assignee(&other), to_bob.clone()).problem(422, "assignee_deactivated");
    let members = ada.get(&format!("/projects/{web}/members")).items();
    let active = |who: &Person<'_>| members.iter().find(|m| m["userId"] == json!(who.id())).unwrap()["active"].clone();
    assert_eq!((active(&ada), active(&bob)), (json!(true), json!(false)));
    let another = stage.own("S");
    ada.post("/projects", json!({ "key": another, "name": "Another" })).is(201);
    let members = format!("/projects/{another}/members");
    ada.post(&members, json!({ "email": bob.email })).problem(409, "user_deactivated");
    ada.post(&format!("/users/{}/reactivate", ada.id()), json!({})).problem(403, "insufficient_role");
    let back = root.post(&format!("/users/{}/reactivate", bob.email), json!({}));
    back.is(200);
    assert_eq!(back.json()["active"], true);
    until("Bob is not let in", || bob.get("/users/me").status == 200);
    until("the project is not told", || history_says(&ada, &web, &bob, false));
    ada.put(&assignee(&other), to_bob).is(200);
    ada.post(&members, json!({ "email": bob.email })).is(201);
}

pub(super) fn should_let_anybody_deactivate_themselves(stage: &Stage<'_>) {
    let eve = stage.user("eve");
    let path = format!("/users/{}", eve.email);
    let gone = eve.post(&format!("{path}/deactivate"), json!({}));
    gone.is(200);
    assert_eq!(gone.json()["active"], false);
    until("Eve is let in", || eve.get("/users/me").status == 403);
    eve.post(&format!("{path}/reactivate"), json!({})).problem(403, "actor_deactivated");
    let nobody = format!("/users/{}@example.org/deactivate", stage.own("nobody"));
    stage.root().post(&nobody, json!({})).problem(422, "user_unknown");
}
