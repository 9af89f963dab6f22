//! Buckets that all processes share.

use connectors::rate_limit::{Rate, RateLimiter};
use connectors::redis::RedisLimiter;
use uuid::Uuid;

use crate::{ADA, options, services};

/// A bucket that refills in hours.
const RATE: Rate = Rate { per_second: 1, burst: 20_000 };
/// More requests than tokens come back meanwhile.
const MANY: u32 = 200;

fn limiters(url: &str) -> [RedisLimiter; 2] {
    [(); 2].map(|()| RedisLimiter::new(&options(url), RATE).unwrap())
}

#[tokio::test]
async fn should_share_a_callers_bucket_among_processes() {
    let redis = services::OwnRedis::new(&[]);
    let [one, other] = limiters(redis.url());
    let mut last = RATE.burst;
    for _ in 0..MANY {
        assert!(one.take(ADA).await.allowed);
        last = other.take(ADA).await.remaining;
    }
    assert!(last < RATE.burst - MANY - MANY / 2, "{last} are left");
    assert_eq!(other.take(Uuid::from_u128(7)).await.remaining, RATE.burst - 1, "another's is full");
}

#[tokio::test]
async fn should_refuse_what_no_token_is_left_for_and_keep_nothing_of_a_full_bucket() {
    let redis = services::OwnRedis::new(&[]);
    let rate = Rate { per_second: 1_000, burst: 2 };
    let limiter = RedisLimiter::new(&options(redis.url()), Rate { per_second: 1, ..rate }).unwrap();
    assert!(limiter.take(ADA).await.allowed && limiter.take(ADA).await.allowed);
    let refused = limiter.take(ADA).await;
    assert!(!refused.allowed && !refused.retry_after.is_zero(), "{refused:?}");
    let fast = RedisLimiter::new(&options(redis.url()), rate).unwrap();
    assert!(fast.take(Uuid::from_u128(9)).await.allowed);
    let mut connection = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let keys = |connection: &mut redis::Connection| -> Vec<String> {
        redis::cmd("KEYS").arg("rate:*9").query(connection).unwrap()
    };
    while !keys(&mut connection).is_empty() {
        std::thread::yield_now();
    }
}

/// The bucket was filled by a process that took a second for each token.
#[tokio::test]
async fn should_not_make_callers_wait_for_longer_than_a_token_takes_at_the_rate_that_is_set_now() {
    let redis = services::OwnRedis::new(&[]);
    let [before, _] = limiters(redis.url());
    for _ in 0..MANY {
        assert!(before.take(ADA).await.allowed);
    }
    let now = RedisLimiter::new(&options(redis.url()), Rate { per_second: 1, burst: 10 }).unwrap();
    let grant = now.take(ADA).await;
    assert!(!grant.allowed && grant.retry_after.as_micros() <= 1_000_000, "{grant:?}");
    assert!(grant.full_in.as_micros() <= 10_000_000, "{grant:?}");
}

#[tokio::test]
async fn should_have_a_bucket_of_its_own_while_redis_does_not_answer() {
    let redis = services::OwnRedis::new(&[]);
    let [one, other] = limiters(redis.url());
    for _ in 0..MANY {
        one.take(ADA).await;
    }
    redis.kill();
    for limiter in [one, other] {
        let grant = limiter.take(ADA).await;
        assert_eq!((grant.allowed, grant.remaining), (true, RATE.burst - 1));
    }
}
