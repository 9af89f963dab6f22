//! Writes gathered changes into an open transaction.

use schemas::NotificationsRead;
use schemas::reader::{CommentRow, DeliveryRow, HistoryRow, MailRow, NotificationRow, TicketRow, UserRow};
use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, SqliteConnection};
use uuid::Uuid;

use super::multi_row::MultiRow;
use crate::sink::changes::{
    Changes, MemberChange, OutcomeRow, PRUNE_AT_ONCE, ProjectChange, TicketKey, TicketPatch, workflow_json,
};
use crate::sql::{ADD_TO_DELIVERY, ADD_TO_MAIL, DELIVERY, HISTORY, MAIL};

/// The statements that take many rows.
pub(super) struct Writer {
    tickets: MultiRow,
    patches: MultiRow,
    labels: MultiRow,
    status_counts: MultiRow,
    comments: MultiRow,
    history: MultiRow,
    notifications: MultiRow,
    mails: MultiRow,
    deliveries: MultiRow,
    sequences: MultiRow,
    users: MultiRow,
    outcomes: MultiRow,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            tickets: MultiRow::new(
                "INSERT INTO tickets (id, project_id, number, code, title, description, priority, status, labels, reporter_id, \
                 assignee_id, due_date, external_source, external_id, external_url, version, sequence, imported, created_at, \
                 updated_at, assigned_by, assigned_at, assignment_round, assignment_reason, assignment_held) VALUES",
                25,
                "",
            ),
            patches: MultiRow::new(
                "UPDATE tickets SET title = coalesce(v.column3, title), description = coalesce(v.column4, description), \
                 priority = coalesce(v.column5, priority), status = coalesce(v.column6, status), \
                 labels = coalesce(v.column7, labels), \
                 assignee_id = CASE v.column8 WHEN 0 THEN assignee_id ELSE v.column9 END, \
                 due_date = CASE v.column10 WHEN 0 THEN due_date ELSE v.column11 END, \
                 version = v.column12, sequence = v.column13, updated_at = v.column14, \
                 assignment_reason = CASE WHEN v.column17 IS NULL THEN assignment_reason ELSE v.column18 END, \
                 assigned_by = coalesce(v.column15, assigned_by), assigned_at = coalesce(v.column16, assigned_at), \
                 assignment_round = coalesce(v.column17, assignment_round), \
                 assignment_held = coalesce(v.column19, assignment_held) FROM (VALUES",
                19,
                ") AS v WHERE tickets.project_id = v.column1 AND tickets.number = v.column2",
            ),
            labels: MultiRow::new(
                "INSERT INTO ticket_labels (project_id, label, number) VALUES",
                3,
                "ON CONFLICT DO NOTHING",
            ),
            status_counts: MultiRow::new(
                "INSERT INTO status_counts (project_id, status, tickets) VALUES",
                3,
                "ON CONFLICT DO UPDATE SET tickets = tickets + excluded.tickets",
            ),
            comments: MultiRow::new(
                "INSERT INTO comments (id, project_id, ticket_id, author_id, content, parent_id, sequence, created_at) VALUES",
                8,
                "",
            ),
            history: MultiRow::new(&format!("INSERT INTO history ({HISTORY}) VALUES"), 7, ""),
            notifications: MultiRow::new(
                "INSERT INTO notifications (user_id, sequence, id, reason, event_id, kind, project_id, event_sequence, ticket_id, \
                 number, code, title, actor_id, detail, actor, assignee, at, read) VALUES",
                18,
                "",
            ),
            mails: MultiRow::new(&format!("INSERT INTO mails AS m ({MAIL}) VALUES"), 8, ADD_TO_MAIL),
            deliveries: MultiRow::new(
                &format!("INSERT INTO webhook_deliveries AS d ({DELIVERY}) VALUES"),
                11,
                ADD_TO_DELIVERY,
            ),
            sequences: MultiRow::new(
                "INSERT INTO project_sequences (project_id, sequence) VALUES",
                2,
                "ON CONFLICT DO UPDATE SET sequence = excluded.sequence",
            ),
            users: MultiRow::new(
                "INSERT INTO users (id, email, name, role, source, login, sequence, created_at, preferences, deactivated) VALUES",
                10,
                "ON CONFLICT DO UPDATE SET email = excluded.email, name = excluded.name, role = excluded.role, \
                 source = excluded.source, login = excluded.login, sequence = excluded.sequence, created_at = excluded.created_at, \
                 preferences = excluded.preferences, deactivated = excluded.deactivated",
            ),
            // A failed command was not decided: sent again, it is, and that counts.
            outcomes: MultiRow::new(
                "INSERT INTO outcomes (command_id, decided_at, failed, outcome) VALUES",
                4,
                "ON CONFLICT DO UPDATE SET decided_at = excluded.decided_at, failed = excluded.failed, outcome = excluded.outcome \
                 WHERE outcomes.failed OR outcomes.decided_at < excluded.decided_at - 604800000",
            ),
        }
    }

    /// Writes all of it. The order matters only in that a deleted ticket's row is there when it is deleted.
    /// Returns how many old outcomes, mails and deliveries went.
    pub(super) async fn write(&self, db: &mut SqliteConnection, mut changes: Changes) -> Result<u64, sqlx::Error> {
        let (outcomes, mails, deliveries) = (changes.take_outcomes(), changes.take_mails(), changes.take_deliveries());
        self.write_users(db, changes.users).await?;
        for change in changes.projects {
            write_project(db, change).await?;
        }
        for change in changes.members {
            write_member(db, change).await?;
        }
        self.write_tickets(db, changes.created, changes.patches).await?;
        let counts: Vec<_> = changes.status_counts.into_iter().filter(|(_, by)| *by != 0).collect();
        self.status_counts
            .run(db, counts, |a, ((project, status), by)| {
                a.add(project)?;
                a.add(status)?;
                a.add(by)
            })
            .await?;
        self.comments.run(db, changes.comments, bind_comment).await?;
        self.history.run(db, changes.history, bind_history).await?;
        for (((project, number), user), since) in changes.watchers {
            write_watcher(db, project, number, user, since).await?;
        }
        self.notifications.run(db, changes.notifications, bind_notification).await?;
        // What is made after a reading has a later sequence, so it does not matter that it is in the table already.
        for reading in changes.readings {
            read_notifications(db, &reading).await?;
        }
        self.mails.run(db, mails, bind_mail).await?;
        self.deliveries.run(db, deliveries, bind_delivery).await?;
        for (key, id) in changes.deleted {
            delete_ticket(db, key, id).await?;
        }
        self.sequences
            .run(db, changes.sequences.into_iter().collect(), |a, (project, sequence)| {
                a.add(project)?;
                a.add(sequence)
            })
            .await?;
        self.outcomes.run(db, outcomes, bind_outcome).await?;
        match changes.prune_before {
            Some(before) => {
                let pruned = prune_outcomes(db, before).await? + prune(db, PRUNE_MAILS, before).await?;
                Ok(pruned + prune(db, PRUNE_DELIVERIES, before).await?)
            }
            None => Ok(0),
        }
    }

    async fn write_users(
        &self,
        db: &mut SqliteConnection,
        users: ahash::AHashMap<Uuid, Option<UserRow>>,
    ) -> Result<(), sqlx::Error> {
        let mut known = Vec::with_capacity(users.len());
        for (id, user) in users {
            match user {
                Some(user) => known.push(user),
                None => {
                    sqlx::query("DELETE FROM users WHERE id = ?").bind(id).execute(&mut *db).await?;
                    sqlx::query(DELETE_MAILS).bind(id).execute(&mut *db).await?;
                    sqlx::query(DELETE_DELIVERIES).bind(id).execute(&mut *db).await?;
                }
            }
        }
        self.users
            .run(db, known, |a, user| {
                a.add(user.id)?;
                a.add(user.email)?;
                a.add(user.name)?;
                a.add(user.role)?;
                a.add(user.source)?;
                a.add(user.login)?;
                a.add(user.sequence)?;
                a.add(user.created_at)?;
                a.add(serde_json::to_string(&user.preferences)?)?;
                a.add(user.deactivated)
            })
            .await
    }

    async fn write_tickets(
        &self,
        db: &mut SqliteConnection,
        created: Vec<TicketRow>,
        patches: Vec<(TicketKey, TicketPatch)>,
    ) -> Result<(), sqlx::Error> {
        let mut labels: Vec<(Uuid, i64, String)> = Vec::new();
        for ticket in &created {
            labels.extend(ticket.labels.iter().map(|label| (ticket.project_id, ticket.number, label.clone())));
        }
        for ((project, number), patch) in &patches {
            if let Some(new) = &patch.labels {
                sqlx::query("DELETE FROM ticket_labels WHERE project_id = ? AND number = ?")
                    .bind(*project)
                    .bind(*number)
                    .execute(&mut *db)
                    .await?;
                labels.extend(new.iter().map(|label| (*project, *number, label.clone())));
            }
        }
        self.tickets.run(db, created, bind_ticket).await?;
        self.patches.run(db, patches, bind_patch).await?;
        self.labels
            .run(db, labels, |a, (project, number, label)| {
                a.add(project)?;
                a.add(label)?;
                a.add(number)
            })
            .await
    }

    /// The statements whose plan must not walk through a table.
    #[cfg(test)]
    pub(super) fn statements(&self) -> [&str; 10] {
        let [patches, status_counts, mails, deliveries] =
            [&self.patches, &self.status_counts, &self.mails, &self.deliveries].map(MultiRow::single);
        let [of_erased, old] = [[DELETE_MAILS, DELETE_DELIVERIES], [PRUNE_MAILS, PRUNE_DELIVERIES]];
        [patches, status_counts, mails, deliveries, READ_ONE, READ_ALL, of_erased[0], of_erased[1], old[0], old[1]]
    }
}

