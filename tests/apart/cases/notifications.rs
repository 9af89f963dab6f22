//! `/notifications` and `/preferences`.

use std::thread::yield_now;
use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use super::PATIENCE;
use super::stage::{Person, Stage};

/// Somebody's notifications, newest first, as soon as there are so many: reason, kind and what else there is to say.
fn told(who: &Person<'_>, count: usize) -> Vec<[String; 3]> {
    let end = Instant::now() + PATIENCE;
    loop {
        let items = who.get("/notifications").items();
        assert!(items.len() <= count, "{items:?}");
        if items.len() == count {
            return items.iter().map(line).collect();
        }
        assert!(Instant::now() < end, "{} of {count} notifications", items.len());
        yield_now();
    }
}

fn line(item: &Value) -> [String; 3] {
    let text = |field: &str| item[field].as_str().map(str::to_owned);
    let more = text("status").or(text("excerpt")).or(text("assigneeId")).unwrap_or_default();
    [text("reason").unwrap(), text("kind").unwrap(), more]
}

fn unread(who: &Person<'_>) -> Value {
    who.get("/notifications?limit=1").json()["unread"].clone()
}

pub(super) fn should_tell_those_concerned_of_what_happens_and_take_down_what_they_have_read(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    assert_eq!((told(&bob, 0), unread(&bob)), (vec![], json!(0)));
    let handle = stage.own("bob");
    let tickets = format!("/projects/{web}/tickets");
    ada.post(&tickets, json!({ "title": "one", "description": format!("for @{handle}") })).is(201);
    ada.send("PUT", &format!("/tickets/{web}-1/assignee"), &json!({ "assigneeId": bob.id() }), &[]).is(200);
    bob.patch(&format!("/tickets/{web}-1/status"), json!({ "status": "IN_PROGRESS" })).is(200);
    ada.post(&format!("/tickets/{web}-1/comments"), json!({ "content": "how is\nit?" })).is(201);
    let owner = ada.id().to_string();
    let expected = [
        ["assignee", "ticket.commented", "how is it?"],
        ["assignee", "ticket.assigned", &bob.id().to_string()],
        ["mentioned", "ticket.created", ""],
    ];
    assert_eq!(told(&bob, 3), expected);
    assert_eq!(told(&ada, 1), [["reporter", "ticket.status.updated", "IN_PROGRESS"]]);
    let newest = bob.get("/notifications?limit=1").json();
    let item = &newest["items"][0];
    let said = ["actorId", "actorName", "code", "title"].map(|field| item[field].as_str().unwrap().to_owned());
    assert_eq!(said, [owner, "ada".to_owned(), format!("{web}-1"), "one".to_owned()]);
    assert_eq!((&item["read"], &newest["unread"]), (&json!(false), &json!(3)));
    // Page by page.
    let next = format!("/notifications?limit=2&cursor={}", newest["nextCursor"].as_str().unwrap());
    let rest = bob.get(&next).json();
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["nextCursor"]), (Some(2), &Value::Null));
    // One, then all.
    let id = item["id"].as_str().unwrap();
    for _ in 0..2 {
        let read = bob.post(&format!("/notifications/{id}/read"), json!({}));
        read.is(200);
        assert_eq!((&read.json()["id"], &read.json()["read"]), (&json!(id), &json!(true)));
        assert_eq!(unread(&bob), json!(2));
    }
    assert_eq!(bob.get("/notifications?unread=true").items().len(), 2);
    for _ in 0..2 {
        assert_eq!(bob.post("/notifications:read-all", json!({})).json(), json!({ "unread": 0 }));
        assert!(bob.get("/notifications").items().iter().all(|item| item["read"] == json!(true)));
    }
    assert_eq!(unread(&ada), json!(1), "hers are her own");
}

