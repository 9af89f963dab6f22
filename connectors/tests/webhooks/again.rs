//! What is tried again, given up, done again because somebody asks, and not done again whatever happens to commits.

use std::collections::BTreeSet;

use schemas::{DeliveryResult, ids};
use uuid::Uuid;

use crate::desk::{Desk, IMPATIENT, LOOK_MS, failed, hook, succeeded};
use crate::receiver::{Receiver, Reply};
use crate::signature::is_signed;

const HOUR_MS: i64 = 3_600_000;

#[test]
fn a_delivery_is_tried_again_ever_later_with_the_same_body_and_a_new_signature() {
    let receiver = Receiver::start();
    receiver.will([Reply::Status(500, ""), Reply::HangUp, Reply::Status(429, "")]);
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    let event = desk.ticket("An event");
    let id = ids::delivery_id(event, Uuid::from_u128(1));
    let mut at = Vec::new();
    for attempt in 1..=4 {
        desk.run_until_told(attempt);
        at.push(desk.now);
    }
    for (pair, expected) in at.windows(2).zip([30_000, 60_000, 120_000]) {
        let pause = pair[1] - pair[0];
        // A fifth more or less, and up to the next look.
        assert!((expected * 4 / 5..=expected * 6 / 5 + LOOK_MS).contains(&pause), "{pause} in the place of {expected}");
    }
    let posts = receiver.posts();
    assert_eq!(posts.len(), 4);
    for (post, at) in posts.iter().zip(&at) {
        assert_eq!((post.header("syncroboard-delivery"), &post.body), (id.to_string().as_str(), &posts[0].body));
        is_signed(post, at / 1_000);
    }
    let results = desk.results();
    for (n, (result, status)) in results.iter().zip([500, 0, 429]).enumerate() {
        let failed = failed(result);
        assert_eq!((failed.attempts, failed.status, failed.given_up), (n as i32 + 1, status, false));
        assert!(!failed.why.is_empty());
    }
    assert_eq!((succeeded(&results[3]).attempts, succeeded(&results[3]).status), (4, 200));
    let ids: BTreeSet<Uuid> = results.iter().map(DeliveryResult::event_id).collect();
    assert_eq!(ids.len(), 4, "each attempt has a record of its own");
    assert_eq!(desk.stored().0, 0);
}

#[test]
fn a_delivery_that_is_refused_or_redirected_is_given_up_at_once() {
    let receiver = Receiver::start();
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    for (n, status) in [410_u16, 404, 302].into_iter().enumerate() {
        receiver.will([Reply::Status(status, "location: http://169.254.169.254/\r\n")]);
        desk.ticket("An event");
        let results = desk.run_until_told(n + 1);
        let failed = failed(&results[n]);
        assert_eq!((failed.attempts, failed.status, failed.given_up), (1, i32::from(status), true));
    }
    desk.pass(HOUR_MS);
    assert_eq!((receiver.posts().len(), desk.stored().0), (3, 0));
}

#[test]
fn a_delivery_is_given_up_after_a_day() {
    let receiver = Receiver::start();
    receiver.will(std::iter::repeat_n(Reply::Status(503, ""), 1_000));
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    desk.ticket("An event");
    let begun = desk.now;
    while desk.stored().0 > 0 {
        desk.pass(60_000);
    }
    let results = desk.results();
    let last = failed(results.last().unwrap());
    assert!(last.given_up && last.attempts > 24, "{last:?}");
    assert!(results[..results.len() - 1].iter().all(|result| !failed(result).given_up));
    assert!((22 * HOUR_MS..=24 * HOUR_MS).contains(&(desk.now - begun)), "{}", desk.now - begun);
    // One that is too old when its turn comes is not tried at all.
    let old = desk.made("Old");
    desk.pass(25 * HOUR_MS);
    let tried = receiver.posts().len();
    desk.event(&old);
    let results = desk.run_until_told(results.len() + 1);
    let last = failed(results.last().unwrap());
    assert_eq!((last.attempts, last.given_up, last.why.as_str()), (0, true, "it was too old when its turn came"));
    assert_eq!(receiver.posts().len(), tried);
}

