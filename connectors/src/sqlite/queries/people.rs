//! Members, users and what they are told.

use std::collections::BTreeMap;

use schemas::reader::{DeliveryRow, MailRow, MemberRow, NotificationRow, UserRow};
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use super::super::rows;
use super::{arguments, fetch, id_list};
use crate::read_model::{DeliveryCursor, MailCursor, Page};
use crate::sql::{self, USER};

pub(super) async fn members(pool: &SqlitePool, project: Uuid) -> Result<Vec<MemberRow>, sqlx::Error> {
    let mut members = fetch(pool, sql::members(), arguments![project], rows::member).await?;
    members.sort_by(|a, b| a.handle.cmp(&b.handle));
    Ok(members)
}

pub(super) async fn member(pool: &SqlitePool, project: Uuid, user: Uuid) -> Result<Option<MemberRow>, sqlx::Error> {
    Ok(fetch(pool, sql::member(), arguments![project, user], rows::member).await?.pop())
}

pub(super) async fn notifications(
    pool: &SqlitePool,
    user: Uuid,
    unread_only: bool,
    before_sequence: Option<i64>,
    limit: u32,
) -> Result<Page<NotificationRow, i64>, sqlx::Error> {
    let statement = if unread_only { sql::unread_notifications() } else { sql::notifications() };
    let arguments = arguments![user, before_sequence.unwrap_or(i64::MAX), limit + 1];
    let found = fetch(pool, statement, arguments, rows::notification).await?;
    Ok(Page::cut(found, limit, |last| last.sequence))
}

pub(super) async fn notification(pool: &SqlitePool, id: Uuid) -> Result<Option<NotificationRow>, sqlx::Error> {
    Ok(fetch(pool, sql::notification(), arguments![id], rows::notification).await?.pop())
}

pub(super) async fn mails(
    pool: &SqlitePool,
    user: Uuid,
    state: Option<&str>,
    before: Option<MailCursor>,
    limit: u32,
) -> Result<Page<MailRow, MailCursor>, sqlx::Error> {
    let before = before.unwrap_or(MailCursor::FIRST);
    let statement = if state.is_some() { sql::mails_in_state() } else { sql::mails() };
    let arguments = arguments![user, before.requested_at, before.id, limit + 1, state];
    let found = fetch(pool, statement, arguments, rows::mail).await?;
    Ok(Page::cut(found, limit, |last| MailCursor::from(last)))
}

pub(super) async fn deliveries(
    pool: &SqlitePool,
    hook: Uuid,
    state: Option<&str>,
    before: Option<DeliveryCursor>,
    limit: u32,
) -> Result<Page<DeliveryRow, DeliveryCursor>, sqlx::Error> {
    let before = before.unwrap_or(DeliveryCursor::FIRST);
    let statement = if state.is_some() { sql::deliveries_in_state() } else { sql::deliveries() };
    let arguments = arguments![hook, before.first_at, before.id, limit + 1, state];
    let found = fetch(pool, statement, arguments, rows::delivery).await?;
    Ok(Page::cut(found, limit, |last| DeliveryCursor::from(last)))
}

pub(super) async fn delivery(pool: &SqlitePool, id: Uuid) -> Result<Option<DeliveryRow>, sqlx::Error> {
    Ok(fetch(pool, sql::delivery(), arguments![id], rows::delivery).await?.pop())
}

pub(super) async fn user(pool: &SqlitePool, id: Uuid) -> Result<Option<UserRow>, sqlx::Error> {
    Ok(fetch(pool, sql::user(), arguments![id], rows::user).await?.pop())
}

pub(super) async fn users(pool: &SqlitePool, ids: &[Uuid]) -> Result<BTreeMap<Uuid, UserRow>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let users = fetch(pool, users_sql(), arguments![id_list(ids)], rows::user).await?;
    Ok(users.into_iter().map(|user| (user.id, user)).collect())
}

pub(super) fn users_sql() -> String {
    format!("SELECT {USER} FROM users WHERE id IN (SELECT unhex(value) FROM json_each(?))")
}
