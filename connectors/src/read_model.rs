//! What can be asked of a read model. SQLite answers here; other databases answer the same questions.
//!
//! Every list is in pages with a keyset cursor: a page costs the same however deep it lies. Rows are those of
//! [`schemas::reader`]; times are milliseconds since 1970-01-01T00:00Z.

use std::collections::{BTreeMap, HashSet};
use std::pin::Pin;
use std::time::Instant;

use schemas::reader::{
    CommentRow, DeliveryRow, HistoryRow, MailRow, MemberRow, NotificationRow, ProjectRow, TicketRow, UserRow,
    WatcherRow,
};
use schemas::{Outcome, Workflow};
use uuid::Uuid;

/// A future behind a pointer, so that the trait can be used as an object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a question to the read model comes back with.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ReadError>>;

/// The most items that a page can have.
pub const MAX_PAGE: u32 = 200;

/// Unread notifications are counted up to this many.
pub const MOST_UNREAD: i64 = 1_000;

/// Tickets of a board column that come with the board.
pub const BOARD_COLUMN_PAGE: u32 = 100;

/// Why a read model gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It cannot be reached or is too busy; asking again may help.
    #[error("read model unavailable: {0}")]
    Unavailable(String),
    /// It holds something that should not be there.
    #[error("read model damaged: {0}")]
    Damaged(String),
}

/// The read model. Projects and tickets can be named by key and code without asking it:
/// [`schemas::ids::project_id`] and the number in the code give what it is keyed by.
///
/// Every method fails with [`ReadError`] and only with it; what is not there is `None` or an empty list.
pub trait ReadModel: Send + Sync {
    /// Projects, by key: those that `member` belongs to, or all. The cursor is the last key of the page before.
    fn projects<'a>(
        &'a self,
        member: Option<Uuid>,
        after_key: Option<&'a str>,
        limit: u32,
    ) -> Answer<'a, Page<ProjectRow, String>>;

    /// A project.
    fn project(&self, id: Uuid) -> Answer<'_, Option<ProjectRow>>;

    /// How many tickets there are in each state, for each of these projects.
    fn status_counts<'a>(&'a self, projects: &'a [Uuid]) -> Answer<'a, BTreeMap<Uuid, BTreeMap<String, i64>>>;

    /// The members of a project, by handle. A project has few enough of them to come at once.
    fn members(&self, project: Uuid) -> Answer<'_, Vec<MemberRow>>;

    /// The membership of a user in a project.
    fn member(&self, project: Uuid, user: Uuid) -> Answer<'_, Option<MemberRow>>;

    /// A ticket, by its id.
    fn ticket(&self, id: Uuid) -> Answer<'_, Option<TicketRow>>;

    /// A ticket, by project and number.
    fn ticket_by_number(&self, project: Uuid, number: i64) -> Answer<'_, Option<TicketRow>>;

    /// The tickets of a project that pass the filter, newest first.
    fn tickets<'a>(&'a self, project: Uuid, query: &'a TicketQuery) -> Answer<'a, Page<TicketRow, TicketCursor>>;

    /// The tickets with these words, last changed first: of the projects that `member` belongs to, or of all.
    fn search<'a>(
        &'a self,
        member: Option<Uuid>,
        words: &'a Words,
        after: Option<SearchCursor>,
        limit: u32,
    ) -> Answer<'a, Page<TicketRow, SearchCursor>>;

    /// The board of a project, all from one moment: each column with its count and its first [`BOARD_COLUMN_PAGE`] tickets.
    /// `None` if there is no such project.
    fn board(&self, project: Uuid) -> Answer<'_, Option<Board>>;

    /// The next tickets of a board column; `before_number` is the column's cursor.
    fn board_column<'a>(
        &'a self,
        project: Uuid,
        status: &'a str,
        before_number: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Page<TicketCard, i64>>;

    /// The comments of a ticket, oldest first. The cursor is the sequence of the last one of the page before.
    fn comments(&self, ticket: Uuid, after_sequence: Option<i64>, limit: u32) -> Answer<'_, Page<CommentRow, i64>>;

    /// What happened to a subject of a project, or in all of it, the newest first. The cursor is the sequence of the last event of the page
    /// before.
    fn history<'a>(
        &'a self,
        project: Uuid,
        subject: Option<&'a str>,
        before_sequence: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Page<HistoryRow, i64>>;

    /// What says how a subject was before a sequence, the newest first, so many rows at the most.
    fn history_before<'a>(
        &'a self,
        project: Uuid,
        subject: &'a str,
        sequence: i64,
        limit: u32,
    ) -> Answer<'a, Vec<HistoryRow>>;

    /// A comment of a ticket.
    fn comment(&self, ticket: Uuid, comment: Uuid) -> Answer<'_, Option<CommentRow>>;

    /// Who watches a ticket, by id. The cursor is the last user's id of the page before.
    fn watchers(
        &self,
        project: Uuid,
        number: i64,
        after: Option<Uuid>,
        limit: u32,
    ) -> Answer<'_, Page<WatcherRow, Uuid>>;

    /// A user. By e-mail or login, ask for [`schemas::ids::user_id`] of the user key.
    fn user(&self, id: Uuid) -> Answer<'_, Option<UserRow>>;

    /// The notifications of a user, or those that are unread, newest first. The cursor is the sequence of the last one of the page before.
    fn notifications(
        &self,
        user: Uuid,
        unread_only: bool,
        before_sequence: Option<i64>,
        limit: u32,
    ) -> Answer<'_, Page<NotificationRow, i64>>;

    /// A notification, by its id.
    fn notification(&self, id: Uuid) -> Answer<'_, Option<NotificationRow>>;

    /// How many notifications of a user are unread, up to this sequence; counted no further than [`MOST_UNREAD`].
    fn unread(&self, user: Uuid, up_to: i64) -> Answer<'_, i64>;

    /// The mails of a user, or those in this state, the last asked for first; kept for seven days.
    fn mails<'a>(
        &'a self,
        user: Uuid,
        state: Option<&'a str>,
        before: Option<MailCursor>,
        limit: u32,
    ) -> Answer<'a, Page<MailRow, MailCursor>>;

    /// The deliveries to a webhook, or those in this state, the last that was begun first; kept for seven days.
    fn deliveries<'a>(
        &'a self,
        hook: Uuid,
        state: Option<&'a str>,
        before: Option<DeliveryCursor>,
        limit: u32,
    ) -> Answer<'a, Page<DeliveryRow, DeliveryCursor>>;

    /// A delivery to a webhook, once it was tried.
    fn delivery(&self, id: Uuid) -> Answer<'_, Option<DeliveryRow>>;

    /// Those of these users that are known.
    fn users<'a>(&'a self, ids: &'a [Uuid]) -> Answer<'a, BTreeMap<Uuid, UserRow>>;

    /// Every user who may do nothing any more.
    fn deactivated_users(&self) -> Answer<'_, HashSet<Uuid>>;

    /// The first outcome of a command; kept for seven days.
    fn outcome(&self, command: Uuid) -> Answer<'_, Option<Outcome>>;

    /// The sequence of the last event of a project that is in the read model; 0 if there is none.
    fn sequence(&self, project: Uuid) -> Answer<'_, i64>;

    /// Waits until the read model has the event `sequence` of a project, and says whether it came before the deadline.
    /// For a user's own counter give the user's id in place of the project's.
    fn wait_for(&self, project_or_user: Uuid, sequence: i64, deadline: Instant) -> Answer<'_, bool>;
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

