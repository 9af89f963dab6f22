//! `/projects/{id}/tickets` and `/tickets/{id}`; a ticket's `{id}` is its id or its code.

use axum::extract::State;
use axum::http::HeaderMap;
use connectors::read_model::{Assignee, MAX_PAGE, Period, TicketCursor, TicketOrder, TicketQuery};
use schemas::CommandAccepted;
use uuid::Uuid;

use crate::access;
use crate::answer::Answer;
use crate::cursor;
use crate::extract::{Body, Params, Path, Reader, Writer};
use crate::fields::{Fields, PERSON, person_id};
use crate::native::{Command, Target, project_id, ticket_command};
use crate::problem::Problem;
use crate::state::AppState;
use crate::submit::{Early, submit};
use crate::views::{List, Ticket};

/// Filters: `text` (words), `status`, `priority`, `label`, `assignee` (a person, `me` or `none`), `reporter` (a person or `me`), and times from one on and before
/// another; order: `sort=number` or `sort=updated`.
pub(crate) async fn list(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
    mut params: Params,
) -> Result<Answer, Problem> {
    let order = match params.take("sort").as_deref() {
        None | Some("number") => TicketOrder::Number,
        Some("updated") => TicketOrder::Updated,
        Some(_) => return Err(Problem::bad_request("query_invalid", "`sort` is `number` or `updated`").field("sort")),
    };
    let query = TicketQuery {
        status: params.take("status"),
        priority: params.take("priority"),
        label: params.take("label"),
        assignee: assignee(&mut params, &reader)?,
        reporter: reporter(&mut params, &reader)?,
        created: period(&mut params, "createdFrom", "createdBefore")?,
        updated: period(&mut params, "updatedFrom", "updatedBefore")?,
        due: period(&mut params, "dueFrom", "dueBefore")?,
        words: params.words()?,
        order,
        after: params.cursor(|text| match order {
            TicketOrder::Number => cursor::parse_by_number(text).map(|number| TicketCursor { number, updated_at: 0 }),
            TicketOrder::Updated => cursor::parse_by_update(text),
        })?,
        limit: params.limit(50, MAX_PAGE)?,
    };
    params.finish()?;
    let project = access::project(&state, &reader, &id).await?;
    let page = state.read_model().tickets(project.id, &query).await?;
    let next_cursor = page.next.map(|next| match order {
        TicketOrder::Number => cursor::by_number(next.number),
        TicketOrder::Updated => cursor::by_update(next),
    });
    Ok(Answer::ok(List { items: page.items.into_iter().map(Ticket::from).collect(), next_cursor }))
}

pub(crate) async fn read(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    reader: Reader,
) -> Result<Answer, Problem> {
    let ticket = access::ticket(&state, &reader, &id).await?;
    let version = ticket.version;
    Ok(Answer::versioned(Ticket::from(ticket), version)?.unless_seen(&headers))
}

pub(crate) async fn create(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    let to = Target { project_id: project_id(&id), ..Target::default() };
    let (ticket, version, done) = run(&state, &writer, "CreateTicket", body.0, to).await?;
    let location = format!("/tickets/{}", done.code.as_deref().unwrap_or_default());
    Ok(Answer::versioned(ticket, version)?.made(&location).after(&done))
}

pub(crate) async fn update(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    change(&state, &writer, "EditTicket", body.0, &id).await
}

pub(crate) async fn delete(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    let to = access::ticket_target(&state, &id).await?;
    let command = ticket_command("DeleteTicket", body.0, to, writer.envelope())?;
    let done = submit(&state, &writer, &Command::Ticket(command)).await?;
    Ok(Answer::no_content().after(&done))
}

/// A command that changes the ticket in the path; answers with the ticket as it then is.
pub(super) async fn change(
    state: &AppState,
    writer: &Writer,
    kind: &str,
    fields: Fields,
    id: &str,
) -> Result<Answer, Early> {
    let to = access::ticket_target(state, id).await?;
    let (ticket, version, done) = run(state, writer, kind, fields, to).await?;
    Ok(Answer::versioned(ticket, version)?.after(&done))
}

async fn run(
    state: &AppState,
    writer: &Writer,
    kind: &str,
    fields: Fields,
    to: Target,
) -> Result<(Ticket, i64, CommandAccepted), Early> {
    let (project, number) = (to.project_id, to.number);
    let command = ticket_command(kind, fields, to, writer.envelope())?;
    let done = submit(state, writer, &Command::Ticket(command)).await?;
    let number = done.number.unwrap_or(number);
    let row = state.read_model().ticket_by_number(project, number).await?;
    // It can be gone by now: someone deleted it between the outcome and this look.
    let row = row.ok_or_else(|| Problem::not_found("ticket", done.code.as_deref().unwrap_or_default()))?;
    let version = row.version;
    Ok((Ticket::from(row), version, done))
}

fn period(params: &mut Params, from: &'static str, to: &'static str) -> Result<Period, Problem> {
    Ok(Period { from: params.time(from)?, to: params.time(to)? })
}

fn reporter(params: &mut Params, reader: &Reader) -> Result<Option<Uuid>, Problem> {
    match params.take("reporter").as_deref() {
        None => Ok(None),
        Some("me") => Ok(Some(reader.identity.user_id)),
        Some(text) => person_id(text).map(Some).ok_or_else(|| {
            let detail = format!("`reporter` must be `me`, {PERSON}");
            Problem::bad_request("query_invalid", detail).field("reporter")
        }),
    }
}

fn assignee(params: &mut Params, reader: &Reader) -> Result<Option<Assignee>, Problem> {
    match params.take("assignee").as_deref() {
        None => Ok(None),
        Some("none") => Ok(Some(Assignee::Nobody)),
        Some("me") => Ok(Some(Assignee::User(reader.identity.user_id))),
        Some(text) => person_id(text).map(|id| Some(Assignee::User(id))).ok_or_else(|| {
            let detail = format!("`assignee` must be `me`, `none`, {PERSON}");
            Problem::bad_request("query_invalid", detail).field("assignee")
        }),
    }
}
