//! Writes gathered changes into an open transaction: each table in one statement, whatever the number of rows.
//!
//! Rows go as one array a column, which `unnest` turns into rows again. Not by `COPY`: sqlx sends a `COPY`'s end in a packet of its
//! own and leaves TCP's delay on, so each would wait 40 ms for the server to acknowledge the rows before it.

use ahash::{AHashMap, AHashSet};
use schemas::reader::{CommentRow, NotificationRow, TicketRow, UserRow};
use schemas::{NotificationsRead, ProjectUpdated};
use sqlx::postgres::{PgBindIterExt, PgHasArrayType};
use sqlx::{Encode, PgConnection, Postgres, Type};
use uuid::Uuid;

use super::{deliveries, history, mails};
use crate::sink::changes::{
    Changes, MemberChange, OutcomeRow, PRUNE_AT_ONCE, ProjectChange, TicketKey, TicketPatch, workflow_json,
};

/// Writes all of it; the order matters only in that a deleted ticket's row is there when it is deleted, and that of its labels the
/// old ones go before the new ones come. Returns how many old outcomes, mails and deliveries went.
pub(super) async fn write(db: &mut PgConnection, mut changes: Changes) -> Result<u64, sqlx::Error> {
    let (outcomes, mail_rows, delivery_rows) =
        (changes.take_outcomes(), changes.take_mails(), changes.take_deliveries());
    write_users(db, &changes.users).await?;
    write_projects(db, &changes.projects).await?;
    write_members(db, &changes.members).await?;
    create_tickets(db, &changes.created).await?;
    patch_tickets(db, &changes.patches).await?;
    write_labels(db, &changes).await?;
    write_status_counts(db, &changes.status_counts).await?;
    write_comments(db, &changes.comments).await?;
    history::write(db, &changes.history).await?;
    write_watchers(db, &changes.watchers).await?;
    create_notifications(db, &changes.notifications).await?;
    read_notifications(db, &changes.readings).await?;
    mails::write(db, &mail_rows).await?;
    deliveries::write(db, &delivery_rows).await?;
    delete_tickets(db, &changes.deleted).await?;
    write_sequences(db, &changes.sequences).await?;
    write_outcomes(db, &outcomes).await?;
    match changes.prune_before {
        Some(before) => {
            let pruned = prune_outcomes(db, before).await? + mails::prune(db, before).await?;
            Ok(pruned + deliveries::prune(db, before).await?)
        }
        None => Ok(0),
    }
}

async fn create_tickets(db: &mut PgConnection, tickets: &[TicketRow]) -> Result<(), sqlx::Error> {
    if tickets.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO tickets (id, project_id, number, code, title, priority, status, labels, reporter_id, assignee_id, due_date, \
         external_source, external_id, external_url, version, sequence, imported, created_at, updated_at, description, \
         assigned_by, assigned_at, assignment_round, assignment_reason, assignment_held) \
         SELECT v.id, v.project_id, v.number, v.code, v.title, v.priority, v.status, v.labels::text[], v.reporter_id, v.assignee_id, \
         v.due_date, v.external_source, v.external_id, v.external_url, v.version, v.sequence, v.imported, v.created_at, \
         v.updated_at, v.description, v.assigned_by, v.assigned_at, v.round, v.reason, v.held FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], \
         $7::text[], $8::text[], $9::uuid[], $10::uuid[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::bigint[], \
         $16::bigint[], $17::boolean[], $18::bigint[], $19::bigint[], $20::text[], $21::uuid[], $22::bigint[], $23::bigint[], \
         $24::text[], $25::boolean[]) AS v (id, project_id, number, code, title, \
         priority, status, labels, reporter_id, assignee_id, due_date, external_source, external_id, external_url, version, \
         sequence, imported, created_at, updated_at, description, assigned_by, assigned_at, round, reason, held)",
    )
    .bind(column(tickets, |t| t.id))
    .bind(column(tickets, |t| t.project_id))
    .bind(column(tickets, |t| t.number))
    .bind(column(tickets, |t| &t.code))
    .bind(column(tickets, |t| &t.title))
    .bind(column(tickets, |t| &t.priority))
    .bind(column(tickets, |t| &t.status))
    .bind(column(tickets, |t| list(&t.labels)))
    .bind(column(tickets, |t| t.reporter_id))
    .bind(column(tickets, |t| t.assignee_id))
    .bind(column(tickets, |t| t.due_date))
    .bind(column(tickets, |t| t.external_source.as_deref()))
    .bind(column(tickets, |t| t.external_id.as_deref()))
    .bind(column(tickets, |t| t.external_url.as_deref()))
    .bind(column(tickets, |t| t.version))
    .bind(column(tickets, |t| t.sequence))
    .bind(column(tickets, |t| t.imported))
    .bind(column(tickets, |t| t.created_at))
    .bind(column(tickets, |t| t.updated_at))
    .bind(column(tickets, |t| &t.description))
    .bind(column(tickets, |t| t.assignment.by))
    .bind(column(tickets, |t| t.assignment.at))
    .bind(column(tickets, |t| t.assignment.round))
    .bind(column(tickets, |t| t.assignment.reason.as_deref()))
    .bind(column(tickets, |t| t.assignment.held))
    .execute(db)
    .await
    .map(drop)
}

