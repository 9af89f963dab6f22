//! `/projects` and `/projects/{id}`.

use schemas::ids;
use serde_json::{Value, json};

use super::stage::{Person, Stage};

pub(super) fn should_answer_201_with_the_project_once_it_can_be_read(stage: &Stage<'_>) {
    let (ada, web) = (stage.person("ada"), stage.key());
    let reply = ada.post("/projects", json!({ "key": web, "name": "The web site", "description": "Lamps" }));
    reply.is(201);
    let (project, id) = (reply.json(), ids::project_id(&web));
    assert_eq!(reply.header("location"), format!("/projects/{id}"));
    let sequence = project["sequence"].as_i64().unwrap();
    assert_eq!(reply.header("syncroboard-sequence"), format!("{id}:{sequence}"));
    for (field, value) in [
        ("id", json!(id)),
        ("key", json!(web)),
        ("name", json!("The web site")),
        ("description", json!("Lamps")),
        ("ownerId", json!(ada.id())),
    ] {
        assert_eq!(project[field], value, "{field}");
    }
    for _ in 0..2 {
        assert_eq!(ada.get(&format!("/projects/{web}")).json(), project);
    }
}

pub(super) fn should_refuse_a_key_that_is_taken_or_none(stage: &Stage<'_>) {
    let (web, _, bob) = stage.project();
    for (key, status, code) in [(web.as_str(), 409, "key_taken"), ("w", 422, "key_invalid")] {
        let problem = bob.post("/projects", json!({ "key": key, "name": "x" })).problem(status, code);
        assert!(problem["detail"].is_string(), "{problem}");
    }
}

pub(super) fn should_change_what_a_project_says_of_itself(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let path = format!("/projects/{web}");
    let changed = ada.patch(&path, json!({ "name": "Web shop", "viewerComments": true }));
    changed.is(200);
    let project = bob.get(&path).json();
    assert_eq!((&project["name"], &project["viewerComments"]), (&json!("Web shop"), &json!(true)));
    assert_eq!(project, changed.json());
    bob.patch(&path, json!({ "name": "mine" })).problem(403, "insufficient_role");
}

