//! What a batch of records changes, gathered in memory.
//!
//! Several events of one ticket become one row or one patch, so that a ticket made and moved in one batch is written once.

use std::collections::hash_map::Entry;

use ahash::AHashMap;
use schemas::reader::{
    AssignmentRow, CommentRow, DeliveryRow, HistoryRow, MAIL_FAILED, MAIL_SENT, MAIL_WAITING, MailRow, NotificationRow,
    TicketRow, UserRow,
};
use schemas::{
    DeliveryResult, Mail, MailResult, Notification, NotificationsRead, Outcome, ProjectCreated, ProjectMemberAdded,
    ProjectMemberRemoved, ProjectMemberUpdated, ProjectUpdated, TicketCreated, TicketEvent, TicketUpdated, UserEvent,
};
use uuid::Uuid;

/// How long outcomes, mails and deliveries are kept, by the outcomes' own time: as long as the pipeline remembers commands, and the log keeps
/// each of them. An outcome that is older than another one of the same command by more is of what was forgotten, and makes room for it.
pub(crate) const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// A ticket, by project and number.
pub(crate) type TicketKey = (Uuid, i64);

/// All that a batch changes.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) projects: Vec<ProjectChange>,
    pub(crate) members: Vec<MemberChange>,
    pub(crate) created: Vec<TicketRow>,
    created_at: AHashMap<TicketKey, usize>,
    pub(crate) patches: Vec<(TicketKey, TicketPatch)>,
    patched_at: AHashMap<TicketKey, usize>,
    pub(crate) comments: Vec<CommentRow>,
    pub(crate) history: Vec<HistoryRow>,
    /// The last of whoever began or stopped to watch, by ticket and user: since when, or no more.
    pub(crate) watchers: AHashMap<(TicketKey, Uuid), Option<i64>>,
    /// Key and id.
    pub(crate) deleted: Vec<(TicketKey, Uuid)>,
    pub(crate) status_counts: AHashMap<(Uuid, String), i64>,
    /// The last sequence of each project that has events here.
    pub(crate) sequences: AHashMap<Uuid, i64>,
    /// The last state of each user; `None`: erased.
    pub(crate) users: AHashMap<Uuid, Option<UserRow>>,
    /// Notifications that were made.
    pub(crate) notifications: Vec<NotificationRow>,
    /// What was read, in order; of what was made before or here.
    pub(crate) readings: Vec<NotificationsRead>,
    /// Mails that were asked for or decided: of each what is known here.
    mails: AHashMap<Uuid, MailRow>,
    /// Deliveries to webhooks that were tried: of each the most that is known here.
    deliveries: AHashMap<Uuid, DeliveryRow>,
    /// Outcomes with the bytes they came in.
    pub(crate) outcomes: Vec<OutcomeRow>,
    /// Some of the outcomes that were decided before this, of the mails that were asked for and of the deliveries that were tried last,
    /// are to go: at most [`PRUNE_AT_ONCE`] of each.
    pub(crate) prune_before: Option<i64>,
}

/// How many old outcomes, mails and deliveries go with one batch.
pub(crate) const PRUNE_AT_ONCE: u32 = 1_000;

pub(crate) enum ProjectChange {
    Created(ProjectCreated),
    Updated(ProjectUpdated),
}

pub(crate) enum MemberChange {
    Added(ProjectMemberAdded),
    Updated(ProjectMemberUpdated),
    Removed(ProjectMemberRemoved),
}

/// What becomes of a value that may be absent.
#[derive(Clone, Copy, Default)]
pub(crate) enum Change<T> {
    #[default]
    Keep,
    To(Option<T>),
}

impl<T: Copy> Change<T> {
    pub(crate) fn is_to(self) -> bool {
        matches!(self, Self::To(_))
    }

    /// The new value; none too if it stays as it is.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Keep => None,
            Self::To(value) => value,
        }
    }

    fn apply(self, field: &mut Option<T>) {
        if let Self::To(value) = self {
            *field = value;
        }
    }

    fn or(self, earlier: Self) -> Self {
        match self {
            Self::Keep => earlier,
            Self::To(_) => self,
        }
    }
}