fn bind_ticket(a: &mut SqliteArguments, ticket: TicketRow) -> Result<(), BoxDynError> {
    a.add(ticket.id)?;
    a.add(ticket.project_id)?;
    a.add(ticket.number)?;
    a.add(ticket.code)?;
    a.add(ticket.title)?;
    a.add(ticket.description)?;
    a.add(ticket.priority)?;
    a.add(ticket.status)?;
    a.add(serde_json::to_string(&ticket.labels)?)?;
    a.add(ticket.reporter_id)?;
    a.add(ticket.assignee_id)?;
    a.add(ticket.due_date)?;
    a.add(ticket.external_source)?;
    a.add(ticket.external_id)?;
    a.add(ticket.external_url)?;
    a.add(ticket.version)?;
    a.add(ticket.sequence)?;
    a.add(ticket.imported)?;
    a.add(ticket.created_at)?;
    a.add(ticket.updated_at)?;
    a.add(ticket.assignment.by)?;
    a.add(ticket.assignment.at)?;
    a.add(ticket.assignment.round)?;
    a.add(ticket.assignment.reason)?;
    a.add(ticket.assignment.held)
}

fn bind_patch(
    a: &mut SqliteArguments,
    ((project, number), patch): (TicketKey, TicketPatch),
) -> Result<(), BoxDynError> {
    let held = patch.held();
    a.add(project)?;
    a.add(number)?;
    a.add(patch.title)?;
    a.add(patch.description)?;
    a.add(patch.priority)?;
    a.add(patch.status)?;
    a.add(patch.labels.map(|labels| serde_json::to_string(&labels)).transpose()?)?;
    a.add(patch.assignee_id.is_to())?;
    a.add(patch.assignee_id.value())?;
    a.add(patch.due_date.is_to())?;
    a.add(patch.due_date.value())?;
    a.add(patch.version)?;
    a.add(patch.sequence)?;
    a.add(patch.updated_at)?;
    let assignment = patch.assignment.as_ref();
    a.add(assignment.and_then(|assignment| assignment.by))?;
    a.add(assignment.and_then(|assignment| assignment.at))?;
    a.add(assignment.map(|assignment| assignment.round))?;
    a.add(patch.assignment.and_then(|assignment| assignment.reason))?;
    a.add(held)
}

