//! Who waits for which outcome.
//!
//! A command sent twice gets an outcome for each time it lies in the log, in that order, so those who wait for one
//! command id stand in a line and each outcome serves the first. One who left keeps the place: the outcome that was
//! meant for it must not go to the next.

use std::collections::VecDeque;

use ahash::AHashMap;
use parking_lot::Mutex;
use schemas::Outcome;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::GatewayError;

type Answer = Result<Outcome, GatewayError>;

/// Names one registration among those of a command id.
pub(super) type Ticket = u64;

/// The lines of those who wait, by command id.
pub(super) struct Waiters {
    inner: Mutex<Inner>,
    limit: usize,
}

#[derive(Default)]
struct Inner {
    lines: AHashMap<Uuid, Line>,
    waiting: usize,
    last_ticket: Ticket,
    closed: Option<String>,
    /// Command ids in the order they came, so that one whose outcome never comes is forgotten in the end.
    order: VecDeque<(Uuid, Ticket)>,
}

/// Nearly always one waits alone; then nothing is allocated for the line.
enum Line {
    One(Waiter),
    Many(VecDeque<Waiter>),
}

struct Waiter {
    ticket: Ticket,
    partition: u32,
    answer: oneshot::Sender<Answer>,
}

impl Waiters {
    pub(super) fn new(limit: usize) -> Self {
        Self { inner: Mutex::default(), limit }
    }

    /// Stands at the end of the line for a command id; `partition` is where the command will lie.
    pub(super) fn register(
        &self,
        command: Uuid,
        partition: u32,
    ) -> Result<(Ticket, oneshot::Receiver<Answer>), GatewayError> {
        let (answer, receiver) = oneshot::channel();
        let mut inner = self.inner.lock();
        if let Some(why) = &inner.closed {
            return Err(GatewayError::Closed(why.clone()));
        }
        if inner.waiting >= self.limit && !inner.forget_one_that_left() {
            return Err(GatewayError::Overloaded { in_flight: inner.waiting });
        }
        inner.last_ticket += 1;
        inner.waiting += 1;
        let ticket = inner.last_ticket;
        inner.order.push_back((command, ticket));
        inner.trim_order(self.limit);
        let waiter = Waiter { ticket, partition, answer };
        match inner.lines.entry(command) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Line::One(waiter));
            }
            std::collections::hash_map::Entry::Occupied(mut entry) => entry.get_mut().push(waiter),
        }
        Ok((ticket, receiver))
    }

    /// Whether someone's outcome of that command, decided on that partition, has not come yet.
    pub(super) fn expects(&self, command: Uuid, partition: u32) -> bool {
        self.inner.lock().lines.get(&command).is_some_and(|line| line.any_at(partition))
    }

    /// Gives the outcome to the first in line.
    pub(super) fn complete(&self, command: Uuid, partition: u32, outcome: Answer) {
        let first = self.inner.lock().take(command, |waiter| waiter.partition == partition);
        if let Some(waiter) = first {
            let _ = waiter.answer.send(outcome);
        }
    }

    /// Takes one out of the line whose command was not written.
    pub(super) fn withdraw(&self, command: Uuid, ticket: Ticket, error: &GatewayError) {
        let waiter = self.inner.lock().take(command, |waiter| waiter.ticket == ticket);
        if let Some(waiter) = waiter {
            let _ = waiter.answer.send(Err(error.clone()));
        }
    }

    pub(super) fn is_pending(&self, command: Uuid) -> bool {
        self.inner.lock().lines.contains_key(&command)
    }

    pub(super) fn len(&self) -> usize {
        self.inner.lock().waiting
    }

    /// Lets no one register any more.
    pub(super) fn close(&self, why: &str) {
        self.inner.lock().closed.get_or_insert_with(|| why.to_owned());
    }

    /// Closes, and tells everyone that no outcome will come.
    pub(super) fn fail_all(&self, why: &str) {
        let lines = {
            let mut inner = self.inner.lock();
            inner.closed = Some(why.to_owned());
            inner.waiting = 0;
            inner.order.clear();
            std::mem::take(&mut inner.lines)
        };
        for waiter in lines.into_values().flat_map(Line::into_waiters) {
            let _ = waiter.answer.send(Err(GatewayError::Closed(why.to_owned())));
        }
    }
}

impl Inner {
    fn take(&mut self, command: Uuid, wanted: impl Fn(&Waiter) -> bool) -> Option<Waiter> {
        let std::collections::hash_map::Entry::Occupied(mut entry) = self.lines.entry(command) else { return None };
        let waiter = match entry.get_mut() {
            Line::One(waiter) if wanted(waiter) => match entry.remove() {
                Line::One(waiter) => waiter,
                Line::Many(_) => return None,
            },
            Line::One(_) => return None,
            Line::Many(line) => {
                let at = line.iter().position(wanted)?;
                let waiter = line.remove(at)?;
                if line.is_empty() {
                    entry.remove();
                }
                waiter
            }
        };
        self.waiting -= 1;
        Some(waiter)
    }

    /// Forgets an old one that no longer waits; false if none is found soon: the list turns, so a later call looks further.
    fn forget_one_that_left(&mut self) -> bool {
        for _ in 0..self.order.len().min(64) {
            let Some((command, ticket)) = self.order.pop_front() else { return false };
            if self.take(command, |waiter| waiter.ticket == ticket && waiter.answer.is_closed()).is_some() {
                return true;
            }
            if self.lines.get(&command).is_some_and(|line| line.any(ticket)) {
                self.order.push_back((command, ticket));
            }
        }
        false
    }

