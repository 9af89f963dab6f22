//! Tickets, one or in pages, and their comments.

use schemas::reader::{CommentRow, TicketRow, WatcherRow};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use super::super::rows;
use super::ticket_list::ListStatement;
use super::{arguments, fetch, page_size};
use crate::read_model::{Page, TicketCard, TicketCursor, TicketQuery};
use crate::sql;

pub(super) async fn by_id(pool: &SqlitePool, id: Uuid) -> Result<Option<TicketRow>, sqlx::Error> {
    Ok(fetch(pool, sql::ticket_by_id(), arguments![id], rows::ticket).await?.pop())
}

pub(super) async fn by_number(pool: &SqlitePool, project: Uuid, number: i64) -> Result<Option<TicketRow>, sqlx::Error> {
    Ok(fetch(pool, sql::ticket_by_number(), arguments![project, number], rows::ticket).await?.pop())
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
    let found = fetch(db, sql::board_column(), arguments, rows::card).await?;
    Ok(Page::cut(found, limit, |last| last.number))
}

pub(super) async fn comments(
    pool: &SqlitePool,
    ticket: Uuid,
    after_sequence: Option<i64>,
    limit: u32,
) -> Result<Page<CommentRow, i64>, sqlx::Error> {
    let arguments = arguments![ticket, after_sequence.unwrap_or(0), limit + 1];
    let found = fetch(pool, sql::comments(), arguments, rows::comment).await?;
    Ok(Page::cut(found, limit, |last| last.sequence))
}

pub(super) async fn comment(pool: &SqlitePool, ticket: Uuid, comment: Uuid) -> Result<Option<CommentRow>, sqlx::Error> {
    Ok(fetch(pool, sql::comment(), arguments![ticket, comment], rows::comment).await?.pop())
}

pub(super) async fn watchers(
    pool: &SqlitePool,
    project: Uuid,
    number: i64,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Page<WatcherRow, Uuid>, sqlx::Error> {
    let arguments = arguments![project, number, after.unwrap_or_default(), limit + 1];
    let found = fetch(pool, sql::watchers(), arguments, rows::watcher).await?;
    Ok(Page::cut(found, limit, |last| last.user_id))
}
