//! `/projects` and `/projects/{id}`.

use axum::http::Method;
use schemas::{CommandAccepted, Outcome, TicketCommand, ids};
use serde_json::json;

use crate::support::{Answer, World, rejected, user, web};

#[tokio::test]
async fn should_answer_201_with_the_project_once_it_can_be_read() {
    let world = World::new();
    world.log.decide(|command| {
        Answer::Outcome(Outcome::Accepted(CommandAccepted {
            command_id: command.command_id(),
            command_type: "CreateProject".to_owned(),
            project_id: Some(command.project_id()),
            sequence: 2,
            ..CommandAccepted::default()
        }))
    });
    // The row of WEB stands for the new one.
    let reply = world.send("ada", Method::POST, "/projects", json!({ "key": "WEB", "name": "The web site" })).await;
    assert_eq!(reply.status.as_u16(), 201, "{}", reply.text);
    assert_eq!(reply.header("location"), format!("/projects/{}", web()));
    assert_eq!(reply.header("syncroboard-sequence"), format!("{}:2", web()));
    assert_eq!(reply.json()["key"], "WEB");
    assert_eq!(world.model.tables().waits, [(web(), 2)]);
    let TicketCommand::CreateProject(command) = world.log.only() else { panic!("another command") };
    assert_eq!(
        (command.project_id, command.actor_id, command.actor_admin),
        (ids::project_id("WEB"), user("ada"), false)
    );
}

#[tokio::test]
async fn should_answer_rejections_as_problems() {
    let world = World::new();
    for (code, status) in [("key_taken", 409), ("key_invalid", 422), ("not_a_member", 403), ("brand_new_rule", 422)] {
        world.log.decide(move |command| Answer::Outcome(rejected(command, code, &[])));
        let reply = world.send("ada", Method::POST, "/projects", json!({ "key": "W", "name": "x" })).await;
        assert_eq!(reply.problem(status, code)["detail"], format!("because of {code}"));
    }
}

#[tokio::test]
async fn should_show_projects_by_id_and_by_key_to_members_and_administrators_only() {
    let world = World::new();
    for path in ["/projects/WEB".to_owned(), format!("/projects/{}", web())] {
        assert_eq!(world.get("bob", &path).await.json()["name"], "The web site");
        assert_eq!(world.get("root", &path).await.status.as_u16(), 200);
        world.get("eve", &path).await.problem(404, "project_not_found");
    }
    world.get("ada", "/projects/NONE").await.problem(404, "project_not_found");
    assert_eq!(world.get("bob", "/projects").await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.get("eve", "/projects").await.json()["items"], json!([]));
    assert_eq!(world.get("root", "/projects").await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.get("root", "/projects?member=me").await.json()["items"], json!([]));
}

#[tokio::test]
async fn should_wait_for_the_sequence_that_a_reader_has_seen() {
    let world = World::new();
    let token = format!("{}:41", web());
    let headers = [("syncroboard-sequence", token.as_str())];
    let reply = world.send_with("ada", Method::GET, "/projects/WEB", json!(null), &headers).await;
    assert_eq!(reply.status.as_u16(), 200);
    assert_eq!(world.model.tables().waits, [(web(), 41)]);
    world.model.lagging.store(true, std::sync::atomic::Ordering::SeqCst);
    let reply = world.send_with("ada", Method::GET, "/projects/WEB", json!(null), &headers).await;
    reply.problem(503, "unavailable");
}
