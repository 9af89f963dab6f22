//! A receiver of webhooks that takes, refuses or is silent, and knows what was posted to it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use tokio::runtime::Runtime;

use crate::signed::signature;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    Takes,
    Refuses,
    Silent,
}

#[derive(Default)]
struct Shared {
    mood: AtomicU8,
    /// Posts that were not taken.
    turned_away: AtomicUsize,
    /// Posts by delivery: how often each was taken, and whether its signature was right each time.
    taken: Mutex<BTreeMap<String, usize>>,
    secret: Mutex<String>,
    forged: AtomicUsize,
}

/// A running receiver; ends when dropped.
pub(crate) struct Hooks {
    pub(crate) url: String,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

impl Hooks {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(take).with_state(shared.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, shared, _runtime: runtime }
    }

    /// What posts are signed with.
    pub(crate) fn knows(&self, secret: &str) {
        secret.clone_into(&mut self.shared.secret.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.shared.mood.store(mood as u8, Ordering::SeqCst);
    }

    pub(crate) fn turned_away(&self) -> usize {
        self.shared.turned_away.load(Ordering::SeqCst)
    }

    /// Posts whose signature was not what it must be.
    pub(crate) fn forged(&self) -> usize {
        self.shared.forged.load(Ordering::SeqCst)
    }

    pub(crate) fn taken(&self) -> BTreeMap<String, usize> {
        self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (signed, delivery) = (header("syncroboard-signature"), header("syncroboard-delivery"));
    let seconds = signed.strip_prefix("t=").and_then(|rest| rest.split(',').next()).unwrap_or_default();
    let secret = shared.secret.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if signed != signature(&secret, seconds, &String::from_utf8_lossy(&body)) {
        shared.forged.fetch_add(1, Ordering::SeqCst);
    }
    let mood = shared.mood.load(Ordering::SeqCst);
    if mood == Mood::Takes as u8 {
        *shared.taken.lock().unwrap_or_else(PoisonError::into_inner).entry(delivery).or_default() += 1;
        return StatusCode::OK;
    }
    shared.turned_away.fetch_add(1, Ordering::SeqCst);
    if mood == Mood::Silent as u8 {
        std::future::pending::<()>().await;
    }
    StatusCode::SERVICE_UNAVAILABLE
}
