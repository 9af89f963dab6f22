//! What a sink tells the rest of its process once a batch is in the read model: how far each project has come, and the
//! events themselves.

use std::sync::Arc;

use ahash::AHashMap;
use parking_lot::Mutex;
use schemas::TicketEvent;
use tokio::sync::{broadcast, oneshot, watch};
use uuid::Uuid;

/// Events that a subscriber can be behind before it loses some.
const FEED_CAPACITY: usize = 4_096;

/// Progress and events of a sink, for those who wait for them.
#[derive(Debug)]
pub struct Live {
    feed: broadcast::Sender<Arc<TicketEvent>>,
    missed: watch::Sender<u64>,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    waiting: AHashMap<Uuid, Vec<Waiter>>,
    last_token: u64,
}

#[derive(Debug)]
struct Waiter {
    token: u64,
    sequence: i64,
    reached: oneshot::Sender<()>,
}

impl Default for Live {
    fn default() -> Self {
        Self { feed: broadcast::Sender::new(FEED_CAPACITY), missed: watch::Sender::new(0), progress: Mutex::default() }
    }
}

impl Live {
    /// The events from now on, in each project's order, each once its rows can be read. A subscriber that falls behind is
    /// told so and must load anew.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<TicketEvent>> {
        self.feed.subscribe()
    }

    /// Whether anyone listens, so that events need not be kept for no one.
    #[must_use]
    pub fn has_subscribers(&self) -> bool {
        self.feed.receiver_count() > 0
    }

    /// Hands out events whose rows are committed.
    pub fn publish(&self, events: impl IntoIterator<Item = Arc<TicketEvent>>) {
        for event in events {
            // No receiver: no one wants it.
            let _ = self.feed.send(event);
        }
    }

    /// Tells everyone that events may not have come through: from the sink to here is a way on which some can be lost.
    pub fn missed(&self) {
        self.missed.send_modify(|times| *times += 1);
    }

    /// How often something may have been missed; whoever shows a feed must load anew when it changes.
    #[must_use]
    pub fn misses(&self) -> watch::Receiver<u64> {
        self.missed.subscribe()
    }

    /// Wakes those who wait for a project or user to come as far as this.
    pub fn advance(&self, reached: impl IntoIterator<Item = (Uuid, i64)>) {
        let mut progress = self.progress.lock();
        if progress.waiting.is_empty() {
            return;
        }
        for (id, sequence) in reached {
            let Some(line) = progress.waiting.get_mut(&id) else { continue };
            for waiter in line.extract_if(.., |waiter| waiter.sequence <= sequence) {
                let _ = waiter.reached.send(());
            }
            if line.is_empty() {
                progress.waiting.remove(&id);
            }
        }
    }

    /// Registers someone who waits. To miss nothing, register first, then look at what is already there, then wait.
    #[must_use]
    pub fn wait(&self, id: Uuid, sequence: i64) -> Waiting<'_> {
        let (reached, receiver) = oneshot::channel();
        let mut progress = self.progress.lock();
        progress.last_token += 1;
        let token = progress.last_token;
        progress.waiting.entry(id).or_default().push(Waiter { token, sequence, reached });
        Waiting { live: self, id, token, reached: receiver }
    }
}

/// Someone who waits; leaves the line when dropped.
#[derive(Debug)]
pub struct Waiting<'a> {
    live: &'a Live,
    id: Uuid,
    token: u64,
    reached: oneshot::Receiver<()>,
}

impl Waiting<'_> {
    /// Comes back when it is reached.
    pub async fn reached(&mut self) {
        let _ = (&mut self.reached).await;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut progress = self.live.progress.lock();
        let Some(line) = progress.waiting.get_mut(&self.id) else { return };
        line.retain(|waiter| waiter.token != self.token);
        if line.is_empty() {
            progress.waiting.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn should_wake_only_those_whose_sequence_is_reached_and_forget_those_who_left() {
        let live = Live::default();
        let id = Uuid::from_u128(1);
        let mut near = live.wait(id, 3);
        let mut far = live.wait(id, 5);
        drop(live.wait(Uuid::from_u128(2), 1));
        live.advance([(id, 4)]);
        near.reached().await;
        assert!(far.reached.try_recv().is_err());
        live.advance([(id, 5)]);
        far.reached().await;
        drop((near, far));
        assert!(live.progress.lock().waiting.is_empty());
    }
}
