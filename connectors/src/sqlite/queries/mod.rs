//! The answers to what can be asked of the read model. Each costs what it returns: none walks through a table.

mod people;
mod projects;
mod ticket_list;
mod tickets;

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use schemas::Outcome;
use schemas::reader::{
    CommentRow, DeliveryRow, HistoryRow, MailRow, MemberRow, NotificationRow, ProjectRow, TicketRow, UserRow,
    WatcherRow,
};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use uuid::Uuid;

use super::{SqliteReadModel, rows};
use crate::read_model::{
    Answer, Board, DeliveryCursor, MOST_UNREAD, MailCursor, Page, ReadError, ReadModel, SearchCursor, TicketCard,
    TicketCursor, TicketQuery, Words, page_size,
};
use crate::sql::{self, ANY_SEQUENCE, DEACTIVATED, OUTCOME, PROJECT_SEQUENCE, UNREAD};

impl ReadModel for SqliteReadModel {
    fn projects<'a>(
        &'a self,
        member: Option<Uuid>,
        after_key: Option<&'a str>,
        limit: u32,
    ) -> Answer<'a, Page<ProjectRow, String>> {
        Box::pin(async move { Ok(projects::list(&self.pool, member, after_key, page_size(limit)).await?) })
    }

    fn project(&self, id: Uuid) -> Answer<'_, Option<ProjectRow>> {
        Box::pin(async move { Ok(projects::one(&mut *self.pool.acquire().await?, id).await?) })
    }

    fn status_counts<'a>(&'a self, ids: &'a [Uuid]) -> Answer<'a, BTreeMap<Uuid, BTreeMap<String, i64>>> {
        Box::pin(async move { Ok(projects::status_counts(&self.pool, ids).await?) })
    }

    fn members(&self, project: Uuid) -> Answer<'_, Vec<MemberRow>> {
        Box::pin(async move { Ok(people::members(&self.pool, project).await?) })
    }

    fn member(&self, project: Uuid, user: Uuid) -> Answer<'_, Option<MemberRow>> {
        Box::pin(async move { Ok(people::member(&self.pool, project, user).await?) })
    }

    fn ticket(&self, id: Uuid) -> Answer<'_, Option<TicketRow>> {
        Box::pin(async move { Ok(tickets::by_id(&self.pool, id).await?) })
    }

    fn ticket_by_number(&self, project: Uuid, number: i64) -> Answer<'_, Option<TicketRow>> {
        Box::pin(async move { Ok(tickets::by_number(&self.pool, project, number).await?) })
    }

    fn tickets<'a>(&'a self, project: Uuid, query: &'a TicketQuery) -> Answer<'a, Page<TicketRow, TicketCursor>> {
        Box::pin(async move { Ok(tickets::list(&self.pool, project, query).await?) })
    }

    fn search<'a>(
        &'a self,
        member: Option<Uuid>,
        words: &'a Words,
        after: Option<SearchCursor>,
        limit: u32,
    ) -> Answer<'a, Page<TicketRow, SearchCursor>> {
        Box::pin(async move { Ok(tickets::search(&self.pool, member, words, after, page_size(limit)).await?) })
    }

    fn board(&self, project: Uuid) -> Answer<'_, Option<Board>> {
        Box::pin(async move { Ok(projects::board(&self.pool, project).await?) })
    }

    fn board_column<'a>(
        &'a self,
        project: Uuid,
        status: &'a str,
        before_number: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Page<TicketCard, i64>> {
        Box::pin(async move {
            let db = &mut *self.pool.acquire().await?;
            Ok(tickets::column(db, project, status, before_number, page_size(limit)).await?)
        })
    }

    fn comments(&self, ticket: Uuid, after_sequence: Option<i64>, limit: u32) -> Answer<'_, Page<CommentRow, i64>> {
        Box::pin(async move { Ok(tickets::comments(&self.pool, ticket, after_sequence, page_size(limit)).await?) })
    }

    fn comment(&self, ticket: Uuid, comment: Uuid) -> Answer<'_, Option<CommentRow>> {
        Box::pin(async move { Ok(tickets::comment(&self.pool, ticket, comment).await?) })
    }

    fn history<'a>(
        &'a self,
        project: Uuid,
        subject: Option<&'a str>,
        before_sequence: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Page<HistoryRow, i64>> {
        Box::pin(async move {
            let (limit, before) = (page_size(limit), before_sequence.unwrap_or(i64::MAX));
            let (statement, arguments) = match subject {
                None => (sql::history_of_project(), arguments![project, before, limit + 1]),
                Some(subject) => {
                    (sql::history_of_subject(), arguments![project, subject.to_owned(), before, limit + 1])
                }
            };
            let found = fetch(&self.pool, statement, arguments, rows::history).await?;
            Ok(Page::cut(found, limit, |last| last.sequence))
        })
    }

    fn history_before<'a>(
        &'a self,
        project: Uuid,
        subject: &'a str,
        sequence: i64,
        limit: u32,
    ) -> Answer<'a, Vec<HistoryRow>> {
        Box::pin(async move {
            let arguments = arguments![project, subject.to_owned(), sequence, limit];
            Ok(fetch(&self.pool, sql::history_before(), arguments, rows::history).await?)
        })
    }

    fn watchers(
        &self,
        project: Uuid,
        number: i64,
        after: Option<Uuid>,
        limit: u32,
    ) -> Answer<'_, Page<WatcherRow, Uuid>> {
        Box::pin(async move { Ok(tickets::watchers(&self.pool, project, number, after, page_size(limit)).await?) })
    }

    fn notifications(
        &self,
        user: Uuid,
        unread_only: bool,
        before_sequence: Option<i64>,
        limit: u32,
    ) -> Answer<'_, Page<NotificationRow, i64>> {
        Box::pin(async move {
            Ok(people::notifications(&self.pool, user, unread_only, before_sequence, page_size(limit)).await?)
        })
    }

    fn notification(&self, id: Uuid) -> Answer<'_, Option<NotificationRow>> {
        Box::pin(async move { Ok(people::notification(&self.pool, id).await?) })
    }

    fn unread(&self, user: Uuid, up_to: i64) -> Answer<'_, i64> {
        Box::pin(async move {
            let unread = sqlx::query_scalar(UNREAD).bind(user).bind(up_to).bind(MOST_UNREAD);
            Ok(unread.fetch_one(&self.pool).await?)
        })
    }

    fn mails<'a>(
        &'a self,
        user: Uuid,
        state: Option<&'a str>,
        before: Option<MailCursor>,
        limit: u32,
    ) -> Answer<'a, Page<MailRow, MailCursor>> {
        Box::pin(async move { Ok(people::mails(&self.pool, user, state, before, page_size(limit)).await?) })
    }

    fn deliveries<'a>(
        &'a self,
        hook: Uuid,
        state: Option<&'a str>,
        before: Option<DeliveryCursor>,
        limit: u32,
    ) -> Answer<'a, Page<DeliveryRow, DeliveryCursor>> {
        Box::pin(async move { Ok(people::deliveries(&self.pool, hook, state, before, page_size(limit)).await?) })
    }

    fn delivery(&self, id: Uuid) -> Answer<'_, Option<DeliveryRow>> {
        Box::pin(async move { Ok(people::delivery(&self.pool, id).await?) })
    }

    fn user(&self, id: Uuid) -> Answer<'_, Option<UserRow>> {
        Box::pin(async move { Ok(people::user(&self.pool, id).await?) })
    }

    fn users<'a>(&'a self, ids: &'a [Uuid]) -> Answer<'a, BTreeMap<Uuid, UserRow>> {
        Box::pin(async move { Ok(people::users(&self.pool, ids).await?) })
    }

    fn deactivated_users(&self) -> Answer<'_, HashSet<Uuid>> {
        Box::pin(async move {
            let users: Vec<Uuid> = sqlx::query_scalar(DEACTIVATED).fetch_all(&self.pool).await?;
            Ok(users.into_iter().collect())
        })
    }

    fn outcome(&self, command: Uuid) -> Answer<'_, Option<Outcome>> {
        Box::pin(async move {
            let bytes: Option<Vec<u8>> = sqlx::query_scalar(OUTCOME).bind(command).fetch_optional(&self.pool).await?;
            bytes
                .map(|bytes| Outcome::decode(&bytes).map_err(|error| ReadError::Damaged(error.to_string())))
                .transpose()
        })
    }

    fn sequence(&self, project: Uuid) -> Answer<'_, i64> {
        Box::pin(async move {
            let sequence: Option<i64> =
                sqlx::query_scalar(PROJECT_SEQUENCE).bind(project).fetch_optional(&self.pool).await?;
            Ok(sequence.unwrap_or(0))
        })
    }

    fn wait_for(&self, project_or_user: Uuid, sequence: i64, deadline: Instant) -> Answer<'_, bool> {
        Box::pin(async move {
            // First the place in the line, then the look at what is there: nothing can come between unnoticed.
            let mut waiting = self.live().wait(project_or_user, sequence);
            let there: Option<i64> =
                sqlx::query_scalar(ANY_SEQUENCE).bind(project_or_user).fetch_one(&self.pool).await?;
            if there.unwrap_or(0) >= sequence {
                return Ok(true);
            }
            Ok(tokio::time::timeout_at(deadline.into(), waiting.reached()).await.is_ok())
        })
    }
}

/// Runs a statement put together from constant parts; values are bound, never part of the text.
async fn fetch<T>(
    db: impl sqlx::SqliteExecutor<'_>,
    sql: String,
    arguments: SqliteArguments,
    row: impl Fn(&SqliteRow) -> Result<T, sqlx::Error>,
) -> Result<Vec<T>, sqlx::Error> {
    sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_all(db).await?.iter().map(row).collect()
}

/// Binds values in their order.
macro_rules! arguments {
    ($($value:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "there may be no values")]
        let mut arguments = sqlx::sqlite::SqliteArguments::default();
        $( sqlx::Arguments::add(&mut arguments, $value).map_err(sqlx::Error::Encode)?; )*
        arguments
    }};
}
use arguments;

/// Ids as a JSON array of hexadecimal texts, which one bound value can carry; `json_each` and `unhex` take them apart.
fn id_list(ids: &[Uuid]) -> String {
    let hex: Vec<String> = ids.iter().map(|id| id.simple().to_string()).collect();
    serde_json::Value::from(hex).to_string()
}

#[cfg(test)]
mod plans;
