//! `/webhooks/{id}/deliveries`. What is delivered is in `tests/webhooks.rs`; here nobody is at the address, so all is to be tried again.

use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use super::PATIENCE;
use super::stage::{Person, Stage};

const URL: &str = "https://nobody.invalid/token-of-theirs";

/// The path of the deliveries to a new webhook, and one of them: what is told of, happens until something is.
fn tried(who: &Person<'_>, of: &str, happen: impl Fn()) -> (String, Value) {
    let made = who.post(of, json!({ "url": URL }));
    made.is(201);
    let path = format!("/webhooks/{}/deliveries", made.json()["id"].as_str().unwrap());
    let end = Instant::now() + PATIENCE;
    loop {
        happen();
        if let Some(first) = who.get(&path).items().pop() {
            return (path, first);
        }
        assert!(Instant::now() < end, "nothing is tried");
    }
}

fn one(path: &str, delivery: &Value) -> String {
    format!("{path}/{}", delivery["id"].as_str().unwrap())
}

pub(super) fn should_show_deliveries_to_those_who_maintain_a_project_and_repeat_them(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let (mia, vic, eve) = (stage.user("mia"), stage.user("vic"), stage.user("eve"));
    for (who, role) in [(&mia, "maintainer"), (&vic, "viewer")] {
        ada.post(&format!("/projects/{web}/members"), json!({ "email": who.email, "role": role })).is(201);
    }
    let of_project = format!("/projects/{web}/webhooks");
    let (path, delivery) = tried(&ada, &of_project, || drop(ada.ticket(&web, "told of")));
    let one = one(&path, &delivery);
    let replay = format!("{one}/replay");
    assert_eq!((&delivery["state"], &delivery["status"]), (&json!("retrying"), &Value::Null));
    assert!(delivery["attempts"].as_u64() > Some(0) && delivery["why"].is_string(), "{delivery}");
    assert!(!delivery.to_string().contains("token-of-theirs"), "no path is told: {delivery}");
    assert_eq!(delivery.as_object().unwrap().len(), 10, "{delivery}");
    let mut again = Vec::new();
    for who in [&ada, &mia, &stage.root()] {
        assert_eq!(who.get(&one).json()["id"], delivery["id"]);
        let listed = who.get(&format!("{path}?state=retrying&limit=1"));
        assert_eq!(listed.items().len(), 1);
        if let Some(cursor) = listed.json()["nextCursor"].as_str() {
            who.get(&format!("{path}?cursor={cursor}")).is(200);
        }
        assert_eq!(who.get(&format!("{path}?state=delivered")).items(), [Value::Null; 0]);
        let asked = [(); 2].map(|()| who.send("POST", &replay, &json!({}), &[("idempotency-key", "once")]));
        asked.iter().for_each(|reply| reply.is(202));
        assert_eq!(asked[0].text, asked[1].text);
        let id = asked[0].json()["deliveryId"].as_str().unwrap().to_owned();
        assert_eq!(asked[0].header("location"), format!("{path}/{id}"));
        let another = who.post(&replay, json!({})).json()["deliveryId"].as_str().unwrap().to_owned();
        again.extend([id, another]);
    }
    again.sort();
    again.dedup();
    assert_eq!(again.len(), 6, "each has its own");
    for who in [&bob, &vic] {
        for reply in [who.get(&path), who.get(&one), who.post(&replay, json!({}))] {
            reply.problem(403, "insufficient_role");
        }
    }
    for reply in [eve.get(&path), eve.get(&one), eve.post(&replay, json!({}))] {
        reply.problem(404, "webhook_not_found");
    }
    let nobody = stage.nobody();
    for reply in [nobody.get(&path), nobody.get(&one), nobody.post(&replay, json!({}))] {
        reply.problem(401, "token_missing");
    }
}

pub(super) fn should_keep_deliveries_of_ones_own_webhook_to_oneself(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let assign = || {
        ada.post(&format!("/projects/{web}/tickets"), json!({ "title": "yours", "assigneeId": bob.id() })).is(201);
    };
    let (path, delivery) = tried(&bob, "/webhooks", assign);
    assert_eq!(delivery["event"], "notification");
    let one = one(&path, &delivery);
    bob.get(&one).is(200);
    bob.post(&format!("{one}/replay"), json!({})).is(202);
    for who in [&ada, &stage.root()] {
        for reply in [who.get(&path), who.get(&one), who.post(&format!("{one}/replay"), json!({}))] {
            reply.problem(404, "webhook_not_found");
        }
    }
    // That of another webhook is none of this one.
    let other = bob.post("/webhooks", json!({ "url": URL })).json();
    let other = format!("/webhooks/{}/deliveries", other["id"].as_str().unwrap());
    let id = delivery["id"].as_str().unwrap();
    for unknown in [format!("{other}/{id}"), format!("{path}/{}", Uuid::nil()), format!("{path}/x")] {
        bob.get(&unknown).problem(404, "delivery_not_found");
        bob.post(&format!("{unknown}/replay"), json!({})).problem(404, "delivery_not_found");
    }
    bob.get(&format!("{path}?state=lost")).problem(400, "query_invalid");
    bob.get(&format!("{path}?cursor=s3")).problem(400, "cursor_invalid");
    bob.get(&format!("{path}?limit=0")).problem(400, "query_invalid");
    bob.get(&format!("{path}?kind=x")).problem(400, "query_unknown");
    bob.post(&format!("{one}/replay"), json!({ "url": URL })).problem(422, "field_unknown");
    // With the webhook its log can be seen no more.
    assert_eq!(bob.delete(path.strip_suffix("/deliveries").unwrap()).status, 204);
    bob.get(&path).problem(404, "webhook_not_found");
}
