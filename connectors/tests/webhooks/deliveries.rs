//! What is delivered to whom, once.

use std::time::{Duration, Instant};

use schemas::{DeliveryResult, ids};
use serde_json::json;
use uuid::Uuid;

use crate::desk::{Desk, IMPATIENT, LOOK_MS, PROJECT, USER, failed, hook, succeeded};
use crate::receiver::{Receiver, Reply};
use crate::signature::is_signed;

#[test]
fn an_event_is_posted_to_each_webhook_of_its_project_and_that_is_said() {
    let receivers = [Receiver::start(), Receiver::start()];
    let mut desk = Desk::new(vec![hook(1, &receivers[0]), hook(2, &receivers[1])]);
    let event = desk.ticket("Füße");
    let results = desk.run_until_told(2);
    for (n, receiver) in [(1, &receivers[0]), (2, &receivers[1])] {
        let id = ids::delivery_id(event, Uuid::from_u128(n));
        let posts = receiver.posts();
        let [post] = posts.as_slice() else { panic!("{posts:?}") };
        assert_eq!(post.header("syncroboard-delivery"), id.to_string());
        assert_eq!(post.header("syncroboard-event"), "ticket.created");
        is_signed(post, desk.now / 1_000);
        let body = post.json();
        assert_eq!((&body["id"], &body["event"]), (&json!(id), &json!("ticket.created")));
        assert_eq!(body["createdAt"], "1970-01-01T00:16:40Z");
        let data = &body["data"];
        assert_eq!((&data["eventId"], &data["projectId"]), (&json!(event), &json!(PROJECT)));
        assert_eq!((&data["title"], &data["publishedAt"]), (&json!("Füße"), &json!(1_000_000)));
        let result = results.iter().find(|result| result.hook_id().as_u128() == n).unwrap();
        let taken = succeeded(result);
        assert_eq!((taken.delivery_id, taken.subject_id, taken.owner_id), (id, event, PROJECT));
        assert_eq!(
            (taken.kind.as_str(), taken.attempts, taken.status, taken.replay_of),
            ("ticket.created", 1, 200, None)
        );
        assert_eq!((taken.correlation_id, taken.causation_id), (Uuid::from_u128(0xc), Uuid::from_u128(0xd)));
    }
    assert_eq!(desk.stored(), (0, 2));
}

#[test]
fn nothing_is_stored_of_what_nobody_wants_to_be_told_of() {
    let receiver = Receiver::start();
    let mut choosy = hook(1, &receiver);
    choosy.kinds = vec!["ticket.updated".to_owned()];
    let mut others = hook(2, &receiver);
    others.owner_id = Uuid::from_u128(99);
    let mut desk = Desk::new(vec![choosy.clone(), others]);
    desk.ticket("not wanted");
    desk.notification("ticket.assigned");
    desk.run_for(1_000);
    assert_eq!((desk.stored(), desk.results().len(), receiver.posts().len()), ((0, 0), 0, 0));
    let wanted = desk.updated();
    desk.event(&wanted);
    desk.run_until_told(1);
    assert_eq!(receiver.posts()[0].json()["event"], "ticket.updated");
    // What was before it was made.
    choosy.created_at = desk.now + 1;
    desk.book.replace(vec![choosy]);
    let before = desk.updated();
    desk.event(&before);
    assert_eq!(desk.stored(), (0, 1));
}

#[test]
fn a_user_is_told_by_a_webhook_of_what_they_are_notified_of() {
    let receiver = Receiver::start();
    let mut own = hook(1, &receiver);
    own.owner_id = USER;
    own.kinds = vec!["ticket.commented".to_owned(), "ticket.assigned".to_owned()];
    let mut desk = Desk::new(vec![own]);
    desk.notification("ticket.deleted");
    let id = desk.notification("ticket.assigned");
    desk.ticket("of a project");
    let results = desk.run_until_told(1);
    let posts = receiver.posts();
    let [post] = posts.as_slice() else { panic!("{posts:?}") };
    assert_eq!(post.header("syncroboard-event"), "notification");
    let body = post.json();
    assert_eq!((&body["event"], &body["data"]["eventId"]), (&json!("notification"), &json!(id)));
    assert_eq!(body["data"]["about"]["kind"], "ticket.assigned");
    assert_eq!((results[0].owner_id(), succeeded(&results[0]).subject_id), (USER, id));
}

#[test]
fn events_of_the_same_moment_are_delivered_in_their_order() {
    let receiver = Receiver::start();
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    let ids: Vec<Uuid> = (0..50).map(|n| desk.ticket(&format!("Ticket {n}"))).collect();
    desk.run_until_told(50);
    let posted: Vec<_> = receiver.posts().iter().map(|post| post.json()["data"]["eventId"].clone()).collect();
    assert_eq!(posted, ids.into_iter().map(|id| json!(id)).collect::<Vec<_>>());
}

#[test]
fn a_slow_receiver_holds_up_no_other_and_no_commit() {
    let (slow, quick) = (Receiver::start(), Receiver::start());
    slow.will([Reply::Silence]);
    let mut desk = Desk::with(vec![hook(1, &slow), hook(2, &quick)], |config| config.timeout = IMPATIENT);
    for n in 0..20 {
        desk.ticket(&format!("Ticket {n}"));
    }
    let begun = Instant::now();
    desk.pass(LOOK_MS);
    assert!(begun.elapsed() < IMPATIENT, "a look waits for a second at most");
    assert_eq!((quick.posts().len(), slow.posts().len()), (20, 1), "one at a time to each");
    let begun = Instant::now();
    desk.pass(LOOK_MS);
    assert!(begun.elapsed() < Duration::from_millis(400), "it is waited for once");
    // The slow one comes to the others when it has been given up for now.
    let results = desk.run_until_told(40);
    let late = results.iter().find(|result| matches!(result, DeliveryResult::DeliveryFailed(_))).unwrap();
    assert_eq!((failed(late).why.as_str(), failed(late).given_up), ("no answer within 1500 ms", false));
    assert_eq!(slow.posts().len(), 20);
}

#[test]
fn what_is_no_event_holds_up_nothing_and_is_no_dead_letter() {
    let receiver = Receiver::start();
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    for topic in ["ticket.events", "notifications", "webhook.commands"] {
        desk.pipe(topic, PROJECT, b"scribble");
        desk.driver.pipe(topic, b"no id", b"scribble", desk.now).unwrap();
        assert!(desk.driver.all(&format!("{topic}.dlq")).is_empty());
    }
    desk.ticket("An event");
    desk.run_until_told(1);
    assert_eq!(receiver.posts().len(), 1);
}

#[test]
fn a_secret_and_an_address_are_in_no_store_and_on_no_topic() {
    let receiver = Receiver::start();
    receiver.will([Reply::Status(500, "")]);
    let mut hook = hook(1, &receiver);
    hook.url.push_str("&token=geheim");
    let mut desk = Desk::new(vec![hook]);
    desk.ticket("An event");
    desk.run_until_told(1);
    let mut seen = Vec::new();
    for store in [connectors::webhook::OUTGOING, connectors::webhook::KEPT] {
        seen.extend(desk.driver.store_entries(store).unwrap().into_values());
        seen.extend(desk.driver.all(&format!("test-{store}-changelog")).into_iter().filter_map(|record| record.value));
    }
    seen.extend(desk.driver.all("webhook.results").into_iter().filter_map(|record| record.value));
    assert_eq!(seen.len(), 6);
    for bytes in seen {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("whsec_") && !text.contains("geheim"), "{text}");
    }
}
