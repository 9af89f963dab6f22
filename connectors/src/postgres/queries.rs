//! The answers to what can be asked of the read model. Each costs what it returns: none walks through a table.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use schemas::Outcome;
use schemas::reader::{
    CommentRow, DeliveryRow, HistoryRow, MailRow, MemberRow, NotificationRow, ProjectRow, TicketRow, UserRow,
    WatcherRow,
};
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection};
use uuid::Uuid;

use super::ticket_list::ListStatement;
use super::{PostgresReadModel, rows, search};
use crate::read_model::{
    Answer, BOARD_COLUMN_PAGE, Board, BoardColumn, DeliveryCursor, MOST_UNREAD, MailCursor, Page, ReadError, ReadModel,
    SearchCursor, TicketCard, TicketCursor, TicketQuery, Words, page_size,
};
use crate::sql::{self, ANY_SEQUENCE, BOARD_COUNTS, DEACTIVATED, OUTCOME, PROJECT_SEQUENCE, UNREAD, USER};

/// How long to wait before looking again whether a sequence is reached, when no one tells; it doubles up to the second.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(200);

pub(super) const STATUS_COUNTS: &str =
    "SELECT project_id, status, tickets FROM status_counts WHERE project_id = ANY($1)";

pub(super) fn users_sql() -> String {
    format!("SELECT {USER} FROM users WHERE id = ANY($1)")
}

/// Binds values in their order.
macro_rules! arguments {
    ($($value:expr),* $(,)?) => {{
        let mut arguments = PgArguments::default();
        $( sqlx::Arguments::add(&mut arguments, $value).map_err(sqlx::Error::Encode)?; )*
        arguments
    }};
}

impl PostgresReadModel {
    /// Asks on a connection of the pool, and gives up in time, whatever the server does.
    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, ReadError> {
        let work = async { question(&mut *self.pool.acquire().await?).await };
        let answered = tokio::time::timeout(self.config.answer_timeout, work).await;
        Ok(answered.map_err(|_| ReadError::Unavailable("the database does not answer in time".to_owned()))??)
    }
}

