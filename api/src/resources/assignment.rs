//! `/tickets/{id}/assignment`: who has a ticket and why; `/projects/{id}/assignment`: how a project gives its tickets to members.

use axum::extract::State;

use super::projects;
use crate::access;
use crate::answer::Answer;
use crate::extract::{Body, Path, Reader, Writer};
use crate::problem::Problem;
use crate::state::AppState;
use crate::submit::Early;
use crate::views::Assignment;

pub(crate) async fn read(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
) -> Result<Answer, Problem> {
    let ticket = access::ticket(&state, &reader, &id).await?;
    let project = state.read_model().project(ticket.project_id).await?;
    let project = project.ok_or_else(|| Problem::not_found("ticket", &id))?;
    let assignee = match ticket.assignee_id {
        Some(user) => state.read_model().user(user).await?,
        None => None,
    };
    let host = match project.pool_id {
        Some(host) => state.read_model().project(host).await?.map(|host| host.key),
        None => Some(project.key.clone()),
    };
    Ok(Answer::ok(Assignment::new(ticket, project, host, assignee)))
}

/// `{ policy?, poolOpen?, pool? }`; answers with the project.
pub(crate) async fn update(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    projects::change(&state, &writer, "ConfigureAssignment", body.0, &id).await
}
