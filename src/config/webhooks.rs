//! The keys of `webhooks.`.

use serde::{Deserialize, Serialize};

/// The deliverer of webhooks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Webhooks {
    /// Hosts that webhooks may be at, or `*.host` for all below one, with commas between; empty: every public one.
    pub(crate) allowed_hosts: String,
    /// Whether they may be at addresses that are not on the public internet.
    pub(crate) allow_private: bool,
    /// Whether they may be at `http` addresses too.
    pub(crate) allow_http: bool,
    /// How long a request may take, in milliseconds.
    pub(crate) timeout_ms: u64,
    /// How long until a delivery that failed is tried again, in milliseconds; then twice as long each time.
    pub(crate) retry_after_ms: u64,
    /// Where a deliverer answers `/healthz`, `/readyz` and `/metrics`; port 0 is a free one.
    pub(crate) listen: String,
    /// Names this process among those that deliver, and must stay the same when it restarts; empty: the host's name and the
    /// first number that no other of them here has.
    pub(crate) instance_id: String,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            allowed_hosts: String::new(),
            allow_private: false,
            allow_http: false,
            timeout_ms: 10_000,
            retry_after_ms: 30_000,
            listen: "127.0.0.1:0".to_owned(),
            instance_id: String::new(),
        }
    }
}
