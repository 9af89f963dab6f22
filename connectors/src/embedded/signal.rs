//! How threads wait for one another: a [`Signal`] for a poll that waits, an [`Answer`] for whoever asked the log writer.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use topology::broker::BrokerError;

/// Wakes the one consumer or reader that owns it. What is set while nobody waits is seen by the next wait.
#[derive(Debug, Default)]
pub(super) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// Something to look at: records, or a new assignment.
    news: bool,
    /// Another thread wants the poll to return.
    woken: bool,
}

impl Signal {
    /// There is something to look at.
    pub(super) fn notify(&self) {
        let mut state = self.state.lock();
        if !state.news {
            state.news = true;
            self.changed.notify_one();
        }
    }

    /// The poll is to return, even with nothing.
    pub(super) fn wake(&self) {
        self.state.lock().woken = true;
        self.changed.notify_one();
    }

    /// To be called before looking, so that what happens after the look ends the wait.
    pub(super) fn clear_news(&self) {
        self.state.lock().news = false;
    }

    /// True once, if another thread wants the poll to return.
    pub(super) fn take_woken(&self) -> bool {
        std::mem::take(&mut self.state.lock().woken)
    }

    /// Waits until something is set; false if the time is over first.
    pub(super) fn wait_until(&self, deadline: Instant) -> bool {
        let mut state = self.state.lock();
        while !state.news && !state.woken {
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                return state.news || state.woken;
            }
        }
        true
    }
}

/// The writer's end of a question: answered once; dropped without an answer, it answers that the broker is closed.
pub(super) struct Answer<T>(Option<Arc<Slot<T>>>);

/// The asker's end.
pub(super) struct Pending<T>(Arc<Slot<T>>);

struct Slot<T> {
    value: Mutex<Option<Result<T, BrokerError>>>,
    filled: Condvar,
}

/// Both ends of a question.
pub(super) fn question<T>() -> (Answer<T>, Pending<T>) {
    let slot = Arc::new(Slot { value: Mutex::new(None), filled: Condvar::new() });
    (Answer(Some(Arc::clone(&slot))), Pending(slot))
}

impl<T> Answer<T> {
    pub(super) fn send(mut self, value: Result<T, BrokerError>) {
        self.fill(value);
    }

    fn fill(&mut self, value: Result<T, BrokerError>) {
        if let Some(slot) = self.0.take() {
            *slot.value.lock() = Some(value);
            slot.filled.notify_one();
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        self.fill(Err(BrokerError::Closed("the log writer has stopped".into())));
    }
}

impl<T> Pending<T> {
    pub(super) fn wait(self) -> Result<T, BrokerError> {
        let mut value = self.0.value.lock();
        loop {
            if let Some(value) = value.take() {
                return value;
            }
            self.0.filled.wait(&mut value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn should_not_lose_what_was_set_before_the_wait() {
        let signal = Signal::default();
        signal.notify();
        assert!(signal.wait_until(Instant::now() + Duration::from_secs(60)));
        signal.clear_news();
        assert!(!signal.wait_until(Instant::now()));
        signal.wake();
        assert!(signal.wait_until(Instant::now() + Duration::from_secs(60)));
        assert!(signal.take_woken());
        assert!(!signal.take_woken());
    }

    #[test]
    fn should_answer_closed_when_the_question_is_dropped() {
        let (answer, pending) = question::<()>();
        drop(answer);
        assert!(matches!(pending.wait(), Err(BrokerError::Closed(_))));
    }
}