async fn patch_tickets(db: &mut PgConnection, patches: &[(TicketKey, TicketPatch)]) -> Result<(), sqlx::Error> {
    if patches.is_empty() {
        return Ok(());
    }
    let relabelled: Vec<TicketKey> = patches.iter().filter(|(_, p)| p.labels.is_some()).map(|(key, _)| *key).collect();
    delete_labels(db, &relabelled).await?;
    sqlx::query(
        "UPDATE tickets t SET title = coalesce(v.title, t.title), description = coalesce(v.description, t.description), \
         priority = coalesce(v.priority, t.priority), status = coalesce(v.status, t.status), \
         labels = coalesce(v.labels::text[], t.labels), \
         assignee_id = CASE WHEN v.assignee_changes THEN v.assignee_id ELSE t.assignee_id END, \
         due_date = CASE WHEN v.due_date_changes THEN v.due_date ELSE t.due_date END, \
         version = v.version, sequence = v.sequence, updated_at = v.updated_at, \
         assigned_by = coalesce(v.assigned_by, t.assigned_by), assigned_at = coalesce(v.assigned_at, t.assigned_at), \
         assignment_round = coalesce(v.round, t.assignment_round), \
         assignment_reason = CASE WHEN v.round IS NULL THEN t.assignment_reason ELSE v.reason END, \
         assignment_held = coalesce(v.held, t.assignment_held) \
         FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::uuid[], \
         $10::boolean[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::uuid[], $16::bigint[], $17::bigint[], \
         $18::text[], $19::boolean[]) AS v (project_id, number, title, description, \
         priority, status, labels, assignee_changes, assignee_id, due_date_changes, due_date, version, sequence, updated_at, \
         assigned_by, assigned_at, round, reason, held) \
         WHERE t.project_id = v.project_id AND t.number = v.number",
    )
    .bind(column(patches, |((project, _), _)| *project))
    .bind(column(patches, |((_, number), _)| *number))
    .bind(column(patches, |(_, p)| p.title.as_deref()))
    .bind(column(patches, |(_, p)| p.description.as_deref()))
    .bind(column(patches, |(_, p)| p.priority.as_deref()))
    .bind(column(patches, |(_, p)| p.status.as_deref()))
    .bind(column(patches, |(_, p)| p.labels.as_deref().map(list)))
    .bind(column(patches, |(_, p)| p.assignee_id.is_to()))
    .bind(column(patches, |(_, p)| p.assignee_id.value()))
    .bind(column(patches, |(_, p)| p.due_date.is_to()))
    .bind(column(patches, |(_, p)| p.due_date.value()))
    .bind(column(patches, |(_, p)| p.version))
    .bind(column(patches, |(_, p)| p.sequence))
    .bind(column(patches, |(_, p)| p.updated_at))
    .bind(column(patches, |(_, p)| p.assignment.as_ref().and_then(|assignment| assignment.by)))
    .bind(column(patches, |(_, p)| p.assignment.as_ref().and_then(|assignment| assignment.at)))
    .bind(column(patches, |(_, p)| p.assignment.as_ref().map(|assignment| assignment.round)))
    .bind(column(patches, |(_, p)| p.assignment.as_ref().and_then(|assignment| assignment.reason.as_deref())))
    .bind(column(patches, |(_, p)| p.held()))
    .execute(db)
    .await
    .map(drop)
}

