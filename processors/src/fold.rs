//! What stores and read model should hold, recomputed from events and outcomes alone. Pure: whoever reads the log feeds it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

use schemas::reader::{
    AssignmentRow, CommentRow, DeliveryRow, HistoryRow, MAIL_FAILED, MAIL_SENT, MAIL_WAITING, MailRow, MemberRow,
    NotificationRow, OutcomeRow, ProjectRow, TicketRow, UserRow, WatcherRow,
};
use schemas::{
    DeliveryResult, Mail, MailResult, Notification, NotificationsRead, Outcome, TicketCreated, TicketEvent,
    TicketUpdated, UserEvent, UserState,
};
use uuid::Uuid;

use crate::evolve;
use crate::model::ProjectModel;
use crate::pipeline::COMMAND_MEMORY_MS;
use crate::policy::Policy;
use crate::user::evolve_user;

/// Everything that follows from what was read so far, in the order of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fold {
    /// What the stores hold of each project.
    pub models: BTreeMap<Uuid, ProjectModel>,
    /// What the store of users holds, by user key.
    pub users: BTreeMap<String, UserState>,
    /// Projects of the read model.
    pub project_rows: BTreeMap<Uuid, ProjectRow>,
    /// Memberships of the read model, by project and user.
    pub member_rows: BTreeMap<(Uuid, Uuid), MemberRow>,
    /// Tickets of the read model, by project and number.
    pub ticket_rows: BTreeMap<(Uuid, i64), TicketRow>,
    /// Comments of the read model, by id.
    pub comment_rows: BTreeMap<Uuid, CommentRow>,
    /// What happened, by project.
    pub history: BTreeMap<Uuid, HistorySum>,
    /// What the rows of tickets that are there add to it by what they say, by project and number.
    pub history_said: BTreeMap<(Uuid, String), u64>,
    /// Who watches in the read model, by project, number and user.
    pub watcher_rows: BTreeMap<(Uuid, i64, Uuid), WatcherRow>,
    /// Notifications of the read model, by user and sequence.
    pub notification_rows: BTreeMap<(Uuid, i64), NotificationRow>,
    /// Users of the read model, by id.
    pub user_rows: BTreeMap<Uuid, UserRow>,
    /// Mails of the read model, by id.
    pub mail_rows: BTreeMap<Uuid, MailRow>,
    /// Mails that were asked for before this, or what became of them, may be gone from the log.
    pub mails_since: i64,
    /// Deliveries to webhooks in the read model, by id.
    pub delivery_rows: BTreeMap<Uuid, DeliveryRow>,
    /// Attempts to deliver before this may be gone from the log.
    pub deliveries_since: i64,
    /// Outcomes of the read model, by command and partition: an id that was used for commands on several partitions was decided on
    /// each, and any of these may have come first.
    pub outcome_rows: BTreeMap<(Uuid, u32), OutcomeRow>,
    /// Outcomes that were decided before this may be gone from the log.
    pub outcomes_since: i64,
    /// Events that do not follow from those before them: gaps, and changes of what is not there.
    pub contradictions: Vec<String>,
}

impl Fold {
    /// Takes in the next event of a project.
    pub fn ticket_event(&mut self, event: TicketEvent) {
        let model = self.models.entry(event.project_id()).or_default();
        if let Err(fault) = evolve(model, &event) {
            self.contradictions.push(fault.to_string());
        }
        self.happened(HistoryRow::from(&event));
        self.row(event);
    }

    /// Takes in an event of a user; each has the user's whole state.
    pub fn user_event(&mut self, event: &UserEvent) {
        let (key, user) = evolve_user(event);
        let row = UserRow {
            id: user.user_id,
            email: user.email.clone(),
            name: user.name.clone(),
            role: user.role.clone(),
            source: user.source.clone(),
            login: user.login.clone(),
            sequence: user.sequence,
            created_at: user.created_at,
            preferences: user.preferences.clone(),
            deactivated: user.deactivated,
        };
        self.user_rows.insert(row.id, row);
        self.users.insert(key, user);
    }

    /// Takes in a notification, or that notifications were read.
    pub fn notification(&mut self, notification: Notification) {
        let user_id = notification.user_id();
        match notification {
            Notification::NotificationCreated(e) => {
                let (id, sequence, reason, about) = (e.event_id, e.sequence, e.reason, e.about);
                let row = NotificationRow { id, user_id, sequence, reason, about, read: false };
                self.notification_rows.insert((user_id, sequence), row);
            }
            Notification::NotificationsRead(NotificationsRead { notification_id, up_to, .. }) => {
                let (first, last) = if notification_id.is_some() { (0, i64::MAX) } else { (0, up_to) };
                for (_, row) in self.notification_rows.range_mut((user_id, first)..=(user_id, last)) {
                    row.read |= notification_id.is_none_or(|id| id == row.id);
                }
            }
        }
    }