pub(super) fn should_show_projects_by_id_and_by_key_to_members_and_administrators_only(stage: &Stage<'_>) {
    let (web, _, bob) = stage.project();
    let (eve, root) = (stage.person("eve"), stage.root());
    for path in [format!("/projects/{web}"), format!("/projects/{}", ids::project_id(&web))] {
        assert_eq!(bob.get(&path).json()["name"], "The web site");
        root.get(&path).is(200);
        eve.get(&path).problem(404, "project_not_found");
    }
    bob.get("/projects/NOSUCH").problem(404, "project_not_found");
    let keys = |who: &Person<'_>, path: &str| -> Vec<String> {
        who.get(path).items().iter().map(|project| project["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys(&bob, "/projects"), [web.as_str()]);
    assert!(keys(&eve, "/projects").is_empty());
    assert!(keys(&root, "/projects?limit=200").contains(&web));
    assert!(!keys(&root, "/projects?member=me&limit=200").contains(&web));
}

/// Opened, in review only with somebody who has it, and shipped by maintainers who say something; or dropped.
fn own_workflow() -> Value {
    json!({
        "states": [{ "name": "NEW" }, { "name": "REVIEW" }, { "name": "SHIPPED", "open": false }, { "name": "DROPPED", "open": false }],
        "transitions": [
            { "from": "NEW", "to": "REVIEW", "requiresAssignee": true },
            { "from": "REVIEW", "to": "SHIPPED", "requiresComment": true, "onlyRoles": ["maintainer", "owner"] },
            { "from": "NEW", "to": "DROPPED" },
        ],
    })
}

pub(super) fn should_move_tickets_along_the_projects_own_workflow(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    ada.assigns(&web, "manual");
    let path = format!("/projects/{web}/workflow");
    let replace =
        |who: &Person<'_>, workflow: &Value, seen: &str| who.send("PUT", &path, workflow, &[("if-match", seen)]);
    let default = bob.get(&path);
    let seen = default.header("etag").to_owned();
    replace(&bob, &own_workflow(), &seen).problem(403, "insufficient_role");
    ada.put(&path, own_workflow()).problem(428, "precondition_required");
    replace(&ada, &own_workflow(), "\"7\"").problem(412, "workflow_conflict");
    let configured = replace(&ada, &own_workflow(), &seen);
    configured.is(200);
    replace(&ada, &default.json(), &seen).problem(412, "workflow_conflict");
    let shown = &configured.json()["workflow"];
    assert_eq!(shown["states"][0], json!({ "name": "NEW", "open": true }));
    assert_eq!(shown["transitions"][0]["onlyRoles"], json!([]));
    assert_eq!(shown["transitions"][1]["onlyRoles"], json!(["maintainer", "owner"]));
    assert_eq!(bob.get(&format!("/projects/{web}")).json()["workflow"], *shown);

    let columns = || -> Vec<(String, i64)> {
        let board = bob.get(&format!("/projects/{web}/board")).json();
        let columns = board["columns"].as_array().unwrap().iter();
        columns.map(|c| (c["status"].as_str().unwrap().to_owned(), c["count"].as_i64().unwrap())).collect()
    };
    let counts = |counts: [i64; 4]| {
        ["NEW", "REVIEW", "SHIPPED", "DROPPED"].map(str::to_owned).into_iter().zip(counts).collect::<Vec<_>>()
    };
    assert_eq!(columns(), counts([0; 4]));
    assert_eq!(bob.ticket(&web, "one")["status"], "NEW");
    bob.ticket(&web, "two");
    let to = |who: &Person<'_>, status: &str, comment: &str| {
        who.patch(&format!("/tickets/{web}-1/status"), json!({ "status": status, "comment": comment }))
    };
    assert_eq!(to(&bob, "SHIPPED", "").problem(409, "transition_illegal")["allowed"], json!(["REVIEW", "DROPPED"]));
    to(&bob, "REVIEW", "").problem(409, "transition_guarded");
    bob.put(&format!("/tickets/{web}-1/assignee"), json!({ "assigneeId": bob.id() })).is(200);
    to(&bob, "REVIEW", "").is(200);
    to(&bob, "SHIPPED", "out").problem(409, "transition_guarded");
    assert_eq!(to(&ada, "SHIPPED", "").problem(409, "transition_guarded")["field"], "comment");
    to(&ada, "SHIPPED", "out").is(200);
    assert_eq!(columns(), counts([1, 0, 1, 0]));
    let assignment = bob.get(&format!("/tickets/{web}-1/assignment"));
    assert_eq!(assignment.json()["state"], "assigned", "{assignment:?}");

    // The default has neither NEW nor SHIPPED.
    let stuck = replace(&ada, &json!({}), "*").problem(422, "workflow_invalid");
    assert_eq!(
        stuck["detail"],
        format!("{web}-1 is in SHIPPED, which there is to be no more: move such tickets first")
    );
    ada.delete(&format!("/tickets/{web}-1")).is(204);
    ada.delete(&format!("/tickets/{web}-2")).is(204);
    replace(&ada, &json!({}), bob.get(&path).header("etag")).is(200);
    assert_eq!(
        bob.send("GET", &path, &Value::Null, &[("if-none-match", &seen)]).status,
        304,
        "it is the default again"
    );
    assert_eq!(columns()[0], ("OPEN".to_owned(), 0));
}

pub(super) fn should_say_what_is_wrong_with_a_workflow_and_where(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let path = format!("/projects/{web}/workflow");
    let refused =
        |workflow: Value, code: &str| ada.send("PUT", &path, &workflow, &[("if-match", "*")]).problem(422, code);
    assert_eq!(refused(json!({ "transitions": [] }), "field_missing")["field"], "states");
    let named = refused(json!({ "states": [{ "name": "A" }, { "nome": "B" }] }), "field_missing");
    assert_eq!(named["field"], "states[1].name");
    let leads = json!({ "states": [{ "name": "A" }], "transitions": [{ "from": "A", "to": "B" }] });
    let detail = refused(leads, "workflow_invalid")["detail"].clone();
    assert_eq!(detail, "the way from \"A\" to \"B\" names a state \"B\" that there is not");
}

pub(super) fn should_change_nothing_of_an_archived_project_and_go_on_after(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let path = format!("/projects/{web}");
    bob.ticket(&web, "before");
    bob.patch(&path, json!({ "archived": true })).problem(403, "insufficient_role");
    let archived = ada.patch(&path, json!({ "archived": true }));
    archived.is(200);
    assert_eq!(archived.json()["archived"], true);
    bob.post(&format!("{path}/tickets"), json!({ "title": "x" })).problem(409, "project_archived");
    bob.patch(&format!("/tickets/{web}-1"), json!({ "title": "x" })).problem(409, "project_archived");
    assert_eq!(bob.get(&format!("/tickets/{web}-1")).json()["title"], "before", "it can be read");
    bob.get(&format!("{path}/board")).is(200);
    ada.patch(&path, json!({ "archived": false })).is(200);
    assert_eq!(bob.ticket(&web, "after")["number"], 2);
    // What is verified at the end has one that is archived and has a workflow of its own.
    let seen = [("if-match", "*")];
    let more = json!({ "states": [{ "name": "OPEN" }, { "name": "DROPPED", "open": false }] });
    ada.send("PUT", &format!("{path}/workflow"), &more, &seen).is(200);
    ada.patch(&path, json!({ "archived": true })).is(200);
}
