//! Who may read what. A read that succeeds here is proof that the caller may see the thing.
//!
//! To someone who is no member a project does not exist: 404, not 403, so that keys and names do not leak. Writes are
//! decided by the processor alone.

use std::time::Instant;

use connectors::read_model::ReadError;
use schemas::reader::{ProjectRow, TicketRow};
use uuid::Uuid;

use crate::auth::Identity;
use crate::extract::Reader;
use crate::native::{Target, hyphenated, parse_code, project_id};
use crate::problem::Problem;
use crate::rejection;
use crate::state::AppState;

/// Roles of those who maintain a project.
const MAINTAINERS: [&str; 2] = ["owner", "maintainer"];

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(why) => Self::unavailable(format!("read model: {why}")),
            other => Self::internal(other),
        }
    }
}

/// The project, given by id or key, if the caller may see it.
pub(crate) async fn project(state: &AppState, reader: &Reader, text: &str) -> Result<ProjectRow, Problem> {
    wait(state, reader).await?;
    visible_project(state, &reader.identity, project_id(text)).await?.ok_or_else(|| Problem::not_found("project", text))
}

/// The ticket, given by id or code, if the caller may see it.
pub(crate) async fn ticket(state: &AppState, reader: &Reader, text: &str) -> Result<TicketRow, Problem> {
    wait(state, reader).await?;
    let ticket = match (hyphenated(text), parse_code(text)) {
        (Some(id), _) => state.read_model().ticket(id).await?,
        (None, Some((project, number))) => state.read_model().ticket_by_number(project, number).await?,
        (None, None) => None,
    };
    let ticket = ticket.ok_or_else(|| Problem::not_found("ticket", text))?;
    if may_see(state, &reader.identity, ticket.project_id).await? {
        Ok(ticket)
    } else {
        Err(Problem::not_found("ticket", text))
    }
}

/// The project if it is there and the person may see it.
pub(crate) async fn visible_project(
    state: &AppState,
    identity: &Identity,
    id: Uuid,
) -> Result<Option<ProjectRow>, Problem> {
    let Some(project) = state.read_model().project(id).await? else { return Ok(None) };
    Ok(may_see(state, identity, id).await?.then_some(project))
}

/// Whether the person is a member of the project, or an administrator.
pub(crate) async fn may_see(state: &AppState, identity: &Identity, project: Uuid) -> Result<bool, Problem> {
    Ok(identity.admin || state.read_model().member(project, identity.user_id).await?.is_some())
}

/// The project, given by id or key, if the caller maintains it.
pub(crate) async fn maintained_project(state: &AppState, reader: &Reader, text: &str) -> Result<ProjectRow, Problem> {
    let project = project(state, reader, text).await?;
    must_maintain(state, &reader.identity, project.id).await?;
    Ok(project)
}

/// Refuses whoever is neither owner nor maintainer of the project, nor an administrator. What is decided by the pipeline is not asked here, but
/// there; this is for what is no command.
pub(crate) async fn must_maintain(state: &AppState, identity: &Identity, project: Uuid) -> Result<(), Problem> {
    if identity.admin {
        return Ok(());
    }
    let member = state.read_model().member(project, identity.user_id).await?;
    if member.is_some_and(|member| MAINTAINERS.contains(&member.role.as_str())) {
        return Ok(());
    }
    let detail = "this needs the role maintainer in the project".to_owned();
    Err(rejection::problem("insufficient_role".to_owned(), detail, None, Vec::new(), false))
}

/// What a write to the ticket in a path is about. A code says it all; only an id has to be looked up.
pub(crate) async fn ticket_target(state: &AppState, text: &str) -> Result<Target, Problem> {
    let found = match hyphenated(text) {
        Some(id) => state.read_model().ticket(id).await?.map(|ticket| (ticket.project_id, ticket.number)),
        None => parse_code(text),
    };
    let (project_id, number) = found.ok_or_else(|| Problem::not_found("ticket", text))?;
    Ok(Target { project_id, number, ..Target::default() })
}

/// Waits until the read model is as far as the caller has seen.
pub(crate) async fn wait(state: &AppState, reader: &Reader) -> Result<(), Problem> {
    let Some((project, sequence)) = reader.at_least else { return Ok(()) };
    let begun = Instant::now();
    let reached = state.read_model().wait_for(project, sequence, begun + state.limits().outcome_wait).await?;
    state.metrics().waited("read_model", begun.elapsed());
    if reached {
        Ok(())
    } else {
        Err(Problem::unavailable("the read model did not reach the sequence asked for in time"))
    }
}
