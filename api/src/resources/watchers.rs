//! `/tickets/{id}/watchers`, and `/tickets/{id}/watch`: whether the caller is one of them.

use axum::extract::State;
use connectors::read_model::MAX_PAGE;
use uuid::Uuid;

use crate::access;
use crate::answer::Answer;
use crate::cursor;
use crate::extract::{Body, Params, Path, Reader, Writer};
use crate::native::{Command, ticket_command};
use crate::problem::Problem;
use crate::state::AppState;
use crate::submit::{Early, submit};
use crate::views::{List, Watcher};

pub(crate) async fn list(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
    mut params: Params,
) -> Result<Answer, Problem> {
    let limit = params.limit(50, MAX_PAGE)?;
    let after = params.cursor(cursor::parse_by_id)?;
    params.finish()?;
    let ticket = access::ticket(&state, &reader, &id).await?;
    let page = state.read_model().watchers(ticket.project_id, ticket.number, after, limit).await?;
    let ids: Vec<Uuid> = page.items.iter().map(|row| row.user_id).collect();
    let users = state.read_model().users(&ids).await?;
    let items = page.items.iter().map(|row| Watcher::new(row, users.get(&row.user_id)));
    Ok(Answer::ok(List { items: items.collect(), next_cursor: page.next.map(cursor::by_id) }))
}

pub(crate) async fn update(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    change(&state, &writer, "WatchTicket", body, &id).await
}

pub(crate) async fn delete(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    change(&state, &writer, "UnwatchTicket", body, &id).await
}

async fn change(state: &AppState, writer: &Writer, kind: &str, body: Body, id: &str) -> Result<Answer, Early> {
    let to = access::ticket_target(state, id).await?;
    let command = ticket_command(kind, body.0, to, writer.envelope())?;
    let done = submit(state, writer, &Command::Ticket(command)).await?;
    Ok(Answer::no_content().after(&done))
}