fn bind_comment(a: &mut SqliteArguments, comment: CommentRow) -> Result<(), BoxDynError> {
    a.add(comment.id)?;
    a.add(comment.project_id)?;
    a.add(comment.ticket_id)?;
    a.add(comment.author_id)?;
    a.add(comment.content)?;
    a.add(comment.parent_id)?;
    a.add(comment.sequence)?;
    a.add(comment.created_at)
}

fn bind_history(a: &mut SqliteArguments, row: HistoryRow) -> Result<(), BoxDynError> {
    a.add(row.project_id)?;
    a.add(row.sequence)?;
    a.add(row.subject)?;
    a.add(row.kind)?;
    a.add(row.actor_id)?;
    a.add(row.at)?;
    a.add(row.changes)
}

fn bind_notification(a: &mut SqliteArguments, notification: NotificationRow) -> Result<(), BoxDynError> {
    let NotificationRow { id, user_id, sequence, reason, about, read } = notification;
    a.add(user_id)?;
    a.add(sequence)?;
    a.add(id)?;
    a.add(reason)?;
    a.add(about.event_id)?;
    a.add(about.kind)?;
    a.add(about.project_id)?;
    a.add(about.sequence)?;
    a.add(about.ticket_id)?;
    a.add(about.number)?;
    a.add(about.code)?;
    a.add(about.title)?;
    a.add(about.actor_id)?;
    a.add(about.detail)?;
    a.add(about.actor)?;
    a.add(about.assignee)?;
    a.add(about.at)?;
    a.add(read)
}