pub(super) fn should_leave_out_what_somebody_has_muted(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let preferences = |kinds: Value, projects: Value, email: &str| {
        json!({
            "mutedKinds": kinds, "mutedProjects": projects, "locale": "en", "email": email, "emailHour": 8, "timeZone": "UTC", "quietFrom": "", "quietTo": ""
        })
    };
    assert_eq!(bob.get("/preferences").json(), preferences(json!([]), json!([]), "immediate"));
    let muted = bob.patch("/preferences", json!({ "mutedKinds": ["ticket.commented"] }));
    muted.is(200);
    assert_eq!(muted.json(), preferences(json!(["ticket.commented"]), json!([]), "immediate"));
    ada.post(&format!("/projects/{web}/tickets"), json!({ "title": "one", "assigneeId": bob.id() })).is(201);
    ada.post(&format!("/tickets/{web}-1/comments"), json!({ "content": "not to be heard" })).is(201);
    ada.patch(&format!("/tickets/{web}-1/status"), json!({ "status": "IN_PROGRESS" })).is(200);
    let kinds: Vec<String> = told(&bob, 2).into_iter().map(|[_, kind, _]| kind).collect();
    assert_eq!(kinds, ["ticket.status.updated", "ticket.created"]);
    let both = bob.patch("/preferences", json!({ "mutedProjects": [web], "email": "none" })).json();
    let project = schemas::ids::project_id(&web);
    assert_eq!(both, preferences(json!(["ticket.commented"]), json!([project]), "none"));
    assert_eq!(bob.get("/preferences").json(), both);
    let refused = bob.patch("/preferences", json!({ "mutedKinds": ["ticket.sneezed"] })).problem(422, "kind_unknown");
    assert_eq!(refused["allowed"].as_array().map(Vec::len), Some(7));
    bob.patch("/preferences", json!({ "locale": "tlh" })).problem(422, "locale_unknown");
    bob.patch("/preferences", json!({ "email": "by pigeon" })).problem(422, "email_mode_unknown");
    bob.patch("/preferences", json!({ "emailHour": 24 })).problem(422, "email_hour_invalid");
    bob.patch("/preferences", json!({ "timeZone": "Mars/Olympus" })).problem(422, "time_zone_unknown");
    bob.patch("/preferences", json!({ "quietFrom": "22:00" })).problem(422, "quiet_hours_invalid");
    let night = json!({ "email": "daily", "emailHour": 17, "timeZone": "Europe/Madrid", "quietFrom": "22:00", "quietTo": "07:30" });
    let chosen = bob.patch("/preferences", night.clone()).json();
    for (field, value) in night.as_object().unwrap() {
        assert_eq!(&chosen[field], value, "{field}");
    }
    bob.patch("/preferences", json!({ "mutedSounds": [] })).problem(422, "field_unknown");
}

pub(super) fn should_keep_to_everybody_what_they_are_told(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    ada.post(&format!("/projects/{web}/tickets"), json!({ "title": "one", "assigneeId": bob.id() })).is(201);
    told(&bob, 1);
    let id = bob.get("/notifications").items()[0]["id"].as_str().unwrap().to_owned();
    for who in [&ada, &stage.root()] {
        who.post(&format!("/notifications/{id}/read"), json!({})).problem(404, "notification_not_found");
        assert!(who.get("/notifications").items().iter().all(|item| item["id"] != json!(id)));
    }
    for unknown in [Uuid::nil().to_string(), "x".to_owned(), id.replace('-', "")] {
        bob.post(&format!("/notifications/{unknown}/read"), json!({})).problem(404, "notification_not_found");
    }
    assert_eq!(unread(&bob), json!(1));
    stage.nobody().get("/notifications").problem(401, "token_missing");
    stage.nobody().post("/notifications:read-all", json!({})).problem(401, "token_missing");
    stage.nobody().get("/preferences").problem(401, "token_missing");
    bob.get("/notifications?unread=perhaps").problem(400, "query_invalid");
    bob.get("/notifications?cursor=n3").problem(400, "cursor_invalid");
    // By an administrator for somebody else, natively.
    let line = json!({ "type": "ReadNotifications", "user": bob.email, "notificationId": id }).to_string();
    assert_eq!(ada.pour(&line)[0]["code"], json!("insufficient_role"));
    assert_eq!(stage.root().pour(&line)[0]["status"], json!("accepted"));
    let end = Instant::now() + PATIENCE;
    while unread(&bob) != json!(0) {
        assert!(Instant::now() < end, "the administrator's word counts");
        yield_now();
    }
}
