//! What a sink tells, and who hears it, whatever happens to Redis or the sink meanwhile.

use std::sync::Arc;
use std::time::Duration;

use connectors::board_cache::{BoardCache, Lookup};
use connectors::live::Live;
use connectors::redis::{RedisAnnouncer, RedisSubscriber, SubscriberStatus};
use schemas::{TicketDeleted, TicketEvent};

use super::services::OwnRedis;
use super::{PROJECT, board, found, options, permit, process, raw, redis_that_saves, returned};

const LONG: Duration = Duration::from_secs(60);

fn event(sequence: i64) -> Arc<TicketEvent> {
    Arc::new(TicketDeleted { project_id: PROJECT, sequence, ..TicketDeleted::default() }.into())
}

fn commit(sink: &RedisAnnouncer, sequences: std::ops::RangeInclusive<i64>) {
    let last = *sequences.end();
    sink.committed(vec![(PROJECT, last)], sequences.map(event).collect());
}

async fn settled(sink: &RedisAnnouncer) {
    let mut settled = sink.settled();
    tokio::time::timeout(LONG, settled.wait_for(|settled| *settled)).await.expect("in time").expect("it lives");
}

async fn start(redis: &OwnRedis) -> RedisAnnouncer {
    let sink = RedisAnnouncer::start(options(redis.url())).unwrap();
    settled(&sink).await;
    sink
}

async fn listen(redis: &OwnRedis, live: &Arc<Live>) -> RedisSubscriber {
    let subscriber = RedisSubscriber::start(options(redis.url()), live.clone()).unwrap();
    let mut status = subscriber.status();
    let listening = status.wait_for(|status| *status == SubscriberStatus::Listening);
    tokio::time::timeout(LONG, listening).await.expect("in time").expect("it lives");
    subscriber
}

#[tokio::test]
async fn should_outdate_boards_and_tell_every_process_of_events_in_their_order() {
    let redis = OwnRedis::new(&[]);
    let sink = start(&redis).await;
    let (one, two) = (Arc::new(Live::default()), Arc::new(Live::default()));
    let _listening = (listen(&redis, &one).await, listen(&redis, &two).await);
    let mut feeds = [one.subscribe(), two.subscribe()];
    let mut waiting = two.wait(PROJECT, 1_200);
    let api = process(redis.url());
    assert!(api.fill(permit(&api).await, board(3)).await);
    commit(&sink, 4..=600);
    commit(&sink, 601..=1_200);
    tokio::time::timeout(LONG, waiting.reached()).await.expect("woken");
    for feed in &mut feeds {
        for sequence in 4..=1_200 {
            let heard = tokio::time::timeout(LONG, feed.recv()).await.expect("in time").expect("not behind");
            assert_eq!(heard, event(sequence));
        }
    }
    assert_eq!(permit(&api).await.at_least(), 1_200);
}

#[tokio::test]
async fn should_cost_one_refill_if_the_sink_dies_between_the_database_and_redis() {
    let redis = OwnRedis::new(&[]);
    let sink = start(&redis).await;
    let api = process(redis.url());
    assert!(api.fill(permit(&api).await, board(3)).await);
    // Sequence 4 is committed; the sink is killed before it tells anyone.
    drop(sink);
    assert_eq!(found(&api).await, Some(3));
    let next = start(&redis).await;
    assert_eq!(found(&api).await, None, "the next one has set a new epoch");
    assert!(api.fill(permit(&api).await, board(4)).await);
    commit(&next, 5..=5);
    next.flushed().await;
    assert_eq!(permit(&api).await.at_least(), 5);
    // Partitions are taken over from another sink, which may have died in the same way.
    assert!(api.fill(permit(&api).await, board(5)).await);
    next.anew();
    next.flushed().await;
    assert_eq!(found(&api).await, None);
}

#[tokio::test]
async fn should_not_remember_an_outage_but_outdate_all_of_it_at_once() {
    let redis = redis_that_saves();
    let sink = start(&redis).await;
    let live = Arc::new(Live::default());
    let _listening = listen(&redis, &live).await;
    let mut misses = live.misses();
    let api = process(redis.url());
    assert!(api.fill(permit(&api).await, board(3)).await);
    redis.stop();
    let mut settled = sink.settled();
    commit(&sink, 4..=5);
    settled.wait_for(|settled| !settled).await.expect("it lives");
    misses.mark_unchanged();
    redis.start();
    tokio::time::timeout(LONG, settled.wait_for(|settled| *settled)).await.expect("in time").expect("it lives");
    assert!(!matches!(returned(&api).await, Lookup::Hit(_)), "what came back from the disk is of before");
    assert!(api.fill(permit(&api).await, board(5)).await);
    tokio::time::timeout(LONG, misses.changed()).await.expect("everyone is told").expect("it lives");
    // And everything goes on as before.
    let mut feed = live.subscribe();
    let heard = async {
        for sequence in 6.. {
            commit(&sink, sequence..=sequence);
            sink.flushed().await;
            if let Ok(Ok(heard)) = tokio::time::timeout(Duration::from_millis(100), feed.recv()).await {
                return heard.sequence();
            }
        }
        unreachable!("there is always a next one")
    };
    assert!(tokio::time::timeout(LONG, heard).await.expect("heard") >= 6);
}

