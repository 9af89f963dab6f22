//! `/tickets/{id}/assignee`.

use axum::extract::State;

use super::tickets;
use crate::answer::Answer;
use crate::extract::{Body, Path, Writer};
use crate::state::AppState;
use crate::submit::Early;

/// Assigns the ticket: `{ assigneeId }`, or `{ assignee }` with an e-mail or `source:login`.
pub(crate) async fn update(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    tickets::change(&state, &writer, "AssignTicket", body.0, &id).await
}

/// Takes the ticket from its assignee.
pub(crate) async fn delete(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    tickets::change(&state, &writer, "UnassignTicket", body.0, &id).await
}
