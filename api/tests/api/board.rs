//! `/projects/{id}/board`.

use axum::http::Method;
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn should_give_columns_with_counts_and_a_cursor_that_the_ticket_list_takes() {
    let world = World::new();
    for number in 1..=5 {
        world.ticket(number, "t");
    }
    let reply = world.get("bob", "/projects/WEB/board").await;
    let board = reply.json();
    let columns = board["columns"].as_array().unwrap();
    let statuses: Vec<_> = columns.iter().map(|column| column["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["OPEN", "IN_PROGRESS", "REVIEW", "DONE"]);
    assert_eq!(columns[0]["count"], 5);
    assert_eq!(columns[0]["tickets"][0]["code"], "WEB-5");
    assert_eq!(columns[1]["tickets"], json!([]));
    assert!(columns[1]["nextCursor"].is_null());
    let cursor = columns[0]["nextCursor"].as_str().unwrap();
    let rest = world.get("bob", &format!("/projects/WEB/tickets?status=OPEN&cursor={cursor}")).await.json();
    assert_eq!(rest["items"][0]["number"], 3);
    world.get("eve", "/projects/WEB/board").await.problem(404, "project_not_found");
}

#[tokio::test]
async fn should_answer_304_to_whoever_has_this_very_board() {
    let world = World::new();
    let etag = world.get("bob", "/projects/WEB/board").await.header("etag").to_owned();
    assert_eq!(etag, "\"7\"");
    let with = async |etag: &str| {
        let headers = [("if-none-match", etag)];
        world.send_with("bob", Method::GET, "/projects/WEB/board", json!(null), &headers).await.status.as_u16()
    };
    assert_eq!(with("\"7\"").await, 304);
    assert_eq!(with("\"6\"").await, 200);
}