/// What changes of a ticket that is in the database already.
#[derive(Default)]
pub(crate) struct TicketPatch {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) priority: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) labels: Option<Vec<String>>,
    pub(crate) assignee_id: Change<Uuid>,
    pub(crate) due_date: Change<i64>,
    pub(crate) assignment: Option<AssignmentRow>,
    /// Whoever opens a ticket again that nobody has wants it to be done.
    pub(crate) reopened: bool,
    pub(crate) version: i64,
    pub(crate) sequence: i64,
    pub(crate) updated_at: i64,
}

pub(crate) struct OutcomeRow {
    pub(crate) command_id: Uuid,
    pub(crate) decided_at: i64,
    pub(crate) failed: bool,
    pub(crate) bytes: Vec<u8>,
}

/// The column of a project's workflow.
pub(crate) fn workflow_json(event: &ProjectUpdated) -> Result<Option<String>, sqlx::Error> {
    let text = event.workflow.as_ref().map(serde_json::to_string).transpose();
    text.map_err(|error| sqlx::Error::Encode(error.into()))
}

impl Changes {
    /// Takes in an event. Its sequence has been checked.
    pub(crate) fn ticket_event(&mut self, event: TicketEvent) {
        self.history.push(HistoryRow::from(&event));
        self.sequences.insert(event.project_id(), event.sequence());
        match event {
            TicketEvent::ProjectCreated(event) => self.projects.push(ProjectChange::Created(event)),
            TicketEvent::ProjectUpdated(event) => self.projects.push(ProjectChange::Updated(event)),
            TicketEvent::ProjectMemberAdded(event) => self.members.push(MemberChange::Added(event)),
            TicketEvent::ProjectMemberUpdated(event) => self.members.push(MemberChange::Updated(event)),
            TicketEvent::ProjectMemberRemoved(event) => self.members.push(MemberChange::Removed(event)),
            TicketEvent::TicketCreated(event) => self.create(event),
            TicketEvent::TicketUpdated(event) => {
                let key = (event.project_id, event.number);
                let patch = TicketPatch::from(event);
                self.patch(key, patch);
            }
            TicketEvent::TicketStatusUpdated(event) => {
                let reopened = !event.was_open() && event.is_open();
                self.count(event.project_id, event.old_status, -1);
                self.count(event.project_id, event.new_status.clone(), 1);
                let patch = TicketPatch {
                    reopened,
                    status: Some(event.new_status),
                    ..TicketPatch::at(event.ticket_version, event.sequence, event.timestamp)
                };
                self.patch((event.project_id, event.number), patch);
            }
            TicketEvent::TicketAssigned(event) => {
                let patch = TicketPatch {
                    assignee_id: Change::To(Some(event.assignee_id)),
                    assignment: Some(AssignmentRow {
                        by: Some(event.assigned_by),
                        at: Some(event.assigned_at),
                        round: event.round,
                        reason: event.reason,
                        held: false,
                    }),
                    ..TicketPatch::at(event.ticket_version, event.sequence, event.assigned_at)
                };
                self.patch((event.project_id, event.number), patch);
            }
            TicketEvent::TicketUnassigned(event) => {
                let patch = TicketPatch {
                    assignee_id: Change::To(None),
                    assignment: Some(AssignmentRow {
                        by: Some(event.unassigned_by),
                        at: Some(event.unassigned_at),
                        round: event.round,
                        reason: None,
                        held: !event.automatic,
                    }),
                    ..TicketPatch::at(event.ticket_version, event.sequence, event.unassigned_at)
                };
                self.patch((event.project_id, event.number), patch);
            }
            TicketEvent::TicketWatchAdded(event) => {
                let watching = ((event.project_id, event.number), event.user_id);
                self.watchers.insert(watching, Some(event.timestamp));
            }
            TicketEvent::TicketWatchRemoved(event) => {
                self.watchers.insert(((event.project_id, event.number), event.user_id), None);
            }
            TicketEvent::TicketCommented(event) => self.comments.push(CommentRow {
                id: event.comment_id,
                project_id: event.project_id,
                ticket_id: event.ticket_id,
                author_id: event.author_id,
                content: event.content,
                parent_id: event.parent_id,
                sequence: event.sequence,
                created_at: event.created_at,
            }),
            TicketEvent::TicketDeleted(event) => {
                self.deleted.push(((event.project_id, event.number), event.ticket_id));
            }
        }
    }

