//! The read model as `verify` reads it: every row of every table, in bounded memory, all from one moment.

use parking_lot::Mutex;
use schemas::reader::{
    CommentRow, DeliveryRow, HistoryRow, MailRow, MemberRow, NotificationRow, OutcomeRow, ProjectRow, ReadError,
    ReadModel, TicketRow, UserRow, WatcherRow,
};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tokio::runtime::Runtime;
use topology::broker::TopicPartition;

use super::{PostgresConfig, migrate, rows, store};
use crate::sql::{
    CARD, COMMENT, DELIVERY, HISTORY, MAIL, MEMBER, NOTIFICATION, OUTCOME_ROW, PROJECT, TICKET_REST, USER, WATCHER,
};

/// Rows that are held in memory at once.
const PAGE: usize = 1_000;

/// The tables of a read model. Its methods block, and must not be called from asynchronous code.
pub struct PostgresTables {
    inner: Mutex<(Runtime, PgConnection)>,
    offsets: Vec<(TopicPartition, i64)>,
}

impl PostgresTables {
    /// Opens the tables as they are at this moment; what a sink writes later is not seen.
    ///
    /// # Errors
    /// The database cannot be reached, or it holds no read model of this version.
    pub fn open(config: &PostgresConfig) -> Result<Self, ReadError> {
        let failed = |error: &dyn std::error::Error| failed("read model", error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| failed(&e))?;
        let opened = runtime.block_on(async {
            let mut connection = config.session("verify", &[])?.connect().await?;
            migrate::check(&mut connection, &config.schema).await?;
            // Held until the connection closes, so that all tables are of one moment: the first read fixes it.
            sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut connection).await?;
            let offsets = store::offsets(&mut connection).await?;
            Ok::<_, crate::sink::SinkError>((connection, offsets))
        });
        let (connection, offsets) = opened.map_err(|error| failed(&error))?;
        Ok(Self { inner: Mutex::new((runtime, connection)), offsets })
    }

    /// How far they are: the offset of the next record, for each partition that was ever read.
    #[must_use]
    pub fn offsets(&self) -> &[(TopicPartition, i64)] {
        &self.offsets
    }

    fn scan<T>(
        &self,
        table: &'static str,
        select: &str,
        parse: fn(&PgRow) -> Result<T, sqlx::Error>,
        each: &mut dyn FnMut(T),
    ) -> Result<(), ReadError> {
        let mut guard = self.inner.lock();
        let (runtime, connection) = &mut *guard;
        let declare = format!("DECLARE {table}_rows NO SCROLL CURSOR FOR {select}");
        let fetch = format!("FETCH {PAGE} FROM {table}_rows");
        let failed = |error: &dyn std::error::Error| failed(table, error);
        runtime.block_on(migrate::run(connection, declare)).map_err(|error| failed(&error))?;
        loop {
            let page = runtime
                .block_on(sqlx::query(AssertSqlSafe(fetch.clone())).fetch_all(&mut *connection))
                .map_err(|error| failed(&error))?;
            for row in &page {
                each(parse(row).map_err(|error| failed(&error))?);
            }
            if page.len() < PAGE {
                let close = migrate::run(connection, format!("CLOSE {table}_rows"));
                return runtime.block_on(close).map_err(|error| failed(&error));
            }
        }
    }
}

impl ReadModel for PostgresTables {
    fn projects(&self, each: &mut dyn FnMut(ProjectRow)) -> Result<(), ReadError> {
        // A project without a sequence is damage, and must be seen, not left out.
        let columns = PROJECT.replace("s.sequence", "coalesce(s.sequence, 0)");
        let select = format!(
            "SELECT {columns} FROM projects p LEFT JOIN project_sequences s ON s.project_id = p.id ORDER BY p.id"
        );
        self.scan("projects", &select, rows::project, each)
    }

    fn members(&self, each: &mut dyn FnMut(MemberRow)) -> Result<(), ReadError> {
        self.scan("members", &format!("SELECT {MEMBER} FROM members ORDER BY project_id, user_id"), rows::member, each)
    }

    fn tickets(&self, each: &mut dyn FnMut(TicketRow)) -> Result<(), ReadError> {
        self.scan("tickets", &format!("SELECT {CARD}, {TICKET_REST} FROM tickets t ORDER BY t.id"), rows::ticket, each)
    }

    fn comments(&self, each: &mut dyn FnMut(CommentRow)) -> Result<(), ReadError> {
        let select = format!("SELECT {COMMENT} FROM comments ORDER BY ticket_id, sequence");
        self.scan("comments", &select, rows::comment, each)
    }

    fn watchers(&self, each: &mut dyn FnMut(WatcherRow)) -> Result<(), ReadError> {
        let select = format!("SELECT {WATCHER} FROM watchers ORDER BY project_id, number, user_id");
        self.scan("watchers", &select, rows::watcher, each)
    }

    fn history(&self, each: &mut dyn FnMut(HistoryRow)) -> Result<(), ReadError> {
        let select = format!("SELECT {HISTORY} FROM history ORDER BY project_id, sequence");
        self.scan("history", &select, rows::history, each)
    }

    fn notifications(&self, each: &mut dyn FnMut(NotificationRow)) -> Result<(), ReadError> {
        let select = format!("SELECT {NOTIFICATION} FROM notifications ORDER BY user_id, sequence");
        self.scan("notifications", &select, rows::notification, each)
    }

    fn mails(&self, each: &mut dyn FnMut(MailRow)) -> Result<(), ReadError> {
        self.scan("mails", &format!("SELECT {MAIL} FROM mails ORDER BY id"), rows::mail, each)
    }

    fn deliveries(&self, each: &mut dyn FnMut(DeliveryRow)) -> Result<(), ReadError> {
        let select = format!("SELECT {DELIVERY} FROM webhook_deliveries ORDER BY id");
        self.scan("webhook_deliveries", &select, rows::delivery, each)
    }

    fn users(&self, each: &mut dyn FnMut(UserRow)) -> Result<(), ReadError> {
        self.scan("users", &format!("SELECT {USER} FROM users ORDER BY id"), rows::user, each)
    }

    fn outcomes(&self, each: &mut dyn FnMut(OutcomeRow)) -> Result<(), ReadError> {
        self.scan("outcomes", &format!("SELECT {OUTCOME_ROW} FROM outcomes"), rows::outcome, each)
    }
}

fn failed(what: &str, error: &dyn std::error::Error) -> ReadError {
    ReadError { what: what.to_owned(), reason: error.to_string() }
}
