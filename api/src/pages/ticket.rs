//! `/p/{key}/{number}`: a ticket with its text, facts and comments.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use connectors::read_model::Page;
use minijinja::{Value, context};
use schemas::reader::{CommentRow, TicketRow, UserRow};
use uuid::Uuid;

use super::{Instead, Visit, text};
use crate::access::visible_project;
use crate::cursor;
use crate::fields::format_time;
use crate::native::project_id;

const COMMENTS: u32 = 100;

pub(crate) async fn read(Path((key, number)): Path<(String, String)>, visit: Visit) -> Response {
    visit.page(|visit| render(visit, key, number)).await
}

async fn render(visit: &Visit, key: String, number: String) -> Result<Response, Instead> {
    let identity = visit.identity()?;
    let read_model = visit.state.read_model();
    let number: i64 = number.parse().map_err(|_| Instead::NotFound)?;
    let project = visible_project(&visit.state, identity, project_id(&key)).await?.ok_or(Instead::NotFound)?;
    let ticket = read_model.ticket_by_number(project.id, number).await?.ok_or(Instead::NotFound)?;
    let after = visit.param("cursor").and_then(cursor::parse_by_sequence);
    let comments = read_model.comments(ticket.id, after, COMMENTS).await?;
    let ids: BTreeSet<Uuid> = comments
        .items
        .iter()
        .map(|comment| comment.author_id)
        .chain(ticket.assignee_id)
        .chain([ticket.reporter_id])
        .collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let people = read_model.users(&ids).await?;
    let next = comments.next.map(cursor::by_sequence).unwrap_or_default();
    let values = context! {
        visitor => identity.email.as_str(),
        key => project.key,
        name => project.name,
        next,
        comments => view_comments(comments, &people),
        ..facts(ticket, &people),
    };
    Ok(visit.state.templates().render(StatusCode::OK, "ticket.html", values))
}

fn facts(ticket: TicketRow, people: &BTreeMap<Uuid, UserRow>) -> Value {
    // Only what a browser fetches from the web: no `javascript:` behind a link.
    let link = ticket.external_url.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    context! {
        code => ticket.code,
        number => ticket.number,
        title => ticket.title,
        description => ticket.description,
        status_name => text::words(&ticket.status),
        status => ticket.status,
        priority_name => text::words(&ticket.priority),
        priority => ticket.priority,
        labels => ticket.labels,
        reporter => name_of(ticket.reporter_id, people),
        assignee => ticket.assignee_id.map(|id| name_of(id, people)).unwrap_or_default(),
        due => ticket.due_date.map(text::day).unwrap_or_default(),
        external => ticket.external_source.unwrap_or_default(),
        external_id => ticket.external_id.unwrap_or_default(),
        link => link.unwrap_or_default(),
        created => text::minute(ticket.created_at),
        created_iso => format_time(ticket.created_at),
        updated => text::minute(ticket.updated_at),
        updated_iso => format_time(ticket.updated_at),
    }
}

fn view_comments(page: Page<CommentRow, i64>, people: &BTreeMap<Uuid, UserRow>) -> Vec<Value> {
    let view = |row: CommentRow| {
        context! {
            author => name_of(row.author_id, people),
            content => row.content,
            reply => row.parent_id.is_some(),
            at => text::minute(row.created_at),
            iso => format_time(row.created_at),
        }
    };
    page.items.into_iter().map(view).collect()
}

/// A person's name; someone who is not known (any more) has none.
pub(super) fn name_of(id: Uuid, people: &BTreeMap<Uuid, UserRow>) -> String {
    let Some(user) = people.get(&id) else { return "someone".to_owned() };
    let login = || user.login.clone().or_else(|| user.email.clone()).unwrap_or_default();
    if user.name.trim().is_empty() { login() } else { user.name.clone() }
}
