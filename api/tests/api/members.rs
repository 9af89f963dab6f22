//! `/projects/{id}/members`.

use axum::http::Method;
use schemas::TicketCommand;
use serde_json::json;

use crate::support::{Answer, World, accepted, user, web};

#[tokio::test]
async fn should_list_members_with_their_names() {
    let world = World::new();
    let list = world.get("bob", "/projects/WEB/members").await.json();
    assert_eq!(list["items"][0]["name"], "ADA");
    assert_eq!(list["items"][1]["role"], "member");
}

#[tokio::test]
async fn should_take_a_new_member_by_id_mail_or_login() {
    let table = [
        (json!({ "userId": user("bob") }), "bob@example.org"),
        (json!({ "email": "Bob@Example.org", "role": "viewer" }), "bob@example.org"),
        (json!({ "user": "github:OctoCat" }), "github:octocat"),
    ];
    for (body, key) in table {
        let world = World::new();
        world.log.decide(|command| Answer::Outcome(accepted(command, 0)));
        world.send("ada", Method::POST, "/projects/WEB/members", body).await;
        let TicketCommand::AddMember(command) = world.log.only() else { panic!("another command") };
        assert_eq!((command.user_key.as_str(), command.project_id), (key, web()));
    }
    let world = World::new();
    for (body, code) in [
        (json!({}), "field_missing"),
        (json!({ "user": "bob" }), "field_invalid"),
        (json!({ "userId": user("bob"), "email": "bob@example.org" }), "field_invalid"),
    ] {
        world.send("ada", Method::POST, "/projects/WEB/members", body).await.problem(422, code);
    }
    let nobody = json!({ "userId": uuid::Uuid::nil() });
    world.send("ada", Method::POST, "/projects/WEB/members", nobody).await.problem(404, "user_unknown");
}

#[tokio::test]
async fn should_change_and_remove_the_member_in_the_path() {
    let world = World::new();
    world.log.decide(|command| Answer::Outcome(accepted(command, 0)));
    let path = format!("/projects/WEB/members/{}", user("bob"));
    let reply = world.send("ada", Method::PATCH, &path, json!({ "available": false })).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["handle"]), (200, &json!("bob")));
    let reply = world.send("ada", Method::DELETE, &path, json!(null)).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    let sent = world.log.sent();
    assert!(
        matches!(&sent[0], TicketCommand::UpdateMember(c) if c.user_id == user("bob") && c.available == Some(false))
    );
    assert!(matches!(&sent[1], TicketCommand::RemoveMember(c) if c.user_id == user("bob")));
}