impl ReadModel for PostgresReadModel {
    fn projects<'a>(
        &'a self,
        member: Option<Uuid>,
        after_key: Option<&'a str>,
        limit: u32,
    ) -> Answer<'a, Page<ProjectRow, String>> {
        Box::pin(self.ask(async move |db| {
            let (after, limit) = (after_key.unwrap_or_default(), page_size(limit));
            let found = match member {
                None => fetch(db, sql::all_projects(), arguments![after, ask_for(limit)], rows::project).await?,
                Some(user) => {
                    let arguments = arguments![user, after, ask_for(limit)];
                    fetch(db, sql::projects_of_member(), arguments, rows::project).await?
                }
            };
            Ok(Page::cut(found, limit, |last| last.key.clone()))
        }))
    }

    fn project(&self, id: Uuid) -> Answer<'_, Option<ProjectRow>> {
        Box::pin(self.ask(async move |db| Ok(fetch(db, sql::project(), arguments![id], rows::project).await?.pop())))
    }

    fn status_counts<'a>(&'a self, ids: &'a [Uuid]) -> Answer<'a, BTreeMap<Uuid, BTreeMap<String, i64>>> {
        Box::pin(self.ask(async move |db| {
            let found: Vec<(Uuid, String, i64)> = sqlx::query_as(STATUS_COUNTS).bind(ids).fetch_all(db).await?;
            let mut counts: BTreeMap<Uuid, BTreeMap<String, i64>> = BTreeMap::new();
            for (project, status, tickets) in found {
                counts.entry(project).or_default().insert(status, tickets);
            }
            Ok(counts)
        }))
    }

    fn members(&self, project: Uuid) -> Answer<'_, Vec<MemberRow>> {
        Box::pin(self.ask(async move |db| {
            let mut members = fetch(db, sql::members(), arguments![project], rows::member).await?;
            members.sort_by(|a, b| a.handle.cmp(&b.handle));
            Ok(members)
        }))
    }

    fn member(&self, project: Uuid, user: Uuid) -> Answer<'_, Option<MemberRow>> {
        Box::pin(
            self.ask(async move |db| {
                Ok(fetch(db, sql::member(), arguments![project, user], rows::member).await?.pop())
            }),
        )
    }

    fn ticket(&self, id: Uuid) -> Answer<'_, Option<TicketRow>> {
        Box::pin(
            self.ask(async move |db| Ok(fetch(db, sql::ticket_by_id(), arguments![id], rows::ticket).await?.pop())),
        )
    }

    fn ticket_by_number(&self, project: Uuid, number: i64) -> Answer<'_, Option<TicketRow>> {
        Box::pin(self.ask(async move |db| {
            Ok(fetch(db, sql::ticket_by_number(), arguments![project, number], rows::ticket).await?.pop())
        }))
    }

    fn tickets<'a>(&'a self, project: Uuid, query: &'a TicketQuery) -> Answer<'a, Page<TicketRow, TicketCursor>> {
        Box::pin(self.ask(async move |db| {
            let statement = ListStatement::new(project, query)?;
            let found = fetch(db, statement.sql, statement.arguments, rows::ticket).await?;
            Ok(Page::cut(found, page_size(query.limit), |last| TicketCursor::from(last)))
        }))
    }

    fn search<'a>(
        &'a self,
        member: Option<Uuid>,
        words: &'a Words,
        after: Option<SearchCursor>,
        limit: u32,
    ) -> Answer<'a, Page<TicketRow, SearchCursor>> {
        Box::pin(self.ask(async move |db| {
            let (limit, after) = (page_size(limit), after.unwrap_or(SearchCursor::FIRST));
            let mut arguments = arguments![words.as_str(), after.updated_at, after.id, ask_for(limit)];
            let statement = match member {
                None => search::in_all(),
                Some(member) => {
                    sqlx::Arguments::add(&mut arguments, member).map_err(sqlx::Error::Encode)?;
                    search::of_member()
                }
            };
            let found = fetch(db, statement, arguments, rows::ticket).await?;
            Ok(Page::cut(found, limit, |last| SearchCursor::from(last)))
        }))
    }

    fn board(&self, project: Uuid) -> Answer<'_, Option<Board>> {
        Box::pin(self.ask(async move |db| board(db, project).await))
    }

    fn board_column<'a>(
        &'a self,
        project: Uuid,
        status: &'a str,
        before_number: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Page<TicketCard, i64>> {
        Box::pin(self.ask(async move |db| column(db, project, status, before_number, page_size(limit)).await))
    }

    fn comments(&self, ticket: Uuid, after_sequence: Option<i64>, limit: u32) -> Answer<'_, Page<CommentRow, i64>> {
        Box::pin(self.ask(async move |db| {
            let limit = page_size(limit);
            let arguments = arguments![ticket, after_sequence.unwrap_or(0), ask_for(limit)];
            let found = fetch(db, sql::comments(), arguments, rows::comment).await?;
            Ok(Page::cut(found, limit, |last| last.sequence))
        }))
    }

    fn comment(&self, ticket: Uuid, comment: Uuid) -> Answer<'_, Option<CommentRow>> {
        Box::pin(self.ask(async move |db| {
            Ok(fetch(db, sql::comment(), arguments![ticket, comment], rows::comment).await?.pop())
        }))
    }

    fn history<'a>(
        &'a self,
        project: Uuid,
        subject: Option<&'a str>,
        before_sequence: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Page<HistoryRow, i64>> {
        Box::pin(self.ask(async move |db| {
            let (limit, before) = (page_size(limit), before_sequence.unwrap_or(i64::MAX));
            let (statement, arguments) = match subject {
                None => (sql::history_of_project(), arguments![project, before, ask_for(limit)]),
                Some(subject) => (sql::history_of_subject(), arguments![project, subject, before, ask_for(limit)]),
            };
            let found = fetch(db, statement, arguments, rows::history).await?;
            Ok(Page::cut(found, limit, |last| last.sequence))
        }))
    }

    fn history_before<'a>(
        &'a self,
        project: Uuid,
        subject: &'a str,
        sequence: i64,
        limit: u32,
    ) -> Answer<'a, Vec<HistoryRow>> {
        Box::pin(self.ask(async move |db| {
            let arguments = arguments![project, subject, sequence, i64::from(limit)];
            fetch(db, sql::history_before(), arguments, rows::history).await
        }))
    }

    fn watchers(
        &self,
        project: Uuid,
        number: i64,
        after: Option<Uuid>,
        limit: u32,
    ) -> Answer<'_, Page<WatcherRow, Uuid>> {
        Box::pin(self.ask(async move |db| {
            let limit = page_size(limit);
            let arguments = arguments![project, number, after.unwrap_or_default(), ask_for(limit)];
            let found = fetch(db, sql::watchers(), arguments, rows::watcher).await?;
            Ok(Page::cut(found, limit, |last| last.user_id))
        }))
    }

    fn notifications(
        &self,
        user: Uuid,
        unread_only: bool,
        before_sequence: Option<i64>,
        limit: u32,
    ) -> Answer<'_, Page<NotificationRow, i64>> {
        Box::pin(self.ask(async move |db| {
            let limit = page_size(limit);
            let statement = if unread_only { sql::unread_notifications() } else { sql::notifications() };
            let arguments = arguments![user, before_sequence.unwrap_or(i64::MAX), ask_for(limit)];
            let found = fetch(db, statement, arguments, rows::notification).await?;
            Ok(Page::cut(found, limit, |last| last.sequence))
        }))
    }

    fn notification(&self, id: Uuid) -> Answer<'_, Option<NotificationRow>> {
        Box::pin(
            self.ask(async move |db| {
                Ok(fetch(db, sql::notification(), arguments![id], rows::notification).await?.pop())
            }),
        )
    }

    fn unread(&self, user: Uuid, up_to: i64) -> Answer<'_, i64> {
        Box::pin(self.ask(async move |db| {
            sqlx::query_scalar(UNREAD).bind(user).bind(up_to).bind(MOST_UNREAD).fetch_one(db).await
        }))
    }

    fn mails<'a>(
        &'a self,
        user: Uuid,
        state: Option<&'a str>,
        before: Option<MailCursor>,
        limit: u32,
    ) -> Answer<'a, Page<MailRow, MailCursor>> {
        Box::pin(self.ask(async move |db| {
            let (limit, before) = (page_size(limit), before.unwrap_or(MailCursor::FIRST));
            let mut arguments = arguments![user, before.requested_at, before.id, ask_for(limit)];
            let statement = match state {
                None => sql::mails(),
                Some(state) => {
                    sqlx::Arguments::add(&mut arguments, state).map_err(sqlx::Error::Encode)?;
                    sql::mails_in_state()
                }
            };
            let found = fetch(db, statement, arguments, rows::mail).await?;
            Ok(Page::cut(found, limit, |last| MailCursor::from(last)))
        }))
    }

    fn deliveries<'a>(
        &'a self,
        hook: Uuid,
        state: Option<&'a str>,
        before: Option<DeliveryCursor>,
        limit: u32,
    ) -> Answer<'a, Page<DeliveryRow, DeliveryCursor>> {
        Box::pin(self.ask(async move |db| {
            let (limit, before) = (page_size(limit), before.unwrap_or(DeliveryCursor::FIRST));
            let mut arguments = arguments![hook, before.first_at, before.id, ask_for(limit)];
            let statement = match state {
                None => sql::deliveries(),
                Some(state) => {
                    sqlx::Arguments::add(&mut arguments, state).map_err(sqlx::Error::Encode)?;
                    sql::deliveries_in_state()
                }
            };
            let found = fetch(db, statement, arguments, rows::delivery).await?;
            Ok(Page::cut(found, limit, |last| DeliveryCursor::from(last)))
        }))
    }

    fn delivery(&self, id: Uuid) -> Answer<'_, Option<DeliveryRow>> {
        Box::pin(self.ask(async move |db| Ok(fetch(db, sql::delivery(), arguments![id], rows::delivery).await?.pop())))
    }

    fn user(&self, id: Uuid) -> Answer<'_, Option<UserRow>> {
        Box::pin(self.ask(async move |db| Ok(fetch(db, sql::user(), arguments![id], rows::user).await?.pop())))
    }

    fn users<'a>(&'a self, ids: &'a [Uuid]) -> Answer<'a, BTreeMap<Uuid, UserRow>> {
        Box::pin(self.ask(async move |db| {
            if ids.is_empty() {
                return Ok(BTreeMap::new());
            }
            let users = fetch(db, users_sql(), arguments![ids], rows::user).await?;
            Ok(users.into_iter().map(|user| (user.id, user)).collect())
        }))
    }

    fn deactivated_users(&self) -> Answer<'_, HashSet<Uuid>> {
        Box::pin(self.ask(async move |db| {
            let users: Vec<Uuid> = sqlx::query_scalar(DEACTIVATED).fetch_all(db).await?;
            Ok(users.into_iter().collect())
        }))
    }

    fn outcome(&self, command: Uuid) -> Answer<'_, Option<Outcome>> {
        Box::pin(async move {
            let bytes: Option<Vec<u8>> =
                self.ask(async move |db| sqlx::query_scalar(OUTCOME).bind(command).fetch_optional(db).await).await?;
            bytes
                .map(|bytes| Outcome::decode(&bytes).map_err(|error| ReadError::Damaged(error.to_string())))
                .transpose()
        })
    }

    fn sequence(&self, project: Uuid) -> Answer<'_, i64> {
        Box::pin(self.ask(async move |db| {
            let sequence: Option<i64> = sqlx::query_scalar(PROJECT_SEQUENCE).bind(project).fetch_optional(db).await?;
            Ok(sequence.unwrap_or(0))
        }))
    }

    fn wait_for(&self, project_or_user: Uuid, sequence: i64, deadline: Instant) -> Answer<'_, bool> {
        Box::pin(async move {
            // First the place in the line, then the look at what is there: nothing can come between unnoticed.
            let mut waiting = self.live.wait(project_or_user, sequence);
            let mut pause = FIRST_LOOK;
            loop {
                let there = self
                    .ask(async move |db| {
                        sqlx::query_scalar::<_, Option<i64>>(ANY_SEQUENCE).bind(project_or_user).fetch_one(db).await
                    })
                    .await?;
                if there.unwrap_or(0) >= sequence {
                    return Ok(true);
                }
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(false);
                }
                if tokio::time::timeout(pause.min(left), waiting.reached()).await.is_ok() {
                    return Ok(true);
                }
                pause = (pause * 2).min(LAST_LOOK);
            }
        })
    }
}

