//! `/projects/{id}/board`.

use std::sync::atomic::Ordering;

use axum::http::Method;
use connectors::board_cache::BoardCache;
use serde_json::json;

use crate::support::{World, user, web};

#[tokio::test]
async fn should_answer_from_the_cache_without_asking_the_read_model() {
    let world = World::new();
    world.ticket(1, "t");
    let first = world.get("bob", "/projects/WEB/board").await;
    world.model.down.store(true, Ordering::SeqCst);
    for who in ["bob", "ada", "root"] {
        let reply = world.get(who, "/projects/WEB/board").await;
        assert_eq!((reply.status.as_u16(), &reply.text), (200, &first.text), "{who}");
        assert_eq!((reply.header("etag"), reply.header("content-type")), ("\"7\"", "application/json"));
    }
    world.get("eve", "/projects/WEB/board").await.problem(404, "project_not_found");
    world.get("bob", &format!("/projects/{}/board", web())).await.json();
    world.get("bob", "/projects/WEB").await.problem(503, "unavailable");
    let stats = world.boards.stats();
    assert_eq!((stats.hits, stats.misses, stats.filled), (5, 1, 1), "{stats:?}");
    let metrics = world.get("bob", "/metrics").await.text;
    assert!(metrics.contains("syncroboard_board_cache_lookups_total{result=\"hit\"} 5"), "{metrics}");
    assert!(metrics.contains("syncroboard_board_cache_fills_total{result=\"taken\"} 1"), "{metrics}");
}

#[tokio::test]
async fn should_load_anew_once_the_sink_has_told_of_an_event() {
    let world = World::new();
    world.get("bob", "/projects/WEB/board").await;
    {
        let mut tables = world.model.tables();
        tables.projects[0].sequence = 8;
        tables.members.retain(|member| member.user_id != user("bob"));
    }
    world.boards.outdate_all([(web(), 8)]);
    world.get("bob", "/projects/WEB/board").await.problem(404, "project_not_found");
    assert_eq!(world.get("ada", "/projects/WEB/board").await.header("etag"), "\"8\"");
}

#[tokio::test]
async fn should_not_answer_from_the_cache_whoever_has_seen_more() {
    let world = World::new();
    world.get("bob", "/projects/WEB/board").await;
    world.model.tables().projects[0].sequence = 8;
    let with = async |id: uuid::Uuid, sequence: i64| {
        let token = format!("{id}:{sequence}");
        let headers = [("syncroboard-sequence", token.as_str())];
        let reply = world.send_with("bob", Method::GET, "/projects/WEB/board", json!(null), &headers).await;
        reply.header("etag").to_owned()
    };
    assert_eq!(with(web(), 7).await, "\"7\"", "the cache has it");
    assert!(world.model.tables().waits.is_empty());
    assert_eq!(with(web(), 8).await, "\"8\"");
    assert_eq!(with(user("bob"), 1).await, "\"8\"", "what the cache has says nothing about users");
    assert_eq!(world.model.tables().waits, [(web(), 8), (user("bob"), 1)]);
}

#[tokio::test]
async fn should_ask_the_read_model_once_for_many_who_miss() {
    let world = World::new();
    let all = (0..50).map(|_| world.get("bob", "/projects/WEB/board"));
    for reply in futures_util::future::join_all(all).await {
        assert_eq!(reply.status.as_u16(), 200);
    }
    assert_eq!(world.boards.stats().filled, 1);
}
