//! `/unsubscribe`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use connectors::gateway::GatewayError;
use connectors::mail::unsubscribe::sign;
use schemas::{CommandRejected, Outcome, UserCommand};
use uuid::Uuid;

use crate::support::{Answer, Reply, UNSUBSCRIBE_KEY, World, user};

/// As a mail program sends it: without any token but that of the link.
async fn ask(world: &World, method: &str, token: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().method(method).uri(format!("/unsubscribe?token={token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = if method == "POST" { Body::from("List-Unsubscribe=One-Click") } else { Body::empty() };
    world.request(request.header(form.0, form.1).body(body).unwrap()).await
}

async fn post(world: &World, token: &str) -> Reply {
    ask(world, "POST", token, &[]).await
}

fn bobs() -> String {
    sign(UNSUBSCRIBE_KEY, &user("bob"))
}

#[tokio::test]
async fn should_change_nothing_before_the_button_is_pressed() {
    let world = World::new();
    let reply = ask(&world, "GET", &bobs(), &[]).await;
    assert_eq!(reply.status.as_u16(), 200);
    assert!(reply.text.contains("<form method=\"post\"") && reply.text.contains("lang=\"en\""), "{}", reply.text);
    assert!(world.log.sent_users().is_empty());
    // Neither the address nor the token is for whoever looks over a shoulder.
    assert!(!reply.text.contains("bob@") && !reply.text.contains(&bobs()), "{}", reply.text);
    assert!(reply.header("content-security-policy").contains("form-action 'self'"));
}

#[tokio::test]
async fn should_unsubscribe_in_the_users_own_name_as_often_as_it_is_asked() {
    let world = World::new();
    for times in 1..=2 {
        let reply = post(&world, &bobs()).await;
        assert_eq!(reply.status.as_u16(), 200);
        assert!(reply.text.contains("no more e-mails") && !reply.text.contains("<form"), "{}", reply.text);
        let sent = world.log.sent_users();
        assert_eq!(sent.len(), times);
        let UserCommand::UpdatePreferences(command) = sent.last().unwrap() else { panic!("{sent:?}") };
        assert_eq!((command.user_key.as_str(), command.actor_id), ("bob@example.org", user("bob")));
        assert_eq!((command.email.as_deref(), command.actor_admin), (Some("none"), false));
        assert_eq!((&command.muted_kinds, &command.muted_projects, &command.locale), (&None, &None, &None));
    }
}

#[tokio::test]
async fn should_say_nothing_to_those_with_a_token_of_another_key() {
    let world = World::new();
    let mut texts = Vec::new();
    let cut = bobs()[..63].to_owned();
    for token in [sign(b"another key, as long as ours", &user("bob")), cut, "x".to_owned(), String::new()] {
        for method in ["GET", "POST"] {
            let reply = ask(&world, method, &token, &[]).await;
            assert_eq!(reply.status.as_u16(), 404, "{method} {token}");
            texts.push(reply.text);
        }
    }
    let reply = world.request(Request::get("/unsubscribe").body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status.as_u16(), 404);
    assert!(texts.iter().all(|text| *text == reply.text), "they are told apart: {texts:?}");
    assert!(world.log.sent_users().is_empty());
}

#[tokio::test]
async fn should_say_the_same_to_those_who_are_not_known_any_more_and_register_nobody() {
    let world = World::new();
    let known = post(&world, &bobs()).await;
    let gone = post(&world, &sign(UNSUBSCRIBE_KEY, &Uuid::from_u128(7))).await;
    assert_eq!((gone.status.as_u16(), gone.text), (200, known.text.clone()));
    assert_eq!(world.log.sent_users().len(), 1);
    // Or in the moment between the look and the command.
    world.log.decide_user(|command| {
        Answer::Outcome(Outcome::Rejected(CommandRejected {
            command_id: command.command_id(),
            command_type: command.type_name().to_owned(),
            rejection: "user_unknown".to_owned(),
            ..CommandRejected::default()
        }))
    });
    let gone = post(&world, &bobs()).await;
    assert_eq!((gone.status.as_u16(), gone.text), (200, known.text));
    assert_eq!(world.log.sent_users().len(), 2, "one each, and no registration");
}

#[tokio::test]
async fn should_answer_202_when_it_takes_too_long_and_503_when_it_is_not_taken() {
    let world = World::with(|limits| limits.outcome_wait = Duration::from_millis(30));
    world.log.decide_user(|_| Answer::Silence);
    let reply = post(&world, &bobs()).await;
    assert_eq!(reply.status.as_u16(), 202);
    assert!(reply.text.contains("in a moment"), "{}", reply.text);
    world.log.decide_user(|_| Answer::Refused(GatewayError::Closed("disk of broker 7 is full".to_owned())));
    let reply = post(&world, &bobs()).await;
    assert_eq!(reply.status.as_u16(), 503);
    assert!(!reply.text.contains("disk"), "{}", reply.text);
}

#[tokio::test]
async fn should_answer_202_when_only_the_read_model_is_late() {
    let world = World::with(|limits| limits.outcome_wait = Duration::from_millis(30));
    world.model.lagging.store(true, Ordering::SeqCst);
    assert_eq!(post(&world, &bobs()).await.status.as_u16(), 202);
}

#[tokio::test]
async fn should_speak_the_language_of_the_user_or_else_of_the_browser() {
    let world = World::new();
    let title = async |accepted: &str| {
        let reply = ask(&world, "GET", &bobs(), &[("accept-language", accepted)]).await;
        let (_, rest) = reply.text.split_once("<h1>").unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    for (accepted, expected) in [
        ("", "Unsubscribe"),
        ("es-ES,es;q=0.9,en;q=0.8", "Darte de baja"),
        ("de, ES;q=0.5", "Darte de baja"),
        ("en-GB, es", "Unsubscribe"),
        ("est, fr", "Unsubscribe"),
    ] {
        assert_eq!(title(accepted).await, expected, "{accepted}");
    }
    world.model.tables().users[1].preferences.locale = "es".to_owned();
    assert_eq!(title("en").await, "Darte de baja");
}
