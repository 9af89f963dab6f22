//! `/projects/{id}/board`.

use serde_json::{Value, json};

use super::stage::Stage;

pub(super) fn should_show_what_a_write_has_answered_wherever_it_is_asked(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let ticket = ada.ticket(&web, "The board flickers");
    assert_eq!((&ticket["code"], &ticket["status"]), (&json!(format!("{web}-1")), &json!("OPEN")));
    ada.patch(&format!("/tickets/{web}-1/status"), json!({ "status": "IN_PROGRESS" })).is(200);
    for _ in 0..4 {
        let board = ada.get(&format!("/projects/{web}/board")).json();
        let columns = board["columns"].as_array().unwrap();
        let count = |status: &str| columns.iter().find(|c| c["status"] == status).unwrap()["count"].as_i64();
        assert_eq!((count("OPEN"), count("IN_PROGRESS")), (Some(0), Some(1)), "{board}");
    }
    ada.get("/projects/NOSUCH/board").problem(404, "project_not_found");
}

pub(super) fn should_give_columns_with_counts_and_a_cursor_that_the_ticket_list_takes(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    ada.tickets(&web, 103);
    let board = bob.get(&format!("/projects/{web}/board")).json();
    let columns = board["columns"].as_array().unwrap();
    let statuses: Vec<_> = columns.iter().map(|column| column["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["OPEN", "IN_PROGRESS", "REVIEW", "DONE"]);
    assert_eq!((&columns[0]["count"], columns[0]["tickets"].as_array().unwrap().len()), (&json!(103), 100));
    assert_eq!(columns[0]["tickets"][0]["code"], format!("{web}-103"));
    assert_eq!(columns[1]["tickets"], json!([]));
    assert!(columns[1]["nextCursor"].is_null());
    let cursor = columns[0]["nextCursor"].as_str().unwrap();
    let rest = bob.get(&format!("/projects/{web}/tickets?status=OPEN&cursor={cursor}")).items();
    let numbers: Vec<_> = rest.iter().map(|ticket| ticket["number"].as_i64()).collect();
    assert_eq!(numbers, [Some(3), Some(2), Some(1)]);
    stage.person("eve").get(&format!("/projects/{web}/board")).problem(404, "project_not_found");
}

pub(super) fn should_answer_304_to_whoever_has_this_very_board(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let sequence = ada.get(&format!("/projects/{web}")).json()["sequence"].as_i64().unwrap();
    let path = format!("/projects/{web}/board");
    let etag = bob.get(&path).header("etag").to_owned();
    assert_eq!(etag, format!("\"{sequence}\""));
    let with = |etag: &str| bob.send("GET", &path, &Value::Null, &[("if-none-match", etag)]);
    assert_eq!((with(&etag).status, with(&format!("\"{}\"", sequence - 1)).status), (304, 200));
    assert_eq!(with(&etag).header("etag"), etag);
}

pub(super) fn should_wait_for_the_sequence_that_a_reader_has_seen(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    for n in 1..=10 {
        let made = ada.post(&format!("/projects/{web}/tickets"), json!({ "title": "x" }));
        made.is(201);
        let token = [("syncroboard-sequence", made.header("syncroboard-sequence"))];
        ada.send("GET", &format!("/tickets/{web}-{n}"), &Value::Null, &token).is(200);
        let board = ada.send("GET", &format!("/projects/{web}/board"), &Value::Null, &token).json();
        assert_eq!(board["columns"][0]["count"], n, "{board}");
    }
    let bad = [("syncroboard-sequence", "41")];
    ada.send("GET", &format!("/projects/{web}"), &Value::Null, &bad).problem(400, "header_invalid");
}
