//! `/projects/{id}/board`.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::IF_NONE_MATCH;
use axum::response::{IntoResponse, Response};
use connectors::read_model::BoardColumn;
use serde::Serialize;

use crate::access;
use crate::answer::Answer;
use crate::cursor;
use crate::extract::Reader;
use crate::problem::Problem;
use crate::state::AppState;
use crate::views::{Card, Project};

#[derive(Serialize)]
struct Board {
    project: Project,
    columns: Vec<Column>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Column {
    status: String,
    count: i64,
    tickets: Vec<Card>,
    next_cursor: Option<String>,
}

impl From<BoardColumn> for Column {
    fn from(column: BoardColumn) -> Self {
        Self {
            status: column.status,
            count: column.count,
            next_cursor: column.tickets.next.map(cursor::by_number),
            tickets: column.tickets.items.into_iter().map(Card::from).collect(),
        }
    }
}

/// The board; its `ETag` is the project's sequence. A column's `nextCursor` goes on in
/// `/projects/{id}/tickets?status=...&cursor=...`.
pub(crate) async fn read(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    reader: Reader,
) -> Result<Response, Problem> {
    let project = access::project(&state, &reader, &id).await?;
    let seen = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if seen.trim() == format!("\"{}\"", project.sequence) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let board = state.read_model().board(project.id).await?.ok_or_else(|| Problem::not_found("project", &id))?;
    let version = board.project.sequence;
    let columns = board.columns.into_iter().map(Column::from).collect();
    Ok(Answer::ok(Board { project: Project::from(board.project), columns }).version(version).into_response())
}
