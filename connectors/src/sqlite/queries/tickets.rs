//! Tickets, one or in pages, and their comments.

use schemas::reader::{CommentRow, TicketRow};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use super::super::rows::{self, CARD, COMMENT, TICKET_REST};
use super::ticket_list::ListStatement;
use super::{arguments, fetch, page_size};
use crate::read_model::{Page, TicketCard, TicketCursor, TicketQuery};

pub(super) async fn by_id(pool: &SqlitePool, id: Uuid) -> Result<Option<TicketRow>, sqlx::Error> {
    Ok(fetch(pool, by_id_sql(), arguments![id], rows::ticket).await?.pop())
}

pub(super) async fn by_number(pool: &SqlitePool, project: Uuid, number: i64) -> Result<Option<TicketRow>, sqlx::Error> {
    Ok(fetch(pool, by_number_sql(), arguments![project, number], rows::ticket).await?.pop())
}

pub(super) async fn list(
    pool: &SqlitePool,
    project: Uuid,
    query: &TicketQuery,
) -> Result<Page<TicketRow, TicketCursor>, sqlx::Error> {
    let limit = page_size(query.limit);
    let statement = ListStatement::new(project, query)?;
    let found = fetch(pool, statement.sql, statement.arguments, rows::ticket).await?;
    Ok(Page::cut(found, limit, |last| TicketCursor::from(last)))
}

pub(super) async fn column(
    db: &mut SqliteConnection,
    project: Uuid,
    status: &str,
    before_number: Option<i64>,
    limit: u32,
) -> Result<Page<TicketCard, i64>, sqlx::Error> {
    let before = before_number.unwrap_or(i64::MAX);
    let arguments = arguments![project, status.to_owned(), before, limit + 1];
    let found = fetch(db, column_sql(), arguments, rows::card).await?;
    Ok(Page::cut(found, limit, |last| last.number))
}

pub(super) async fn comments(
    pool: &SqlitePool,
    ticket: Uuid,
    after_sequence: Option<i64>,
    limit: u32,
) -> Result<Page<CommentRow, i64>, sqlx::Error> {
    let arguments = arguments![ticket, after_sequence.unwrap_or(0), limit + 1];
    let found = fetch(pool, comments_sql(), arguments, rows::comment).await?;
    Ok(Page::cut(found, limit, |last| last.sequence))
}

pub(super) async fn comment(pool: &SqlitePool, ticket: Uuid, comment: Uuid) -> Result<Option<CommentRow>, sqlx::Error> {
    Ok(fetch(pool, comment_sql(), arguments![ticket, comment], rows::comment).await?.pop())
}

pub(super) fn by_id_sql() -> String {
    format!("SELECT {CARD}, {TICKET_REST} FROM tickets t WHERE t.id = ?")
}

pub(super) fn by_number_sql() -> String {
    format!("SELECT {CARD}, {TICKET_REST} FROM tickets t WHERE t.project_id = ? AND t.number = ?")
}

pub(super) fn column_sql() -> String {
    format!(
        "SELECT {CARD} FROM tickets t WHERE t.project_id = ? AND t.status = ? AND t.number < ? ORDER BY t.number DESC LIMIT ?"
    )
}

pub(super) fn comments_sql() -> String {
    format!("SELECT {COMMENT} FROM comments WHERE ticket_id = ? AND sequence > ? ORDER BY sequence LIMIT ?")
}

/// Looks among the comments of one ticket.
pub(super) fn comment_sql() -> String {
    format!("SELECT {COMMENT} FROM comments WHERE ticket_id = ? AND id = ?")
}
