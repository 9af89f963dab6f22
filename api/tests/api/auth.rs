//! Tokens, and the registration of whoever comes with one for the first time.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{Answer, World, accepted, user};
use schemas::{CommandRejected, Outcome, UserCommand, ids};

#[tokio::test]
async fn should_refuse_whatever_is_no_valid_bearer_token() {
    let world = World::new();
    let good = world.token("ada");
    let (_, rest) = good.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"} before the same claims.
    let unsigned = format!("Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{rest}");
    let table = [
        (None, "token_missing"),
        (Some("Basic YTpi".to_owned()), "token_missing"),
        (Some("Bearer x".to_owned()), "token_invalid"),
        (Some(unsigned), "token_invalid"),
        (Some(format!("Bearer {}", World::new().token("ada"))), "token_invalid"),
    ];
    for (header, code) in table {
        for (method, path) in
            [(Method::GET, "/projects"), (Method::POST, "/projects"), (Method::POST, "/commands:bulk")]
        {
            let mut request = Request::builder().method(method).uri(path);
            if let Some(header) = &header {
                request = request.header("authorization", header);
            }
            let reply = world.request(request.body(Body::empty()).unwrap()).await;
            reply.problem(401, code);
            assert!(reply.header("www-authenticate").starts_with("Bearer"));
        }
    }
    assert!(world.log.sent().is_empty());
}

#[tokio::test]
async fn should_not_take_the_cookie_of_the_pages_for_requests_of_programs() {
    let world = World::new();
    let request = Request::post("/projects").header("cookie", format!("syncroboard_session={}", world.token("ada")));
    let reply = world.request(request.body(Body::from("{}")).unwrap()).await;
    reply.problem(401, "token_missing");
}

#[tokio::test]
async fn should_register_a_user_before_the_first_command_and_only_once() {
    let world = World::new();
    world.ticket(1, "one");
    world.log.decide(|command| Answer::Outcome(accepted(command, 1)));
    for _ in 0..2 {
        world.send("zoe", Method::PATCH, "/tickets/WEB-1/status", json!({ "status": "DONE" })).await;
    }
    let users = world.log.sent_users();
    assert_eq!(users.len(), 1);
    let UserCommand::RegisterUser(command) = &users[0];
    assert_eq!(command.email.as_deref(), Some("zoe@example.org"));
    assert_eq!((command.actor_id, command.user_key.as_str()), (user("zoe"), "zoe@example.org"));
    assert_eq!(world.log.sent().len(), 2);
}

#[tokio::test]
async fn should_take_email_taken_for_registered_and_stop_at_any_other_refusal() {
    for (rejection, status) in [("email_taken", 200), ("email_invalid", 403)] {
        let world = World::new();
        world.ticket(1, "one");
        world.log.decide(|command| Answer::Outcome(accepted(command, 1)));
        world.log.decide_user(move |command| {
            Answer::Outcome(Outcome::Rejected(CommandRejected {
                command_id: command.command_id(),
                command_type: command.type_name().to_owned(),
                rejection: rejection.to_owned(),
                ..CommandRejected::default()
            }))
        });
        let reply = world.send("zoe", Method::PATCH, "/tickets/WEB-1/status", json!({ "status": "DONE" })).await;
        assert_eq!(reply.status.as_u16(), status, "{rejection}: {}", reply.text);
    }
}

#[tokio::test]
async fn should_not_register_again_whom_the_read_model_knows() {
    let world = World::new();
    world.send("ada", Method::POST, "/projects", Value::Null).await;
    assert!(world.log.sent_users().is_empty());
    assert_eq!(ids::user_id("ada@example.org"), user("ada"));
}
