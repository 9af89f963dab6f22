//! `/commands/{id}`: what became of a command that was answered with 202.
//!
//! Any process answers, whoever took the command: the outcome is in the read model. Only who took it knows that it is
//! under way; another one looks for a moment longer before it says that there is no such command.

use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use schemas::Outcome;
use serde_json::json;
use uuid::Uuid;

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
    let body = match outcome(&state, id, pending).await? {
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

/// The outcome, if it is there or comes soon enough.
async fn outcome(state: &AppState, id: Uuid, pending: bool) -> Result<Option<Outcome>, Problem> {
    let until = Instant::now() + if pending { Duration::ZERO } else { state.limits().command_wait };
    let mut pause = Duration::from_millis(5);
    loop {
        let found = state.read_model().outcome(id).await?;
        if found.is_some() || Instant::now() >= until {
            return Ok(found);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}
