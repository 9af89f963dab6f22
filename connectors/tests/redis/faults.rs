//! Redis is flushed, restarted with old data, killed, frozen: boards are never wrong, and the cache comes back by itself.

use std::time::Duration;

use connectors::board_cache::{BoardCache, Lookup};
use connectors::redis::{RedisBoardCache, RedisOptions};

use super::services::OwnRedis;
use super::{PROJECT, board, found, options, permit, process, raw, redis_that_saves, returned};

#[tokio::test]
async fn should_refuse_what_began_before_a_flush_and_fill_again_after_it() {
    let redis = OwnRedis::new(&[]);
    let (slow, api) = (process(redis.url()), process(redis.url()));
    let early = permit(&slow).await;
    api.outdate(PROJECT, 5).await;
    redis::cmd("FLUSHALL").exec_async(&mut raw(redis.url()).await).await.unwrap();
    assert!(!slow.fill(early.clone(), board(4)).await, "no epoch");
    let next = permit(&api).await;
    assert!(!slow.fill(early, board(4)).await, "another epoch");
    assert!(api.fill(next, board(5)).await);
    assert_eq!(found(&slow).await, Some(5));
}

#[tokio::test]
async fn should_not_count_what_a_restarted_redis_brings_back() {
    let redis = redis_that_saves();
    let api = process(redis.url());
    assert!(api.fill(permit(&api).await, board(4)).await);
    redis.stop();
    // Sequence 5 is committed, and nobody can be told.
    redis.start();
    let key = format!("project:tickets:{PROJECT}");
    let there: i64 = redis::cmd("EXISTS").arg(&key).query_async(&mut raw(redis.url()).await).await.unwrap();
    assert_eq!(there, 1, "it has the old board");
    assert!(matches!(returned(&api).await, Lookup::Miss(_)), "the process that has seen it");
    let other = process(redis.url());
    assert!(matches!(returned(&other).await, Lookup::Miss(_)), "one that has just started");
    assert!(other.fill(permit(&other).await, board(5)).await);
    assert_eq!(found(&api).await, Some(5));
}

#[tokio::test]
async fn should_be_away_while_redis_is_dead_and_come_back() {
    let redis = OwnRedis::new(&[]);
    let api = process(redis.url());
    let held = permit(&api).await;
    assert!(api.fill(held.clone(), board(4)).await);
    redis.kill();
    assert!(matches!(api.look_up(PROJECT).await, Lookup::Away));
    assert!(!api.fill(held, board(4)).await && !api.outdate(PROJECT, 5).await && !api.renew_epoch().await);
    assert!(api.stats().remote.is_some_and(|remote| !remote.up));
    redis.start();
    assert!(matches!(returned(&api).await, Lookup::Miss(_)));
    assert!(api.fill(permit(&api).await, board(5)).await);
    assert_eq!(found(&api).await, Some(5));
}

#[tokio::test]
async fn should_wait_for_a_frozen_redis_a_few_times_and_then_not_at_all() {
    let redis = OwnRedis::new(&[]);
    let mut patient = RedisOptions::new(redis.url());
    patient.call_limit = Duration::from_millis(200);
    patient.breaker_period = Duration::from_hours(1);
    let api = RedisBoardCache::new(patient.clone()).unwrap();
    assert!(matches!(returned(&api).await, Lookup::Miss(_)));
    let before = api.stats().remote.unwrap();
    redis.signal("STOP");
    for _ in 0..1_000 {
        assert!(matches!(api.look_up(PROJECT).await, Lookup::Away));
    }
    let after = api.stats().remote.unwrap();
    assert_eq!(after.calls - before.calls, u64::from(patient.breaker_failures), "each waits, the others do not");
    assert!(after.breaker_open && !after.up);
    redis.signal("CONT");
}

#[tokio::test]
async fn should_forget_the_failures_of_a_redis_that_was_frozen() {
    let redis = OwnRedis::new(&[]);
    let mut short = options(redis.url());
    short.call_limit = Duration::from_millis(200);
    let api = RedisBoardCache::new(short).unwrap();
    let Lookup::Miss(early) = returned(&api).await else { panic!("it is empty") };
    redis.signal("STOP");
    // Both lie in the socket of the frozen server, which does them when it goes on.
    assert!(!api.fill(early, board(4)).await);
    assert!(!api.outdate(PROJECT, 5).await);
    while !api.stats().remote.unwrap().breaker_open {
        assert!(matches!(api.look_up(PROJECT).await, Lookup::Away));
    }
    redis.signal("CONT");
    let Lookup::Miss(permit) = returned(&api).await else { panic!("a board that is outdated") };
    assert!(api.fill(permit, board(5)).await || matches!(returned(&api).await, Lookup::Miss(_)));
    let remote = api.stats().remote.unwrap();
    assert!(remote.up && !remote.breaker_open, "{remote:?}");
}
