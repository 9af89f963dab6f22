//! Writes gathered changes into an open transaction: each table in one statement, whatever the number of rows.

use ahash::{AHashMap, AHashSet};
use schemas::reader::TicketRow;
use schemas::{ProjectUpdated, UserCreated};
use sqlx::PgConnection;
use uuid::Uuid;

use super::copy::CopyRows;
use crate::sink::changes::{Changes, MemberChange, OutcomeRow, PRUNE_AT_ONCE, ProjectChange, TicketKey, TicketPatch};

/// The rows that are new for sure go in by `COPY`.
pub(super) struct Writer {
    tickets: CopyRows,
    labels: CopyRows,
    comments: CopyRows,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            tickets: CopyRows::new(
                "COPY tickets (id, project_id, number, code, title, priority, status, labels, reporter_id, assignee_id, due_date, \
                 external_source, external_id, external_url, version, sequence, imported, created_at, updated_at, description) \
                 FROM STDIN (FORMAT binary)",
                20,
            ),
            labels: CopyRows::new("COPY ticket_labels (project_id, label, number) FROM STDIN (FORMAT binary)", 3),
            comments: CopyRows::new(
                "COPY comments (id, project_id, ticket_id, author_id, content, parent_id, sequence, created_at) \
                 FROM STDIN (FORMAT binary)",
                8,
            ),
        }
    }

    /// Forgets what a batch that failed has left.
    pub(super) fn clear(&mut self) {
        self.tickets.clear();
        self.labels.clear();
        self.comments.clear();
    }

    /// Writes all of it; the order matters only in that a deleted ticket's row is there when it is deleted. Returns how many old
    /// outcomes went.
    pub(super) async fn write(&mut self, db: &mut PgConnection, mut changes: Changes) -> Result<u64, sqlx::Error> {
        let outcomes = changes.take_outcomes();
        write_users(db, changes.users).await?;
        write_projects(db, changes.projects).await?;
        write_members(db, changes.members).await?;
        for ticket in &changes.created {
            copy_ticket(&mut self.tickets, ticket);
            copy_labels(&mut self.labels, (ticket.project_id, ticket.number), &ticket.labels);
        }
        self.tickets.send(db).await?;
        self.write_patches(db, changes.patches).await?;
        self.labels.send(db).await?;
        write_status_counts(db, changes.status_counts).await?;
        for comment in &changes.comments {
            let row = self.comments.row().uuid(comment.id).uuid(comment.project_id).uuid(comment.ticket_id);
            row.uuid(comment.author_id).text(&comment.content).maybe_uuid(comment.parent_id);
            row.int(comment.sequence).int(comment.created_at);
        }
        self.comments.send(db).await?;
        delete_tickets(db, changes.deleted).await?;
        write_sequences(db, changes.sequences).await?;
        write_outcomes(db, outcomes).await?;
        match changes.prune_before {
            Some(decided_before) => prune_outcomes(db, decided_before).await,
            None => Ok(0),
        }
    }

    async fn write_patches(
        &mut self,
        db: &mut PgConnection,
        patches: Vec<(TicketKey, TicketPatch)>,
    ) -> Result<(), sqlx::Error> {
        if patches.is_empty() {
            return Ok(());
        }
        let relabelled: Vec<&(TicketKey, TicketPatch)> = patches.iter().filter(|(_, p)| p.labels.is_some()).collect();
        if !relabelled.is_empty() {
            let mut lists = Vec::with_capacity(relabelled.len());
            for (key, patch) in &relabelled {
                let labels = patch.labels.as_deref().unwrap_or_default();
                copy_labels(&mut self.labels, *key, labels);
                // A list of lists of different lengths is no array: each goes as JSON.
                lists.push(serde_json::to_string(labels).map_err(|error| sqlx::Error::Encode(error.into()))?);
            }
            let projects: Vec<Uuid> = relabelled.iter().map(|((project, _), _)| *project).collect();
            let numbers: Vec<i64> = relabelled.iter().map(|((_, number), _)| *number).collect();
            sqlx::query(DELETE_LABELS).bind(&projects).bind(&numbers).execute(&mut *db).await?;
            sqlx::query(
                "UPDATE tickets t SET labels = ARRAY(SELECT json_array_elements_text(v.labels::json)) \
                 FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS v (project_id, number, labels) \
                 WHERE t.project_id = v.project_id AND t.number = v.number",
            )
            .bind(&projects)
            .bind(&numbers)
            .bind(&lists)
            .execute(&mut *db)
            .await?;
        }
        let mut columns = PatchColumns::default();
        patches.into_iter().for_each(|(key, patch)| columns.push(key, patch));
        columns.write(db).await
    }
}