    /// Takes in the whole state of a user.
    pub(crate) fn user_event(&mut self, event: UserEvent) {
        let user = event.into_user();
        let row = UserRow {
            id: user.user_id,
            email: user.email,
            name: user.name,
            role: user.role,
            source: user.login_source,
            login: user.login,
            sequence: user.sequence,
            created_at: user.created_at,
            preferences: user.preferences,
            deactivated: user.deactivated,
        };
        self.users.insert(row.id, Some(row));
    }

    /// Takes in a notification, or that notifications were read.
    pub(crate) fn notification(&mut self, notification: Notification) {
        match notification {
            Notification::NotificationCreated(made) => self.notifications.push(NotificationRow {
                id: made.event_id,
                user_id: made.user_id,
                sequence: made.sequence,
                reason: made.reason,
                about: made.about,
                read: false,
            }),
            Notification::NotificationsRead(reading) => self.readings.push(reading),
        }
    }

    /// Takes in that a mail is to be sent.
    pub(crate) fn mail(&mut self, mail: Mail) {
        let Mail::MailRequested(mail) = mail;
        let waiting = || MailRow { state: MAIL_WAITING.to_owned(), ..MailRow::default() };
        let row = self.mails.entry(mail.event_id).or_insert_with(waiting);
        (row.id, row.user_id) = (mail.event_id, mail.user_id);
        (row.kind, row.requested_at) = (mail.kind, mail.published_at);
    }

    /// Takes in what became of a mail.
    pub(crate) fn mail_result(&mut self, result: MailResult) {
        let (id, user_id) = (result.mail_id(), result.user_id());
        let (state, attempts, why, at) = match result {
            MailResult::MailSent(sent) => (MAIL_SENT, sent.attempts, String::new(), sent.published_at),
            MailResult::MailFailed(failed) => (MAIL_FAILED, failed.attempts, failed.why, failed.published_at),
        };
        // They are a mail server's words, and Postgres takes no text with this.
        let why = why.replace('\0', "");
        let unknown = || MailRow { id, user_id, requested_at: at, ..MailRow::default() };
        let row = self.mails.entry(id).or_insert_with(unknown);
        (row.state, row.attempts, row.why, row.decided_at) = (state.to_owned(), attempts, why, Some(at));
    }

    /// The mails to write, in the order of their ids; none of those who were erased here.
    pub(crate) fn take_mails(&mut self) -> Vec<MailRow> {
        let mut mails: Vec<MailRow> = std::mem::take(&mut self.mails).into_values().collect();
        mails.retain(|mail| !matches!(self.users.get(&mail.user_id), Some(None)));
        mails.sort_unstable_by_key(|mail| mail.id);
        mails
    }

    /// Takes in what became of an attempt to deliver to a webhook.
    pub(crate) fn delivery(&mut self, result: DeliveryResult) {
        let told = DeliveryRow::from(result);
        match self.deliveries.entry(told.id) {
            Entry::Vacant(entry) => drop(entry.insert(told)),
            Entry::Occupied(mut entry) => entry.get_mut().add(told),
        }
    }

    /// The deliveries to write, in the order of their ids; none of those who were erased here.
    pub(crate) fn take_deliveries(&mut self) -> Vec<DeliveryRow> {
        let mut deliveries: Vec<DeliveryRow> = std::mem::take(&mut self.deliveries).into_values().collect();
        deliveries.retain(|delivery| !matches!(self.users.get(&delivery.owner_id), Some(None)));
        deliveries.sort_unstable_by_key(|delivery| delivery.id);
        deliveries
    }

    /// Takes in that a user was erased.
    pub(crate) fn user_erased(&mut self, user: Uuid) {
        self.users.insert(user, None);
    }

    /// Takes in an outcome. A repetition tells nothing new.
    pub(crate) fn outcome(&mut self, outcome: &Outcome, bytes: &[u8]) {
        if !outcome.duplicate() {
            self.outcomes.push(OutcomeRow {
                command_id: outcome.command_id(),
                decided_at: outcome.decided_at(),
                failed: matches!(outcome, Outcome::Failed(_)),
                bytes: bytes.to_vec(),
            });
        }
    }