/// One transaction sees one moment, so counts, tickets and version fit each other.
async fn board(db: &mut PgConnection, id: Uuid) -> Result<Option<Board>, sqlx::Error> {
    let mut moment = db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let found = fetch(&mut moment, sql::project(), arguments![id], rows::project).await?.pop();
    let Some(project) = found else { return Ok(None) };
    let counts: Vec<(String, i64)> = sqlx::query_as(BOARD_COUNTS).bind(id).fetch_all(&mut *moment).await?;
    let mut columns = Vec::new();
    for (status, count) in Board::columns_in_order(&project, counts) {
        let tickets = match count {
            0 => Page { items: Vec::new(), next: None },
            _ => column(&mut moment, id, &status, None, BOARD_COLUMN_PAGE).await?,
        };
        columns.push(BoardColumn { status, count, tickets });
    }
    moment.commit().await?;
    Ok(Some(Board { project, columns }))
}

async fn column(
    db: &mut PgConnection,
    project: Uuid,
    status: &str,
    before_number: Option<i64>,
    limit: u32,
) -> Result<Page<TicketCard, i64>, sqlx::Error> {
    let arguments = arguments![project, status, before_number.unwrap_or(i64::MAX), ask_for(limit)];
    let found = fetch(db, sql::board_column(), arguments, rows::card).await?;
    Ok(Page::cut(found, limit, |last| last.number))
}

/// One more than fit on the page tells that there is another.
fn ask_for(limit: u32) -> i64 {
    i64::from(limit) + 1
}

/// Runs a statement put together from constant parts; values are bound, never part of the text.
async fn fetch<T>(
    db: &mut PgConnection,
    sql: String,
    arguments: PgArguments,
    row: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
) -> Result<Vec<T>, sqlx::Error> {
    sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_all(db).await?.iter().map(row).collect()
}
