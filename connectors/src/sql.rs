//! What the databases have in common: columns, how a row of them becomes a struct, and the questions that read the same
//! in each.

/// Columns of a project; the tables are `projects p` and `project_sequences s`.
pub(crate) const PROJECT: &str = "p.id, p.key, p.name, p.description, p.owner_id, p.viewer_comments, s.sequence, p.created_at, p.updated_at, \
     p.assignment_policy, p.pool_id, p.pool_open, p.workflow, p.archived";

/// Columns of a member.
pub(crate) const MEMBER: &str = "project_id, user_id, handle, role, capacity, skills, available";

/// Columns of a ticket's card; the table is `tickets t`.
pub(crate) const CARD: &str = "t.id, t.project_id, t.number, t.code, t.title, t.priority, t.status, t.labels, t.reporter_id, \
     t.assignee_id, t.due_date, t.version, t.created_at, t.updated_at";

/// What a ticket has after [`CARD`].
pub(crate) const TICKET_REST: &str = "t.external_source, t.external_id, t.external_url, t.sequence, t.imported, t.assigned_by, t.assigned_at, t.assignment_round, \
     t.assignment_reason, t.assignment_held, t.description";

/// Columns of a comment.
pub(crate) const COMMENT: &str = "id, project_id, ticket_id, author_id, content, parent_id, sequence, created_at";

/// Columns of something that happened.
pub(crate) const HISTORY: &str = "project_id, sequence, subject, kind, actor_id, at, changes";

/// Columns of somebody who watches a ticket.
pub(crate) const WATCHER: &str = "project_id, number, user_id, since";

/// Columns of a user.
pub(crate) const USER: &str = "id, email, name, role, source, login, sequence, created_at, preferences, deactivated";

/// Columns of a notification.
pub(crate) const NOTIFICATION: &str = "user_id, sequence, id, reason, event_id, kind, project_id, event_sequence, ticket_id, \
     number, code, title, actor_id, detail, actor, assignee, at, read";

/// Columns of a mail.
pub(crate) const MAIL: &str = "id, user_id, kind, requested_at, state, attempts, why, decided_at";

/// What is new of a mail is added to what is known: that it was asked for, what became of it, or both, in whatever order. The table is
/// `mails m`.
pub(crate) const ADD_TO_MAIL: &str = "ON CONFLICT (id) DO UPDATE SET kind = coalesce(nullif(excluded.kind, ''), m.kind), \
     requested_at = CASE excluded.kind WHEN '' THEN m.requested_at ELSE excluded.requested_at END, \
     state = CASE WHEN excluded.decided_at IS NULL THEN m.state ELSE excluded.state END, \
     attempts = CASE WHEN excluded.decided_at IS NULL THEN m.attempts ELSE excluded.attempts END, \
     why = CASE WHEN excluded.decided_at IS NULL THEN m.why ELSE excluded.why END, \
     decided_at = coalesce(excluded.decided_at, m.decided_at)";

/// Columns of a delivery to a webhook.
pub(crate) const DELIVERY: &str =
    "id, hook_id, owner_id, subject_id, kind, state, attempts, status, why, first_at, last_at";

/// What is new of a delivery is added to what is known, as [`DeliveryRow::add`](schemas::reader::DeliveryRow::add) does. The table is
/// `webhook_deliveries d`.
pub(crate) const ADD_TO_DELIVERY: &str = "ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempts = excluded.attempts, \
     status = excluded.status, why = excluded.why, last_at = excluded.last_at \
     WHERE excluded.attempts > d.attempts \
     OR (excluded.attempts = d.attempts AND d.state = 'retrying' AND excluded.state <> 'retrying')";

/// Columns of an outcome.
pub(crate) const OUTCOME_ROW: &str = "command_id, decided_at, failed, outcome";

pub(crate) const OUTCOME: &str = "SELECT outcome FROM outcomes WHERE command_id = $1";
pub(crate) const PROJECT_SEQUENCE: &str = "SELECT sequence FROM project_sequences WHERE project_id = $1";
pub(crate) const ANY_SEQUENCE: &str = "SELECT coalesce((SELECT sequence FROM project_sequences WHERE project_id = $1), \
     (SELECT sequence FROM users WHERE id = $1))";
pub(crate) const BOARD_COUNTS: &str = "SELECT status, tickets FROM status_counts WHERE project_id = $1";