const DELETE_LABELS: &str = "DELETE FROM ticket_labels l USING unnest($1::uuid[], $2::bigint[]) AS v (project_id, number) \
     WHERE l.project_id = v.project_id AND l.number = v.number";

#[derive(Default)]
struct PatchColumns {
    project: Vec<Uuid>,
    number: Vec<i64>,
    title: Vec<Option<String>>,
    description: Vec<Option<String>>,
    priority: Vec<Option<String>>,
    status: Vec<Option<String>>,
    assignee_changes: Vec<bool>,
    assignee: Vec<Option<Uuid>>,
    due_date_changes: Vec<bool>,
    due_date: Vec<Option<i64>>,
    version: Vec<i64>,
    sequence: Vec<i64>,
    updated_at: Vec<i64>,
}

impl PatchColumns {
    fn push(&mut self, (project, number): TicketKey, patch: TicketPatch) {
        self.project.push(project);
        self.number.push(number);
        self.title.push(patch.title);
        self.description.push(patch.description);
        self.priority.push(patch.priority);
        self.status.push(patch.status);
        self.assignee_changes.push(patch.assignee_id.is_to());
        self.assignee.push(patch.assignee_id.value());
        self.due_date_changes.push(patch.due_date.is_to());
        self.due_date.push(patch.due_date.value());
        self.version.push(patch.version);
        self.sequence.push(patch.sequence);
        self.updated_at.push(patch.updated_at);
    }

    async fn write(self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE tickets t SET title = coalesce(v.title, t.title), description = coalesce(v.description, t.description), \
             priority = coalesce(v.priority, t.priority), status = coalesce(v.status, t.status), \
             assignee_id = CASE WHEN v.assignee_changes THEN v.assignee_id ELSE t.assignee_id END, \
             due_date = CASE WHEN v.due_date_changes THEN v.due_date ELSE t.due_date END, \
             version = v.version, sequence = v.sequence, updated_at = v.updated_at \
             FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::uuid[], \
             $9::boolean[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[]) AS v (project_id, number, title, \
             description, priority, status, assignee_changes, assignee_id, due_date_changes, due_date, version, sequence, updated_at) \
             WHERE t.project_id = v.project_id AND t.number = v.number",
        )
        .bind(self.project)
        .bind(self.number)
        .bind(self.title)
        .bind(self.description)
        .bind(self.priority)
        .bind(self.status)
        .bind(self.assignee_changes)
        .bind(self.assignee)
        .bind(self.due_date_changes)
        .bind(self.due_date)
        .bind(self.version)
        .bind(self.sequence)
        .bind(self.updated_at)
        .execute(db)
        .await
        .map(drop)
    }
}

fn copy_ticket(rows: &mut CopyRows, t: &TicketRow) {
    rows.row().uuid(t.id).uuid(t.project_id).int(t.number).text(&t.code).text(&t.title).text(&t.priority);
    rows.text(&t.status).texts(&t.labels).uuid(t.reporter_id).maybe_uuid(t.assignee_id).maybe_int(t.due_date);
    rows.maybe_text(t.external_source.as_deref()).maybe_text(t.external_id.as_deref());
    rows.maybe_text(t.external_url.as_deref()).int(t.version).int(t.sequence).bool(t.imported);
    rows.int(t.created_at).int(t.updated_at).text(&t.description);
}

/// Each label once, whatever the event says.
fn copy_labels(rows: &mut CopyRows, (project, number): TicketKey, labels: &[String]) {
    for (at, label) in labels.iter().enumerate() {
        if !labels.iter().take(at).any(|earlier| earlier == label) {
            rows.row().uuid(project).text(label).int(number);
        }
    }
}