/// Those of new and of changed tickets; each label once, whatever the event says.
async fn write_labels(db: &mut PgConnection, changes: &Changes) -> Result<(), sqlx::Error> {
    let created = changes.created.iter().map(|t| ((t.project_id, t.number), &t.labels));
    let patched = changes.patches.iter().filter_map(|(key, patch)| Some((*key, patch.labels.as_ref()?)));
    let mut rows: Vec<(TicketKey, &str)> = Vec::new();
    for (key, labels) in created.chain(patched) {
        for (at, label) in labels.iter().enumerate() {
            if !labels.iter().take(at).any(|earlier| earlier == label) {
                rows.push((key, label));
            }
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO ticket_labels (project_id, label, number) SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[])",
    )
    .bind(column(&rows, |((project, _), _)| *project))
    .bind(column(&rows, |(_, label)| *label))
    .bind(column(&rows, |((_, number), _)| *number))
    .execute(db)
    .await
    .map(drop)
}

async fn delete_labels(db: &mut PgConnection, tickets: &[TicketKey]) -> Result<(), sqlx::Error> {
    if tickets.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM ticket_labels l USING unnest($1::uuid[], $2::bigint[]) AS v (project_id, number) \
         WHERE l.project_id = v.project_id AND l.number = v.number",
    )
    .bind(column(tickets, |(project, _)| *project))
    .bind(column(tickets, |(_, number)| *number))
    .execute(db)
    .await
    .map(drop)
}

async fn write_comments(db: &mut PgConnection, comments: &[CommentRow]) -> Result<(), sqlx::Error> {
    if comments.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO comments (id, project_id, ticket_id, author_id, content, parent_id, sequence, created_at) \
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::bigint[], $8::bigint[])",
    )
    .bind(column(comments, |c| c.id))
    .bind(column(comments, |c| c.project_id))
    .bind(column(comments, |c| c.ticket_id))
    .bind(column(comments, |c| c.author_id))
    .bind(column(comments, |c| &c.content))
    .bind(column(comments, |c| c.parent_id))
    .bind(column(comments, |c| c.sequence))
    .bind(column(comments, |c| c.created_at))
    .execute(db)
    .await
    .map(drop)
}

async fn write_watchers(
    db: &mut PgConnection,
    watchers: &AHashMap<(TicketKey, Uuid), Option<i64>>,
) -> Result<(), sqlx::Error> {
    if watchers.is_empty() {
        return Ok(());
    }
    let changed: Vec<_> =
        watchers.iter().map(|(((project, number), user), since)| (*project, *number, *user, *since)).collect();
    sqlx::query(
        "DELETE FROM watchers w USING unnest($1::uuid[], $2::bigint[], $3::uuid[]) AS v (project_id, number, user_id) \
         WHERE w.project_id = v.project_id AND w.number = v.number AND w.user_id = v.user_id",
    )
    .bind(column(&changed, |(project, ..)| *project))
    .bind(column(&changed, |(_, number, ..)| *number))
    .bind(column(&changed, |(_, _, user, _)| *user))
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "INSERT INTO watchers (project_id, number, user_id, since) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], \
         $4::bigint[]) AS v (project_id, number, user_id, since) WHERE v.since IS NOT NULL",
    )
    .bind(column(&changed, |(project, ..)| *project))
    .bind(column(&changed, |(_, number, ..)| *number))
    .bind(column(&changed, |(_, _, user, _)| *user))
    .bind(column(&changed, |(.., since)| *since))
    .execute(db)
    .await
    .map(drop)
}

