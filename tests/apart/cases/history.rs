//! `/tickets/{id}/history` and `/projects/{id}/history`.

use serde_json::{Value, json};

use super::stage::{Person, Stage};

/// Kind, who, and what changed, of what is listed.
fn told(who: &Person<'_>, path: &str) -> Vec<(String, Value, Value)> {
    let items = who.get(path).items();
    items.iter().map(|e| (e["kind"].as_str().unwrap().to_owned(), e["actorId"].clone(), e["changes"].clone())).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "what is expected is made where it is")]
fn change(field: &str, old: Value, new: Value) -> Value {
    json!({ "field": field, "old": old, "new": new })
}

pub(super) fn should_tell_who_did_what_to_a_ticket_and_what_was_so_before(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    ada.assigns(&web, "manual");
    bob.ticket(&web, "one");
    bob.ticket(&web, "another");
    let ticket = format!("/tickets/{web}-1");
    ada.patch(&ticket, json!({ "title": "two", "labels": ["bug"] })).is(200);
    bob.patch(&ticket, json!({ "title": "three" })).is(200);
    bob.put(&format!("{ticket}/assignee"), json!({ "assigneeId": ada.id() })).is(200);
    bob.patch(&format!("{ticket}/status"), json!({ "status": "IN_PROGRESS", "comment": "go" })).is(200);
    let path = format!("{ticket}/history");
    let told = told(&bob, &path);
    let kinds: Vec<&str> = told.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "ticket.commented",
            "ticket.status.updated",
            "ticket.assigned",
            "ticket.updated",
            "ticket.updated",
            "ticket.created"
        ]
    );
    let (ada_id, bob_id) = (json!(ada.id()), json!(bob.id()));
    assert_eq!(told[0].2, json!([change("comment", Value::Null, json!("go"))]));
    assert_eq!((&told[1].1, &told[1].2), (&bob_id, &json!([change("status", json!("OPEN"), json!("IN_PROGRESS"))])));
    assert_eq!(told[2].2, json!([change("assigneeId", Value::Null, ada_id.clone())]));
    assert_eq!((&told[3].1, &told[3].2), (&bob_id, &json!([change("title", json!("two"), json!("three"))])));
    let edited = told[4].2.as_array().unwrap();
    assert!(edited.contains(&change("title", json!("one"), json!("two"))), "{edited:?}");
    assert!(edited.contains(&change("labels", json!([]), json!(["bug"]))), "{edited:?}");
    assert_eq!(told[4].1, ada_id);

    // Page by page it is the same.
    let (mut pages, mut next) = (Vec::new(), String::new());
    loop {
        let page = bob.get(&format!("{path}?limit=2{next}")).json();
        pages.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(pages, bob.get(&path).items());
    stage.person("eve").get(&path).problem(404, "ticket_not_found");
}

pub(super) fn should_tell_what_happened_in_a_project_of_tickets_that_are_gone_too(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let path = format!("/projects/{web}");
    bob.ticket(&web, "one");
    ada.delete(&format!("/tickets/{web}-1")).is(204);
    ada.patch(&path, json!({ "name": "Shop" })).is(200);
    ada.patch(&format!("{path}/members/{}", bob.id()), json!({ "capacity": 3 })).is(200);
    ada.delete(&format!("{path}/members/{}", bob.id())).is(204);
    let told = told(&ada, &format!("{path}/history?limit=200"));
    let of =
        |kind: &str| &told.iter().find(|(told, ..)| told == kind).unwrap_or_else(|| panic!("no {kind}: {told:?}")).2;
    assert_eq!(*of("project.updated"), json!([change("name", json!("The web site"), json!("Shop"))]));
    assert_eq!(*of("project.member.updated"), json!([change("capacity", json!(10), json!(3))]));
    assert!(of("project.member.removed").as_array().unwrap().contains(&change("role", json!("member"), Value::Null)));
    assert_eq!(*of("ticket.deleted"), json!([]));
    assert_eq!(*of("ticket.created"), json!([]), "nothing is left of what it said");
    assert_eq!(told.last().unwrap().0, "project.created");
    stage.person("eve").get(&format!("{path}/history")).problem(404, "project_not_found");
    ada.get(&format!("{path}/history?cursor=x")).problem(400, "cursor_invalid");
}
