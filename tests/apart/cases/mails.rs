//! `/mails`, and the page of the same.

use std::thread::yield_now;
use std::time::Instant;

use serde_json::{Value, json};

use super::PATIENCE;
use super::stage::{Person, Stage};

/// The mails of somebody, as soon as there are so many.
fn mailed(who: &Person<'_>, count: usize) -> Vec<Value> {
    let end = Instant::now() + PATIENCE;
    loop {
        let items = who.get("/mails").items();
        assert!(items.len() <= count, "{items:?}");
        if items.len() == count {
            return items;
        }
        assert!(Instant::now() < end, "{} of {count} mails", items.len());
        yield_now();
    }
}

pub(super) fn should_say_what_became_of_ones_own_mails(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    ada.post(&format!("/projects/{web}/tickets"), json!({ "title": "one", "assigneeId": bob.id() })).is(201);
    let items = mailed(&bob, 2);
    let kinds: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["notification", "welcome"]);
    for item in &items {
        // Not everywhere is there a mailer.
        let state = item["state"].as_str().unwrap();
        assert!(["waiting", "sent"].contains(&state), "{item}");
        assert_eq!(item["decidedAt"].is_null(), state == "waiting", "{item}");
        assert!(item["requestedAt"].as_str().unwrap().ends_with('Z') && item["why"].is_null(), "{item}");
        let fields: Vec<_> = item.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields.len(), 7, "no address, no content: {fields:?}");
    }
    let first = bob.get("/mails?limit=1").json();
    assert_eq!(first["items"][0]["id"], items[0]["id"]);
    let rest = bob.get(&format!("/mails?limit=1&cursor={}", first["nextCursor"].as_str().unwrap())).json();
    assert_eq!((&rest["items"][0]["id"], &rest["nextCursor"]), (&items[1]["id"], &Value::Null));
    assert_eq!(bob.get("/mails?state=failed").items(), Vec::<Value>::new());
    let page = bob.visit("/my/mails");
    page.is(200);
    assert!(page.text.contains("<h2>Welcome") && page.text.contains("<h2>Notification"), "{}", page.text);
    assert!(bob.visit("/").text.contains("href=\"/my/mails\""));
}

pub(super) fn should_keep_to_everybody_what_they_were_sent(stage: &Stage<'_>) {
    let (bob, eve) = (stage.user("bob"), stage.person("eve"));
    let welcome = mailed(&bob, 1)[0]["id"].clone();
    for who in [bob.email.clone(), bob.id().to_string()] {
        let path = format!("/mails?userId={who}");
        assert_eq!(bob.get(&path).items()[0]["id"], welcome);
        assert_eq!(stage.root().get(&path).items()[0]["id"], welcome);
        eve.get(&path).problem(404, "user_unknown");
    }
    assert_eq!(eve.get("/mails").items(), Vec::<Value>::new());
    let page = eve.visit("/my/mails");
    page.is(200);
    assert!(page.text.contains("You were not sent any."), "{}", page.text);
    stage.nobody().visit("/my/mails").is(401);
    stage.nobody().get("/mails").problem(401, "token_missing");
    bob.get("/mails?state=lost").problem(400, "query_invalid");
    bob.get("/mails?cursor=s3").problem(400, "cursor_invalid");
    bob.get("/mails?userId=x").problem(404, "user_unknown");
}
