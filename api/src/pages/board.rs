//! `/p/{key}`: a project's board; `?column=OPEN&cursor=...` shows more of one column.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use connectors::read_model::{BOARD_COLUMN_PAGE, Board, BoardColumn, TicketCard};
use minijinja::{Value, context};
use schemas::reader::UserRow;
use uuid::Uuid;

use super::{Instead, Visit, text};
use crate::access::visible_project;
use crate::cursor;
use crate::native::project_id;

pub(crate) async fn read(Path(key): Path<String>, visit: Visit) -> Response {
    visit.page(|visit| render(visit, key)).await
}

async fn render(visit: &Visit, key: String) -> Result<Response, Instead> {
    let identity = visit.identity()?;
    let id = project_id(&key);
    visible_project(&visit.state, identity, id).await?.ok_or(Instead::NotFound)?;
    let mut board = visit.state.read_model().board(id).await?.ok_or(Instead::NotFound)?;
    let column = visit.param("column").map(str::to_owned);
    if let Some(status) = &column {
        only(visit, &mut board, status).await?;
    }
    let people = people(visit, &board).await?;
    let columns: Vec<Value> = board.columns.into_iter().map(|column| view(column, &people)).collect();
    let values = context! {
        visitor => identity.email.as_str(),
        key => board.project.key,
        name => board.project.name,
        archived => board.project.archived,
        description => board.project.description,
        single => column.is_some(),
        columns,
    };
    Ok(visit.state.templates().render(StatusCode::OK, "board.html", values))
}

/// Leaves one column, from the cursor on.
async fn only(visit: &Visit, board: &mut Board, status: &str) -> Result<(), Instead> {
    board.columns.retain(|column| column.status == status);
    let column = board.columns.first_mut().ok_or(Instead::NotFound)?;
    if let Some(before) = visit.param("cursor").and_then(cursor::parse_by_number) {
        let (project, limit) = (board.project.id, BOARD_COLUMN_PAGE);
        column.tickets = visit.state.read_model().board_column(project, status, Some(before), limit).await?;
    }
    Ok(())
}

async fn people(visit: &Visit, board: &Board) -> Result<BTreeMap<Uuid, UserRow>, Instead> {
    let cards = board.columns.iter().flat_map(|column| &column.tickets.items);
    let ids: BTreeSet<Uuid> = cards.filter_map(|card| card.assignee_id).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    Ok(visit.state.read_model().users(&ids).await?)
}

fn view(column: BoardColumn, people: &BTreeMap<Uuid, UserRow>) -> Value {
    let cards: Vec<Value> = column.tickets.items.into_iter().map(|card| view_card(card, people)).collect();
    context! {
        name => text::words(&column.status),
        status => column.status,
        count => text::number(column.count),
        next => column.tickets.next.map(cursor::by_number).unwrap_or_default(),
        cards,
    }
}

fn view_card(card: TicketCard, people: &BTreeMap<Uuid, UserRow>) -> Value {
    context! {
        number => card.number,
        code => card.code,
        title => card.title,
        priority_name => text::words(&card.priority),
        priority => card.priority,
        labels => card.labels,
        assignee => card.assignee_id.map(|id| super::ticket::name_of(id, people)).unwrap_or_default(),
        due => card.due_date.map(text::day).unwrap_or_default(),
    }
}
