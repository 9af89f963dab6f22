//! Tickets, one or in pages, and their comments.

use schemas::reader::{CommentRow, TicketRow, WatcherRow};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use super::super::rows;
use super::ticket_list::{FROM_WORDS, ListStatement, matching};
use super::{arguments, fetch, page_size};
use crate::read_model::{Page, SearchCursor, TicketCard, TicketCursor, TicketQuery, Words};
use crate::sql::{self, CARD, TICKET_REST};

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

pub(super) async fn search(
    pool: &SqlitePool,
    member: Option<Uuid>,
    words: &Words,
    after: Option<SearchCursor>,
    limit: u32,
) -> Result<Page<TicketRow, SearchCursor>, sqlx::Error> {
    let after = after.unwrap_or(SearchCursor::FIRST);
    let mut arguments = arguments![matching(None, words), after.updated_at, after.id, limit + 1];
    if let Some(member) = member {
        sqlx::Arguments::add(&mut arguments, member).map_err(sqlx::Error::Encode)?;
    }
    let found = fetch(pool, search_sql(member.is_some()), arguments, rows::ticket).await?;
    Ok(Page::cut(found, limit, |last| SearchCursor::from(last)))
}

pub(super) fn search_sql(of_member: bool) -> String {
    let own = if of_member { " AND t.project_id IN (SELECT project_id FROM members WHERE user_id = ?5)" } else { "" };
    format!(
        "SELECT {CARD}, {TICKET_REST} FROM {FROM_WORDS} (t.updated_at, t.id) < (?2, ?3){own} \
         ORDER BY t.updated_at DESC, t.id DESC LIMIT ?4"
    )
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
