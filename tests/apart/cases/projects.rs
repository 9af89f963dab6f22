//! `/projects` and `/projects/{id}`.

use schemas::ids;
use serde_json::json;

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
