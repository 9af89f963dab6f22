//! `/tickets/{id}/history` and `/projects/{id}/history`: what happened, the newest first.

use std::collections::BTreeSet;

use axum::extract::State;
use connectors::read_model::MAX_PAGE;
use uuid::Uuid;

use crate::access;
use crate::answer::Answer;
use crate::cursor;
use crate::extract::{Params, Path, Reader};
use crate::history::{Changes, LOOK, changes, entries, needs_earlier};
use crate::problem::Problem;
use crate::state::AppState;
use crate::views::List;

pub(crate) async fn of_ticket(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
    params: Params,
) -> Result<Answer, Problem> {
    let ticket = access::ticket(&state, &reader, &id).await?;
    list(&state, ticket.project_id, Some(ticket.number.to_string()), params).await
}

/// All of the project: itself, its members, its tickets.
pub(crate) async fn of_project(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
    params: Params,
) -> Result<Answer, Problem> {
    let project = access::project(&state, &reader, &id).await?;
    list(&state, project.id, None, params).await
}

async fn list(state: &AppState, project: Uuid, subject: Option<String>, mut params: Params) -> Result<Answer, Problem> {
    let limit = params.limit(50, MAX_PAGE)?;
    let before = params.cursor(cursor::parse_by_sequence)?;
    params.finish()?;
    let page = state.read_model().history(project, subject.as_deref(), before, limit).await?;
    let oldest = page.items.last().map_or(0, |row| row.sequence);
    let (mut subjects, mut known) = (BTreeSet::new(), Changes::new());
    // The newest first, so the first of a subject is the last that needs others.
    for row in page.items.iter().filter(|row| needs_earlier(row)) {
        if subjects.insert(row.subject.as_str()) {
            let before = state.read_model().history_before(project, &row.subject, row.sequence, limit + LOOK).await?;
            known.append(&mut changes(row, &before, oldest)?);
        }
    }
    let next_cursor = page.next.map(cursor::by_sequence);
    Ok(Answer::ok(List { items: entries(&page.items, known)?, next_cursor }))
}
