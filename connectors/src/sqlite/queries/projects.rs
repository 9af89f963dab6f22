//! Projects and their boards.

use std::collections::BTreeMap;

use schemas::reader::ProjectRow;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use super::super::rows;
use super::{arguments, fetch, id_list, tickets};
use crate::read_model::{BOARD_COLUMN_PAGE, Board, BoardColumn, Page};
use crate::sql::{self, BOARD_COUNTS};

pub(super) async fn list(
    pool: &SqlitePool,
    member: Option<Uuid>,
    after_key: Option<&str>,
    limit: u32,
) -> Result<Page<ProjectRow, String>, sqlx::Error> {
    let after = after_key.unwrap_or_default().to_owned();
    let found = match member {
        None => fetch(pool, sql::all_projects(), arguments![after, limit + 1], rows::project).await?,
        Some(user) => fetch(pool, sql::projects_of_member(), arguments![user, after, limit + 1], rows::project).await?,
    };
    Ok(Page::cut(found, limit, |last| last.key.clone()))
}

pub(super) async fn one(db: &mut SqliteConnection, id: Uuid) -> Result<Option<ProjectRow>, sqlx::Error> {
    Ok(fetch(db, sql::project(), arguments![id], rows::project).await?.pop())
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
    let in_order = Board::columns_in_order(&project, counts);
    let mut columns = Vec::with_capacity(in_order.len());
    for (status, count) in in_order {
        let tickets = tickets::column(&mut moment, id, &status, None, BOARD_COLUMN_PAGE).await?;
        columns.push(BoardColumn { status, count, tickets });
    }
    Ok(Some(Board { project, columns }))
}

pub(super) const COUNTS: &str = "SELECT c.project_id, c.status, c.tickets FROM json_each(?) ids \
     JOIN status_counts c ON c.project_id = unhex(ids.value)";
