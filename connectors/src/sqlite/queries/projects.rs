//! Projects and their boards.

use std::collections::BTreeMap;

use schemas::reader::ProjectRow;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use super::super::rows::{self, PROJECT};
use super::{arguments, fetch, id_list, tickets};
use crate::read_model::{BOARD_COLUMN_PAGE, Board, BoardColumn, DEFAULT_STATUSES, Page};

pub(super) async fn list(
    pool: &SqlitePool,
    member: Option<Uuid>,
    after_key: Option<&str>,
    limit: u32,
) -> Result<Page<ProjectRow, String>, sqlx::Error> {
    let after = after_key.unwrap_or_default().to_owned();
    let found = match member {
        None => fetch(pool, all_sql(), arguments![after, limit + 1], rows::project).await?,
        Some(user) => fetch(pool, of_member_sql(), arguments![user, after, limit + 1], rows::project).await?,
    };
    Ok(Page::cut(found, limit, |last| last.key.clone()))
}

pub(super) async fn one(db: &mut SqliteConnection, id: Uuid) -> Result<Option<ProjectRow>, sqlx::Error> {
    Ok(fetch(db, one_sql(), arguments![id], rows::project).await?.pop())
}

pub(super) async fn status_counts(
    pool: &SqlitePool,
    projects: &[Uuid],
) -> Result<BTreeMap<Uuid, BTreeMap<String, i64>>, sqlx::Error> {
    let found: Vec<(Uuid, String, i64)> = sqlx::query_as(COUNTS).bind(id_list(projects)).fetch_all(pool).await?;
    let mut counts: BTreeMap<Uuid, BTreeMap<String, i64>> = BTreeMap::new();
    for (project, status, tickets) in found {
        counts.entry(project).or_default().insert(status, tickets);
    }
    Ok(counts)
}

pub(super) async fn board(pool: &SqlitePool, id: Uuid) -> Result<Option<Board>, sqlx::Error> {
    // One transaction sees one moment, so counts, tickets and version fit each other.
    let mut moment = pool.begin().await?;
    let Some(project) = one(&mut moment, id).await? else { return Ok(None) };
    let counts: Vec<(String, i64)> = sqlx::query_as(BOARD_COUNTS).bind(id).fetch_all(&mut *moment).await?;
    let mut counts: BTreeMap<String, i64> = counts.into_iter().collect();
    let mut in_order: Vec<(String, i64)> =
        DEFAULT_STATUSES.iter().map(|&status| (status.to_owned(), counts.remove(status).unwrap_or(0))).collect();
    in_order.extend(counts.into_iter().filter(|(_, count)| *count > 0));
    let mut columns = Vec::with_capacity(in_order.len());
    for (status, count) in in_order {
        let tickets = tickets::column(&mut moment, id, &status, None, BOARD_COLUMN_PAGE).await?;
        columns.push(BoardColumn { status, count, tickets });
    }
    Ok(Some(Board { project, columns }))
}

pub(super) fn all_sql() -> String {
    format!(
        "SELECT {PROJECT} FROM projects p JOIN project_sequences s ON s.project_id = p.id WHERE p.key > ? ORDER BY p.key LIMIT ?"
    )
}

pub(super) fn of_member_sql() -> String {
    format!(
        "SELECT {PROJECT} FROM members m JOIN projects p ON p.id = m.project_id JOIN project_sequences s ON s.project_id = p.id \
         WHERE m.user_id = ? AND p.key > ? ORDER BY p.key LIMIT ?"
    )
}

pub(super) fn one_sql() -> String {
    format!("SELECT {PROJECT} FROM projects p JOIN project_sequences s ON s.project_id = p.id WHERE p.id = ?")
}

pub(super) const COUNTS: &str = "SELECT c.project_id, c.status, c.tickets FROM json_each(?) ids \
     JOIN status_counts c ON c.project_id = unhex(ids.value)";

pub(super) const BOARD_COUNTS: &str = "SELECT status, tickets FROM status_counts WHERE project_id = ?";
