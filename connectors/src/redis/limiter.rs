//! Buckets of callers in Redis, which all API processes share.

use std::sync::Arc;

use ::redis::Script;
use uuid::Uuid;

use super::link::Link;
use super::{RedisError, RedisOptions};
use crate::rate_limit::{Grant, LocalLimiter, Rate, RateLimiter};
use crate::read_model::BoxFuture;

/// KEYS: bucket. ARGV: microseconds that a token takes, tokens that fit in. Gives when the bucket was full again, in microseconds from now,
/// before this request. Never more than a whole bucket takes: rate or clock may have been others when it was written. Numbers are written out, as
/// Lua's own way keeps 14 digits.
const TAKE: &str = "\
    local time = redis.call('TIME')\n\
    local now = time[1] * 1000000 + time[2]\n\
    local full_at = tonumber(redis.call('GET', KEYS[1]) or 0)\n\
    local interval = tonumber(ARGV[1])\n\
    local ahead = math.min(math.max(full_at - now, 0), tonumber(ARGV[2]) * interval)\n\
    if ahead <= (tonumber(ARGV[2]) - 1) * interval then\n\
      local after = ahead + interval\n\
      redis.call('SET', KEYS[1], string.format('%.0f', now + after), 'PX', math.ceil(after / 1000))\n\
    end\n\
    return ahead";

/// Buckets in Redis; where that does not answer, each process has its own meanwhile.
pub struct RedisLimiter {
    rate: Rate,
    prefix: String,
    link: Link,
    take: Script,
    meanwhile: Arc<LocalLimiter>,
}

impl RedisLimiter {
    /// Buckets in the Redis of these options. Nothing is connected yet.
    ///
    /// # Errors
    /// [`RedisError::Address`].
    pub fn new(options: &RedisOptions, rate: Rate) -> Result<Self, RedisError> {
        Ok(Self {
            rate,
            prefix: options.prefix.clone(),
            link: Link::new(options, options.call_limit)?,
            take: Script::new(TAKE),
            meanwhile: LocalLimiter::new(rate),
        })
    }

    async fn ahead(&self, caller: Uuid) -> Option<u64> {
        let key = format!("{}rate:{}", self.prefix, caller.hyphenated());
        let mut invocation = self.take.key(key);
        invocation.arg(self.rate.interval_us()).arg(self.rate.burst.max(1));
        self.link.call(|mut to| async move { invocation.invoke_async(&mut to.connection).await }).await
    }
}

impl RateLimiter for RedisLimiter {
    fn take(&self, caller: Uuid) -> BoxFuture<'_, Grant> {
        Box::pin(async move {
            match self.ahead(caller).await {
                Some(ahead) => self.rate.grant(ahead),
                None => self.meanwhile.take_now(caller),
            }
        })
    }
}
