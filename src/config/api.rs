//! The keys of `api.`.

use connectors::rate_limit::Rate;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The HTTP side.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Api {
    /// Address to listen on.
    pub(crate) listen: String,
    /// How long a write waits for its outcome before it answers 202, in milliseconds.
    pub(crate) outcome_wait_ms: u64,
    /// Origins of pages that may read answers, with commas between.
    pub(crate) cors_origins: String,
    /// Requests a second of each caller, after `rate_burst` at once; 0: as many as they like.
    pub(crate) rate_per_second: u32,
    /// Requests of each caller at once.
    pub(crate) rate_burst: u32,
    /// What tokens are signed with, in hexadecimal digits; all API processes must have the same. Empty: the one in the data
    /// directory, which is made there.
    pub(crate) secret: String,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            outcome_wait_ms: 5_000,
            cors_origins: String::new(),
            rate_per_second: 0,
            rate_burst: 100,
            secret: String::new(),
        }
    }
}

/// Buckets count in whole microseconds, so that a faster one would not be what was asked for.
const MOST_REQUESTS_PER_SECOND: u32 = 100_000;

impl Api {
    /// How many requests each caller may make; none: as many as they like.
    pub(crate) fn rate(&self) -> Result<Option<Rate>, ConfigError> {
        let (per_second, burst) = (self.rate_per_second, self.rate_burst);
        if per_second > MOST_REQUESTS_PER_SECOND {
            let error = format!("api.rate_per_second: {per_second} is more than {MOST_REQUESTS_PER_SECOND}");
            return Err(ConfigError(error + "; 0 is as many as callers like"));
        }
        if burst == 0 {
            return Err(ConfigError("api.rate_burst: 0 would let no request through; at least 1".to_owned()));
        }
        Ok((per_second > 0).then_some(Rate { per_second, burst }))
    }

    /// Origins of pages that may read answers.
    pub(crate) fn origins(&self) -> Result<::api::Origins, ConfigError> {
        self.cors_origins.parse().map_err(|error| ConfigError(format!("api.cors_origins: {error}")))
    }
}

/// Without the secret.
impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("listen", &self.listen).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_refuse_rates_that_could_not_be_kept() {
        let refused = |rate_per_second, rate_burst| {
            let api = Api { rate_per_second, rate_burst, ..Api::default() };
            api.rate().unwrap_err().to_string()
        };
        assert!(refused(200_000, 10).contains("api.rate_per_second: 200000 is more than 100000"));
        assert!(refused(5, 0).contains("api.rate_burst: 0"));
    }
}
