//! What the scripts decide: which fill is taken, and which value counts.

use connectors::board_cache::{BoardCache, CachedBoard};
use connectors::redis::RedisBoardCache;

use super::services::OwnRedis;
use super::{ADA, PROJECT, board, found, options, permit, process, raw};

#[tokio::test]
async fn should_give_every_process_what_one_has_filled_until_it_is_outdated() {
    let redis = OwnRedis::new(&[]);
    let (a, b) = (process(redis.url()), process(redis.url()));
    assert!(a.fill(permit(&a).await, board(4)).await);
    assert_eq!((found(&a).await, found(&b).await), (Some(4), Some(4)));
    let held: CachedBoard = b.held(PROJECT).await.unwrap().unwrap();
    assert_eq!(held.members().collect::<Vec<_>>(), [(ADA, "owner")]);
    assert!(a.outdate(PROJECT, 4).await);
    assert_eq!(found(&b).await, Some(4), "told of what it has");
    assert!(b.outdate(PROJECT, 5).await);
    assert_eq!((found(&a).await, found(&b).await), (None, None));
    assert_eq!(permit(&a).await.at_least(), 5);
    assert!(b.held(PROJECT).await.unwrap().is_none());
    let stats = a.stats();
    assert_eq!((stats.hits, stats.filled, stats.refused), (1, 1, 0), "{stats:?}");
    assert!(stats.remote.is_some_and(|remote| remote.up && !remote.breaker_open));
}

#[tokio::test]
async fn should_refuse_a_late_fill_after_a_newer_one_and_after_a_mark() {
    let redis = OwnRedis::new(&[]);
    let (slow, fast) = (process(redis.url()), process(redis.url()));
    let late = permit(&slow).await;
    assert!(fast.fill(permit(&fast).await, board(5)).await);
    assert!(!slow.fill(late, board(4)).await);
    assert_eq!(found(&slow).await, Some(5));
    fast.outdate(PROJECT, 6).await;
    let late = permit(&slow).await;
    fast.outdate(PROJECT, 7).await;
    assert!(!slow.fill(late.clone(), board(6)).await);
    assert!(slow.fill(late, board(7)).await, "as new as what is known");
    assert_eq!(slow.stats().refused, 2);
}

#[tokio::test]
async fn should_not_count_what_is_of_another_epoch() {
    let redis = OwnRedis::new(&[]);
    let (sink, api) = (process(redis.url()), process(redis.url()));
    let early = permit(&api).await;
    assert!(api.fill(early.clone(), board(4)).await);
    assert!(sink.renew_epoch().await);
    assert_eq!(found(&api).await, None, "not even what the process has seen itself");
    assert!(!api.fill(early, board(4)).await, "the database was asked before the epoch");
    // After the database was brought back from a backup, say: what was known before does not count either.
    assert!(api.fill(permit(&api).await, board(2)).await);
    assert_eq!(found(&sink).await, Some(2));
}

#[tokio::test]
async fn should_throw_away_what_took_too_long_by_the_servers_clock() {
    let redis = OwnRedis::new(&[]);
    let mut strict = options(redis.url());
    strict.fill_limit = std::time::Duration::ZERO;
    let api = RedisBoardCache::new(strict).unwrap();
    let early = permit(&api).await;
    let mut connection = raw(redis.url()).await;
    // The server's clock is what is looked at: wait for it, and for nothing else.
    let time = async |connection: &mut _| redis::cmd("TIME").query_async::<(u64, u64)>(connection).await.unwrap();
    let begun = time(&mut connection).await;
    while time(&mut connection).await <= (begun.0, begun.1 + 2_000) {}
    assert!(!api.fill(early, board(4)).await);
    assert_eq!(found(&api).await, None);
}

#[tokio::test]
async fn should_let_values_and_marks_expire_and_never_the_epoch() {
    let redis = OwnRedis::new(&[]);
    let api = process(redis.url());
    api.fill(permit(&api).await, board(4)).await;
    let mut connection = raw(redis.url()).await;
    let mut ttl = async |key: String| redis::cmd("PTTL").arg(key).query_async::<i64>(&mut connection).await.unwrap();
    let key = format!("project:tickets:{PROJECT}");
    assert!((500_000..=600_000).contains(&ttl(key.clone()).await));
    api.outdate(PROJECT, 5).await;
    assert!((1..=60_000).contains(&ttl(key).await));
    assert_eq!(ttl("project:tickets:epoch".to_owned()).await, -1);
}

#[tokio::test]
async fn should_take_what_is_damaged_in_redis_for_nothing() {
    let redis = OwnRedis::new(&[]);
    let (a, b) = (process(redis.url()), process(redis.url()));
    a.fill(permit(&a).await, board(4)).await;
    let mut connection = raw(redis.url()).await;
    let key = format!("project:tickets:{PROJECT}");
    let set = redis::cmd("HSET").arg(&key).arg("members").arg("{").exec_async(&mut connection).await;
    set.unwrap();
    assert_eq!(found(&b).await, None);
    assert!(b.fill(permit(&b).await, board(4)).await);
    assert_eq!(found(&b).await, Some(4));
}
