//! `/tickets/{id}/status`.

use axum::extract::State;

use super::tickets;
use crate::answer::Answer;
use crate::extract::{Body, Path, Writer};
use crate::state::AppState;
use crate::submit::Early;

/// Moves the ticket: `{ status, comment? }`.
pub(crate) async fn update(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    tickets::change(&state, &writer, "MoveTicket", body.0, &id).await
}