async fn write_users(db: &mut PgConnection, users: AHashMap<Uuid, Option<UserCreated>>) -> Result<(), sqlx::Error> {
    let erased: Vec<Uuid> = users.iter().filter(|(_, user)| user.is_none()).map(|(id, _)| *id).collect();
    if !erased.is_empty() {
        sqlx::query("DELETE FROM users WHERE id = ANY($1)").bind(erased).execute(&mut *db).await?;
    }
    let mut known: Vec<UserCreated> = users.into_values().flatten().collect();
    if known.is_empty() {
        return Ok(());
    }
    // Two sinks that write the same rows do so in the same order, here and below: neither waits for the other's.
    known.sort_unstable_by_key(|user| user.user_id);
    sqlx::query(
        "INSERT INTO users (id, email, name, role, source, login, sequence, created_at) SELECT * FROM unnest($1::uuid[], \
         $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[]) ON CONFLICT (id) DO UPDATE \
         SET email = excluded.email, name = excluded.name, role = excluded.role, source = excluded.source, \
         login = excluded.login, sequence = excluded.sequence, created_at = excluded.created_at",
    )
    .bind(column(&known, |user| user.user_id))
    .bind(column(&known, |user| user.email.clone()))
    .bind(column(&known, |user| user.name.clone()))
    .bind(column(&known, |user| user.role.clone()))
    .bind(column(&known, |user| user.login_source.clone()))
    .bind(column(&known, |user| user.login.clone()))
    .bind(column(&known, |user| user.sequence))
    .bind(column(&known, |user| user.created_at))
    .execute(db)
    .await
    .map(drop)
}

/// An update tells the whole state that can change, so of several only the last counts.
async fn write_projects(db: &mut PgConnection, changes: Vec<ProjectChange>) -> Result<(), sqlx::Error> {
    let mut created = Vec::new();
    let mut updated: AHashMap<Uuid, ProjectUpdated> = AHashMap::new();
    for change in changes {
        match change {
            ProjectChange::Created(event) => created.push(event),
            ProjectChange::Updated(event) => drop(updated.insert(event.project_id, event)),
        }
    }
    if !created.is_empty() {
        sqlx::query(
            "INSERT INTO projects (id, key, name, description, owner_id, viewer_comments, created_at, updated_at) \
             SELECT v.id, v.key, v.name, v.description, v.owner_id, FALSE, v.at, v.at FROM unnest($1::uuid[], $2::text[], \
             $3::text[], $4::text[], $5::uuid[], $6::bigint[]) AS v (id, key, name, description, owner_id, at)",
        )
        .bind(column(&created, |event| event.project_id))
        .bind(column(&created, |event| event.key.clone()))
        .bind(column(&created, |event| event.name.clone()))
        .bind(column(&created, |event| event.description.clone()))
        .bind(column(&created, |event| event.owner_id))
        .bind(column(&created, |event| event.created_at))
        .execute(&mut *db)
        .await?;
    }
    if updated.is_empty() {
        return Ok(());
    }
    let updated: Vec<ProjectUpdated> = updated.into_values().collect();
    sqlx::query(
        "UPDATE projects p SET name = v.name, description = v.description, viewer_comments = v.viewer_comments, \
         updated_at = v.updated_at FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::bigint[]) \
         AS v (id, name, description, viewer_comments, updated_at) WHERE p.id = v.id",
    )
    .bind(column(&updated, |event| event.project_id))
    .bind(column(&updated, |event| event.name.clone()))
    .bind(column(&updated, |event| event.description.clone()))
    .bind(column(&updated, |event| event.viewer_comments))
    .bind(column(&updated, |event| event.updated_at))
    .execute(db)
    .await
    .map(drop)
}

async fn write_members(db: &mut PgConnection, changes: Vec<MemberChange>) -> Result<(), sqlx::Error> {
    struct State {
        handle: String,
        role: String,
        capacity: i32,
        skills: Vec<String>,
        available: bool,
    }
    /// Added and updated events say the same.
    macro_rules! state {
        ($event:ident) => {
            Some(State {
                handle: $event.handle,
                role: $event.role,
                capacity: $event.capacity,
                skills: $event.skills,
                available: $event.available,
            })
        };
    }
    if changes.is_empty() {
        return Ok(());
    }
    // The last state of each; `None`: no member any more.
    let mut states: AHashMap<(Uuid, Uuid), Option<State>> = AHashMap::new();
    for change in changes {
        let (key, state) = match change {
            MemberChange::Added(event) => ((event.project_id, event.user_id), state!(event)),
            MemberChange::Updated(event) => ((event.project_id, event.user_id), state!(event)),
            MemberChange::Removed(event) => ((event.project_id, event.user_id), None),
        };
        states.insert(key, state);
    }
    let (projects, users): (Vec<Uuid>, Vec<Uuid>) = states.keys().copied().unzip();
    sqlx::query(
        "DELETE FROM members m USING unnest($1::uuid[], $2::uuid[]) AS v (project_id, user_id) \
         WHERE m.project_id = v.project_id AND m.user_id = v.user_id",
    )
    .bind(projects)
    .bind(users)
    .execute(&mut *db)
    .await?;
    let mut rows = CopyRows::new(
        "COPY members (project_id, user_id, handle, role, capacity, skills, available) FROM STDIN (FORMAT binary)",
        7,
    );
    for ((project, user), state) in states {
        if let Some(s) = state {
            rows.row().uuid(project).uuid(user).text(&s.handle).text(&s.role).small_int(s.capacity);
            rows.texts(&s.skills).bool(s.available);
        }
    }
    rows.send(db).await
}

