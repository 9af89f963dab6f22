//! What every handler can reach. Made once by the composition root; cheap to clone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use connectors::accounts::Accounts;
use connectors::board_cache::BoardCache;
use connectors::mail::unsubscribe;
use connectors::rate_limit::RateLimiter;
use connectors::read_model::{BoxFuture, ReadModel};
use connectors::webhook::Policy;
use tokio::sync::watch;
use topology::trace::Tracing;
use uuid::Uuid;

use crate::auth::{Deactivated, Identity, Secret, TokenError, Verified};
use crate::boards::Boards;
use crate::commands::Commands;
use crate::cors::Origins;
use crate::idempotency::UnderWay;
use crate::metrics::Metrics;
use crate::monitoring::Monitoring;
use crate::pages::Templates;
use crate::registration::Registered;

/// The parts that the API stands on.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    parts: Parts,
    metrics: Metrics,
    registered: Registered,
    verified: Verified,
    deactivated: Deactivated,
    under_way: UnderWay,
    boards: Boards,
    templates: Templates,
    stopping: watch::Sender<bool>,
}

/// What the composition root hands over.
pub struct Parts {
    /// The way onto the command log.
    pub gateway: Arc<dyn Commands>,
    /// Where reads are answered from.
    pub read_model: Arc<dyn ReadModel>,
    /// Where what stands in no log is: webhooks and their secrets.
    pub accounts: Arc<dyn Accounts>,
    /// Which addresses webhooks may have.
    pub webhook_targets: Policy,
    /// Where boards are looked for before the read model is asked.
    pub boards: Arc<dyn BoardCache>,
    /// What tokens are signed with.
    pub secret: Secret,
    /// Whose metrics `/metrics` shows; the API registers its own there.
    pub metrics: prometheus::Registry,
    /// Asked by `/readyz`; must answer at once.
    pub readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
    /// Asked by `POST /verify`.
    pub verify: Arc<dyn Fn() -> Verification + Send + Sync>,
    /// Who gathers spans, if anyone does.
    pub tracing: Tracing,
    /// Limits.
    pub limits: Limits,
    /// How many requests each caller may make; none: as many as they like.
    pub rate_limiter: Option<Arc<dyn RateLimiter>>,
    /// Pages of other origins that may read answers.
    pub origins: Origins,
    /// What links to unsubscribe are signed with in mails.
    pub unsubscribe_key: Vec<u8>,
    /// Where mails lie that were written to files for want of a mail server; `/dev/mail` shows them to administrators.
    pub mails: Option<PathBuf>,
}

/// A verification under way: every difference that it finds, for people, or why it could not be done.
pub type Verification = BoxFuture<'static, Result<Vec<String>, String>>;

/// Whether requests can be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Every part is there.
    Ready,
    /// What is still missing, for people.
    NotReady(String),
}

/// What one request may cost.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// How long a write waits for its outcome and for the read model, before it answers 202.
    pub outcome_wait: Duration,
    /// How long `GET /commands/{id}` looks for an outcome before it says that there is no such command: another process may
    /// have taken it a moment ago. Zero where there is no other.
    pub command_wait: Duration,
    /// How long any request but a bulk one may take in all.
    pub request: Duration,
    /// How long the head of a request may take to come, the next one on the same connection included.
    pub head: Duration,
    /// How long a client may take nothing of an answer that is there.
    pub write: Duration,
    /// Size of a body, or of one line of a bulk body, in bytes.
    pub body_bytes: usize,
    /// Commands of one bulk request that may be under way at once.
    pub bulk_window: usize,
    /// How long a line of a bulk request waits for its outcome.
    pub bulk_outcome_wait: Duration,
    /// How long a bulk request may send nothing while nothing is under way.
    pub bulk_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            outcome_wait: Duration::from_secs(5),
            command_wait: Duration::ZERO,
            request: Duration::from_secs(15),
            head: Duration::from_secs(30),
            write: Duration::from_mins(1),
            body_bytes: 1024 * 1024,
            bulk_window: 4096,
            bulk_outcome_wait: Duration::from_mins(1),
            bulk_idle: Duration::from_mins(2),
        }
    }
}

/// The API cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A metric of the API is registered already.
    #[error("metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A page's template does not compile.
    #[error("a page's template is broken: {0}")]
    Template(#[from] minijinja::Error),
}

impl AppState {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(parts: Parts) -> Result<Self, SetupError> {
        let metrics = Metrics::new(&parts.metrics)?;
        let boards = Boards::new(parts.boards.clone(), parts.read_model.clone(), &parts.metrics)?;
        let templates = Templates::new()?;
        let (stopping, _) = watch::channel(false);
        Ok(Self(Arc::new(Inner {
            parts,
            metrics,
            registered: Registered::default(),
            verified: Verified::default(),
            deactivated: Deactivated::default(),
            under_way: UnderWay::default(),
            boards,
            templates,
            stopping,
        })))
    }

    pub(crate) fn mails(&self) -> Option<&Path> {
        self.0.parts.mails.as_deref()
    }

    pub(crate) fn gateway(&self) -> &dyn Commands {
        self.0.parts.gateway.as_ref()
    }

    pub(crate) fn read_model(&self) -> &dyn ReadModel {
        self.0.parts.read_model.as_ref()
    }

    pub(crate) fn accounts(&self) -> &dyn Accounts {
        self.0.parts.accounts.as_ref()
    }

    pub(crate) fn webhook_targets(&self) -> &Policy {
        &self.0.parts.webhook_targets
    }

    pub(crate) fn boards(&self) -> &Boards {
        &self.0.boards
    }

    /// Whom a bearer token names.
    pub(crate) fn verified(&self, token: &str) -> Result<Arc<Identity>, TokenError> {
        self.0.verified.verify(&self.0.parts.secret, token)
    }

    /// Whether a user may do nothing any more.
    pub(crate) async fn is_deactivated(&self, user: Uuid) -> bool {
        self.0.deactivated.contains(self.read_model(), user).await
    }

    /// Has the next request ask who is deactivated.
    pub(crate) fn forget_deactivated(&self) {
        self.0.deactivated.forget();
    }

    /// Whom the token of a link unsubscribes.
    pub(crate) fn unsubscribes(&self, token: &str) -> Option<Uuid> {
        unsubscribe::verify(&self.0.parts.unsubscribe_key, token)
    }

    pub(crate) fn monitoring(&self) -> Monitoring {
        let Parts { metrics, readiness, .. } = &self.0.parts;
        Monitoring { metrics: metrics.clone(), readiness: readiness.clone() }
    }

    pub(crate) fn verify(&self) -> Verification {
        (self.0.parts.verify)()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.parts.limits
    }

    pub(crate) fn rate_limiter(&self) -> Option<&dyn RateLimiter> {
        self.0.parts.rate_limiter.as_deref()
    }

    pub(crate) fn origins(&self) -> &Origins {
        &self.0.parts.origins
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn tracing(&self) -> &Tracing {
        &self.0.parts.tracing
    }

    pub(crate) fn registered(&self) -> &Registered {
        &self.0.registered
    }

    /// Requests that named an `Idempotency-Key` and have no answer yet.
    pub(crate) fn under_way(&self) -> &UnderWay {
        &self.0.under_way
    }

    pub(crate) fn templates(&self) -> &Templates {
        &self.0.templates
    }

    /// Tells long requests to come to an end.
    pub(crate) fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Waits until the server is about to stop.
    pub(crate) async fn stopping(&self) {
        // An error would mean that the sender is gone, but it is held right here.
        let _ = self.0.stopping.subscribe().wait_for(|&stopping| stopping).await;
    }
}
