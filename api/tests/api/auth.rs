//! The registration of whoever comes with a token for the first time.

use std::sync::atomic::Ordering;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, World, accepted, user};
use schemas::{CommandRejected, Outcome, UserCommand, ids};

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
    let UserCommand::RegisterUser(command) = &users[0] else { panic!("{users:?}") };
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

#[tokio::test]
async fn should_refuse_whoever_is_deactivated_before_anything_is_sent() {
    let world = World::new();
    world.ticket(1, "one");
    world.log.decide(|command| Answer::Outcome(accepted(command, 1)));
    world.model.tables().users.iter_mut().find(|row| row.id == user("bob")).unwrap().deactivated = true;
    let change = json!({ "status": "DONE" });
    for (method, path) in [(Method::GET, "/users/me"), (Method::PATCH, "/tickets/WEB-1/status")] {
        world.send("bob", method, path, change.clone()).await.problem(403, "actor_deactivated");
    }
    assert!(world.log.sent().is_empty());
    // What was read last counts while nothing can be read, and writes of others go on.
    world.send("ada", Method::PATCH, "/tickets/WEB-1/status", change.clone()).await;
    world.model.down.store(true, Ordering::SeqCst);
    world.send("bob", Method::PATCH, "/tickets/WEB-1/status", change.clone()).await.problem(403, "actor_deactivated");
    world.send("ada", Method::PATCH, "/tickets/WEB-1/status", change).await;
    assert_eq!(world.log.sent().len(), 2);
}