async fn write_status_counts(db: &mut PgConnection, counts: AHashMap<(Uuid, String), i64>) -> Result<(), sqlx::Error> {
    let counts: Vec<_> = counts.into_iter().filter(|(_, by)| *by != 0).collect();
    if counts.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO status_counts AS c (project_id, status, tickets) SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[]) \
         ON CONFLICT (project_id, status) DO UPDATE SET tickets = c.tickets + excluded.tickets",
    )
    .bind(column(&counts, |((project, _), _)| *project))
    .bind(column(&counts, |((_, status), _)| status.clone()))
    .bind(column(&counts, |(_, by)| *by))
    .execute(db)
    .await
    .map(drop)
}

async fn delete_tickets(db: &mut PgConnection, deleted: Vec<(TicketKey, Uuid)>) -> Result<(), sqlx::Error> {
    if deleted.is_empty() {
        return Ok(());
    }
    let projects = column(&deleted, |((project, _), _)| *project);
    let numbers = column(&deleted, |((_, number), _)| *number);
    let ids: AHashSet<Uuid> = deleted.iter().map(|(_, id)| *id).collect();
    sqlx::query(
        "UPDATE status_counts c SET tickets = c.tickets - d.tickets FROM (SELECT t.project_id, t.status, count(*) AS tickets \
         FROM unnest($1::uuid[], $2::bigint[]) AS v (project_id, number) \
         JOIN tickets t ON t.project_id = v.project_id AND t.number = v.number GROUP BY t.project_id, t.status) d \
         WHERE c.project_id = d.project_id AND c.status = d.status",
    )
    .bind(&projects)
    .bind(&numbers)
    .execute(&mut *db)
    .await?;
    sqlx::query(DELETE_LABELS).bind(&projects).bind(&numbers).execute(&mut *db).await?;
    sqlx::query("DELETE FROM comments WHERE ticket_id = ANY($1)")
        .bind(ids.into_iter().collect::<Vec<_>>())
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "DELETE FROM tickets t USING unnest($1::uuid[], $2::bigint[]) AS v (project_id, number) \
         WHERE t.project_id = v.project_id AND t.number = v.number",
    )
    .bind(&projects)
    .bind(&numbers)
    .execute(db)
    .await
    .map(drop)
}

async fn write_sequences(db: &mut PgConnection, sequences: AHashMap<Uuid, i64>) -> Result<(), sqlx::Error> {
    if sequences.is_empty() {
        return Ok(());
    }
    let (projects, sequences): (Vec<Uuid>, Vec<i64>) = sequences.into_iter().unzip();
    sqlx::query(
        "INSERT INTO project_sequences (project_id, sequence) SELECT * FROM unnest($1::uuid[], $2::bigint[]) \
         ON CONFLICT (project_id) DO UPDATE SET sequence = excluded.sequence",
    )
    .bind(projects)
    .bind(sequences)
    .execute(db)
    .await
    .map(drop)
}

/// A failed command was not decided: sent again, it is, and that counts.
async fn write_outcomes(db: &mut PgConnection, outcomes: Vec<OutcomeRow>) -> Result<(), sqlx::Error> {
    if outcomes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO outcomes AS o (command_id, decided_at, failed, outcome) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::boolean[], $4::bytea[]) ON CONFLICT (command_id) DO UPDATE \
         SET decided_at = excluded.decided_at, failed = excluded.failed, outcome = excluded.outcome WHERE o.failed",
    )
    .bind(column(&outcomes, |outcome| outcome.command_id))
    .bind(column(&outcomes, |outcome| outcome.decided_at))
    .bind(column(&outcomes, |outcome| outcome.failed))
    .bind(outcomes.into_iter().map(|outcome| outcome.bytes).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}

/// Those that another sink is removing are left to it.
async fn prune_outcomes(db: &mut PgConnection, decided_before: i64) -> Result<u64, sqlx::Error> {
    let removed = sqlx::query(
        "DELETE FROM outcomes WHERE command_id IN (SELECT command_id FROM outcomes WHERE decided_at < $1 LIMIT $2 \
         FOR UPDATE SKIP LOCKED)",
    )
    .bind(decided_before)
    .bind(i64::from(PRUNE_AT_ONCE))
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}

fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
