//! A read model in memory, as simple as can be, that can be told to fail or to lag.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use connectors::read_model::{
    Answer, Board, BoardColumn, DeliveryCursor, MailCursor, Page, ReadError, ReadModel, SearchCursor, TicketCard,
    TicketCursor, TicketQuery, Words,
};
use schemas::reader::{
    CommentRow, DeliveryRow, HistoryRow, MailRow, MemberRow, NotificationRow, ProjectRow, TicketRow, UserRow,
    WatcherRow,
};
use schemas::{Outcome, Workflow};
use uuid::Uuid;

#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) projects: Vec<ProjectRow>,
    pub(crate) members: Vec<MemberRow>,
    pub(crate) tickets: Vec<TicketRow>,
    pub(crate) users: Vec<UserRow>,
    pub(crate) outcomes: Vec<Outcome>,
    /// Every question `wait_for` was asked: of what, and which sequence.
    pub(crate) waits: Vec<(Uuid, i64)>,
}

#[derive(Default)]
pub(crate) struct Model {
    tables: Mutex<Tables>,
    pub(crate) down: AtomicBool,
    pub(crate) lagging: AtomicBool,
    /// Nobody is answered what became of a command.
    pub(crate) silent: AtomicBool,
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

/// For what only the real read model is asked: `tests/apart/cases`.
fn not_asked<T>() -> T {
    panic!("no test here asks for this")
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

impl ReadModel for Model {
    fn projects<'a>(&'a self, _: Option<Uuid>, _: Option<&'a str>, _: u32) -> Answer<'a, Page<ProjectRow, String>> {
        self.answer(|tables| Page { items: tables.projects.clone(), next: None })
    }

    fn project(&self, id: Uuid) -> Answer<'_, Option<ProjectRow>> {
        self.answer(|tables| tables.projects.iter().find(|row| row.id == id).cloned())
    }

    fn status_counts<'a>(&'a self, _: &'a [Uuid]) -> Answer<'a, BTreeMap<Uuid, BTreeMap<String, i64>>> {
        not_asked()
    }

    fn members(&self, project: Uuid) -> Answer<'_, Vec<MemberRow>> {
        self.answer(|tables| tables.members.iter().filter(|row| row.project_id == project).cloned().collect())
    }

    fn member(&self, project: Uuid, user: Uuid) -> Answer<'_, Option<MemberRow>> {
        self.answer(|tables| {
            tables.members.iter().find(|row| row.project_id == project && row.user_id == user).cloned()
        })
    }

    fn ticket(&self, _: Uuid) -> Answer<'_, Option<TicketRow>> {
        not_asked()
    }

    fn ticket_by_number(&self, project: Uuid, number: i64) -> Answer<'_, Option<TicketRow>> {
        self.answer(|tables| {
            tables.tickets.iter().find(|row| row.project_id == project && row.number == number).cloned()
        })
    }

    fn tickets<'a>(&'a self, _: Uuid, _: &'a TicketQuery) -> Answer<'a, Page<TicketRow, TicketCursor>> {
        not_asked()
    }

    fn search<'a>(
        &'a self,
        _: Option<Uuid>,
        _: &'a Words,
        _: Option<SearchCursor>,
        _: u32,
    ) -> Answer<'a, Page<TicketRow, SearchCursor>> {
        not_asked()
    }

    fn board(&self, project: Uuid) -> Answer<'_, Option<Board>> {
        self.answer(|tables| {
            let row = tables.projects.iter().find(|row| row.id == project)?.clone();
            let states = Workflow::or_standard(row.workflow.as_ref()).states.iter();
            let columns = states.map(|state| {
                let status = &state.name;
                let all = tables.tickets.iter().filter(|row| row.project_id == project && row.status == *status);
                let items: Vec<_> = all.map(card).collect();
                let count = i64::try_from(items.len()).unwrap();
                BoardColumn { status: status.clone(), count, tickets: Page { items, next: None } }
            });
            let columns = columns.collect();
            Some(Board { project: row, columns })
        })
    }

    fn board_column<'a>(&'a self, _: Uuid, _: &'a str, _: Option<i64>, _: u32) -> Answer<'a, Page<TicketCard, i64>> {
        not_asked()
    }

    fn comments(&self, _: Uuid, _: Option<i64>, _: u32) -> Answer<'_, Page<CommentRow, i64>> {
        not_asked()
    }

    fn comment(&self, _: Uuid, _: Uuid) -> Answer<'_, Option<CommentRow>> {
        not_asked()
    }

    fn history<'a>(&'a self, _: Uuid, _: Option<&'a str>, _: Option<i64>, _: u32) -> Answer<'a, Page<HistoryRow, i64>> {
        not_asked()
    }

    fn history_before<'a>(&'a self, _: Uuid, _: &'a str, _: i64, _: u32) -> Answer<'a, Vec<HistoryRow>> {
        not_asked()
    }

    fn watchers(&self, _: Uuid, _: i64, _: Option<Uuid>, _: u32) -> Answer<'_, Page<WatcherRow, Uuid>> {
        not_asked()
    }

    fn notifications(&self, _: Uuid, _: bool, _: Option<i64>, _: u32) -> Answer<'_, Page<NotificationRow, i64>> {
        not_asked()
    }

    fn notification(&self, _: Uuid) -> Answer<'_, Option<NotificationRow>> {
        not_asked()
    }

    fn unread(&self, _: Uuid, _: i64) -> Answer<'_, i64> {
        not_asked()
    }

    fn mails<'a>(
        &'a self,
        _: Uuid,
        _: Option<&'a str>,
        _: Option<MailCursor>,
        _: u32,
    ) -> Answer<'a, Page<MailRow, MailCursor>> {
        not_asked()
    }

    fn deliveries<'a>(
        &'a self,
        _: Uuid,
        _: Option<&'a str>,
        _: Option<DeliveryCursor>,
        _: u32,
    ) -> Answer<'a, Page<DeliveryRow, DeliveryCursor>> {
        not_asked()
    }

    fn delivery(&self, _: Uuid) -> Answer<'_, Option<DeliveryRow>> {
        not_asked()
    }

    fn user(&self, id: Uuid) -> Answer<'_, Option<UserRow>> {
        self.answer(|tables| tables.users.iter().find(|row| row.id == id).cloned())
    }

    fn users<'a>(&'a self, _: &'a [Uuid]) -> Answer<'a, BTreeMap<Uuid, UserRow>> {
        not_asked()
    }

    fn deactivated_users(&self) -> Answer<'_, HashSet<Uuid>> {
        self.answer(|tables| tables.users.iter().filter(|row| row.deactivated).map(|row| row.id).collect())
    }

    fn outcome(&self, command: Uuid) -> Answer<'_, Option<Outcome>> {
        if self.silent.load(Ordering::SeqCst) {
            return Box::pin(std::future::pending());
        }
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
