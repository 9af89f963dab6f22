//! `/projects/{id}/workflow`: the states of its tickets and the ways between them.

use axum::extract::State;
use axum::http::HeaderMap;
use schemas::Workflow;

use super::projects;
use crate::access;
use crate::answer::Answer;
use crate::extract::{Body, Path, Reader, Writer};
use crate::problem::Problem;
use crate::state::AppState;
use crate::submit::Early;
use crate::workflow_view::Workflow as WorkflowView;

pub(crate) async fn read(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    reader: Reader,
) -> Result<Answer, Problem> {
    let project = access::project(&state, &reader, &id).await?;
    let workflow = Workflow::or_standard(project.workflow.as_ref());
    Ok(Answer::tagged(WorkflowView::from(workflow.clone()), workflow.digest()).unless_seen(&headers))
}

/// `{ states?, transitions? }`; without states the default again. All of it is replaced, so `If-Match` must say what. Answers with the project.
pub(crate) async fn update(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    if writer.if_match.is_none() {
        return Err(Problem::precondition_required().into());
    }
    projects::change(&state, &writer, "ConfigureWorkflow", body.0, &id).await
}