pub(crate) fn all_projects() -> String {
    format!(
        "SELECT {PROJECT} FROM projects p JOIN project_sequences s ON s.project_id = p.id WHERE p.key > $1 ORDER BY p.key LIMIT $2"
    )
}

pub(crate) fn projects_of_member() -> String {
    format!(
        "SELECT {PROJECT} FROM members m JOIN projects p ON p.id = m.project_id JOIN project_sequences s ON s.project_id = p.id \
         WHERE m.user_id = $1 AND p.key > $2 ORDER BY p.key LIMIT $3"
    )
}

pub(crate) fn project() -> String {
    format!("SELECT {PROJECT} FROM projects p JOIN project_sequences s ON s.project_id = p.id WHERE p.id = $1")
}

pub(crate) fn members() -> String {
    format!("SELECT {MEMBER} FROM members WHERE project_id = $1")
}

pub(crate) fn member() -> String {
    format!("SELECT {MEMBER} FROM members WHERE project_id = $1 AND user_id = $2")
}

pub(crate) fn user() -> String {
    format!("SELECT {USER} FROM users WHERE id = $1")
}

/// Users who may do nothing any more: an index has just these.
pub(crate) const DEACTIVATED: &str = "SELECT id FROM users WHERE deactivated";

pub(crate) fn ticket_by_id() -> String {
    format!("SELECT {CARD}, {TICKET_REST} FROM tickets t WHERE t.id = $1")
}

pub(crate) fn ticket_by_number() -> String {
    format!("SELECT {CARD}, {TICKET_REST} FROM tickets t WHERE t.project_id = $1 AND t.number = $2")
}

pub(crate) fn board_column() -> String {
    format!(
        "SELECT {CARD} FROM tickets t WHERE t.project_id = $1 AND t.status = $2 AND t.number < $3 ORDER BY t.number DESC LIMIT $4"
    )
}

pub(crate) fn comments() -> String {
    format!("SELECT {COMMENT} FROM comments WHERE ticket_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3")
}

/// Looks among the comments of one ticket.
pub(crate) fn comment() -> String {
    format!("SELECT {COMMENT} FROM comments WHERE ticket_id = $1 AND id = $2")
}

/// What happened in a project, the newest first.
pub(crate) fn history_of_project() -> String {
    format!("SELECT {HISTORY} FROM history WHERE project_id = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3")
}

/// The same, of one subject.
pub(crate) fn history_of_subject() -> String {
    format!(
        "SELECT {HISTORY} FROM history WHERE project_id = $1 AND subject = $2 AND sequence < $3 ORDER BY sequence DESC LIMIT $4"
    )
}

/// What says how a subject was before, the newest first.
pub(crate) fn history_before() -> String {
    format!(
        "SELECT {HISTORY} FROM history WHERE project_id = $1 AND subject = $2 AND sequence < $3 \
         AND kind IN ('ticket.created', 'ticket.updated', 'project.created', 'project.updated', 'project.member.added', \
         'project.member.updated', 'project.member.removed') ORDER BY sequence DESC LIMIT $4"
    )
}

pub(crate) fn watchers() -> String {
    format!(
        "SELECT {WATCHER} FROM watchers WHERE project_id = $1 AND number = $2 AND user_id > $3 ORDER BY user_id LIMIT $4"
    )
}

pub(crate) fn notifications() -> String {
    format!(
        "SELECT {NOTIFICATION} FROM notifications WHERE user_id = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3"
    )
}

pub(crate) fn unread_notifications() -> String {
    format!(
        "SELECT {NOTIFICATION} FROM notifications WHERE user_id = $1 AND sequence < $2 AND read = FALSE \
         ORDER BY sequence DESC LIMIT $3"
    )
}

pub(crate) fn notification() -> String {
    format!("SELECT {NOTIFICATION} FROM notifications WHERE id = $1")
}

pub(crate) fn mails() -> String {
    format!(
        "SELECT {MAIL} FROM mails WHERE user_id = $1 AND (requested_at, id) < ($2, $3) ORDER BY requested_at DESC, id DESC LIMIT $4"
    )
}

pub(crate) fn mails_in_state() -> String {
    format!(
        "SELECT {MAIL} FROM mails WHERE user_id = $1 AND state = $5 AND (requested_at, id) < ($2, $3) \
         ORDER BY requested_at DESC, id DESC LIMIT $4"
    )
}