fn bind_mail(a: &mut SqliteArguments, mail: MailRow) -> Result<(), BoxDynError> {
    a.add(mail.id)?;
    a.add(mail.user_id)?;
    a.add(mail.kind)?;
    a.add(mail.requested_at)?;
    a.add(mail.state)?;
    a.add(mail.attempts)?;
    a.add(mail.why)?;
    a.add(mail.decided_at)
}

fn bind_delivery(a: &mut SqliteArguments, delivery: DeliveryRow) -> Result<(), BoxDynError> {
    a.add(delivery.id)?;
    a.add(delivery.hook_id)?;
    a.add(delivery.owner_id)?;
    a.add(delivery.subject_id)?;
    a.add(delivery.kind)?;
    a.add(delivery.state)?;
    a.add(delivery.attempts)?;
    a.add(delivery.status)?;
    a.add(delivery.why)?;
    a.add(delivery.first_at)?;
    a.add(delivery.last_at)
}

fn bind_outcome(a: &mut SqliteArguments, outcome: OutcomeRow) -> Result<(), BoxDynError> {
    a.add(outcome.command_id)?;
    a.add(outcome.decided_at)?;
    a.add(outcome.failed)?;
    a.add(outcome.bytes)
}

async fn write_project(db: &mut SqliteConnection, change: ProjectChange) -> Result<(), sqlx::Error> {
    match change {
        ProjectChange::Created(event) => {
            sqlx::query(
                "INSERT INTO projects (id, key, name, description, owner_id, viewer_comments, created_at, updated_at) \
                 VALUES (?, ?, ?, ?, ?, FALSE, ?, ?)",
            )
            .bind(event.project_id)
            .bind(event.key)
            .bind(event.name)
            .bind(event.description)
            .bind(event.owner_id)
            .bind(event.created_at)
            .bind(event.created_at)
            .execute(db)
            .await?;
        }
        ProjectChange::Updated(event) => {
            let workflow = workflow_json(&event)?;
            sqlx::query(
                "UPDATE projects SET name = ?, description = ?, viewer_comments = ?, updated_at = ?, \
                 assignment_policy = coalesce(nullif(?, ''), assignment_policy), pool_id = ?, pool_open = ?, workflow = ?, \
                 archived = ? WHERE id = ?",
            )
            .bind(event.name)
            .bind(event.description)
            .bind(event.viewer_comments)
            .bind(event.updated_at)
            .bind(event.assignment_policy)
            .bind(event.pool_id)
            .bind(event.pool_open)
            .bind(workflow)
            .bind(event.archived)
            .bind(event.project_id)
            .execute(db)
            .await?;
        }
    }
    Ok(())
}

async fn write_member(db: &mut SqliteConnection, change: MemberChange) -> Result<(), sqlx::Error> {
    /// Added and updated events say the same.
    macro_rules! upsert {
        ($event:ident) => {
            sqlx::query(
                "INSERT INTO members (project_id, user_id, handle, role, capacity, skills, available) VALUES (?, ?, ?, ?, ?, ?, ?) \
                 ON CONFLICT DO UPDATE SET handle = excluded.handle, role = excluded.role, capacity = excluded.capacity, \
                 skills = excluded.skills, available = excluded.available",
            )
            .bind($event.project_id)
            .bind($event.user_id)
            .bind($event.handle)
            .bind($event.role)
            .bind($event.capacity)
            .bind(serde_json::to_string(&$event.skills).map_err(|error| sqlx::Error::Encode(error.into()))?)
            .bind($event.available)
        };
    }
    let statement = match change {
        MemberChange::Added(event) => upsert!(event),
        MemberChange::Updated(event) => upsert!(event),
        MemberChange::Removed(event) => sqlx::query("DELETE FROM members WHERE project_id = ? AND user_id = ?")
            .bind(event.project_id)
            .bind(event.user_id),
    };
    statement.execute(db).await?;
    Ok(())
}

