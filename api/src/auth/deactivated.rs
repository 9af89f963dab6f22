//! Users who may do nothing any more: their tokens are good until they expire, so each request is held against the list of them.
//!
//! The list is read from the read model whenever it is older than a second, once for all requests that come meanwhile. While
//! it cannot be read the last one counts: that writes go on without a database is worth more, and a project's own task
//! refuses who was a member of it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use connectors::read_model::ReadModel;
use parking_lot::Mutex;
use tokio::time::timeout;
use uuid::Uuid;

/// How old the list may be.
const FRESH: Duration = Duration::from_secs(1);

/// How long it is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long nobody asks again after it could not be read.
const PAUSE: Duration = Duration::from_secs(5);

/// The list, as it was read last.
#[derive(Default)]
pub(crate) struct Deactivated {
    known: Mutex<Known>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    users: HashSet<Uuid>,
    /// Until when it counts; none: it was never read.
    until: Option<Instant>,
}

impl Deactivated {
    /// Whether a user is on the list.
    pub(crate) async fn contains(&self, read_model: &dyn ReadModel, user: Uuid) -> bool {
        if let Some(known) = self.find(user) {
            return known;
        }
        let _asking = self.asking.lock().await;
        if let Some(known) = self.find(user) {
            return known;
        }
        let read = timeout(PATIENCE, read_model.deactivated_users()).await;
        let mut known = self.known.lock();
        if let Ok(Ok(users)) = read {
            known.users = users;
            known.until = Some(Instant::now() + FRESH);
        } else {
            tracing::warn!("who is deactivated cannot be read: what was read last counts");
            known.until = Some(Instant::now() + PAUSE);
        }
        known.users.contains(&user)
    }

    /// Has the next request read the list.
    pub(crate) fn forget(&self) {
        self.known.lock().until = None;
    }

    fn find(&self, user: Uuid) -> Option<bool> {
        let known = self.known.lock();
        let fresh = known.until.is_some_and(|until| Instant::now() < until);
        fresh.then(|| known.users.contains(&user))
    }
}