pub(crate) fn deliveries() -> String {
    format!(
        "SELECT {DELIVERY} FROM webhook_deliveries WHERE hook_id = $1 AND (first_at, id) < ($2, $3) \
         ORDER BY first_at DESC, id DESC LIMIT $4"
    )
}

pub(crate) fn deliveries_in_state() -> String {
    format!(
        "SELECT {DELIVERY} FROM webhook_deliveries WHERE hook_id = $1 AND state = $5 AND (first_at, id) < ($2, $3) \
         ORDER BY first_at DESC, id DESC LIMIT $4"
    )
}

pub(crate) fn delivery() -> String {
    format!("SELECT {DELIVERY} FROM webhook_deliveries WHERE id = $1")
}

/// Counts no further than the limit.
pub(crate) const UNREAD: &str = "SELECT count(*) FROM (SELECT 1 FROM notifications WHERE user_id = $1 AND sequence <= $2 AND read = FALSE LIMIT $3) AS unread";

/// The functions that make structs of a database's rows; `strings` reads a list of strings.
macro_rules! row_readers {
    ($row:ty, $strings:path) => {
        pub(super) fn project(row: &$row) -> Result<schemas::reader::ProjectRow, sqlx::Error> {
            Ok(schemas::reader::ProjectRow {
                id: row.try_get(0)?,
                key: row.try_get(1)?,
                name: row.try_get(2)?,
                description: row.try_get(3)?,
                owner_id: row.try_get(4)?,
                viewer_comments: row.try_get(5)?,
                sequence: row.try_get(6)?,
                created_at: row.try_get(7)?,
                updated_at: row.try_get(8)?,
                assignment_policy: row.try_get(9)?,
                pool_id: row.try_get(10)?,
                pool_open: row.try_get(11)?,
                workflow: row
                    .try_get::<Option<String>, _>(12)?
                    .map(|text| serde_json::from_str(&text))
                    .transpose()
                    .map_err(|error| sqlx::Error::Decode(error.into()))?,
                archived: row.try_get(13)?,
            })
        }

        pub(super) fn history(row: &$row) -> Result<schemas::reader::HistoryRow, sqlx::Error> {
            Ok(schemas::reader::HistoryRow {
                project_id: row.try_get(0)?,
                sequence: row.try_get(1)?,
                subject: row.try_get(2)?,
                kind: row.try_get(3)?,
                actor_id: row.try_get(4)?,
                at: row.try_get(5)?,
                changes: row.try_get(6)?,
            })
        }

        pub(super) fn member(row: &$row) -> Result<schemas::reader::MemberRow, sqlx::Error> {
            Ok(schemas::reader::MemberRow {
                project_id: row.try_get(0)?,
                user_id: row.try_get(1)?,
                handle: row.try_get(2)?,
                role: row.try_get(3)?,
                capacity: row.try_get(4)?,
                skills: $strings(row, 5)?,
                available: row.try_get(6)?,
            })
        }

        pub(super) fn card(row: &$row) -> Result<crate::read_model::TicketCard, sqlx::Error> {
            Ok(crate::read_model::TicketCard {
                id: row.try_get(0)?,
                project_id: row.try_get(1)?,
                number: row.try_get(2)?,
                code: row.try_get(3)?,
                title: row.try_get(4)?,
                priority: row.try_get(5)?,
                status: row.try_get(6)?,
                labels: $strings(row, 7)?,
                reporter_id: row.try_get(8)?,
                assignee_id: row.try_get(9)?,
                due_date: row.try_get(10)?,
                version: row.try_get(11)?,
                created_at: row.try_get(12)?,
                updated_at: row.try_get(13)?,
            })
        }

        pub(super) fn ticket(row: &$row) -> Result<schemas::reader::TicketRow, sqlx::Error> {
            let card = card(row)?;
            Ok(schemas::reader::TicketRow {
                id: card.id,
                project_id: card.project_id,
                number: card.number,
                code: card.code,
                title: card.title,
                priority: card.priority,
                status: card.status,
                labels: card.labels,
                reporter_id: card.reporter_id,
                assignee_id: card.assignee_id,
                due_date: card.due_date,
                version: card.version,
                created_at: card.created_at,
                updated_at: card.updated_at,
                external_source: row.try_get(14)?,
                external_id: row.try_get(15)?,
                external_url: row.try_get(16)?,
                sequence: row.try_get(17)?,
                imported: row.try_get(18)?,
                assignment: schemas::reader::AssignmentRow {
                    by: row.try_get(19)?,
                    at: row.try_get(20)?,
                    round: row.try_get(21)?,
                    reason: row.try_get(22)?,
                    held: row.try_get(23)?,
                },
                description: row.try_get(24)?,
            })
        }

        pub(super) fn comment(row: &$row) -> Result<schemas::reader::CommentRow, sqlx::Error> {
            Ok(schemas::reader::CommentRow {
                id: row.try_get(0)?,
                project_id: row.try_get(1)?,
                ticket_id: row.try_get(2)?,
                author_id: row.try_get(3)?,
                content: row.try_get(4)?,
                parent_id: row.try_get(5)?,
                sequence: row.try_get(6)?,
                created_at: row.try_get(7)?,
            })
        }

        pub(super) fn watcher(row: &$row) -> Result<schemas::reader::WatcherRow, sqlx::Error> {
            Ok(schemas::reader::WatcherRow {
                project_id: row.try_get(0)?,
                number: row.try_get(1)?,
                user_id: row.try_get(2)?,
                since: row.try_get(3)?,
            })
        }

        pub(super) fn user(row: &$row) -> Result<schemas::reader::UserRow, sqlx::Error> {
            Ok(schemas::reader::UserRow {
                id: row.try_get(0)?,
                email: row.try_get(1)?,
                name: row.try_get(2)?,
                role: row.try_get(3)?,
                source: row.try_get(4)?,
                login: row.try_get(5)?,
                sequence: row.try_get(6)?,
                created_at: row.try_get(7)?,
                preferences: serde_json::from_str(row.try_get(8)?)
                    .map_err(|error| sqlx::Error::Decode(error.into()))?,
                deactivated: row.try_get(9)?,
            })
        }

        pub(super) fn notification(row: &$row) -> Result<schemas::reader::NotificationRow, sqlx::Error> {
            Ok(schemas::reader::NotificationRow {
                user_id: row.try_get(0)?,
                sequence: row.try_get(1)?,
                id: row.try_get(2)?,
                reason: row.try_get(3)?,
                about: schemas::Occasion {
                    event_id: row.try_get(4)?,
                    kind: row.try_get(5)?,
                    project_id: row.try_get(6)?,
                    sequence: row.try_get(7)?,
                    ticket_id: row.try_get(8)?,
                    number: row.try_get(9)?,
                    code: row.try_get(10)?,
                    title: row.try_get(11)?,
                    actor_id: row.try_get(12)?,
                    detail: row.try_get(13)?,
                    actor: row.try_get(14)?,
                    assignee: row.try_get(15)?,
                    at: row.try_get(16)?,
                },
                read: row.try_get(17)?,
            })
        }

        pub(super) fn mail(row: &$row) -> Result<schemas::reader::MailRow, sqlx::Error> {
            Ok(schemas::reader::MailRow {
                id: row.try_get(0)?,
                user_id: row.try_get(1)?,
                kind: row.try_get(2)?,
                requested_at: row.try_get(3)?,
                state: row.try_get(4)?,
                attempts: row.try_get(5)?,
                why: row.try_get(6)?,
                decided_at: row.try_get(7)?,
            })
        }

        pub(super) fn delivery(row: &$row) -> Result<schemas::reader::DeliveryRow, sqlx::Error> {
            Ok(schemas::reader::DeliveryRow {
                id: row.try_get(0)?,
                hook_id: row.try_get(1)?,
                owner_id: row.try_get(2)?,
                subject_id: row.try_get(3)?,
                kind: row.try_get(4)?,
                state: row.try_get(5)?,
                attempts: row.try_get(6)?,
                status: row.try_get(7)?,
                why: row.try_get(8)?,
                first_at: row.try_get(9)?,
                last_at: row.try_get(10)?,
            })
        }

        pub(super) fn outcome(row: &$row) -> Result<schemas::reader::OutcomeRow, sqlx::Error> {
            Ok(schemas::reader::OutcomeRow {
                command_id: row.try_get(0)?,
                decided_at: row.try_get(1)?,
                failed: row.try_get(2)?,
                bytes: row.try_get(3)?,
            })
        }
    };
}
pub(crate) use row_readers;
