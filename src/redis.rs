//! Redis as it is configured: the board cache, and the way on which events reach every API process.

use std::sync::Arc;
use std::time::Duration;

use connectors::board_cache::{BoardCache, CacheStats, CachedBoard, FillPermit, Lookup};
use connectors::live::Live;
use connectors::rate_limit::{LocalLimiter, RateLimiter};
use connectors::read_model::BoxFuture;
use connectors::redis::{RedisAnnouncer, RedisBoardCache, RedisLimiter, RedisOptions, RedisSubscriber};
use topology::trace::Tracing;
use uuid::Uuid;

use crate::config::Config;

/// How to reach Redis; `None` if there is none.
pub(crate) fn options(config: &Config) -> Option<RedisOptions> {
    let given = &config.redis;
    if given.url.is_empty() {
        return None;
    }
    let mut options = RedisOptions::new(given.url.clone());
    options.prefix.clone_from(&given.prefix);
    options.call_limit = Duration::from_millis(given.call_limit_ms);
    Some(options)
}

/// Whom the sink tells, if there is a Redis.
pub(crate) fn announcer(config: &Config, tracing: Tracing) -> anyhow::Result<Option<Arc<RedisAnnouncer>>> {
    let Some(mut options) = options(config) else { return Ok(None) };
    options.tracing = tracing;
    Ok(Some(Arc::new(RedisAnnouncer::start(options)?)))
}

/// Where boards are looked for. Without Redis nowhere: no one would tell this process when one has changed.
pub(crate) fn boards(config: &Config) -> anyhow::Result<Arc<dyn BoardCache>> {
    match options(config) {
        Some(options) => Ok(Arc::new(RedisBoardCache::new(options)?)),
        None => Ok(Arc::new(NoBoards)),
    }
}

/// Who takes requests out of the callers' buckets: Redis, for all API processes, or this process alone. None if they may make as many as they like.
pub(crate) fn rate_limiter(config: &Config) -> anyhow::Result<Option<Arc<dyn RateLimiter>>> {
    let Some(rate) = config.api.rate()? else { return Ok(None) };
    Ok(Some(match options(config) {
        Some(options) => Arc::new(RedisLimiter::new(&options, rate)?),
        None => LocalLimiter::new(rate),
    }))
}

/// Has no board count that is cached now; whether Redis knows, if there is one.
pub(crate) async fn forget_boards(config: &Config) -> anyhow::Result<bool> {
    let Some(options) = options(config) else { return Ok(true) };
    Ok(RedisBoardCache::new(options)?.renew_epoch().await)
}

/// A cache that is never there.
struct NoBoards;

impl BoardCache for NoBoards {
    fn look_up(&self, _: Uuid) -> BoxFuture<'_, Lookup> {
        Box::pin(std::future::ready(Lookup::Away))
    }

    fn fill(&self, _: FillPermit, _: Arc<CachedBoard>) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(false))
    }

    fn outdate(&self, _: Uuid, _: i64) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(true))
    }

    fn stats(&self) -> CacheStats {
        CacheStats::default()
    }
}

/// Hears what sinks tell, and tells it in this process; `None` if there is no Redis.
pub(crate) fn subscriber(config: &Config, live: Arc<Live>) -> anyhow::Result<Option<RedisSubscriber>> {
    let Some(options) = options(config) else { return Ok(None) };
    Ok(Some(RedisSubscriber::start(options, live)?))
}