async fn create_notifications(db: &mut PgConnection, made: &[NotificationRow]) -> Result<(), sqlx::Error> {
    if made.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO notifications (user_id, sequence, id, reason, event_id, kind, project_id, event_sequence, ticket_id, number, \
         code, title, actor_id, detail, actor, assignee, at, read) SELECT v.*, FALSE FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], \
         $5::uuid[], $6::text[], $7::uuid[], $8::bigint[], $9::uuid[], $10::bigint[], $11::text[], $12::text[], $13::uuid[], \
         $14::text[], $15::text[], $16::text[], $17::bigint[]) AS v",
    )
    .bind(column(made, |n| n.user_id))
    .bind(column(made, |n| n.sequence))
    .bind(column(made, |n| n.id))
    .bind(column(made, |n| &n.reason))
    .bind(column(made, |n| n.about.event_id))
    .bind(column(made, |n| &n.about.kind))
    .bind(column(made, |n| n.about.project_id))
    .bind(column(made, |n| n.about.sequence))
    .bind(column(made, |n| n.about.ticket_id))
    .bind(column(made, |n| n.about.number))
    .bind(column(made, |n| &n.about.code))
    .bind(column(made, |n| &n.about.title))
    .bind(column(made, |n| n.about.actor_id))
    .bind(column(made, |n| &n.about.detail))
    .bind(column(made, |n| &n.about.actor))
    .bind(column(made, |n| &n.about.assignee))
    .bind(column(made, |n| n.about.at))
    .execute(db)
    .await
    .map(drop)
}

/// What is made after a reading has a later sequence, so it does not matter that it is in the table already.
async fn read_notifications(db: &mut PgConnection, readings: &[NotificationsRead]) -> Result<(), sqlx::Error> {
    if readings.is_empty() {
        return Ok(());
    }
    sqlx::query(READ_ONE)
        .bind(column(readings, |reading| reading.user_id))
        .bind(column(readings, |reading| reading.notification_id))
        .execute(&mut *db)
        .await?;
    sqlx::query(READ_ALL)
        .bind(column(readings, |reading| reading.user_id))
        .bind(column(readings, |reading| reading.up_to))
        .execute(db)
        .await
        .map(drop)
}

/// Those read one by one.
pub(super) const READ_ONE: &str = "UPDATE notifications n SET read = TRUE FROM unnest($1::uuid[], $2::uuid[]) AS v (user_id, id) \
     WHERE n.id = v.id AND n.user_id = v.user_id AND n.read = FALSE";
/// Those read all up to one.
pub(super) const READ_ALL: &str = "UPDATE notifications n SET read = TRUE FROM unnest($1::uuid[], $2::bigint[]) AS v (user_id, up_to) \
     WHERE n.user_id = v.user_id AND n.sequence <= v.up_to AND n.read = FALSE";

async fn write_users(db: &mut PgConnection, users: &AHashMap<Uuid, Option<UserRow>>) -> Result<(), sqlx::Error> {
    let erased: Vec<Uuid> = users.iter().filter(|(_, user)| user.is_none()).map(|(id, _)| *id).collect();
    if !erased.is_empty() {
        sqlx::query("DELETE FROM users WHERE id = ANY($1)").bind(&erased).execute(&mut *db).await?;
        mails::forget(db, &erased).await?;
        deliveries::forget(db, &erased).await?;
    }
    let mut known: Vec<&UserRow> = users.values().flatten().collect();
    if known.is_empty() {
        return Ok(());
    }
    // Two sinks that write the same rows do so in the same order, here and below: neither waits for the other's.
    known.sort_unstable_by_key(|user| user.id);
    let preferences: Result<Vec<String>, _> = known.iter().map(|u| serde_json::to_string(&u.preferences)).collect();
    sqlx::query(
        "INSERT INTO users (id, email, name, role, source, login, sequence, created_at, preferences, deactivated) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], \
         $9::text[], $10::boolean[]) \
         ON CONFLICT (id) DO UPDATE \
         SET email = excluded.email, name = excluded.name, role = excluded.role, source = excluded.source, \
         login = excluded.login, sequence = excluded.sequence, created_at = excluded.created_at, \
         preferences = excluded.preferences, deactivated = excluded.deactivated",
    )
    .bind(column(&known, |user| user.id))
    .bind(column(&known, |user| user.email.as_deref()))
    .bind(column(&known, |user| &user.name))
    .bind(column(&known, |user| &user.role))
    .bind(column(&known, |user| user.source.as_deref()))
    .bind(column(&known, |user| user.login.as_deref()))
    .bind(column(&known, |user| user.sequence))
    .bind(column(&known, |user| user.created_at))
    .bind(preferences.map_err(|error| sqlx::Error::Encode(error.into()))?)
    .bind(column(&known, |user| user.deactivated))
    .execute(db)
    .await
    .map(drop)
}