    /// Keeps the list of arrivals from growing with commands that were answered long ago.
    fn trim_order(&mut self, limit: usize) {
        if self.order.len() > 2 * limit.max(self.waiting) {
            let lines = &self.lines;
            self.order.retain(|(command, ticket)| lines.get(command).is_some_and(|line| line.any(*ticket)));
        }
    }
}

impl Line {
    fn push(&mut self, waiter: Waiter) {
        match self {
            Self::Many(line) => line.push_back(waiter),
            Self::One(_) => {
                if let Self::One(first) = std::mem::replace(self, Self::Many(VecDeque::with_capacity(2)))
                    && let Self::Many(line) = self
                {
                    line.push_back(first);
                    line.push_back(waiter);
                }
            }
        }
    }

    fn any(&self, ticket: Ticket) -> bool {
        self.iter().any(|waiter| waiter.ticket == ticket)
    }

    fn any_at(&self, partition: u32) -> bool {
        self.iter().any(|waiter| waiter.partition == partition)
    }

    fn iter(&self) -> impl Iterator<Item = &Waiter> {
        let (one, many) = match self {
            Self::One(waiter) => (Some(waiter), None),
            Self::Many(line) => (None, Some(line)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    fn into_waiters(self) -> VecDeque<Waiter> {
        match self {
            Self::One(waiter) => VecDeque::from([waiter]),
            Self::Many(line) => line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::CommandFailed;

    #[expect(clippy::unnecessary_wraps, reason = "what complete() takes")]
    fn outcome(reason: &str) -> Answer {
        Ok(CommandFailed { reason: reason.to_owned(), ..CommandFailed::default() }.into())
    }

    fn reason(receiver: &mut oneshot::Receiver<Answer>) -> Option<String> {
        match receiver.try_recv() {
            Ok(Ok(Outcome::Failed(failed))) => Some(failed.reason),
            _ => None,
        }
    }

    #[test]
    fn should_serve_those_who_wait_for_one_command_in_their_order() {
        let waiters = Waiters::new(10);
        let id = Uuid::from_u128(1);
        let mut line: Vec<_> = (0..3).map(|_| waiters.register(id, 0).expect("room").1).collect();
        waiters.complete(id, 0, outcome("first"));
        assert_eq!(reason(&mut line[0]).as_deref(), Some("first"));
        assert_eq!(reason(&mut line[1]), None, "the second waits for an outcome of its own");
        waiters.complete(id, 0, outcome("second"));
        waiters.complete(id, 0, outcome("third"));
        assert_eq!(reason(&mut line[1]).as_deref(), Some("second"));
        assert_eq!(reason(&mut line[2]).as_deref(), Some("third"));
        assert!(!waiters.is_pending(id));
        assert_eq!(waiters.len(), 0);
    }

    #[test]
    fn should_keep_the_place_of_one_who_left() {
        let waiters = Waiters::new(10);
        let id = Uuid::from_u128(1);
        drop(waiters.register(id, 0).expect("room"));
        let (_, mut second) = waiters.register(id, 0).expect("room");
        waiters.complete(id, 0, outcome("first"));
        assert_eq!(reason(&mut second), None);
        waiters.complete(id, 0, outcome("second"));
        assert_eq!(reason(&mut second).as_deref(), Some("second"));
    }

    #[test]
    fn should_not_mix_the_outcomes_of_one_id_used_for_two_keys() {
        let waiters = Waiters::new(10);
        let id = Uuid::from_u128(1);
        let (_, mut at_3) = waiters.register(id, 3).expect("room");
        let (_, mut at_1) = waiters.register(id, 1).expect("room");
        assert!(waiters.expects(id, 1) && waiters.expects(id, 3) && !waiters.expects(id, 2));
        waiters.complete(id, 1, outcome("of 1"));
        assert_eq!(reason(&mut at_3), None);
        assert_eq!(reason(&mut at_1).as_deref(), Some("of 1"));
        waiters.complete(id, 2, outcome("of 2"));
        assert_eq!(reason(&mut at_3), None);
    }

    #[test]
    fn should_refuse_more_than_the_limit_but_forget_those_who_left_first() {
        let waiters = Waiters::new(3);
        let kept = waiters.register(Uuid::from_u128(1), 0).expect("room");
        drop(waiters.register(Uuid::from_u128(2), 0).expect("room"));
        let _third = waiters.register(Uuid::from_u128(3), 0).expect("room");
        let _fourth = waiters.register(Uuid::from_u128(4), 0).expect("2 has left and is forgotten");
        assert!(!waiters.is_pending(Uuid::from_u128(2)));
        assert!(waiters.is_pending(Uuid::from_u128(1)));
        let refused = waiters.register(Uuid::from_u128(5), 0).map(|_| ());
        assert!(matches!(refused, Err(GatewayError::Overloaded { in_flight: 3 })), "{refused:?}");
        drop(kept);
    }

    #[test]
    fn should_not_grow_with_commands_that_were_answered() {
        let waiters = Waiters::new(4);
        for n in 0..1_000 {
            let id = Uuid::from_u128(n);
            let _receiver = waiters.register(id, 0).expect("room");
            waiters.complete(id, 0, outcome("done"));
        }
        assert!(waiters.inner.lock().order.len() <= 9);
    }

    #[test]
    fn should_tell_everyone_when_it_closes_and_let_no_one_in_after() {
        let waiters = Waiters::new(10);
        let (_, mut waiting) = waiters.register(Uuid::from_u128(1), 0).expect("room");
        waiters.fail_all("over");
        assert!(matches!(waiting.try_recv(), Ok(Err(GatewayError::Closed(_)))));
        assert!(matches!(waiters.register(Uuid::from_u128(2), 0).map(|_| ()), Err(GatewayError::Closed(_))));
    }
}
