//! `/projects` and `/projects/{id}`; `{id}` is the id or the key.

use axum::extract::State;
use connectors::read_model::MAX_PAGE;
use uuid::Uuid;

use crate::access;
use crate::answer::Answer;
use crate::cursor;
use crate::extract::{Body, Params, Path, Reader, Writer};
use crate::fields::Fields;
use crate::native::{Command, Target, project_id, ticket_command};
use crate::problem::Problem;
use crate::state::AppState;
use crate::submit::{Early, submit};
use crate::views::{List, Project};

/// The projects that the caller belongs to; for an administrator all, unless `member=me` is asked for.
pub(crate) async fn list(State(state): State<AppState>, reader: Reader, mut params: Params) -> Result<Answer, Problem> {
    let limit = params.limit(50, MAX_PAGE)?;
    let after = params.cursor(cursor::parse_by_key)?;
    let mine = match params.take("member").as_deref() {
        None => !reader.identity.admin,
        Some("me") => true,
        Some(_) => return Err(Problem::bad_request("query_invalid", "`member` can only be `me`").field("member")),
    };
    params.finish()?;
    let member = mine.then_some(reader.identity.user_id);
    let page = state.read_model().projects(member, after.as_deref(), limit).await?;
    let next_cursor = page.next.map(|key| cursor::by_key(&key));
    Ok(Answer::ok(List { items: page.items.into_iter().map(Project::from).collect(), next_cursor }))
}

pub(crate) async fn read(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
) -> Result<Answer, Problem> {
    Ok(Answer::ok(Project::from(access::project(&state, &reader, &id).await?)))
}

pub(crate) async fn create(State(state): State<AppState>, writer: Writer, body: Body) -> Result<Answer, Early> {
    let command = ticket_command("CreateProject", body.0, Target::default(), writer.envelope())?;
    let id = command.project_id();
    let done = submit(&state, &writer, &Command::Ticket(command)).await?;
    let project = stored(&state, id).await?;
    let location = format!("/projects/{}", project.id());
    Ok(Answer::created(project, &location).after(&done))
}

pub(crate) async fn update(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    change(&state, &writer, "UpdateProject", body.0, &id).await
}

/// A command that changes the project in the path; answers with the project as it then is.
pub(super) async fn change(
    state: &AppState,
    writer: &Writer,
    kind: &str,
    fields: Fields,
    id: &str,
) -> Result<Answer, Early> {
    let to = Target { project_id: project_id(id), ..Target::default() };
    let project = to.project_id;
    let command = ticket_command(kind, fields, to, writer.envelope())?;
    let done = submit(state, writer, &Command::Ticket(command)).await?;
    Ok(Answer::ok(stored(state, project).await?).after(&done))
}

async fn stored(state: &AppState, id: Uuid) -> Result<Project, Problem> {
    let row = state.read_model().project(id).await?;
    row.map(Project::from).ok_or_else(|| Problem::not_found("project", &id.to_string()))
}