/// An update tells the whole state that can change, so of several only the last counts.
async fn write_projects(db: &mut PgConnection, changes: &[ProjectChange]) -> Result<(), sqlx::Error> {
    let mut created = Vec::new();
    let mut updated: AHashMap<Uuid, &ProjectUpdated> = AHashMap::new();
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
        .bind(column(&created, |event| &event.key))
        .bind(column(&created, |event| &event.name))
        .bind(column(&created, |event| &event.description))
        .bind(column(&created, |event| event.owner_id))
        .bind(column(&created, |event| event.created_at))
        .execute(&mut *db)
        .await?;
    }
    if updated.is_empty() {
        return Ok(());
    }
    let updated: Vec<&ProjectUpdated> = updated.into_values().collect();
    let workflows: Result<Vec<Option<String>>, _> = updated.iter().map(|event| workflow_json(event)).collect();
    sqlx::query(
        "UPDATE projects p SET name = v.name, description = v.description, viewer_comments = v.viewer_comments, \
         updated_at = v.updated_at, assignment_policy = coalesce(nullif(v.policy, ''), p.assignment_policy), \
         pool_id = v.pool_id, pool_open = v.pool_open, workflow = v.workflow, archived = v.archived \
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::bigint[], $6::text[], $7::uuid[], $8::boolean[], \
         $9::text[], $10::boolean[]) \
         AS v (id, name, description, viewer_comments, updated_at, policy, pool_id, pool_open, workflow, archived) WHERE p.id = v.id",
    )
    .bind(column(&updated, |event| event.project_id))
    .bind(column(&updated, |event| &event.name))
    .bind(column(&updated, |event| &event.description))
    .bind(column(&updated, |event| event.viewer_comments))
    .bind(column(&updated, |event| event.updated_at))
    .bind(column(&updated, |event| &event.assignment_policy))
    .bind(column(&updated, |event| event.pool_id))
    .bind(column(&updated, |event| event.pool_open))
    .bind(workflows?)
    .bind(column(&updated, |event| event.archived))
    .execute(db)
    .await
    .map(drop)
}

async fn write_members(db: &mut PgConnection, changes: &[MemberChange]) -> Result<(), sqlx::Error> {
    struct Row<'c> {
        key: (Uuid, Uuid),
        handle: &'c str,
        role: &'c str,
        capacity: i32,
        skills: &'c [String],
        available: bool,
    }
    /// Added and updated events say the same.
    macro_rules! row {
        ($event:ident) => {
            Some(Row {
                key: ($event.project_id, $event.user_id),
                handle: &$event.handle,
                role: &$event.role,
                capacity: $event.capacity,
                skills: &$event.skills,
                available: $event.available,
            })
        };
    }
    if changes.is_empty() {
        return Ok(());
    }
    // The last state of each; `None`: no member any more.
    let mut states: AHashMap<(Uuid, Uuid), Option<Row<'_>>> = AHashMap::new();
    for change in changes {
        let (key, row) = match change {
            MemberChange::Added(event) => ((event.project_id, event.user_id), row!(event)),
            MemberChange::Updated(event) => ((event.project_id, event.user_id), row!(event)),
            MemberChange::Removed(event) => ((event.project_id, event.user_id), None),
        };
        states.insert(key, row);
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
    let rows: Vec<Row<'_>> = states.into_values().flatten().collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO members (project_id, user_id, handle, role, capacity, skills, available) \
         SELECT v.project_id, v.user_id, v.handle, v.role, v.capacity, v.skills::text[], v.available FROM unnest($1::uuid[], \
         $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::boolean[]) \
         AS v (project_id, user_id, handle, role, capacity, skills, available)",
    )
    .bind(column(&rows, |row| row.key.0))
    .bind(column(&rows, |row| row.key.1))
    .bind(column(&rows, |row| row.handle))
    .bind(column(&rows, |row| row.role))
    .bind(column(&rows, |row| row.capacity))
    .bind(column(&rows, |row| list(row.skills)))
    .bind(column(&rows, |row| row.available))
    .execute(db)
    .await
    .map(drop)
}

