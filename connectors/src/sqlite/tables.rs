//! The read model as `verify` reads it: every row of every table, in bounded memory, all from one moment.

use std::path::Path;

use parking_lot::Mutex;
use schemas::reader::{
    CommentRow, DeliveryRow, HistoryRow, MailRow, MemberRow, NotificationRow, OutcomeRow, ProjectRow, ReadError,
    ReadModel, TicketRow, UserRow, WatcherRow,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection};
use tokio::runtime::Runtime;
use topology::broker::TopicPartition;

use super::{rows, store};
use crate::sql::{
    CARD, COMMENT, DELIVERY, HISTORY, MAIL, MEMBER, NOTIFICATION, OUTCOME_ROW, PROJECT, TICKET_REST, USER, WATCHER,
};

/// Rows that are held in memory at once.
const PAGE: u32 = 1_000;

/// The tables of a read model. Its methods block, and must not be called from asynchronous code.
pub struct SqliteTables {
    inner: Mutex<(Runtime, SqliteConnection)>,
    offsets: Vec<(TopicPartition, i64)>,
}

impl SqliteTables {
    /// Opens the file as it is at this moment; what a sink writes later is not seen.
    ///
    /// # Errors
    /// There is no such file, or it is no read model.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| failed("read model", &error))?;
        let options = SqliteConnectOptions::new().filename(path).pragma("query_only", "1");
        let (connection, offsets) = runtime
            .block_on(async {
                let mut connection = options.connect().await?;
                // Held until the connection closes, so that all tables are of one moment: the first read fixes it.
                sqlx::query("BEGIN").execute(&mut connection).await?;
                let offsets = store::offsets(&mut connection).await?;
                Ok::<_, sqlx::Error>((connection, offsets))
            })
            .map_err(|error| failed("read model", &error))?;
        Ok(Self { inner: Mutex::new((runtime, connection)), offsets })
    }

    /// How far they are: the offset of the next record, for each partition that was ever read.
    #[must_use]
    pub fn offsets(&self) -> &[(TopicPartition, i64)] {
        &self.offsets
    }

    /// Reads a table in pages by a unique key, each page after the last key of the one before.
    fn scan<T>(
        &self,
        table: &'static str,
        source: &str,
        keys: &[&str],
        columns: &str,
        parse: fn(&SqliteRow) -> Result<T, sqlx::Error>,
        each: &mut dyn FnMut(T),
    ) -> Result<(), ReadError> {
        let order = keys.join(", ");
        let marks = vec!["?"; keys.len()].join(", ");
        let first = format!("SELECT {columns}, {order} FROM {source} ORDER BY {order} LIMIT {PAGE}");
        let next = format!(
            "SELECT {columns}, {order} FROM {source} WHERE ({order}) > ({marks}) ORDER BY {order} LIMIT {PAGE}"
        );
        let mut guard = self.inner.lock();
        let (runtime, connection) = &mut *guard;
        let mut after: Option<Vec<Key>> = None;
        loop {
            let page = runtime
                .block_on(async {
                    let mut query =
                        sqlx::query(AssertSqlSafe(if after.is_some() { next.clone() } else { first.clone() }));
                    for key in after.take().unwrap_or_default() {
                        query = match key {
                            Key::Row(rowid) => query.bind(rowid),
                            Key::Id(id) => query.bind(id),
                        };
                    }
                    query.fetch_all(&mut *connection).await
                })
                .map_err(|error| failed(table, &error))?;
            for row in &page {
                each(parse(row).map_err(|error| failed(table, &error))?);
            }
            let Some(last) = page.last().filter(|_| page.len() == PAGE as usize) else { return Ok(()) };
            let start = last.len() - keys.len();
            let key: Result<Vec<Key>, _> = (start..last.len()).map(|column| Key::read(last, column)).collect();
            after = Some(key.map_err(|error| failed(table, &error))?);
        }
    }
}

impl ReadModel for SqliteTables {
    fn projects(&self, each: &mut dyn FnMut(ProjectRow)) -> Result<(), ReadError> {
        // A project without a sequence is damage, and must be seen, not left out.
        let source = "projects p LEFT JOIN project_sequences s ON s.project_id = p.id";
        let columns = PROJECT.replace("s.sequence", "coalesce(s.sequence, 0)");
        self.scan("projects", source, &["p.id"], &columns, rows::project, each)
    }

    fn members(&self, each: &mut dyn FnMut(MemberRow)) -> Result<(), ReadError> {
        self.scan("members", "members", &["project_id", "user_id"], MEMBER, rows::member, each)
    }

    fn tickets(&self, each: &mut dyn FnMut(TicketRow)) -> Result<(), ReadError> {
        let columns = format!("{CARD}, {TICKET_REST}");
        self.scan("tickets", "tickets t", &["t.id"], &columns, rows::ticket, each)
    }

    fn comments(&self, each: &mut dyn FnMut(CommentRow)) -> Result<(), ReadError> {
        self.scan("comments", "comments", &["rowid"], COMMENT, rows::comment, each)
    }

    fn watchers(&self, each: &mut dyn FnMut(WatcherRow)) -> Result<(), ReadError> {
        self.scan("watchers", "watchers", &["project_id", "number", "user_id"], WATCHER, rows::watcher, each)
    }

    fn history(&self, each: &mut dyn FnMut(HistoryRow)) -> Result<(), ReadError> {
        self.scan("history", "history", &["project_id", "sequence"], HISTORY, rows::history, each)
    }

    fn notifications(&self, each: &mut dyn FnMut(NotificationRow)) -> Result<(), ReadError> {
        self.scan("notifications", "notifications", &["user_id", "sequence"], NOTIFICATION, rows::notification, each)
    }

    fn mails(&self, each: &mut dyn FnMut(MailRow)) -> Result<(), ReadError> {
        self.scan("mails", "mails", &["id"], MAIL, rows::mail, each)
    }

    fn deliveries(&self, each: &mut dyn FnMut(DeliveryRow)) -> Result<(), ReadError> {
        self.scan("webhook_deliveries", "webhook_deliveries", &["id"], DELIVERY, rows::delivery, each)
    }

    fn users(&self, each: &mut dyn FnMut(UserRow)) -> Result<(), ReadError> {
        self.scan("users", "users", &["id"], USER, rows::user, each)
    }

    fn outcomes(&self, each: &mut dyn FnMut(OutcomeRow)) -> Result<(), ReadError> {
        self.scan("outcomes", "outcomes", &["rowid"], OUTCOME_ROW, rows::outcome, each)
    }
}

/// A part of the key that a table is read by.
enum Key {
    Row(i64),
    Id(Vec<u8>),
}

impl Key {
    fn read(row: &SqliteRow, column: usize) -> Result<Self, sqlx::Error> {
        row.try_get(column).map(Self::Row).or_else(|_| row.try_get(column).map(Self::Id))
    }
}

fn failed(what: &str, error: &dyn std::error::Error) -> ReadError {
    ReadError { what: what.to_owned(), reason: error.to_string() }
}
