//! Tickets, one or in pages, and their comments.

use schemas::reader::{CommentRow, TicketRow};
use sqlx::sqlite::{SqliteArguments, SqlitePool};
use sqlx::{Arguments, SqliteConnection};
use uuid::Uuid;

use super::super::rows::{self, CARD, COMMENT, TICKET_REST};
use super::{arguments, fetch, page_size};
use crate::read_model::{Assignee, Page, TicketCard, TicketCursor, TicketOrder, TicketQuery};

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
    let (sql, arguments) = list_sql(project, query)?;
    let found = fetch(pool, sql, arguments, rows::ticket).await?;
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

/// The statement for a page. By number each filter has an index in that order; by change the page is read in the order of
/// changes and filtered on the way. Conditions marked with `+` are not for choosing an index.
pub(super) fn list_sql(project: Uuid, query: &TicketQuery) -> Result<(String, SqliteArguments), sqlx::Error> {
    let by_number = query.order == TicketOrder::Number;
    let hint = if by_number { "" } else { "+" };
    let mut arguments = SqliteArguments::default();
    let mut sql = format!("SELECT {CARD}, {TICKET_REST} FROM ");
    let from_label = query.label.is_some() && by_number;
    let key = if from_label { "l" } else { "t" };
    sql += match from_label {
        // The order of the tables is the order of reading: labels first.
        true => {
            "ticket_labels l CROSS JOIN tickets t ON t.project_id = l.project_id AND t.number = l.number WHERE l.project_id = ?"
        }
        false => "tickets t WHERE t.project_id = ?",
    };
    let hint = if from_label { "+" } else { hint };
    let mut bind = |sql: &mut String,
                    condition: &str,
                    add: &dyn Fn(&mut SqliteArguments) -> Result<(), sqlx::error::BoxDynError>| {
        *sql += condition;
        add(&mut arguments).map_err(sqlx::Error::Encode)
    };
    bind(&mut sql, "", &|a| a.add(project))?;
    if let Some(label) = &query.label {
        let condition = match from_label {
            true => " AND l.label = ?",
            false => {
                " AND EXISTS (SELECT 1 FROM ticket_labels l WHERE l.project_id = t.project_id AND l.label = ? AND l.number = t.number)"
            }
        };
        bind(&mut sql, condition, &|a| a.add(label.clone()))?;
    }
    if let Some(status) = &query.status {
        bind(&mut sql, &format!(" AND {hint}t.status = ?"), &|a| a.add(status.clone()))?;
    }
    match query.assignee {
        None => {}
        Some(Assignee::Nobody) => sql += &format!(" AND {hint}t.assignee_id IS NULL"),
        Some(Assignee::User(user)) => {
            bind(&mut sql, &format!(" AND {hint}t.assignee_id = ?"), &|a| a.add(user))?;
        }
    }
    if let Some(priority) = &query.priority {
        bind(&mut sql, " AND +t.priority = ?", &|a| a.add(priority.clone()))?;
    }
    let after = query.after.unwrap_or(TicketCursor { number: i64::MAX, updated_at: i64::MAX });
    if by_number {
        bind(&mut sql, &format!(" AND {key}.number < ? ORDER BY {key}.number DESC LIMIT ?"), &|a| a.add(after.number))?;
    } else {
        bind(&mut sql, " AND (t.updated_at, t.number) < (?, ?)", &|a| a.add(after.updated_at))?;
        bind(&mut sql, " ORDER BY t.updated_at DESC, t.number DESC LIMIT ?", &|a| a.add(after.number))?;
    }
    let limit = page_size(query.limit) + 1;
    bind(&mut sql, "", &|a| a.add(limit))?;
    Ok((sql, arguments))
}
