//! How rows look in JSON. Times are RFC 3339 with milliseconds, UTC.

use connectors::accounts;
use connectors::read_model::TicketCard;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use schemas::reader::{
    CommentRow, DeliveryRow, MailRow, MemberRow, NotificationRow, ProjectRow, TicketRow, UserRow, WatcherRow,
};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::fields::format_time;
use crate::workflow_view::Workflow;

/// A moment in milliseconds since 1970-01-01T00:00Z, written as RFC 3339.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time(pub(crate) i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_time(self.0))
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Project {
    id: Uuid,
    key: String,
    name: String,
    description: String,
    owner_id: Uuid,
    /// Whether viewers may comment.
    viewer_comments: bool,
    /// `least_loaded`, `round_robin`, `skills_only` or `manual`.
    assignment_policy: String,
    /// The pool that its members share work in: the id of the project that hosts it.
    pool_id: Uuid,
    /// Whether other projects may join its own pool.
    pool_open: bool,
    workflow: Workflow,
    /// Whether nothing of it may change.
    archived: bool,
    /// How many events there were in the project.
    sequence: i64,
    created_at: Time,
    updated_at: Time,
}

impl Project {
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }
}

impl From<ProjectRow> for Project {
    fn from(row: ProjectRow) -> Self {
        Self {
            id: row.id,
            key: row.key,
            name: row.name,
            description: row.description,
            owner_id: row.owner_id,
            viewer_comments: row.viewer_comments,
            assignment_policy: row.assignment_policy,
            pool_id: row.pool_id.unwrap_or(row.id),
            pool_open: row.pool_open,
            workflow: row.workflow.unwrap_or_else(|| schemas::Workflow::standard().clone()).into(),
            archived: row.archived,
            sequence: row.sequence,
            created_at: Time(row.created_at),
            updated_at: Time(row.updated_at),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    project_id: Uuid,
    user_id: Uuid,
    /// Null if the user is not known any more.
    name: Option<String>,
    /// What `@` and this mention them by.
    handle: String,
    /// `owner`, `maintainer`, `member` or `viewer`.
    role: String,
    /// How much open work they can take.
    capacity: i32,
    skills: Vec<String>,
    /// Whether they are given work.
    available: bool,
    /// False: the user is deactivated, and is given no work whether available or not.
    active: bool,
}

impl Member {
    pub(crate) fn new(row: MemberRow, user: Option<&UserRow>) -> Self {
        Self {
            project_id: row.project_id,
            user_id: row.user_id,
            name: user.map(|user| user.name.clone()),
            handle: row.handle,
            role: row.role,
            capacity: row.capacity,
            skills: row.skills,
            available: row.available,
            active: user.is_none_or(|user| !user.deactivated),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ticket {
    id: Uuid,
    project_id: Uuid,
    /// From 1, without gaps, in the project.
    number: i64,
    /// The project's key and the number.
    code: String,
    title: String,
    /// Markdown.
    description: String,
    /// `LOW`, `MEDIUM`, `HIGH` or `URGENT`.
    priority: String,
    /// A state of the project's workflow.
    status: String,
    labels: Vec<String>,
    reporter_id: Uuid,
    assignee_id: Option<Uuid>,
    due_date: Option<Time>,
    /// What it was imported from.
    external: Option<External>,
    /// Whether it was made by an import.
    imported: bool,
    /// Counts what people edit.
    version: i64,
    created_at: Time,
    updated_at: Time,
}

#[derive(Serialize, JsonSchema)]
struct External {
    source: String,
    id: Option<String>,
    url: Option<String>,
}

impl From<TicketRow> for Ticket {
    fn from(row: TicketRow) -> Self {
        let (id, url) = (row.external_id, row.external_url);
        Self {
            id: row.id,
            project_id: row.project_id,
            number: row.number,
            code: row.code,
            title: row.title,
            description: row.description,
            priority: row.priority,
            status: row.status,
            labels: row.labels,
            reporter_id: row.reporter_id,
            assignee_id: row.assignee_id,
            due_date: row.due_date.map(Time),
            external: row.external_source.map(|source| External { source, id, url }),
            imported: row.imported,
            version: row.version,
            created_at: Time(row.created_at),
            updated_at: Time(row.updated_at),
        }
    }
}

/// Who has a ticket, and why.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assignment {
    ticket_id: Uuid,
    code: String,
    /// The project's: `least_loaded`, `round_robin`, `skills_only` or `manual`.
    policy: String,
    /// The pool: the id of the project that hosts it.
    pool_id: Uuid,
    /// Key of the project that hosts it.
    pool_key: Option<String>,
    /// `assigned`; `waiting`: for somebody with room; `unassigned`: until somebody is assigned by hand.
    state: &'static str,
    assignee_id: Option<Uuid>,
    assignee_name: Option<String>,
    /// Whether nobody did it by hand.
    automatic: bool,
    changed_by: Option<Uuid>,
    changed_at: Option<Time>,
    /// Counts assignments.
    round: i64,
    /// For people.
    reason: String,
}

impl Assignment {
    /// `host`: the key of the project that hosts the pool, if it is known.
    pub(crate) fn new(row: TicketRow, project: ProjectRow, host: Option<String>, assignee: Option<UserRow>) -> Self {
        let policy = project.assignment_policy;
        let told = row.assignment;
        let by_hand = told.by.filter(|by| !by.is_nil());
        let automatic = told.by.is_some() && by_hand.is_none();
        let (state, reason) = match row.assignee_id {
            Some(_) if automatic => ("assigned", told.reason.unwrap_or_default()),
            Some(_) if by_hand.is_some() => ("assigned", "assigned by hand".to_owned()),
            Some(_) => ("assigned", "assigned when the ticket was made".to_owned()),
            None => {
                let open = schemas::Workflow::or_standard(project.workflow.as_ref()).is_open(&row.status);
                let (state, reason) = match (open, told.held, &*policy) {
                    (false, ..) => ("unassigned", "the ticket is closed"),
                    (true, ..) if project.archived => ("unassigned", "the project is archived"),
                    (true, true, _) if by_hand.is_some() => ("unassigned", "it was taken away by hand"),
                    (true, true, _) => ("unassigned", "it was imported for nobody"),
                    (true, false, "manual") => ("unassigned", "the project assigns by hand only"),
                    (true, false, "skills_only") => ("waiting", "it waits for a member with its skills and with room"),
                    (true, false, _) => ("waiting", "it waits for a member with room"),
                };
                (state, reason.to_owned())
            }
        };
        Self {
            ticket_id: row.id,
            code: row.code,
            policy,
            pool_id: project.pool_id.unwrap_or(project.id),
            pool_key: host,
            state,
            assignee_id: row.assignee_id,
            assignee_name: assignee.map(|user| user.name),
            automatic,
            changed_by: by_hand,
            changed_at: told.at.map(Time),
            round: told.round,
            reason,
        }
    }
}

/// A ticket on a board: all but its text.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Card {
    id: Uuid,
    project_id: Uuid,
    number: i64,
    code: String,
    title: String,
    priority: String,
    status: String,
    labels: Vec<String>,
    reporter_id: Uuid,
    assignee_id: Option<Uuid>,
    due_date: Option<Time>,
    version: i64,
    created_at: Time,
    updated_at: Time,
}

impl From<TicketCard> for Card {
    fn from(row: TicketCard) -> Self {
        Self {
            id: row.id,
            project_id: row.project_id,
            number: row.number,
            code: row.code,
            title: row.title,
            priority: row.priority,
            status: row.status,
            labels: row.labels,
            reporter_id: row.reporter_id,
            assignee_id: row.assignee_id,
            due_date: row.due_date.map(Time),
            version: row.version,
            created_at: Time(row.created_at),
            updated_at: Time(row.updated_at),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Comment {
    id: Uuid,
    ticket_id: Uuid,
    author_id: Uuid,
    /// Markdown.
    content: String,
    /// The comment that it answers.
    parent_id: Option<Uuid>,
    created_at: Time,
}

impl From<CommentRow> for Comment {
    fn from(row: CommentRow) -> Self {
        Self {
            id: row.id,
            ticket_id: row.ticket_id,
            author_id: row.author_id,
            content: row.content,
            parent_id: row.parent_id,
            created_at: Time(row.created_at),
        }
    }
}

/// Somebody who watches a ticket.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Watcher {
    user_id: Uuid,
    name: Option<String>,
    since: Time,
}

impl Watcher {
    pub(crate) fn new(row: &WatcherRow, user: Option<&UserRow>) -> Self {
        Self { user_id: row.user_id, name: user.map(|user| user.name.clone()), since: Time(row.since) }
    }
}

/// What somebody is told of.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notification {
    id: Uuid,
    /// Name of the event.
    kind: String,
    /// `mentioned`, `assignee`, `reporter` or `watcher`.
    reason: String,
    project_id: Uuid,
    ticket_id: Uuid,
    code: String,
    title: String,
    /// None: nobody did it by hand.
    actor_id: Option<Uuid>,
    actor_name: Option<String>,
    /// Of `ticket.status.updated`: the new state.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Of `ticket.assigned`: who has the ticket now.
    #[serde(skip_serializing_if = "Option::is_none")]
    assignee_id: Option<String>,
    /// Of `ticket.commented`: the beginning of the comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    excerpt: Option<String>,
    at: Time,
    read: bool,
}

impl Notification {
    pub(crate) fn new(row: NotificationRow, actor: Option<&UserRow>) -> Self {
        let NotificationRow { id, reason, about, read, .. } = row;
        let detail = |kind| (about.kind == kind).then(|| about.detail.clone());
        Self {
            id,
            reason,
            project_id: about.project_id,
            ticket_id: about.ticket_id,
            actor_id: (!about.actor_id.is_nil()).then_some(about.actor_id),
            actor_name: actor.map(|user| user.name.clone()),
            status: detail("ticket.status.updated"),
            assignee_id: detail("ticket.assigned"),
            excerpt: detail("ticket.commented"),
            at: Time(about.at),
            read,
            kind: about.kind,
            code: about.code,
            title: about.title,
        }
    }
}

/// A page of notifications, and how many are unread in all.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Inbox {
    pub(crate) items: Vec<Notification>,
    pub(crate) next_cursor: Option<String>,
    pub(crate) unread: i64,
}

/// What became of a mail.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mail {
    id: Uuid,
    /// Null if only what became of it is known.
    kind: Option<String>,
    /// `waiting`, `sent` or `failed`.
    state: String,
    attempts: i32,
    /// What the mail server said of one that failed.
    why: Option<String>,
    requested_at: Time,
    decided_at: Option<Time>,
}

impl From<MailRow> for Mail {
    fn from(row: MailRow) -> Self {
        let unless_empty = |text: String| (!text.is_empty()).then_some(text);
        Self {
            id: row.id,
            kind: unless_empty(row.kind),
            state: row.state,
            attempts: row.attempts,
            why: unless_empty(row.why),
            requested_at: Time(row.requested_at),
            decided_at: row.decided_at.map(Time),
        }
    }
}

/// What somebody wants to hear of.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preferences {
    muted_kinds: Vec<String>,
    muted_projects: Vec<Uuid>,
    /// `en` or `es`.
    locale: String,
    /// `immediate`, `hourly`, `daily` or `none`.
    email: String,
    /// Of the day in the time zone, for daily e-mail.
    email_hour: i32,
    time_zone: String,
    /// `22:00`, or empty: there are no quiet hours.
    quiet_from: String,
    quiet_to: String,
}

impl From<schemas::Preferences> for Preferences {
    fn from(preferences: schemas::Preferences) -> Self {
        let schemas::Preferences { muted_kinds, muted_projects, quiet_from, quiet_to, .. } = preferences;
        let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
        Self {
            muted_kinds,
            muted_projects,
            locale: or(preferences.locale, "en"),
            email: or(preferences.email, "immediate"),
            email_hour: preferences.email_hour.unwrap_or(8),
            time_zone: or(preferences.time_zone, "UTC"),
            quiet_from,
            quiet_to,
        }
    }
}

/// A webhook; its secret is in it only when it was just made.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Webhook {
    id: Uuid,
    /// `user` or `project`.
    owner_kind: &'static str,
    owner_id: Uuid,
    url: String,
    /// What it is told of; none: all there is.
    kinds: Vec<String>,
    created_by: Uuid,
    created_at: Time,
    updated_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// What deliveries are signed with; only in the answer to what made it.
    secret: Option<String>,
}