pub(crate) fn page_size(limit: u32) -> u32 {
    limit.clamp(1, MAX_PAGE)
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Makes a page of at most `limit` items from up to one more, whose presence says that there is a next page.
    pub(crate) fn cut(mut items: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> C) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next }
    }
}

/// Which tickets, in what order, and from where on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketQuery {
    /// In this state.
    pub status: Option<String>,
    /// Of this priority.
    pub priority: Option<String>,
    /// With this label.
    pub label: Option<String>,
    /// Assigned to this user, or to no one.
    pub assignee: Option<Assignee>,
    /// Reported by this user.
    pub reporter: Option<Uuid>,
    /// Made in this time.
    pub created: Period,
    /// Last changed in this time.
    pub updated: Period,
    /// Due in this time.
    pub due: Period,
    /// With these words.
    pub words: Option<Words>,
    /// Order.
    pub order: TicketOrder,
    /// After the last ticket of the page before; must be one of the same order.
    pub after: Option<TicketCursor>,
    /// Size of the page, 1 to [`MAX_PAGE`].
    pub limit: u32,
}

impl Default for TicketQuery {
    fn default() -> Self {
        Self {
            status: None,
            priority: None,
            label: None,
            assignee: None,
            reporter: None,
            created: Period::default(),
            updated: Period::default(),
            due: Period::default(),
            words: None,
            order: TicketOrder::Number,
            after: None,
            limit: 50,
        }
    }
}

/// What is searched for: each of the words, or one that begins with it, is in the ticket's title and description together, or in one comment of
/// it. Neither case nor accents make a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// The words of a text, with spaces between; none if it has none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        (!words.is_empty()).then(|| Self(words.join(" ")))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// From one moment on, and before another, in milliseconds since 1970-01-01T00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// The first moment.
    pub from: Option<i64>,
    /// The first one after.
    pub to: Option<i64>,
}

impl TicketQuery {
    /// Where the page begins: after this one.
    pub(crate) fn begin(&self) -> TicketCursor {
        let first = TicketCursor { number: i64::MAX, updated_at: i64::MAX };
        let after = self.after.unwrap_or(first);
        match (self.order, self.updated.to) {
            (TicketOrder::Updated, Some(to)) if to <= after.updated_at => {
                TicketCursor { number: i64::MIN, updated_at: to }
            }
            _ => after,
        }
    }

