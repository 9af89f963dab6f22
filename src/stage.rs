//! How far a process is with its start, for `/readyz`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::Readiness;

/// Shared between who starts the process and who is asked about it.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Mutex<Reached>>);

enum Reached {
    /// Something is not there yet, and is asked again.
    Waits(String),
    /// All was there; what they say counts.
    Started(Ask),
}

type Ask = Arc<dyn Fn() -> Readiness + Send + Sync>;

impl Stage {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Reached::Waits("starting".to_owned()))))
    }

    /// Something is missing.
    pub(crate) fn waits(&self, why: impl Into<String>) {
        *self.lock() = Reached::Waits(why.into());
    }

    /// From now on the parts answer for themselves; must do so at once.
    pub(crate) fn started(&self, ask: impl Fn() -> Readiness + Send + Sync + 'static) {
        *self.lock() = Reached::Started(Arc::new(ask));
    }

    /// What `/readyz` asks.
    pub(crate) fn readiness(&self) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
        let stage = self.clone();
        Arc::new(move || {
            let ask = match &*stage.lock() {
                Reached::Waits(why) => return Readiness::NotReady(why.clone()),
                Reached::Started(ask) => Arc::clone(ask),
            };
            ask()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Reached> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
