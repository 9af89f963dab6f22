//! Calls into librdkafka that may last for ever, and how long they are waited for.
//!
//! A timeout that is handed to librdkafka is not always kept: sending offsets waits for the group's coordinator, and if that
//! broker dies at the wrong moment nothing ends the wait (librdkafka#5456, #5511); a client's end waits for whatever still
//! refers to a broker. Such a call is made on a thread of its own, which is left to itself when time is up.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How long whoever lets go of a client waits for its end: a consumer leaves its group there, which takes a moment.
const GOODBYE: Duration = Duration::from_secs(3);

/// Makes a call; `None` if it does not come back in time. What it owns lives for as long as it lasts.
pub(super) fn within<T: Send + 'static>(limit: Duration, call: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (answer, answered) = sync_channel(1);
    let thread = std::thread::Builder::new().name("kafka-call".to_owned());
    // If no one waits any more there is no one to tell.
    thread.spawn(move || drop(answer.send(call()))).ok()?;
    answered.recv_timeout(limit).ok()
}

/// A client of librdkafka, whose end is waited for a while only.
pub(super) struct Kept<T: Send + Sync + 'static> {
    // Before the other one, so that it is not the last.
    client: Arc<T>,
    _last: Last<T>,
}

struct Last<T: Send + Sync + 'static>(Option<Arc<T>>);

impl<T: Send + Sync + 'static> Kept<T> {
    pub(super) fn new(client: T) -> Self {
        let client = Arc::new(client);
        Self { _last: Last(Some(Arc::clone(&client))), client }
    }

    /// For a call that may outlive this.
    pub(super) fn share(&self) -> Arc<T> {
        Arc::clone(&self.client)
    }
}

impl<T: Send + Sync + 'static> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.client
    }
}

impl<T: Send + Sync + 'static> Drop for Last<T> {
    fn drop(&mut self) {
        let client = self.0.take();
        if within(GOODBYE, move || drop(client)).is_none() {
            tracing::warn!("a client of Kafka does not end within {GOODBYE:?} and is left to itself");
        }
    }
}