#[test]
fn a_receiver_that_fails_five_times_in_a_row_is_left_alone_for_a_while() {
    let (broken, other) = (Receiver::start(), Receiver::start());
    broken.will(std::iter::repeat_n(Reply::Status(500, ""), 5));
    let mut desk = Desk::new(vec![hook(1, &broken), hook(2, &other)]);
    for n in 0..20 {
        desk.ticket(&format!("Ticket {n}"));
    }
    desk.run_for(20_000);
    assert_eq!((broken.posts().len(), other.posts().len()), (5, 20));
    desk.run_until_told(45);
    assert_eq!(broken.posts().len(), 25);
    assert_eq!(desk.stored().0, 0);
}

#[test]
fn a_receiver_that_asks_for_time_gets_it_for_all_its_deliveries() {
    let receiver = Receiver::start();
    receiver.will([Reply::Status(429, "retry-after: 600\r\n")]);
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    desk.ticket("One");
    desk.ticket("Another");
    desk.run_for(590_000);
    assert_eq!(receiver.posts().len(), 1);
    desk.run_for(11_000);
    assert_eq!((receiver.posts().len(), desk.stored().0), (3, 0));
}

#[test]
fn what_waits_for_a_webhook_that_was_deleted_ends() {
    let receiver = Receiver::start();
    receiver.will([Reply::Status(500, "")]);
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    desk.ticket("An event");
    desk.run_until_told(1);
    desk.book.replace(Vec::new());
    // It may be that this process does not know it yet.
    desk.run_for(40_000);
    assert_eq!((desk.results().len(), desk.stored().0), (1, 1));
    desk.run_for(40_000);
    let results = desk.results();
    let last = failed(&results[1]);
    assert_eq!((last.attempts, last.status, last.given_up), (1, 500, true));
    assert_eq!(last.why, "the webhook was deleted");
    assert_eq!((receiver.posts().len(), desk.stored().0), (1, 0));
}

#[test]
fn a_delivery_is_made_again_once_for_each_time_that_somebody_asks() {
    let receiver = Receiver::start();
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    let event = desk.ticket("An event");
    let first = ids::delivery_id(event, Uuid::from_u128(1));
    desk.run_until_told(1);
    desk.pass(48 * HOUR_MS);
    desk.replay(first, 0x100);
    desk.replay(first, 0x100);
    desk.run_until_told(2);
    let second = ids::replay_id(first, Uuid::from_u128(0x100));
    desk.replay(second, 0x101);
    let results = desk.run_until_told(3);
    desk.replay(second, 0x101);
    desk.run_for(1_000);
    let posts = receiver.posts();
    assert_eq!((posts.len(), desk.results().len()), (3, 3));
    let third = ids::replay_id(second, Uuid::from_u128(0x101));
    for (post, id) in posts.iter().zip([first, second, third]) {
        assert_eq!((post.header("syncroboard-delivery"), &post.body), (id.to_string().as_str(), &posts[0].body));
    }
    let of = |n: usize| (succeeded(&results[n]).replay_of, succeeded(&results[n]).causation_id);
    assert_eq!(of(1), (Some(first), Uuid::from_u128(0x100)));
    assert_eq!(of(2), (Some(second), Uuid::from_u128(0x101)));
}