    /// Takes in that a mail was asked for.
    pub fn mail_requested(&mut self, mail: Mail) {
        let Mail::MailRequested(mail) = mail;
        let row = self.mail_rows.entry(mail.event_id).or_default();
        row.id = mail.event_id;
        row.user_id = mail.user_id;
        row.kind = mail.kind;
        row.requested_at = mail.published_at;
        if row.decided_at.is_none() {
            MAIL_WAITING.clone_into(&mut row.state);
        }
    }

    /// Takes in what became of a mail.
    pub fn mail_decided(&mut self, result: MailResult) {
        let row = self.mail_rows.entry(result.mail_id()).or_default();
        row.id = result.mail_id();
        row.user_id = result.user_id();
        let at;
        (row.state, row.attempts, row.why, at) = match result {
            MailResult::MailSent(e) => (MAIL_SENT.to_owned(), e.attempts, String::new(), e.published_at),
            MailResult::MailFailed(e) => (MAIL_FAILED.to_owned(), e.attempts, e.why.replace('\0', ""), e.published_at),
        };
        row.decided_at = Some(at);
        if row.kind.is_empty() {
            row.requested_at = at;
        }
    }

    /// Takes in what became of an attempt to deliver to a webhook.
    pub fn delivery(&mut self, result: DeliveryResult) {
        let told = DeliveryRow::from(result);
        match self.delivery_rows.entry(told.id) {
            Entry::Vacant(entry) => drop(entry.insert(told)),
            Entry::Occupied(mut entry) => entry.get_mut().add(told),
        }
    }

    /// Takes in an outcome of this partition. What decided a command stays; that it failed stands until it is decided.
    pub fn outcome(&mut self, partition: u32, outcome: &Outcome) {
        let key = (outcome.command_id(), partition);
        let forgotten = |earlier: &OutcomeRow| earlier.decided_at < outcome.decided_at() - COMMAND_MEMORY_MS;
        let stands = |earlier: &OutcomeRow| !earlier.failed && !forgotten(earlier);
        if outcome.duplicate() || self.outcome_rows.get(&key).is_some_and(stands) {
            return;
        }
        match OutcomeRow::of(outcome) {
            Ok(row) => drop(self.outcome_rows.insert(key, row)),
            Err(error) => self.contradictions.push(format!("the outcome of {}: {error}", key.0)),
        }
    }

    /// Once a ticket is deleted, of its history only who did what and when is left.
    fn happened(&mut self, row: HistoryRow) {
        let history = self.history.entry(row.project_id).or_default();
        history.add(&row);
        if !row.kind.starts_with("ticket.") {
            return;
        }
        let key = (row.project_id, row.subject.clone());
        if row.kind == "ticket.deleted" {
            let said = self.history_said.remove(&key).unwrap_or_default();
            history.sum = history.sum.wrapping_sub(said);
        } else {
            let full = digest_of(&row);
            let said = self.history_said.entry(key).or_default();
            *said = said.wrapping_add(full.wrapping_sub(digest_of(&row.of_deleted())));
        }
    }

