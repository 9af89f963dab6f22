//! One write, all the way: onto the log, its outcome, and the read model that shows it.

use std::time::{Duration, Instant};

use axum::Json;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use connectors::gateway::GatewayError;
use connectors::read_model::ReadError;
use schemas::{CommandAccepted, Outcome};
use tokio::time::{timeout, timeout_at};
use uuid::Uuid;

use crate::commands::Pending;
use crate::extract::{IfMatch, SEQUENCE_HEADER, Writer, now_ms};
use crate::fields::FieldError;
use crate::idempotency::Key;
use crate::native::Command;
use crate::outcome_view::CommandStatus;
use crate::problem::Problem;
use crate::state::AppState;
use crate::{registration, rejection};

/// How long the log may still take to confirm once the deadline has come.
const DURABLE_GRACE: Duration = Duration::from_millis(500);

/// How long to look whether the key of a request was used in another project.
const LOOK_UP_WAIT: Duration = Duration::from_millis(200);

/// How long commands are remembered, in milliseconds.
const MEMORY_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// An answer to a write that is not the resource: a problem, or "accepted, look later".
#[derive(Debug)]
pub(crate) enum Early {
    Problem(Problem),
    /// 202 with the command to ask for.
    Later(Box<Response>),
}

impl From<Problem> for Early {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<ReadError> for Early {
    fn from(error: ReadError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<FieldError> for Early {
    fn from(error: FieldError) -> Self {
        Self::Problem(error.into())
    }
}

impl IntoResponse for Early {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Later(response) => *response,
        }
    }
}

impl From<GatewayError> for Problem {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::TooLarge { limit_bytes, .. } => Self::too_large(limit_bytes),
            GatewayError::Unreadable(why) => Self::internal(why),
            other => Self::unavailable(other),
        }
    }
}

/// Submits a command and waits until its effect can be read, or answers early.
pub(crate) async fn submit(state: &AppState, writer: &Writer, command: &Command) -> Result<CommandAccepted, Early> {
    registration::ensure(state, &writer.identity, writer.deadline, &writer.trace).await?;
    submit_of_known(state, writer, command).await
}

/// As [`submit`], of somebody who is a user, or was one: nobody is registered.
pub(crate) async fn submit_of_known(
    state: &AppState,
    writer: &Writer,
    command: &Command,
) -> Result<CommandAccepted, Early> {
    let fingerprint = writer.key.as_ref().map(Key::fingerprint);
    if fingerprint.is_some()
        && let Some(first) = remembered(state, command.command_id()).await
        && is_of_another_request(&first, command, fingerprint)
    {
        return Err(reused(&first).into());
    }
    let mut pending = match command {
        Command::Ticket(command) => state.gateway().send(command, &writer.trace, fingerprint),
        Command::User(command) => state.gateway().send_user(command, &writer.trace, fingerprint),
    }
    .map_err(Problem::from)?;
    if let Some(applied) = &writer.applied {
        applied.set(&writer.preferences);
    }
    if writer.preferences.responds_at_once() {
        return later(command, pending.as_mut(), writer.deadline).await;
    }
    let begun = Instant::now();
    let Ok(outcome) = timeout_at(writer.deadline.into(), pending.outcome()).await else {
        state.metrics().no_outcome(command.type_name(), "timeout");
        return later(command, pending.as_mut(), Instant::now() + DURABLE_GRACE).await;
    };
    state.metrics().waited("outcome", begun.elapsed());
    let outcome = outcome.map_err(Problem::from)?;
    state.metrics().outcome(command.type_name(), &outcome);
    if is_of_another_request(&outcome, command, fingerprint) {
        return Err(reused(&outcome).into());
    }
    let accepted = accepted(outcome, writer.if_match.is_some_and(|expected| expected != IfMatch::Any))?;
    let begun = Instant::now();
    let Some(of) = accepted.project_id.or(accepted.user_id) else { return Ok(accepted) };
    let reached = state.read_model().wait_for(of, accepted.sequence, writer.deadline).await?;
    state.metrics().waited("read_model", begun.elapsed());
    if reached { Ok(accepted) } else { Err(not_visible_yet(&accepted)) }
}

/// The accepted command, or the problem that its outcome is.
fn accepted(outcome: Outcome, if_match: bool) -> Result<CommandAccepted, Problem> {
    match outcome {
        Outcome::Accepted(accepted) => Ok(accepted),
        Outcome::Rejected(rejected) => {
            let (code, detail) = (rejected.rejection, rejected.detail);
            Err(rejection::problem(code, detail, rejected.field, rejected.allowed, if_match))
        }
        Outcome::Failed(failed) => Err(Problem::command_failed().log(&failed.reason)),
    }
}

/// What the read model knows of a command. A processor knows those of its partition only; all of them are there, if a little later. Where that
/// does not answer nobody is kept from writing.
async fn remembered(state: &AppState, command_id: Uuid) -> Option<Outcome> {
    let asked = timeout(LOOK_UP_WAIT, state.read_model().outcome(command_id)).await;
    let since = now_ms() - MEMORY_MS;
    // What failed is decided anew, and so is what is forgotten, although its row may still be there.
    asked.ok()?.ok()?.filter(|first| !matches!(first, Outcome::Failed(_)) && first.decided_at() >= since)
}

/// Whether another request was decided, which had the same key.
fn is_of_another_request(outcome: &Outcome, command: &Command, fingerprint: Option<i64>) -> bool {
    // Nothing of another project may be shown, as this one's rules were not asked.
    let elsewhere = match (outcome.project_id(), command) {
        (Some(decided), Command::Ticket(command)) => decided != command.project_id(),
        _ => false,
    };
    elsewhere || is_anothers(outcome, command.type_name(), fingerprint)
}

/// Whether it is not that of a command of this type with this fingerprint.
pub(crate) fn is_anothers(outcome: &Outcome, command_type: &str, fingerprint: Option<i64>) -> bool {
    let differs = outcome.fingerprint().zip(fingerprint).is_some_and(|(first, this)| first != this);
    outcome.command_type() != command_type || differs
}

fn reused(outcome: &Outcome) -> Problem {
    let title = "The idempotency key belongs to another request";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", title)
        .detail(format!("it was used before, for {} with other content or in another place", outcome.command_type()))
}

/// 202, once the log has the command; before that nothing may be promised.
async fn later(command: &Command, pending: &mut dyn Pending, deadline: Instant) -> Result<CommandAccepted, Early> {
    let left = deadline.saturating_duration_since(Instant::now());
    match timeout(left, pending.durable()).await {
        Ok(Ok(())) => {
            let body = CommandStatus::Pending { command_id: command.command_id() };
            Err(Early::Later(Box::new(look_later(command.command_id(), &body))))
        }
        Ok(Err(error)) => Err(Problem::from(error).into()),
        Err(_) => Err(Problem::unavailable("the log did not confirm a command in time").into()),
    }
}

fn not_visible_yet(accepted: &CommandAccepted) -> Early {
    let mut response = look_later(accepted.command_id, &CommandStatus::from(accepted));
    mark_sequence(&mut response, accepted);
    Early::Later(Box::new(response))
}

fn look_later(command: Uuid, body: &CommandStatus<'_>) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/commands/{command}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Adds the consistency token.
pub(crate) fn mark_sequence(response: &mut Response, accepted: &CommandAccepted) {
    let Some(project) = accepted.project_id else { return };
    if let Ok(value) = HeaderValue::from_str(&format!("{project}:{}", accepted.sequence)) {
        response.headers_mut().insert(SEQUENCE_HEADER, value);
    }
}