#[test]
fn what_is_not_known_any_more_cannot_be_made_again() {
    let receiver = Receiver::start();
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    let event = desk.ticket("An event");
    let id = ids::delivery_id(event, Uuid::from_u128(1));
    desk.run_until_told(1);
    // Seven days by the events' own time.
    desk.pass(7 * 24 * HOUR_MS + 1);
    desk.ticket("A week later");
    desk.run_until_told(2);
    desk.replay(id, 0x100);
    desk.replay(Uuid::from_u128(0xbad), 0x101);
    let results = desk.run_until_told(4);
    for (result, of) in results[2..].iter().zip([id, Uuid::from_u128(0xbad)]) {
        let failed = failed(result);
        assert_eq!(
            (failed.replay_of, failed.given_up, failed.attempts, failed.hook_id),
            (Some(of), true, 0, Uuid::nil())
        );
        assert_eq!(failed.why, "what was delivered is not known any more");
    }
    assert_eq!(receiver.posts().len(), 2);
}

#[test]
fn what_was_posted_is_not_posted_again_when_commits_are_taken_back() {
    let receiver = Receiver::start();
    receiver.will([Reply::Status(200, ""), Reply::Status(500, ""), Reply::Status(410, "")]);
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    desk.driver = std::mem::replace(&mut desk.driver, driver_of_nothing()).manual_commit();
    for n in 0..3 {
        desk.ticket(&format!("Ticket {n}"));
    }
    for _ in 0..3 {
        desk.pass(LOOK_MS);
        desk.driver.abort();
        assert!(desk.results().is_empty());
        desk.driver.run().unwrap();
    }
    desk.pass(LOOK_MS);
    desk.driver.commit().unwrap();
    assert_eq!(receiver.posts().len(), 3);
    let results = desk.results();
    assert_eq!(succeeded(&results[0]).attempts, 1);
    assert_eq!((failed(&results[1]).status, failed(&results[1]).given_up), (500, false));
    assert_eq!((failed(&results[2]).status, failed(&results[2]).given_up), (410, true));
    assert_eq!((results.len(), desk.stored().0), (3, 1));
}

#[test]
fn an_answer_that_comes_after_its_commit_was_taken_back_counts() {
    let receiver = Receiver::start();
    receiver.will([Reply::Silence]);
    let mut desk = Desk::with(vec![hook(1, &receiver)], |config| config.timeout = IMPATIENT);
    desk.driver = std::mem::replace(&mut desk.driver, driver_of_nothing()).manual_commit();
    desk.ticket("An event");
    desk.pass(LOOK_MS);
    receiver.wait_for_a_post();
    // The request is under way, and what it is for is taken back.
    desk.driver.abort();
    assert_eq!(desk.stored(), (0, 0));
    desk.driver.run().unwrap();
    let end = std::time::Instant::now() + crate::receiver::PATIENCE;
    while desk.results().is_empty() {
        assert!(std::time::Instant::now() < end);
        desk.pass(LOOK_MS);
        desk.driver.commit().unwrap();
    }
    assert_eq!(failed(&desk.results()[0]).attempts, 1);
    assert_eq!(receiver.posts().len(), 1);
}

#[test]
fn a_restart_before_the_commit_posts_again_with_the_same_id_and_after_it_does_not() {
    let receiver = Receiver::start();
    let mut desk = Desk::new(vec![hook(1, &receiver)]);
    desk.driver = std::mem::replace(&mut desk.driver, driver_of_nothing()).manual_commit();
    desk.ticket("An event");
    desk.driver.commit().unwrap();
    desk.pass(LOOK_MS);
    assert_eq!(receiver.posts().len(), 1);
    desk.driver.restart().unwrap();
    desk.run_for(1_000);
    desk.driver.commit().unwrap();
    let posts = receiver.posts();
    assert_eq!(posts.len(), 2);
    assert_eq!(
        (&posts[0].body, posts[0].header("syncroboard-delivery")),
        (&posts[1].body, posts[1].header("syncroboard-delivery"))
    );
    assert_eq!(desk.results().len(), 1);
    desk.driver.restart().unwrap();
    desk.run_for(1_000);
    desk.driver.commit().unwrap();
    assert_eq!((receiver.posts().len(), desk.results().len()), (2, 1));
}

/// To take another's place for a moment.
fn driver_of_nothing() -> topology::TestDriver {
    Desk::new(Vec::new()).driver
}
