//! `/healthz`, `/readyz` and `/metrics`: for whoever runs it; without a token, so they say nothing about tickets.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus::{Encoder, TextEncoder};

use crate::problem::Problem;
use crate::state::{AppState, Readiness};

/// The process is alive.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether requests can be served; if not, what is missing.
pub(crate) async fn ready(State(state): State<AppState>) -> Response {
    match state.readiness() {
        Readiness::Ready => "ready\n".into_response(),
        Readiness::NotReady(why) => {
            let title = "Not ready to serve requests";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", title).detail(why).into_response()
        }
    }
}

/// Everything in the registry, in Prometheus' text format.
pub(crate) async fn metrics(State(state): State<AppState>) -> Result<Response, Problem> {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder.encode(&state.registry().gather(), &mut text).map_err(Problem::internal)?;
    Ok(([(CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response())
}
