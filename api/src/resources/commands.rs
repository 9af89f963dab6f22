//! `/commands/{id}`: what became of a command that was answered with 202.
//!
//! Any process answers, whoever took the command: the outcome is in the read model. Only who took it knows that it is
//! under way; another one looks for a moment longer before it says that there is no such command.

use std::time::{Duration, Instant};

use axum::extract::State;
use schemas::Outcome;
use uuid::Uuid;

use crate::access;
use crate::answer::Answer;
use crate::extract::{Path, Reader};
use crate::native::hyphenated;
use crate::outcome_view::CommandStatus;
use crate::problem::Problem;
use crate::state::AppState;

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
    let found = outcome(&state, id, pending).await?;
    let body = match &found {
        Some(Outcome::Accepted(accepted)) => {
            if let Some(project) = accepted.project_id
                && !access::may_see(&state, &reader.identity, project).await?
            {
                return Err(unknown());
            }
            CommandStatus::from(accepted)
        }
        Some(Outcome::Rejected(rejected)) => CommandStatus::from(rejected),
        Some(Outcome::Failed(_)) => CommandStatus::Failed { command_id: id },
        None if pending => CommandStatus::Pending { command_id: id },
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
