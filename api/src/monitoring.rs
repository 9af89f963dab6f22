//! `/healthz`, `/readyz` and `/metrics`, beside the API or alone, for a process that serves nothing else.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::resources::health;
use crate::state::{AppState, Readiness};

/// What those who run a process ask it. Cheap to clone.
#[derive(Clone)]
pub struct Monitoring {
    /// Whose metrics `/metrics` shows.
    pub metrics: prometheus::Registry,
    /// Asked by `/readyz`; must answer at once.
    pub readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
}

impl Monitoring {
    /// The three routes and no other.
    pub fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .route("/metrics", get(health::metrics))
            .with_state(self)
    }

    /// Serves them until `shutdown` ends, and then the requests under way. They need no token and say nothing of what is
    /// processed.
    ///
    /// # Errors
    /// None today; accepting is tried again by itself.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        axum::serve(listener, self.router()).with_graceful_shutdown(shutdown).await
    }
}

impl FromRef<AppState> for Monitoring {
    fn from_ref(state: &AppState) -> Self {
        state.monitoring()
    }
}
