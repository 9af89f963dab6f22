//! How the cache does, as Prometheus metrics. The cache counts; these are brought up to its counts when they are asked for.

use std::sync::Arc;

use connectors::board_cache::{BoardCache, Remote};
use parking_lot::Mutex;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Registers the metrics of a cache, and of the server behind it if there is one.
pub(super) fn register(registry: &Registry, cache: &Arc<dyn BoardCache>) -> Result<(), prometheus::Error> {
    registry.register(Box::new(CacheCollector::new(cache.clone())?))?;
    if cache.stats().remote.is_some() {
        let cache = cache.clone();
        register_redis(registry, move || cache.stats().remote.unwrap_or_default())?;
    }
    Ok(())
}

/// Registers `syncroboard_redis_up` and the other metrics of a connection to Redis; `remote` says how it is.
///
/// # Errors
/// They are registered already.
pub fn register_redis(
    registry: &Registry,
    remote: impl Fn() -> Remote + Send + Sync + 'static,
) -> Result<(), prometheus::Error> {
    registry.register(Box::new(RedisCollector {
        remote: Box::new(remote),
        up: IntGauge::new("syncroboard_redis_up", "1 if the last call to Redis was answered")?,
        breaker: IntGauge::new(
            "syncroboard_redis_breaker_open",
            "1 while calls to Redis are held back after failures",
        )?,
        calls: IntCounter::new("syncroboard_redis_calls_total", "Calls to Redis")?,
        failures: IntCounter::new("syncroboard_redis_failures_total", "Calls to Redis that failed or took too long")?,
        one_at_a_time: Mutex::new(()),
    }))
}

struct CacheCollector {
    cache: Arc<dyn BoardCache>,
    lookups: IntCounterVec,
    fills: IntCounterVec,
    one_at_a_time: Mutex<()>,
}

impl CacheCollector {
    fn new(cache: Arc<dyn BoardCache>) -> Result<Self, prometheus::Error> {
        let lookups = Opts::new("syncroboard_board_cache_lookups_total", "Boards looked for in the cache, by result");
        let fills = Opts::new("syncroboard_board_cache_fills_total", "Boards handed to the cache, by result");
        Ok(Self {
            cache,
            lookups: IntCounterVec::new(lookups, &["result"])?,
            fills: IntCounterVec::new(fills, &["result"])?,
            one_at_a_time: Mutex::new(()),
        })
    }
}

impl Collector for CacheCollector {
    fn desc(&self) -> Vec<&Desc> {
        [self.lookups.desc(), self.fills.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _one_at_a_time = self.one_at_a_time.lock();
        let stats = self.cache.stats();
        for (result, count) in [("hit", stats.hits), ("miss", stats.misses), ("away", stats.aways)] {
            raise(&self.lookups.with_label_values(&[result]), count);
        }
        for (result, count) in [("taken", stats.filled), ("refused", stats.refused)] {
            raise(&self.fills.with_label_values(&[result]), count);
        }
        [self.lookups.collect(), self.fills.collect()].concat()
    }
}

struct RedisCollector {
    remote: Box<dyn Fn() -> Remote + Send + Sync>,
    up: IntGauge,
    breaker: IntGauge,
    calls: IntCounter,
    failures: IntCounter,
    one_at_a_time: Mutex<()>,
}

impl Collector for RedisCollector {
    fn desc(&self) -> Vec<&Desc> {
        [self.up.desc(), self.breaker.desc(), self.calls.desc(), self.failures.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _one_at_a_time = self.one_at_a_time.lock();
        let remote = (self.remote)();
        self.up.set(remote.up.into());
        self.breaker.set(remote.breaker_open.into());
        raise(&self.calls, remote.calls);
        raise(&self.failures, remote.failures);
        [self.up.collect(), self.breaker.collect(), self.calls.collect(), self.failures.collect()].concat()
    }
}

fn raise(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}
