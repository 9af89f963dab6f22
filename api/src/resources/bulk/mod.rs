//! `POST /commands:bulk`: native commands in, one result a line out, both streamed as NDJSON.
//!
//! Commands are submitted in the order of their lines, thousands are under way at once, and results come in the order of
//! the lines, each as soon as all before it are there. Blank lines count but get no answer. Memory is bounded by the
//! window: a client that sends must also read.
//!
//! What one line needs of another that is decided elsewhere is waited for: people are registered before the next ticket
//! command goes out, and memberships are settled before the next command that is not one.

mod answers;
mod intake;
mod lines;

use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::{mpsc, watch};
use topology::trace::Trace;

use crate::auth::Caller;
use crate::problem::Problem;
use crate::registration;
use crate::state::AppState;

/// Pieces of the answer that may wait for a slow reader.
const PIECES: usize = 8;

pub(crate) async fn create(
    State(state): State<AppState>,
    Caller(identity): Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", "The body must be plain NDJSON"));
    }
    registration::ensure(&state, &identity, Instant::now() + state.limits().outcome_wait, &Trace::none()).await?;
    let (entries, waiting) = mpsc::channel(state.limits().bulk_window);
    let (pieces, ready) = mpsc::channel(PIECES);
    let (answered, progress) = watch::channel(0);
    tokio::spawn(answers::run(state.clone(), waiting, pieces, answered));
    tokio::spawn(intake::run(state, identity, body, entries, progress));
    let stream = stream::unfold(ready, |mut ready| async move {
        let piece = ready.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), ready))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(stream)).into_response())
}