    /// The conditions on times, as the beginnings of their text, and the values.
    pub(crate) fn times(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let of = |period: Period, from, to| [(from, period.from), (to, period.to)];
        // In the order of changes that is where the page begins.
        let updated = match self.order {
            TicketOrder::Updated => Period { to: None, ..self.updated },
            TicketOrder::Number => self.updated,
        };
        let all = [
            of(self.created, " AND t.created_at >= ", " AND t.created_at < "),
            of(updated, " AND t.updated_at >= ", " AND t.updated_at < "),
            of(self.due, " AND t.due_date >= ", " AND t.due_date < "),
        ];
        all.into_iter().flatten().filter_map(|(condition, value)| Some((condition, value?)))
    }
}

/// Whom a ticket is assigned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignee {
    /// This user.
    User(Uuid),
    /// No one.
    Nobody,
}

/// The order of a list of tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TicketOrder {
    /// Highest number first.
    #[default]
    Number,
    /// Last changed first.
    Updated,
}

/// The place of a ticket in a list: all that either order needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketCursor {
    /// Its number.
    pub number: i64,
    /// When it was last changed.
    pub updated_at: i64,
}

/// The place of a ticket among those of several projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchCursor {
    /// When it was last changed.
    pub updated_at: i64,
    /// Its id.
    pub id: Uuid,
}

impl SearchCursor {
    /// The place before all tickets.
    pub(crate) const FIRST: Self = Self { updated_at: i64::MAX, id: Uuid::max() };
}

impl From<&TicketRow> for SearchCursor {
    fn from(ticket: &TicketRow) -> Self {
        Self { updated_at: ticket.updated_at, id: ticket.id }
    }
}

impl From<&TicketRow> for TicketCursor {
    fn from(ticket: &TicketRow) -> Self {
        Self { number: ticket.number, updated_at: ticket.updated_at }
    }
}

/// The place of a mail in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailCursor {
    /// When it was asked for.
    pub requested_at: i64,
    /// Its id.
    pub id: Uuid,
}

impl MailCursor {
    /// The place before all mails.
    pub(crate) const FIRST: Self = Self { requested_at: i64::MAX, id: Uuid::max() };
}

impl From<&MailRow> for MailCursor {
    fn from(mail: &MailRow) -> Self {
        Self { requested_at: mail.requested_at, id: mail.id }
    }
}

/// The place of a delivery in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryCursor {
    /// When it was tried first.
    pub first_at: i64,
    /// Its id.
    pub id: Uuid,
}

impl DeliveryCursor {
    /// The place before all deliveries.
    pub(crate) const FIRST: Self = Self { first_at: i64::MAX, id: Uuid::max() };
}

impl From<&DeliveryRow> for DeliveryCursor {
    fn from(delivery: &DeliveryRow) -> Self {
        Self { first_at: delivery.first_at, id: delivery.id }
    }
}

/// The board of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// The project; its `sequence` is the board's version.
    pub project: ProjectRow,
    /// The columns: the states of the workflow in their order, then any other state that tickets are in.
    pub columns: Vec<BoardColumn>,
}

impl Board {
    /// The columns that a board has, and their counts, in their order: the workflow's, then any other that tickets are in.
    pub(crate) fn columns_in_order(project: &ProjectRow, counts: Vec<(String, i64)>) -> Vec<(String, i64)> {
        let mut counts: BTreeMap<String, i64> = counts.into_iter().collect();
        let states = &Workflow::or_standard(project.workflow.as_ref()).states;
        let mut in_order: Vec<(String, i64)> =
            states.iter().map(|state| (state.name.clone(), counts.remove(&state.name).unwrap_or(0))).collect();
        in_order.extend(counts.into_iter().filter(|(_, count)| *count > 0));
        in_order
    }
}

/// A column of a board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardColumn {
    /// State of the workflow.
    pub status: String,
    /// How many tickets are in it.
    pub count: i64,
    /// The first of them, highest number first, and the cursor to the rest.
    pub tickets: Page<TicketCard, i64>,
}

/// A ticket as a board shows it: all but its text, so that a board stays small.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketCard {
    /// Id.
    pub id: Uuid,
    /// Id of the project.
    pub project_id: Uuid,
    /// Number in the project.
    pub number: i64,
    /// Code, such as SYNC-101.
    pub code: String,
    /// Title.
    pub title: String,
    /// Priority.
    pub priority: String,
    /// State of the workflow.
    pub status: String,
    /// Labels.
    pub labels: Vec<String>,
    /// User who reported it.
    pub reporter_id: Uuid,
    /// User who is to do the work.
    pub assignee_id: Option<Uuid>,
    /// When it is due.
    pub due_date: Option<i64>,
    /// Version; counts what people edit.
    pub version: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
}
