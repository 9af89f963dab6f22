//! A read model in memory, as simple as can be, that can be told to fail or to lag.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use connectors::read_model::{
    Answer, Board, BoardColumn, DEFAULT_STATUSES, Page, ReadError, ReadModel, TicketCard, TicketCursor, TicketQuery,
};
use schemas::Outcome;
use schemas::reader::{CommentRow, MemberRow, ProjectRow, TicketRow, UserRow};
use uuid::Uuid;

#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) projects: Vec<ProjectRow>,
    pub(crate) members: Vec<MemberRow>,
    pub(crate) tickets: Vec<TicketRow>,
    pub(crate) comments: Vec<CommentRow>,
    pub(crate) users: Vec<UserRow>,
    pub(crate) outcomes: Vec<Outcome>,
    /// Tickets of a column that come with the board; 0: two.
    pub(crate) column_page: u32,
    /// Every question `wait_for` was asked: of what, and which sequence.
    pub(crate) waits: Vec<(Uuid, i64)>,
}

#[derive(Default)]
pub(crate) struct Model {
    tables: Mutex<Tables>,
    pub(crate) down: AtomicBool,
    pub(crate) lagging: AtomicBool,
}

impl Model {
    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap()
    }

    fn answer<T: Send + 'static>(&self, read: impl FnOnce(&mut Tables) -> T) -> Answer<'static, T> {
        let answer = if self.down.load(Ordering::SeqCst) {
            Err(ReadError::Unavailable("database is locked at /srv/secret.db".to_owned()))
        } else {
            Ok(read(&mut self.tables()))
        };
        Box::pin(async { answer })
    }
}

fn page<T, C>(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> C) -> Page<T, C> {
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = if more { items.last().map(cursor) } else { None };
    Page { items, next }
}

