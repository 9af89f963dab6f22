//! What was handed to the broker and is not durable yet: bounded in bytes, and not added to while nothing gets through.
//!
//! Without a limit of its own the gateway would fill the client's queue while Kafka is away, which then makes whoever
//! sends wait; and each of these commands would take effect, long after its sender was told that it did not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::GatewayError;

/// When nothing was confirmed for so long, no more is taken. A broker that is restarted is back sooner or away for longer.
const STALLED: Duration = Duration::from_secs(2);

/// The records under way.
#[derive(Debug)]
pub(super) struct Backlog {
    inner: Mutex<Inner>,
    limit_bytes: usize,
}

#[derive(Debug)]
struct Inner {
    records: usize,
    bytes: usize,
    /// When a record was last confirmed, or the first of those under way was handed over.
    moved_at: Instant,
}

impl Backlog {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { inner: Mutex::new(Inner { records: 0, bytes: 0, moved_at: Instant::now() }), limit_bytes }
    }

    /// Lets a record of so many bytes in, or says why not. It is under way for as long as the answer lives.
    pub(super) fn enter(self: &Arc<Self>, bytes: usize, now: Instant) -> Result<Underway, GatewayError> {
        let mut inner = self.inner.lock();
        if inner.records == 0 {
            inner.moved_at = now;
        } else if let Some(silence) = inner.silence(now) {
            let waiting = inner.records;
            return Err(GatewayError::Unavailable(format!("{waiting} commands wait for the log since {silence:?}")));
        } else if inner.bytes + bytes > self.limit_bytes {
            return Err(GatewayError::Overloaded { in_flight: inner.records });
        }
        inner.records += 1;
        inner.bytes += bytes;
        Ok(Underway { backlog: Arc::clone(self), bytes })
    }

    /// How long nothing has been confirmed although something waits, if that is too long.
    pub(super) fn stalled(&self, now: Instant) -> Option<Duration> {
        self.inner.lock().silence(now)
    }
}

/// A record under way. Dropped, it was given up.
#[derive(Debug)]
pub(super) struct Underway {
    backlog: Arc<Backlog>,
    bytes: usize,
}

impl Underway {
    /// It is durable.
    pub(super) fn durable(self, now: Instant) {
        self.backlog.inner.lock().moved_at = now;
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let mut inner = self.backlog.inner.lock();
        inner.records -= 1;
        inner.bytes -= self.bytes;
    }
}

impl Inner {
    fn silence(&self, now: Instant) -> Option<Duration> {
        let silence = now.saturating_duration_since(self.moved_at);
        (self.records > 0 && silence > STALLED).then_some(silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_refuse_more_bytes_than_its_limit_but_take_a_single_record_of_any_size() {
        let (backlog, now) = (Arc::new(Backlog::new(100)), Instant::now());
        let first = backlog.enter(60, now).expect("room");
        let refused = backlog.enter(41, now);
        assert!(matches!(refused, Err(GatewayError::Overloaded { in_flight: 1 })), "{refused:?}");
        let second = backlog.enter(40, now).expect("room");
        first.durable(now);
        drop(second);
        backlog.enter(1_000, now).expect("it is alone");
    }

    #[test]
    fn should_refuse_while_nothing_is_confirmed_and_try_again_when_nothing_is_left() {
        let (backlog, start) = (Arc::new(Backlog::new(100)), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let first = backlog.enter(1, at(60_000)).expect("a long silence before it does not matter");
        let second = backlog.enter(1, at(61_900)).expect("not yet");
        assert!(backlog.stalled(at(61_900)).is_none());
        let refused = backlog.enter(1, at(62_100));
        assert!(matches!(refused, Err(GatewayError::Unavailable(_))), "{refused:?}");
        assert!(backlog.stalled(at(62_100)).is_some());
        // Given up is not confirmed.
        drop(first);
        assert!(backlog.enter(1, at(63_000)).is_err());
        drop(second);
        assert!(backlog.stalled(at(63_000)).is_none());
        backlog.enter(1, at(64_000)).expect("one tries").durable(at(64_001));
        let waiting = backlog.enter(1, at(64_002)).expect("and all may");
        backlog.enter(1, at(66_000)).expect("room").durable(at(66_000));
        backlog.enter(1, at(67_000)).expect("the log moves, though one waits");
        drop(waiting);
    }
}
