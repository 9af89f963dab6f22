//! How many tests with servers of their own run at once.

use std::sync::{Condvar, Mutex, PoisonError};

/// A test mostly waits, for elections, sessions and time-outs: two of them fill two cores, and more would be late everywhere.
const AT_ONCE: usize = 2;

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREE: Condvar = Condvar::new();

/// A test's turn, until it is dropped.
pub(crate) struct Turn(());

impl Turn {
    pub(crate) fn wait() -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = FREE.wait_while(taken, |taken| *taken == AT_ONCE).unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREE.notify_one();
    }
}
