//! Writes what became of mails.

use schemas::reader::MailRow;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::write::column;
use crate::sink::changes::PRUNE_AT_ONCE;
use crate::sql::{ADD_TO_MAIL, MAIL};

/// Adds what is new to what is known; in the order of ids.
pub(super) async fn write(db: &mut PgConnection, mails: &[MailRow]) -> Result<(), sqlx::Error> {
    if mails.is_empty() {
        return Ok(());
    }
    sqlx::query(AssertSqlSafe(write_sql()))
        .bind(column(mails, |mail| mail.id))
        .bind(column(mails, |mail| mail.user_id))
        .bind(column(mails, |mail| &mail.kind))
        .bind(column(mails, |mail| mail.requested_at))
        .bind(column(mails, |mail| &mail.state))
        .bind(column(mails, |mail| mail.attempts))
        .bind(column(mails, |mail| &mail.why))
        .bind(column(mails, |mail| mail.decided_at))
        .execute(db)
        .await
        .map(drop)
}

fn write_sql() -> String {
    format!(
        "INSERT INTO mails AS m ({MAIL}) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], \
         $6::integer[], $7::text[], $8::bigint[]) {ADD_TO_MAIL}"
    )
}

/// Removes those of people who were erased.
pub(super) async fn forget(db: &mut PgConnection, erased: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query(FORGET).bind(erased).execute(db).await.map(drop)
}

pub(super) const FORGET: &str = "DELETE FROM mails WHERE user_id = ANY($1)";
/// Some of those that were asked for long ago. Those that another sink is removing are left to it. By their places, as by their ids the
/// planner may prefer to walk through the table.
pub(super) const PRUNE: &str = "DELETE FROM mails WHERE ctid = ANY(ARRAY(SELECT ctid FROM mails WHERE requested_at < $1 LIMIT $2 \
     FOR UPDATE SKIP LOCKED))";

pub(super) async fn prune(db: &mut PgConnection, requested_before: i64) -> Result<u64, sqlx::Error> {
    let pruned = sqlx::query(PRUNE).bind(requested_before).bind(i64::from(PRUNE_AT_ONCE));
    Ok(pruned.execute(db).await?.rows_affected())
}
