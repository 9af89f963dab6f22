//! `/commands:bulk`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use connectors::gateway::GatewayError;
use schemas::{CommandAccepted, Outcome, TicketCommand};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::support::{Answer, World, accepted};

async fn pour(world: &World, who: &str, lines: &str) -> Vec<Value> {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/commands:bulk")
        .header("authorization", format!("Bearer {}", world.token(who)))
        .header("content-type", "application/x-ndjson");
    let reply = world.request(request.body(Body::from(lines.to_owned())).unwrap()).await;
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn create(title: &str) -> String {
    format!("{}\n", json!({ "type": "CreateTicket", "project": "WEB", "title": title }))
}

fn title(command: &TicketCommand) -> String {
    match command {
        TicketCommand::CreateTicket(command) => command.title.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn should_keep_thousands_under_way_and_the_order_of_lines() {
    let world = World::new();
    let waiting = Arc::new(Mutex::new(Vec::new()));
    let held = waiting.clone();
    world.log.decide(move |command| {
        let (tell, later) = oneshot::channel();
        let mut held = held.lock().unwrap();
        held.push((tell, accepted(command, 1)));
        // Outcomes come only when 3,000 commands are under way at once, and then the last one first.
        if held.len() == 3000 {
            for (tell, outcome) in held.drain(..).rev() {
                let _: Result<_, Outcome> = tell.send(outcome);
            }
        }
        Answer::Later(later)
    });
    let lines: String = (0..3000).map(|n| create(&n.to_string())).collect();
    let results = pour(&world, "ada", &lines).await;
    let order: Vec<i64> = results.iter().map(|one| one["line"].as_i64().unwrap()).collect();
    assert_eq!(order, (1..=3000).collect::<Vec<_>>());
    let titles: Vec<String> = world.log.sent().iter().map(title).collect();
    assert_eq!(titles, (0..3000).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(waiting.lock().unwrap().is_empty());
}

#[tokio::test]
async fn should_settle_people_and_memberships_before_what_needs_them() {
    let world = World::new();
    let (tell_user, user_later) = oneshot::channel();
    let (tell_member, member_later) = oneshot::channel();
    let (mut user_later, mut member_later) = (Some(user_later), Some(member_later));
    let (settled_user, settled_member) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    world.log.decide_user(move |_| Answer::Later(user_later.take().unwrap()));
    let (saw_user, saw_member) = (settled_user.clone(), settled_member.clone());
    world.log.decide(move |command| {
        if matches!(command, TicketCommand::AddMember(_)) {
            assert_eq!(saw_user.load(Ordering::SeqCst), 1, "the user was not registered yet");
            return Answer::Later(member_later.take().unwrap());
        }
        assert_eq!(saw_member.load(Ordering::SeqCst), 1, "the member was not added yet");
        Answer::Outcome(accepted(command, 1))
    });
    let lines = format!(
        "{}\n{}\n{}",
        json!({ "type": "RegisterUser", "source": "github", "login": "octo" }),
        json!({ "type": "AddMember", "project": "WEB", "user": "github:octo" }),
        create("x")
    );
    let give = |tell: oneshot::Sender<Outcome>, settled: Arc<AtomicUsize>| async move {
        tokio::task::yield_now().await;
        settled.store(1, Ordering::SeqCst);
        tell.send(Outcome::Accepted(CommandAccepted::default())).unwrap();
    };
    let poured = pour(&world, "root", &lines);
    let (results, (), ()) = tokio::join!(poured, give(tell_user, settled_user), async {
        while world.log.sent().is_empty() {
            tokio::task::yield_now().await;
        }
        give(tell_member, settled_member).await;
    });
    assert_eq!(results.len(), 3);
    assert!(results.iter().all(|one| one["status"] == "accepted"), "{results:?}");
}

#[tokio::test]
async fn should_offer_a_command_again_when_the_log_is_full() {
    let world = World::new();
    let mut refusals = 3;
    world.log.decide(move |command| {
        if refusals > 0 {
            refusals -= 1;
            return Answer::Refused(GatewayError::Overloaded { in_flight: 9 });
        }
        Answer::Outcome(accepted(command, 1))
    });
    let results = pour(&world, "ada", &create("x")).await;
    assert_eq!((&results[0]["status"], world.log.refusals()), (&json!("accepted"), 3));
}

#[tokio::test]
async fn should_say_so_when_no_outcome_comes_or_the_log_is_closed() {
    let world = World::with(|limits| limits.bulk_outcome_wait = Duration::from_millis(30));
    world.log.decide(|_| Answer::Silence);
    let results = pour(&world, "ada", &create("x")).await;
    assert_eq!((&results[0]["status"], &results[0]["code"]), (&json!("timeout"), &json!("outcome_late")));
    world.log.decide(|_| Answer::Refused(GatewayError::Closed("over".to_owned())));
    let results = pour(&world, "ada", &create("x")).await;
    assert_eq!((&results[0]["status"], &results[0]["code"]), (&json!("timeout"), &json!("unavailable")));
}
