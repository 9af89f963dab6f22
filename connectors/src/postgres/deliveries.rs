//! Writes what became of deliveries to webhooks.

use schemas::reader::DeliveryRow;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::write::column;
use crate::sink::changes::PRUNE_AT_ONCE;
use crate::sql::{ADD_TO_DELIVERY, DELIVERY};

/// Adds what is new to what is known; in the order of ids.
pub(super) async fn write(db: &mut PgConnection, deliveries: &[DeliveryRow]) -> Result<(), sqlx::Error> {
    if deliveries.is_empty() {
        return Ok(());
    }
    sqlx::query(AssertSqlSafe(write_sql()))
        .bind(column(deliveries, |delivery| delivery.id))
        .bind(column(deliveries, |delivery| delivery.hook_id))
        .bind(column(deliveries, |delivery| delivery.owner_id))
        .bind(column(deliveries, |delivery| delivery.subject_id))
        .bind(column(deliveries, |delivery| &delivery.kind))
        .bind(column(deliveries, |delivery| &delivery.state))
        .bind(column(deliveries, |delivery| delivery.attempts))
        .bind(column(deliveries, |delivery| delivery.status))
        .bind(column(deliveries, |delivery| &delivery.why))
        .bind(column(deliveries, |delivery| delivery.first_at))
        .bind(column(deliveries, |delivery| delivery.last_at))
        .execute(db)
        .await
        .map(drop)
}

fn write_sql() -> String {
    format!(
        "INSERT INTO webhook_deliveries AS d ({DELIVERY}) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], \
         $5::text[], $6::text[], $7::integer[], $8::integer[], $9::text[], $10::bigint[], $11::bigint[]) {ADD_TO_DELIVERY}"
    )
}

/// Removes those of people who were erased.
pub(super) async fn forget(db: &mut PgConnection, erased: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query(FORGET).bind(erased).execute(db).await.map(drop)
}

pub(super) const FORGET: &str = "DELETE FROM webhook_deliveries WHERE owner_id = ANY($1)";
/// Some of those that were tried last long ago. As for mails.
pub(super) const PRUNE: &str = "DELETE FROM webhook_deliveries WHERE ctid = ANY(ARRAY(SELECT ctid FROM webhook_deliveries \
     WHERE last_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))";

pub(super) async fn prune(db: &mut PgConnection, tried_before: i64) -> Result<u64, sqlx::Error> {
    let pruned = sqlx::query(PRUNE).bind(tried_before).bind(i64::from(PRUNE_AT_ONCE));
    Ok(pruned.execute(db).await?.rows_affected())
}