    fn row(&mut self, event: TicketEvent) {
        let (project_id, sequence) = (event.project_id(), event.sequence());
        if let Some(project) = self.project_rows.get_mut(&project_id) {
            project.sequence = sequence;
        }
        match event {
            TicketEvent::ProjectCreated(e) => {
                let row = ProjectRow {
                    id: project_id,
                    key: e.key,
                    name: e.name,
                    description: e.description,
                    owner_id: e.owner_id,
                    viewer_comments: false,
                    assignment_policy: Policy::default().name().to_owned(),
                    pool_id: None,
                    pool_open: false,
                    workflow: None,
                    archived: false,
                    sequence,
                    created_at: e.created_at,
                    updated_at: e.created_at,
                };
                self.project_rows.insert(project_id, row);
            }
            TicketEvent::ProjectUpdated(e) => {
                if let Some(row) = self.project_rows.get_mut(&project_id) {
                    (row.name, row.description) = (e.name, e.description);
                    (row.viewer_comments, row.updated_at) = (e.viewer_comments, e.updated_at);
                    (row.pool_id, row.pool_open) = (e.pool_id, e.pool_open);
                    (row.workflow, row.archived) = (e.workflow, e.archived);
                    if !e.assignment_policy.is_empty() {
                        row.assignment_policy = e.assignment_policy;
                    }
                }
            }
            TicketEvent::ProjectMemberAdded(e) => {
                let (user_id, handle, role) = (e.user_id, e.handle, e.role);
                let (capacity, skills, available) = (e.capacity, e.skills, e.available);
                let row = MemberRow { project_id, user_id, handle, role, capacity, skills, available };
                self.member_rows.insert((project_id, user_id), row);
            }
            TicketEvent::ProjectMemberUpdated(e) => {
                let (user_id, handle, role) = (e.user_id, e.handle, e.role);
                let (capacity, skills, available) = (e.capacity, e.skills, e.available);
                let row = MemberRow { project_id, user_id, handle, role, capacity, skills, available };
                self.member_rows.insert((project_id, user_id), row);
            }
            TicketEvent::ProjectMemberRemoved(e) => {
                self.member_rows.remove(&(project_id, e.user_id));
            }
            TicketEvent::TicketCreated(e) => {
                self.ticket_rows.insert((project_id, e.number), created(e));
            }
            TicketEvent::TicketUpdated(e) => self.ticket(project_id, e.number, |row| update(row, e)),
            TicketEvent::TicketStatusUpdated(e) => self.ticket(project_id, e.number, |row| {
                row.assignment.held &= e.was_open() || !e.is_open();
                row.status = e.new_status;
                (row.version, row.sequence, row.updated_at) = (e.ticket_version, sequence, e.timestamp);
            }),
            TicketEvent::TicketAssigned(e) => self.ticket(project_id, e.number, |row| {
                row.assignee_id = Some(e.assignee_id);
                let (by, at) = (Some(e.assigned_by), Some(e.assigned_at));
                row.assignment = AssignmentRow { by, at, round: e.round, reason: e.reason, held: false };
                (row.version, row.sequence, row.updated_at) = (e.ticket_version, sequence, e.assigned_at);
            }),
            TicketEvent::TicketUnassigned(e) => self.ticket(project_id, e.number, |row| {
                row.assignee_id = None;
                let (by, at) = (Some(e.unassigned_by), Some(e.unassigned_at));
                row.assignment = AssignmentRow { by, at, round: e.round, reason: None, held: !e.automatic };
                (row.version, row.sequence, row.updated_at) = (e.ticket_version, sequence, e.unassigned_at);
            }),
            TicketEvent::TicketCommented(e) => {
                let row = CommentRow {
                    id: e.comment_id,
                    project_id,
                    ticket_id: e.ticket_id,
                    author_id: e.author_id,
                    content: e.content,
                    parent_id: e.parent_id,
                    sequence,
                    created_at: e.created_at,
                };
                self.comment_rows.insert(row.id, row);
            }
            TicketEvent::TicketWatchAdded(e) => {
                let (number, user_id, since) = (e.number, e.user_id, e.timestamp);
                self.watcher_rows
                    .insert((project_id, number, user_id), WatcherRow { project_id, number, user_id, since });
            }
            TicketEvent::TicketWatchRemoved(e) => {
                self.watcher_rows.remove(&(project_id, e.number, e.user_id));
            }
            TicketEvent::TicketDeleted(e) => {
                let of_ticket = (project_id, e.number, Uuid::nil())..=(project_id, e.number, Uuid::max());
                let watching: Vec<_> = self.watcher_rows.range(of_ticket).map(|(key, _)| *key).collect();
                for key in watching {
                    self.watcher_rows.remove(&key);
                }
                self.ticket_rows.remove(&(project_id, e.number));
                // Deletions are rare, and an index by ticket would cost as much memory as the rows.
                self.comment_rows.retain(|_, row| row.ticket_id != e.ticket_id);
            }
        }
    }

    fn ticket(&mut self, project_id: Uuid, number: i64, change: impl FnOnce(&mut TicketRow)) {
        if let Some(row) = self.ticket_rows.get_mut(&(project_id, number)) {
            change(row);
        }
    }
}

/// How many rows the history of a project has, and a sum that is another one if any of them is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistorySum {
    rows: u64,
    sum: u64,
}

impl HistorySum {
    /// Takes in a row.
    pub fn add(&mut self, row: &HistoryRow) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(digest_of(row));
    }
}

fn digest_of(row: &HistoryRow) -> u64 {
    let mut hasher = DefaultHasher::new();
    (row.project_id, row.sequence, &row.subject, &row.kind, row.actor_id, row.at, &row.changes).hash(&mut hasher);
    hasher.finish()
}

fn created(e: TicketCreated) -> TicketRow {
    TicketRow {
        id: e.ticket_id,
        project_id: e.project_id,
        number: e.number,
        code: e.code,
        title: e.title,
        description: e.description,
        priority: e.priority,
        status: e.status,
        labels: e.labels,
        reporter_id: e.reporter_id,
        assignee_id: e.assignee_id,
        due_date: e.due_date,
        external_source: e.external_source,
        external_id: e.external_id,
        external_url: e.external_url,
        version: 1,
        sequence: e.sequence,
        imported: e.imported,
        created_at: e.created_at,
        updated_at: e.updated_at,
        assignment: AssignmentRow { held: e.imported && e.assignee_id.is_none(), ..AssignmentRow::default() },
    }
}

fn update(row: &mut TicketRow, e: TicketUpdated) {
    row.title = e.title.unwrap_or_else(|| std::mem::take(&mut row.title));
    row.description = e.description.unwrap_or_else(|| std::mem::take(&mut row.description));
    row.priority = e.priority.unwrap_or_else(|| std::mem::take(&mut row.priority));
    row.labels = e.labels.unwrap_or_else(|| std::mem::take(&mut row.labels));
    row.due_date = e.due_date.or(row.due_date.filter(|_| !e.clear_due_date));
    (row.version, row.sequence, row.updated_at) = (e.ticket_version, e.sequence, e.timestamp);
}
