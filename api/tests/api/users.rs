//! `/users`.

use axum::http::Method;
use schemas::UserCommand;
use serde_json::json;

use crate::support::{World, user};

#[tokio::test]
async fn should_show_people_to_themselves_and_to_administrators() {
    let world = World::new();
    assert_eq!(world.get("bob", "/users/me").await.json()["email"], "bob@example.org");
    let path = format!("/users/{}", user("bob"));
    assert_eq!(world.get("bob", &path).await.status.as_u16(), 200);
    assert_eq!(world.get("root", &path).await.status.as_u16(), 200);
    world.get("eve", &path).await.problem(404, "user_unknown");
    world.get("zoe", "/users/me").await.problem(404, "user_unknown");
}

#[tokio::test]
async fn should_register_placeholders() {
    let world = World::new();
    let body = json!({ "source": "github", "login": "Octo", "name": "Octo Cat" });
    world.send("root", Method::POST, "/users", body).await;
    let UserCommand::RegisterUser(command) = world.log.sent_users()[0].clone();
    assert_eq!((command.user_key.as_str(), command.name.as_str()), ("github:octo", "Octo Cat"));
    assert!(command.actor_admin);
}