    /// The outcomes to write. One upsert cannot touch a row twice, so of those of one command only the last is there, unless
    /// an earlier one decided it.
    pub(crate) fn take_outcomes(&mut self) -> Vec<OutcomeRow> {
        let outcomes = std::mem::take(&mut self.outcomes);
        let mut kept: Vec<OutcomeRow> = Vec::with_capacity(outcomes.len());
        let mut at: AHashMap<Uuid, usize> = AHashMap::with_capacity(outcomes.len());
        for outcome in outcomes {
            match at.entry(outcome.command_id) {
                Entry::Vacant(entry) => {
                    entry.insert(kept.len());
                    kept.push(outcome);
                }
                Entry::Occupied(entry) => {
                    if let Some(earlier) = kept.get_mut(*entry.get())
                        && (earlier.failed || earlier.decided_at < outcome.decided_at - KEPT_MS)
                    {
                        *earlier = outcome;
                    }
                }
            }
        }
        kept
    }

    fn create(&mut self, event: TicketCreated) {
        self.count(event.project_id, event.status.clone(), 1);
        self.created_at.insert((event.project_id, event.number), self.created.len());
        let held = event.imported && event.assignee_id.is_none();
        self.created.push(TicketRow {
            id: event.ticket_id,
            project_id: event.project_id,
            number: event.number,
            code: event.code,
            title: event.title,
            description: event.description,
            priority: event.priority,
            status: event.status,
            labels: event.labels,
            reporter_id: event.reporter_id,
            assignee_id: event.assignee_id,
            due_date: event.due_date,
            external_source: event.external_source,
            external_id: event.external_id,
            external_url: event.external_url,
            version: 1,
            sequence: event.sequence,
            imported: event.imported,
            created_at: event.created_at,
            updated_at: event.updated_at,
            assignment: AssignmentRow { held, ..AssignmentRow::default() },
        });
    }

    fn patch(&mut self, key: TicketKey, patch: TicketPatch) {
        if let Some(row) = self.created_at.get(&key).and_then(|&at| self.created.get_mut(at)) {
            patch.apply(row);
        } else if let Some((_, earlier)) = self.patched_at.get(&key).and_then(|&at| self.patches.get_mut(at)) {
            earlier.then(patch);
        } else {
            self.patched_at.insert(key, self.patches.len());
            self.patches.push((key, patch));
        }
    }

    fn count(&mut self, project: Uuid, status: String, by: i64) {
        *self.status_counts.entry((project, status)).or_default() += by;
    }
}

impl TicketPatch {
    fn at(version: i64, sequence: i64, updated_at: i64) -> Self {
        Self { version, sequence, updated_at, ..Self::default() }
    }

    fn apply(self, row: &mut TicketRow) {
        set(&mut row.title, self.title);
        set(&mut row.description, self.description);
        set(&mut row.priority, self.priority);
        set(&mut row.status, self.status);
        set(&mut row.labels, self.labels);
        self.assignee_id.apply(&mut row.assignee_id);
        self.due_date.apply(&mut row.due_date);
        row.assignment.held &= !self.reopened;
        set(&mut row.assignment, self.assignment);
        row.version = self.version;
        row.sequence = self.sequence;
        row.updated_at = self.updated_at;
    }

    /// Whether the ticket is held from now on; none if that stays as it is.
    pub(crate) fn held(&self) -> Option<bool> {
        self.assignment.as_ref().map(|assignment| assignment.held).or(self.reopened.then_some(false))
    }

    /// Adds what a later patch changes.
    fn then(&mut self, later: Self) {
        self.title = later.title.or(self.title.take());
        self.description = later.description.or(self.description.take());
        self.priority = later.priority.or(self.priority.take());
        self.status = later.status.or(self.status.take());
        self.labels = later.labels.or(self.labels.take());
        self.assignee_id = later.assignee_id.or(self.assignee_id);
        self.due_date = later.due_date.or(self.due_date);
        if let Some(assignment) = &mut self.assignment {
            assignment.held &= !later.reopened;
        }
        self.reopened |= later.reopened;
        self.assignment = later.assignment.or(self.assignment.take());
        self.version = later.version;
        self.sequence = later.sequence;
        self.updated_at = later.updated_at;
    }
}

impl From<TicketUpdated> for TicketPatch {
    fn from(event: TicketUpdated) -> Self {
        Self {
            title: event.title,
            description: event.description,
            priority: event.priority,
            labels: event.labels,
            due_date: match event.due_date {
                _ if event.clear_due_date => Change::To(None),
                None => Change::Keep,
                due_date => Change::To(due_date),
            },
            ..Self::at(event.ticket_version, event.sequence, event.timestamp)
        }
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
