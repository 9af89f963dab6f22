//! A rendered board, and who may see it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use uuid::Uuid;

/// A board as it is sent out.
#[derive(Debug)]
pub struct CachedBoard {
    sequence: i64,
    body: Bytes,
    /// By user, so that one is found by halving.
    members: Box<[(Uuid, Box<str>)]>,
    checked_ms: AtomicU64,
}

impl CachedBoard {
    /// A board of this sequence. The members must have been read after the board, not before: members that are newer than
    /// the sequence do no harm, as their own event outdates the whole, but members that are older would stay.
    #[must_use]
    pub fn new(sequence: i64, body: Bytes, members: impl IntoIterator<Item = (Uuid, Box<str>)>) -> Self {
        let mut members: Box<[_]> = members.into_iter().collect();
        members.sort_unstable_by_key(|(user, _)| *user);
        Self { sequence, body, members, checked_ms: AtomicU64::new(now_ms()) }
    }

    /// The project's sequence, and with it the board's version.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// The answer's body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The role of a member of the project.
    #[must_use]
    pub fn role(&self, user: Uuid) -> Option<&str> {
        let at = self.members.binary_search_by_key(&user, |(member, _)| *member).ok()?;
        self.members.get(at).map(|(_, role)| &**role)
    }

    /// The members and their roles, by user.
    pub fn members(&self) -> impl Iterator<Item = (Uuid, &str)> {
        self.members.iter().map(|(user, role)| (*user, &**role))
    }

    /// Whether it is time to hold the board against the database again; `true` to one caller in each period.
    pub fn check_due(&self, every: Duration) -> bool {
        let (now, last) = (now_ms(), self.checked_ms.load(Ordering::Relaxed));
        let due = u128::from(now.saturating_sub(last)) >= every.as_millis();
        due && self.checked_ms.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// What it takes in memory, in bytes, near enough.
    pub(crate) fn size(&self) -> usize {
        self.body.len() + self.members.len() * 32 + 128
    }
}

/// Milliseconds since this was first asked; a clock that nobody sets.
fn now_ms() -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGIN.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}
