//! Tokens, and the registration of whoever comes with one for the first time.

use std::time::Instant;

use serde_json::{Value, json};

use super::PATIENCE;
use super::stage::Stage;
use crate::support::Home;

pub(super) fn should_refuse_whatever_is_no_valid_bearer_token(stage: &Stage<'_>) {
    let ada = stage.person("ada");
    let (_, rest) = ada.token().split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"} before the same claims.
    let unsigned = format!("Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{rest}");
    // Another installation's.
    let foreign = format!("Bearer {}", Home::new().token());
    let table = [
        (None, "token_missing"),
        (Some("Basic YTpi"), "token_missing"),
        (Some("Bearer x"), "token_invalid"),
        (Some(unsigned.as_str()), "token_invalid"),
        (Some(foreign.as_str()), "token_invalid"),
    ];
    for (header, code) in table {
        for (method, path) in [("GET", "/projects"), ("POST", "/projects"), ("POST", "/commands:bulk")] {
            let headers: Vec<_> = header.map(|value| ("authorization", value)).into_iter().collect();
            let reply = stage.nobody().send(method, path, &Value::Null, &headers);
            reply.problem(401, code);
            assert!(reply.header("www-authenticate").starts_with("Bearer"));
        }
    }
    ada.get("/projects").is(200);
}

pub(super) fn should_not_take_the_cookie_of_the_pages_for_requests_of_programs(stage: &Stage<'_>) {
    let session = stage.person("ada").session();
    let reply = stage.nobody().send("POST", "/projects", &json!({}), &[("cookie", &session)]);
    reply.problem(401, "token_missing");
}

pub(super) fn should_register_a_user_with_the_first_command(stage: &Stage<'_>) {
    let (web, ..) = stage.project();
    let eve = stage.person("eve");
    eve.get("/users/me").problem(404, "user_unknown");
    eve.post(&format!("/projects/{web}/tickets"), json!({ "title": "mine" })).problem(403, "not_a_member");
    // A refusal does not wait until everyone can see what came before it.
    let end = Instant::now() + PATIENCE;
    let me = loop {
        let me = eve.get("/users/me");
        if me.status == 200 {
            break me.json();
        }
        me.problem(404, "user_unknown");
        assert!(Instant::now() < end, "{me:?}");
    };
    assert_eq!((&me["email"], &me["name"]), (&json!(eve.email), &json!("eve")));
}
