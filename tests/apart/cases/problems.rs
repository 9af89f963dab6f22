//! What goes wrong before or beside a resource: bodies, paths, limits.

use serde_json::{Value, json};

use super::stage::Stage;

pub(super) fn should_say_where_a_body_is_wrong(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let path = format!("/projects/{web}/tickets");
    let post = |body: &str| ada.text(&path, "application/json; charset=utf-8", body);
    let problem = post("{\"title\": \"x\",\n  oops}").problem(400, "json_invalid");
    assert!(problem["detail"].as_str().unwrap().contains("line 2 column 3"), "{problem}");
    post("[]").problem(400, "json_invalid");
    post("\"x").problem(400, "json_invalid");
    let problem = post("{\"titel\": \"x\", \"title\": \"y\"}").problem(422, "field_unknown");
    assert_eq!(problem["field"], "titel");
    let problem = post("{\"title\": 7}").problem(422, "field_invalid");
    assert_eq!((&problem["field"], &problem["detail"]), (&json!("title"), &json!("`title` must be a string")));
    post("").problem(422, "field_missing");
    ada.post(&path, json!({ "title": "" })).problem(422, "title_empty");
    assert_eq!(ada.ticket(&web, "the first")["number"], 1);
}

pub(super) fn should_take_json_only_and_not_too_much_of_it(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let path = format!("/projects/{web}/tickets");
    ada.text(&path, "text/plain", "{}").problem(415, "media_type");
    let long = json!({ "title": "x".repeat(1024 * 1024) });
    ada.text(&path, "application/json", long.to_string()).problem(413, "body_too_large");
}

pub(super) fn should_answer_problems_for_paths_and_methods_that_are_not_there(stage: &Stage<'_>) {
    let ada = stage.person("ada");
    ada.get("/no/such/thing").problem(404, "not_found");
    let reply = ada.delete("/projects");
    reply.problem(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), "GET,HEAD,POST");
}

pub(super) fn should_send_careful_headers_and_an_id_with_everything(stage: &Stage<'_>) {
    let ada = stage.person("ada");
    for path in ["/projects", "/no/such/thing", "/healthz"] {
        let reply = ada.get(path);
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("x-request-id").len(), 36);
    }
    let reply = ada.send("GET", "/projects", &Value::Null, &[("x-request-id", "mine-1")]);
    assert_eq!(reply.header("x-request-id"), "mine-1");
}