#[tokio::test]
async fn should_tell_of_everything_after_its_connections_were_cut() {
    let redis = OwnRedis::new(&[]);
    let sink = start(&redis).await;
    let live = Arc::new(Live::default());
    let _listening = listen(&redis, &live).await;
    let mut misses = live.misses();
    let api = process(redis.url());
    assert!(api.fill(permit(&api).await, board(3)).await);
    let mut settled = sink.settled();
    settled.mark_unchanged();
    misses.mark_unchanged();
    for kind in ["normal", "pubsub"] {
        let mut connection = raw(redis.url()).await;
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg(kind).arg("SKIPME").arg("yes");
        kill.exec_async(&mut connection).await.unwrap();
    }
    // Nothing was lost, but nobody can know.
    tokio::time::timeout(LONG, settled.changed()).await.expect("it notices").expect("it lives");
    tokio::time::timeout(LONG, settled.wait_for(|settled| *settled)).await.expect("in time").expect("it lives");
    assert!(matches!(returned(&api).await, Lookup::Miss(_)));
    tokio::time::timeout(LONG, misses.changed()).await.expect("everyone is told").expect("it lives");
}

#[tokio::test]
async fn should_say_that_much_was_missed_rather_than_keep_all_of_it_for_a_frozen_redis() {
    let redis = OwnRedis::new(&[]);
    let sink = start(&redis).await;
    let live = Arc::new(Live::default());
    let _listening = listen(&redis, &live).await;
    let mut misses = live.misses();
    misses.mark_unchanged();
    let api = process(redis.url());
    assert!(api.fill(permit(&api).await, board(3)).await);
    redis.signal("STOP");
    for batch in 0..60 {
        commit(&sink, batch * 1_000 + 4..=batch * 1_000 + 1_003);
    }
    redis.signal("CONT");
    sink.flushed().await;
    settled(&sink).await;
    assert!(!matches!(returned(&api).await, Lookup::Hit(_)));
    tokio::time::timeout(LONG, misses.changed()).await.expect("everyone is told").expect("it lives");
}

#[tokio::test]
async fn should_outdate_boards_in_a_full_redis_and_fill_it_again_when_there_is_room() {
    let redis = OwnRedis::new(&[]);
    let sink = start(&redis).await;
    let live = Arc::new(Live::default());
    let _listening = listen(&redis, &live).await;
    let mut feed = live.subscribe();
    let api = process(redis.url());
    let held = permit(&api).await;
    assert!(api.fill(held.clone(), board(3)).await);
    redis.fill_up();
    assert_eq!(found(&api).await, Some(3), "it is right, and still there");
    assert!(!api.fill(held, board(4)).await);
    commit(&sink, 4..=4);
    sink.flushed().await;
    assert!(!matches!(api.look_up(PROJECT).await, Lookup::Hit(_)));
    let heard = tokio::time::timeout(LONG, feed.recv()).await.expect("in time").expect("not behind");
    assert_eq!(heard, event(4), "events need no room");
    redis.make_room();
    settled(&sink).await;
    let Lookup::Miss(permit) = returned(&api).await else { panic!("an old board") };
    assert!(api.fill(permit, board(4)).await);
    assert_eq!(found(&api).await, Some(4));
    commit(&sink, 5..=5);
    sink.flushed().await;
    assert!(!matches!(returned(&api).await, Lookup::Hit(_)));
}

#[tokio::test]
async fn should_let_no_board_count_if_a_full_redis_takes_no_epoch() {
    let redis = OwnRedis::new(&[]);
    let sink = start(&redis).await;
    let api = process(redis.url());
    assert!(api.fill(permit(&api).await, board(3)).await);
    redis.fill_up();
    // Sequence 4 is committed; the sink is killed before it tells anyone, and the next one can write nothing to Redis.
    drop(sink);
    let next = RedisAnnouncer::start(options(redis.url())).unwrap();
    next.flushed().await;
    assert!(!*next.settled().borrow(), "it was told that there is no room");
    assert!(matches!(api.look_up(PROJECT).await, Lookup::Away));
    redis.make_room();
    settled(&next).await;
    let Lookup::Miss(permit) = returned(&api).await else { panic!("an old board") };
    assert!(api.fill(permit, board(4)).await);
    assert_eq!(found(&api).await, Some(4));
}