async fn write_watcher(
    db: &mut SqliteConnection,
    project: Uuid,
    number: i64,
    user: Uuid,
    since: Option<i64>,
) -> Result<(), sqlx::Error> {
    let statement = match since {
        Some(_) => "INSERT OR REPLACE INTO watchers (project_id, number, user_id, since) VALUES (?, ?, ?, ?)",
        None => "DELETE FROM watchers WHERE project_id = ? AND number = ? AND user_id = ?",
    };
    sqlx::query(statement).bind(project).bind(number).bind(user).bind(since).execute(db).await.map(drop)
}

/// One that was read.
const READ_ONE: &str = "UPDATE notifications SET read = TRUE WHERE user_id = ? AND id = ?";
/// Those read all up to one.
const READ_ALL: &str = "UPDATE notifications SET read = TRUE WHERE user_id = ? AND sequence <= ? AND read = FALSE";

async fn read_notifications(db: &mut SqliteConnection, reading: &NotificationsRead) -> Result<(), sqlx::Error> {
    let statement = match reading.notification_id {
        Some(id) => sqlx::query(READ_ONE).bind(reading.user_id).bind(id),
        None => sqlx::query(READ_ALL).bind(reading.user_id).bind(reading.up_to),
    };
    statement.execute(db).await.map(drop)
}

/// Leaves of what happened to a ticket that is deleted who did it and when.
const FORGET_HISTORY: &str = "UPDATE history SET changes = '[]' WHERE project_id = ? AND subject = ?";

async fn delete_ticket(db: &mut SqliteConnection, (project, number): TicketKey, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE status_counts SET tickets = tickets - 1 WHERE project_id = ?1 \
         AND status = (SELECT status FROM tickets WHERE project_id = ?1 AND number = ?2)",
    )
    .bind(project)
    .bind(number)
    .execute(&mut *db)
    .await?;
    sqlx::query("DELETE FROM ticket_labels WHERE project_id = ? AND number = ?")
        .bind(project)
        .bind(number)
        .execute(&mut *db)
        .await?;
    sqlx::query(FORGET_HISTORY).bind(project).bind(number.to_string()).execute(&mut *db).await?;
    sqlx::query("DELETE FROM watchers WHERE project_id = ? AND number = ?")
        .bind(project)
        .bind(number)
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM comments WHERE ticket_id = ?").bind(id).execute(&mut *db).await?;
    sqlx::query("DELETE FROM tickets WHERE project_id = ? AND number = ?")
        .bind(project)
        .bind(number)
        .execute(db)
        .await?;
    Ok(())
}

/// Those of one who was erased.
const DELETE_MAILS: &str = "DELETE FROM mails WHERE user_id = ?";
/// Some of those that were asked for long ago.
const PRUNE_MAILS: &str = "DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE requested_at < ? LIMIT ?)";

/// Those of one who was erased.
const DELETE_DELIVERIES: &str = "DELETE FROM webhook_deliveries WHERE owner_id = ?";
/// Some of those that were tried last long ago.
const PRUNE_DELIVERIES: &str =
    "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries WHERE last_at < ? LIMIT ?)";

async fn prune(db: &mut SqliteConnection, statement: &'static str, before: i64) -> Result<u64, sqlx::Error> {
    Ok(sqlx::query(statement).bind(before).bind(PRUNE_AT_ONCE).execute(db).await?.rows_affected())
}

async fn prune_outcomes(db: &mut SqliteConnection, decided_before: i64) -> Result<u64, sqlx::Error> {
    let removed = sqlx::query(
        "DELETE FROM outcomes WHERE rowid IN (SELECT rowid FROM outcomes ORDER BY rowid LIMIT ?) AND decided_at < ?",
    )
    .bind(PRUNE_AT_ONCE)
    .bind(decided_before)
    .execute(db)
    .await?;
    Ok(removed.rows_affected())
}
