//! Clients that librdkafka has left without a broker.
//!
//! A broker that was frozen, or cut off from its controller, names no broker at all for a moment. librdkafka then lets go of all that it
//! knows, says that all brokers are down, and is about to ask the bootstrap servers again, unless the rest of that answer's handling
//! stops the timer that was to do so (librdkafka#5301): the client has no broker then, and looks for none. One that looks
//! for brokers in vain says again and again that they are down; one that says it once and is silent then is given its servers anew.

use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::client::Client;

use super::config::KafkaConfig;
use super::native;

/// Longer than librdkafka waits between two attempts to connect.
const LONG: Duration = Duration::from_secs(3);

/// How long a client has not been heard of since it said that all brokers are down.
#[derive(Default)]
pub(super) struct Silence(Option<Instant>);

impl Silence {
    /// All brokers are down.
    pub(super) fn begins(&mut self) {
        self.0 = Some(Instant::now());
    }

    /// Something came from a broker.
    pub(super) fn ends(&mut self) {
        self.0 = None;
    }

    /// Whether it is too long to be an outage only; after that it is over.
    pub(super) fn is_too_long(&mut self) -> bool {
        let long = self.0.is_some_and(|since| since.elapsed() >= LONG);
        if long {
            self.0 = None;
        }
        long
    }
}

/// Tells a client of its bootstrap servers, as at its beginning. Those that it has already stay as they are.
pub(super) fn revive<C: ClientContext>(client: &Client<C>, config: &KafkaConfig) {
    tracing::debug!("a client that has no broker is told of its bootstrap servers again");
    native::add_brokers(client, config.servers());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_be_too_long_once_if_nothing_came_since_it_began() {
        let mut silence = Silence::default();
        assert!(!silence.is_too_long());
        silence.begins();
        assert!(!silence.is_too_long());
        silence.0 = silence.0.and_then(|since| since.checked_sub(LONG));
        assert!(silence.is_too_long());
        assert!(!silence.is_too_long());
        silence.begins();
        silence.0 = silence.0.and_then(|since| since.checked_sub(LONG));
        silence.ends();
        assert!(!silence.is_too_long());
    }
}
