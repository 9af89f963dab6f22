//! `/healthz`, `/readyz`, `/metrics`, `/verify`.

use serde_json::{Value, json};

use super::stage::Stage;

pub(super) fn should_be_alive_and_ready_for_anyone(stage: &Stage<'_>) {
    for path in ["/healthz", "/readyz"] {
        stage.nobody().get(path).is(200);
    }
}

pub(super) fn should_count_requests_by_route_and_never_by_what_clients_make_up(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let made_up = stage.own("made-up");
    // Often enough for each of two processes that take turns to have had some: three requests a time.
    for _ in 0..4 {
        ada.get(&format!("/projects/{web}")).is(200);
        ada.get("/projects/NOSUCH").is(404);
        ada.get(&format!("/{made_up}/path")).is(404);
    }
    for _ in 0..2 {
        let text = stage.nobody().get("/metrics").text;
        let count = |labels: &str| {
            let line = format!("syncroboard_http_requests_total{{{labels}}} ");
            assert!(text.contains(&line), "{line}\n{text}");
        };
        count("method=\"GET\",route=\"/projects/{id}\",status=\"200\"");
        count("method=\"GET\",route=\"/projects/{id}\",status=\"404\"");
        count("method=\"GET\",route=\"none\",status=\"404\"");
        assert!(!text.contains(&made_up));
    }
}

pub(super) fn should_verify_itself_for_administrators_only(stage: &Stage<'_>) {
    stage.person("ada").send("POST", "/verify", &Value::Null, &[]).problem(403, "forbidden");
    let answer = stage.root().send("POST", "/verify", &Value::Null, &[]);
    answer.is(200);
    let answer = answer.json();
    let elsewhere = answer["error"].as_str().is_some_and(|error| error.contains("syncroboard verify"));
    assert!(answer == json!({ "differences": [] }) || elsewhere, "{answer}");
}