fn card(row: &TicketRow) -> TicketCard {
    TicketCard {
        id: row.id,
        project_id: row.project_id,
        number: row.number,
        code: row.code.clone(),
        title: row.title.clone(),
        priority: row.priority.clone(),
        status: row.status.clone(),
        labels: row.labels.clone(),
        reporter_id: row.reporter_id,
        assignee_id: row.assignee_id,
        due_date: row.due_date,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

fn column(tables: &Tables, project: Uuid, status: &str, before: Option<i64>, limit: u32) -> Page<TicketCard, i64> {
    let mut rows: Vec<&TicketRow> =
        tables.tickets.iter().filter(|row| row.project_id == project && row.status == status).collect();
    rows.retain(|row| before.is_none_or(|before| row.number < before));
    rows.sort_by_key(|row| -row.number);
    page(rows.into_iter().map(card).collect(), limit, |card| card.number)
}

impl ReadModel for Model {
    fn projects<'a>(
        &'a self,
        member: Option<Uuid>,
        after_key: Option<&'a str>,
        limit: u32,
    ) -> Answer<'a, Page<ProjectRow, String>> {
        let after = after_key.unwrap_or_default().to_owned();
        self.answer(move |tables| {
            let mine = |row: &&ProjectRow| {
                member.is_none_or(|user| tables.members.iter().any(|m| m.project_id == row.id && m.user_id == user))
            };
            let mut rows: Vec<_> = tables.projects.iter().filter(mine).filter(|row| row.key > after).cloned().collect();
            rows.sort_by(|a, b| a.key.cmp(&b.key));
            page(rows, limit, |row| row.key.clone())
        })
    }

    fn project(&self, id: Uuid) -> Answer<'_, Option<ProjectRow>> {
        self.answer(|tables| tables.projects.iter().find(|row| row.id == id).cloned())
    }

    fn status_counts<'a>(&'a self, projects: &'a [Uuid]) -> Answer<'a, BTreeMap<Uuid, BTreeMap<String, i64>>> {
        self.answer(|tables| {
            let mut counts: BTreeMap<Uuid, BTreeMap<String, i64>> = BTreeMap::new();
            for row in tables.tickets.iter().filter(|row| projects.contains(&row.project_id)) {
                *counts.entry(row.project_id).or_default().entry(row.status.clone()).or_default() += 1;
            }
            counts
        })
    }

    fn members(&self, project: Uuid) -> Answer<'_, Vec<MemberRow>> {
        self.answer(|tables| tables.members.iter().filter(|row| row.project_id == project).cloned().collect())
    }

    fn member(&self, project: Uuid, user: Uuid) -> Answer<'_, Option<MemberRow>> {
        self.answer(|tables| {
            tables.members.iter().find(|row| row.project_id == project && row.user_id == user).cloned()
        })
    }

    fn ticket(&self, id: Uuid) -> Answer<'_, Option<TicketRow>> {
        self.answer(|tables| tables.tickets.iter().find(|row| row.id == id).cloned())
    }

    fn ticket_by_number(&self, project: Uuid, number: i64) -> Answer<'_, Option<TicketRow>> {
        self.answer(|tables| {
            tables.tickets.iter().find(|row| row.project_id == project && row.number == number).cloned()
        })
    }

    fn tickets<'a>(&'a self, project: Uuid, query: &'a TicketQuery) -> Answer<'a, Page<TicketRow, TicketCursor>> {
        self.answer(|tables| {
            let mut rows: Vec<_> = tables.tickets.iter().filter(|row| row.project_id == project).cloned().collect();
            rows.retain(|row| query.status.as_ref().is_none_or(|status| *status == row.status));
            rows.retain(|row| query.after.is_none_or(|after| row.number < after.number));
            rows.sort_by_key(|row| -row.number);
            page(rows, query.limit, |row| TicketCursor::from(row))
        })
    }

    fn board(&self, project: Uuid) -> Answer<'_, Option<Board>> {
        self.answer(|tables| {
            let row = tables.projects.iter().find(|row| row.id == project)?.clone();
            let page = if tables.column_page == 0 { 2 } else { tables.column_page };
            let columns = DEFAULT_STATUSES.map(|status| {
                let all = tables.tickets.iter().filter(|row| row.project_id == project && row.status == status);
                let count = i64::try_from(all.count()).unwrap();
                BoardColumn { status: status.to_owned(), count, tickets: column(tables, project, status, None, page) }
            });
            Some(Board { project: row, columns: columns.into() })
        })
    }

    fn board_column<'a>(
        &'a self,
        project: Uuid,
        status: &'a str,
        before_number: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Page<TicketCard, i64>> {
        self.answer(|tables| column(tables, project, status, before_number, limit))
    }

    fn comments(&self, ticket: Uuid, after_sequence: Option<i64>, limit: u32) -> Answer<'_, Page<CommentRow, i64>> {
        self.answer(|tables| {
            let after = after_sequence.unwrap_or_default();
            let rows = tables.comments.iter().filter(|row| row.ticket_id == ticket && row.sequence > after);
            page(rows.cloned().collect(), limit, |row: &CommentRow| row.sequence)
        })
    }

    fn comment(&self, ticket: Uuid, comment: Uuid) -> Answer<'_, Option<CommentRow>> {
        self.answer(|tables| tables.comments.iter().find(|row| row.ticket_id == ticket && row.id == comment).cloned())
    }

    fn user(&self, id: Uuid) -> Answer<'_, Option<UserRow>> {
        self.answer(|tables| tables.users.iter().find(|row| row.id == id).cloned())
    }

    fn users<'a>(&'a self, ids: &'a [Uuid]) -> Answer<'a, BTreeMap<Uuid, UserRow>> {
        self.answer(|tables| {
            let known = tables.users.iter().filter(|row| ids.contains(&row.id));
            known.map(|row| (row.id, row.clone())).collect()
        })
    }

    fn outcome(&self, command: Uuid) -> Answer<'_, Option<Outcome>> {
        self.answer(|tables| tables.outcomes.iter().find(|outcome| outcome.command_id() == command).cloned())
    }

    fn sequence(&self, project: Uuid) -> Answer<'_, i64> {
        self.answer(|tables| tables.projects.iter().find(|row| row.id == project).map_or(0, |row| row.sequence))
    }

    fn wait_for(&self, project_or_user: Uuid, sequence: i64, _deadline: Instant) -> Answer<'_, bool> {
        let reached = !self.lagging.load(Ordering::SeqCst);
        self.answer(move |tables| {
            tables.waits.push((project_or_user, sequence));
            reached
        })
    }
}