async fn write_status_counts(db: &mut PgConnection, counts: &AHashMap<(Uuid, String), i64>) -> Result<(), sqlx::Error> {
    let counts: Vec<_> = counts.iter().filter(|(_, by)| **by != 0).collect();
    if counts.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO status_counts AS c (project_id, status, tickets) SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[]) \
         ON CONFLICT (project_id, status) DO UPDATE SET tickets = c.tickets + excluded.tickets",
    )
    .bind(column(&counts, |((project, _), _)| *project))
    .bind(column(&counts, |((_, status), _)| status))
    .bind(column(&counts, |(_, by)| **by))
    .execute(db)
    .await
    .map(drop)
}

async fn delete_tickets(db: &mut PgConnection, deleted: &[(TicketKey, Uuid)]) -> Result<(), sqlx::Error> {
    if deleted.is_empty() {
        return Ok(());
    }
    let keys: Vec<TicketKey> = deleted.iter().map(|(key, _)| *key).collect();
    let (projects, numbers): (Vec<Uuid>, Vec<i64>) = keys.iter().copied().unzip();
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
    delete_labels(db, &keys).await?;
    history::forget(db, &projects, &numbers).await?;
    sqlx::query(
        "DELETE FROM watchers w USING unnest($1::uuid[], $2::bigint[]) AS v (project_id, number) \
         WHERE w.project_id = v.project_id AND w.number = v.number",
    )
    .bind(&projects)
    .bind(&numbers)
    .execute(&mut *db)
    .await?;
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

async fn write_sequences(db: &mut PgConnection, sequences: &AHashMap<Uuid, i64>) -> Result<(), sqlx::Error> {
    if sequences.is_empty() {
        return Ok(());
    }
    let (projects, sequences): (Vec<Uuid>, Vec<i64>) = sequences.iter().unzip();
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
async fn write_outcomes(db: &mut PgConnection, outcomes: &[OutcomeRow]) -> Result<(), sqlx::Error> {
    if outcomes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO outcomes AS o (command_id, decided_at, failed, outcome) \
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::boolean[], $4::bytea[]) ON CONFLICT (command_id) DO UPDATE \
         SET decided_at = excluded.decided_at, failed = excluded.failed, outcome = excluded.outcome \
         WHERE o.failed OR o.decided_at < excluded.decided_at - 604800000",
    )
    .bind(column(outcomes, |outcome| outcome.command_id))
    .bind(column(outcomes, |outcome| outcome.decided_at))
    .bind(column(outcomes, |outcome| outcome.failed))
    .bind(column(outcomes, |outcome| &*outcome.bytes))
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

/// One column of these rows, as an array; written into the statement in place.
pub(super) fn column<'r, R, T>(rows: &'r [R], value: impl Fn(&'r R) -> T) -> impl Encode<'r, Postgres> + Type<Postgres>
where
    T: Encode<'r, Postgres> + Type<Postgres> + PgHasArrayType,
{
    rows.iter().map(value).bind_iter()
}

/// A list in PostgreSQL's own words, to be cast: an array of lists of different lengths is no array.
/// Source: PostgreSQL's documentation, "Arrays", "Array Input and Output Syntax".
fn list(values: &[String]) -> String {
    let mut out = String::from("{");
    for (at, value) in values.iter().enumerate() {
        out.push_str(if at == 0 { "\"" } else { ",\"" });
        for c in value.chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::list;

    #[test]
    fn should_write_lists_so_that_postgres_reads_each_value_as_it_was() {
        let of = |values: &[&str]| list(&values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[]), "{}");
        assert_eq!(of(&["bug", "NULL", ""]), r#"{"bug","NULL",""}"#);
        assert_eq!(of(&[r#"a "b" \ {c}, d"#]), r#"{"a \"b\" \\ {c}, d"}"#);
    }
}
