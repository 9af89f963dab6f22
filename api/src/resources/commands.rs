//! `/commands/{id}`: what became of a command that was answered with 202.

use axum::extract::{Path, State};
use schemas::Outcome;
use serde_json::json;

use crate::access;
use crate::answer::Answer;
use crate::extract::Reader;
use crate::native::hyphenated;
use crate::problem::Problem;
use crate::state::AppState;
use crate::submit::result_json;

/// The outcome, `pending`, or 404. Who may not see the project of an accepted command is told that there is none.
pub(crate) async fn read(
    State(state): State<AppState>,
    Path(text): Path<String>,
    reader: Reader,
) -> Result<Answer, Problem> {
    let unknown = || Problem::not_found("command", &text);
    let id = hyphenated(&text).ok_or_else(unknown)?;
    // Asked first: an outcome that comes between the two questions is then found by the second.
    let pending = state.gateway().is_pending(id);
    let body = match state.read_model().outcome(id).await? {
        Some(Outcome::Accepted(accepted)) => {
            if let Some(project) = accepted.project_id
                && !access::may_see(&state, &reader.identity, project).await?
            {
                return Err(unknown());
            }
            result_json(&accepted)
        }
        Some(Outcome::Rejected(rejected)) => json!({
            "commandId": id, "status": "rejected", "code": rejected.rejection, "detail": rejected.detail,
            "field": rejected.field, "allowed": rejected.allowed,
        }),
        Some(Outcome::Failed(_)) => json!({ "commandId": id, "status": "failed" }),
        None if pending => json!({ "commandId": id, "status": "pending" }),
        None => return Err(unknown()),
    };
    Ok(Answer::ok(body))
}
