//! Columns of each table, and how a row of them becomes a struct.

use schemas::reader::{CommentRow, MemberRow, ProjectRow, TicketRow, UserRow};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::read_model::TicketCard;

/// Columns of [`project`]; the tables are `projects p` and `project_sequences s`.
pub(super) const PROJECT: &str =
    "p.id, p.key, p.name, p.description, p.owner_id, p.viewer_comments, s.sequence, p.created_at, p.updated_at";

/// Columns of [`member`].
pub(super) const MEMBER: &str = "project_id, user_id, handle, role, capacity, skills, available";

/// Columns of [`card`]; the table is `tickets t`.
pub(super) const CARD: &str = "t.id, t.project_id, t.number, t.code, t.title, t.priority, t.status, t.labels, t.reporter_id, \
     t.assignee_id, t.due_date, t.version, t.created_at, t.updated_at";

/// What [`ticket`] has after [`CARD`].
pub(super) const TICKET_REST: &str =
    "t.external_source, t.external_id, t.external_url, t.sequence, t.imported, t.description";

/// Columns of [`comment`].
pub(super) const COMMENT: &str = "id, project_id, ticket_id, author_id, content, parent_id, sequence, created_at";

/// Columns of [`user`].
pub(super) const USER: &str = "id, email, name, role, source, login, sequence, created_at";

pub(super) fn project(row: &SqliteRow) -> Result<ProjectRow, sqlx::Error> {
    Ok(ProjectRow {
        id: row.try_get(0)?,
        key: row.try_get(1)?,
        name: row.try_get(2)?,
        description: row.try_get(3)?,
        owner_id: row.try_get(4)?,
        viewer_comments: row.try_get(5)?,
        sequence: row.try_get(6)?,
        created_at: row.try_get(7)?,
        updated_at: row.try_get(8)?,
    })
}

pub(super) fn member(row: &SqliteRow) -> Result<MemberRow, sqlx::Error> {
    Ok(MemberRow {
        project_id: row.try_get(0)?,
        user_id: row.try_get(1)?,
        handle: row.try_get(2)?,
        role: row.try_get(3)?,
        capacity: row.try_get(4)?,
        skills: strings(row, 5)?,
        available: row.try_get(6)?,
    })
}

pub(super) fn card(row: &SqliteRow) -> Result<TicketCard, sqlx::Error> {
    Ok(TicketCard {
        id: row.try_get(0)?,
        project_id: row.try_get(1)?,
        number: row.try_get(2)?,
        code: row.try_get(3)?,
        title: row.try_get(4)?,
        priority: row.try_get(5)?,
        status: row.try_get(6)?,
        labels: strings(row, 7)?,
        reporter_id: row.try_get(8)?,
        assignee_id: row.try_get(9)?,
        due_date: row.try_get(10)?,
        version: row.try_get(11)?,
        created_at: row.try_get(12)?,
        updated_at: row.try_get(13)?,
    })
}

pub(super) fn ticket(row: &SqliteRow) -> Result<TicketRow, sqlx::Error> {
    let card = card(row)?;
    Ok(TicketRow {
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
        description: row.try_get(19)?,
    })
}

pub(super) fn comment(row: &SqliteRow) -> Result<CommentRow, sqlx::Error> {
    Ok(CommentRow {
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

pub(super) fn user(row: &SqliteRow) -> Result<UserRow, sqlx::Error> {
    Ok(UserRow {
        id: row.try_get(0)?,
        email: row.try_get(1)?,
        name: row.try_get(2)?,
        role: row.try_get(3)?,
        source: row.try_get(4)?,
        login: row.try_get(5)?,
        sequence: row.try_get(6)?,
        created_at: row.try_get(7)?,
    })
}

fn strings(row: &SqliteRow, column: usize) -> Result<Vec<String>, sqlx::Error> {
    serde_json::from_str(row.try_get(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
}
