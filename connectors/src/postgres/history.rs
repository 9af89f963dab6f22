//! Writes what happened in each project.

use schemas::reader::HistoryRow;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::write::column;
use crate::sql::HISTORY;

pub(super) async fn write(db: &mut PgConnection, rows: &[HistoryRow]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let insert = format!(
        "INSERT INTO history ({HISTORY}) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::text[])"
    );
    sqlx::query(AssertSqlSafe(insert))
        .bind(column(rows, |row| row.project_id))
        .bind(column(rows, |row| row.sequence))
        .bind(column(rows, |row| &row.subject))
        .bind(column(rows, |row| &row.kind))
        .bind(column(rows, |row| row.actor_id))
        .bind(column(rows, |row| row.at))
        .bind(column(rows, |row| &row.changes))
        .execute(db)
        .await
        .map(drop)
}

/// Leaves of what happened to tickets that are deleted who did it and when.
pub(super) async fn forget(db: &mut PgConnection, projects: &[Uuid], numbers: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query(FORGET).bind(projects).bind(numbers).execute(db).await.map(drop)
}

pub(super) const FORGET: &str = "UPDATE history h SET changes = '[]' FROM unnest($1::uuid[], $2::bigint[]) AS v (project_id, number) \
     WHERE h.project_id = v.project_id AND h.subject = v.number::text";