impl Webhook {
    /// With what deliveries are signed with.
    pub(crate) fn with_secret(webhook: accounts::Webhook) -> Self {
        let secret = Some(webhook.secret.clone());
        Self { secret, ..webhook.into() }
    }
}

impl From<accounts::Webhook> for Webhook {
    fn from(webhook: accounts::Webhook) -> Self {
        Self {
            id: webhook.id,
            owner_kind: webhook.owner.kind(),
            owner_id: webhook.owner.id(),
            url: webhook.url,
            kinds: webhook.kinds,
            created_by: webhook.created_by,
            created_at: Time(webhook.created_at),
            updated_at: Time(webhook.updated_at),
            secret: None,
        }
    }
}

/// What became of a delivery to a webhook.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
    id: Uuid,
    webhook_id: Uuid,
    /// Name of what is delivered.
    event: String,
    /// Id of what is delivered.
    subject_id: Uuid,
    /// `delivered`, `retrying` or `failed`.
    state: String,
    attempts: i32,
    /// Of HTTP; null if there was no answer.
    status: Option<i32>,
    /// What went wrong the last time.
    why: Option<String>,
    first_at: Time,
    last_at: Time,
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id,
            webhook_id: row.hook_id,
            event: row.kind,
            subject_id: row.subject_id,
            state: row.state,
            attempts: row.attempts,
            status: (row.status != 0).then_some(row.status),
            why: (!row.why.is_empty()).then_some(row.why),
            first_at: Time(row.first_at),
            last_at: Time(row.last_at),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    id: Uuid,
    /// Null: a placeholder for somebody known by an outside login.
    email: Option<String>,
    name: String,
    /// `member` or `admin`.
    role: String,
    /// Where the login is from, such as `github`.
    source: Option<String>,
    login: Option<String>,
    created_at: Time,
    /// False: they are deactivated, and may do nothing.
    active: bool,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            email: row.email,
            name: row.name,
            role: row.role,
            source: row.source,
            login: row.login,
            created_at: Time(row.created_at),
            active: !row.deactivated,
        }
    }
}

/// A page of a list.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}List")]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    /// Where the next page begins; null if this is the last.
    pub(crate) next_cursor: Option<String>,
}
