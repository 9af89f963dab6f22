//! `/healthz`, `/readyz` and `/metrics`: for whoever runs it; without a token, so they say nothing about tickets.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus::{Encoder, TextEncoder};

use crate::monitoring::Monitoring;
use crate::problem::Problem;
use crate::state::Readiness;

/// The process is alive.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether requests can be served; if not, what is missing.
pub(crate) async fn ready(State(monitoring): State<Monitoring>) -> Response {
    match (monitoring.readiness)() {
        Readiness::Ready => "ready\n".into_response(),
        Readiness::NotReady(why) => Problem::not_ready(why).into_response(),
    }
}

/// Everything in the registry, in Prometheus' text format.
pub(crate) async fn metrics(State(monitoring): State<Monitoring>) -> Result<Response, Problem> {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    // Collectors may ask a broker.
    let gathered = tokio::task::spawn_blocking(move || monitoring.metrics.gather()).await;
    encoder.encode(&gathered.map_err(Problem::internal)?, &mut text).map_err(Problem::internal)?;
    Ok(([(CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response())
}
