//! `POST /commands:bulk` and `POST /projects/{id}/tickets:bulk`: native commands or tickets in, one result a line out, both streamed as
//! NDJSON.
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

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::{mpsc, watch};
use topology::trace::Trace;

use crate::auth::{Caller, Identity};
use crate::extract::Path;
use crate::idempotency::BulkKey;
use crate::native::{LineKind, names_project, project_id};
use crate::problem::Problem;
use crate::registration;
use crate::state::AppState;

pub(crate) use answers::ResultLine;

/// Pieces of the answer that may wait for a slow reader.
const PIECES: usize = 8;

pub(crate) async fn create(
    State(state): State<AppState>,
    sender: Sender,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    run(state, sender, LineKind::Command, &headers, body).await
}

/// Lines are as the body of a request to make one ticket.
pub(crate) async fn create_tickets(
    State(state): State<AppState>,
    Path(id): Path<String>,
    sender: Sender,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    // Whether there is such a project is decided with each line.
    if !names_project(&id) {
        return Err(Problem::not_found("project", &id));
    }
    run(state, sender, LineKind::TicketOf(project_id(&id)), &headers, body).await
}

/// Who sends lines, and the key that they named.
pub(crate) struct Sender {
    identity: Arc<Identity>,
    key: Option<BulkKey>,
}

impl FromRequestParts<AppState> for Sender {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let Caller(identity) = Caller::from_request_parts(parts, state).await?;
        let key = BulkKey::of(parts, identity.user_id, state.under_way())?;
        Ok(Self { identity, key })
    }
}

async fn run(
    state: AppState,
    sender: Sender,
    kind: LineKind,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Problem::media_type("send plain NDJSON, without `Content-Encoding`"));
    }
    registration::ensure(&state, &sender.identity, Instant::now() + state.limits().outcome_wait, &Trace::none())
        .await?;
    let (entries, waiting) = mpsc::channel(state.limits().bulk_window);
    let (pieces, ready) = mpsc::channel(PIECES);
    let (answered, progress) = watch::channel(0);
    tokio::spawn(answers::run(state.clone(), waiting, pieces, answered));
    tokio::spawn(intake::run(state, sender, kind, body, entries, progress));
    let stream = stream::unfold(ready, |mut ready| async move {
        let piece = ready.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), ready))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(stream)).into_response())
}
