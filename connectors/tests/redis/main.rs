//! The board cache and the channels on a real Redis, which is flushed, killed, frozen and brought back with old data.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod announcer;
mod faults;
mod guard;
mod limits;
mod oracle;
#[path = "../../../tests/support/services.rs"]
mod services;

use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::board_cache::{BoardCache, CachedBoard, FillPermit, Lookup};
use connectors::redis::{RedisBoardCache, RedisOptions};
use uuid::Uuid;

const PROJECT: Uuid = Uuid::from_u128(0x11);
const ADA: Uuid = Uuid::from_u128(0xada);

/// A Redis that writes what it has when it is told to, so that it can come back with it.
fn redis_that_saves() -> services::OwnRedis {
    services::OwnRedis::new(&[("save", "3600 1")])
}

/// Options that wait long enough on a busy machine, and try again at once.
fn options(url: &str) -> RedisOptions {
    let mut options = RedisOptions::new(url);
    options.call_limit = Duration::from_secs(5);
    options.announce_limit = Duration::from_secs(5);
    options.breaker_period = Duration::from_millis(10);
    options.heartbeat = Duration::from_millis(20);
    options
}

/// The cache as one process has it.
fn process(url: &str) -> RedisBoardCache {
    RedisBoardCache::new(options(url)).unwrap()
}

fn board(sequence: i64) -> Arc<CachedBoard> {
    let body = format!("{{\"sequence\":{sequence}}}");
    Arc::new(CachedBoard::new(sequence, body.into(), [(ADA, "owner".into())]))
}

async fn permit(cache: &RedisBoardCache) -> FillPermit {
    match cache.look_up(PROJECT).await {
        Lookup::Miss(permit) => permit,
        other => panic!("{other:?}"),
    }
}

/// The sequence of the board that is found; none if there is none that counts.
async fn found(cache: &RedisBoardCache) -> Option<i64> {
    match cache.look_up(PROJECT).await {
        Lookup::Hit(board) => {
            assert_eq!(*board.body(), format!("{{\"sequence\":{}}}", board.sequence()));
            assert_eq!(board.role(ADA), Some("owner"));
            assert_eq!(board.role(Uuid::nil()), None);
            Some(board.sequence())
        }
        Lookup::Miss(_) => None,
        Lookup::Away => panic!("redis should be there: {:?}", cache.stats()),
    }
}

/// Looks until Redis is there again.
async fn returned(cache: &RedisBoardCache) -> Lookup {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match cache.look_up(PROJECT).await {
            Lookup::Away => assert!(Instant::now() < end, "it did not come back: {:?}", cache.stats()),
            lookup => return lookup,
        }
        tokio::task::yield_now().await;
    }
}

async fn raw(url: &str) -> redis::aio::MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}
