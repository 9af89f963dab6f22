//! `/users`, `/users/{id}` and `/users/me`.

use axum::extract::State;

use crate::answer::Answer;
use crate::extract::{Body, Path, Reader, Writer};
use crate::fields::person_id;
use crate::native::{Command, user_command};
use crate::problem::Problem;
use crate::state::AppState;
use crate::submit::{Early, submit};
use crate::views::User;

/// The caller. Someone who has not written yet is not known yet: 404.
pub(crate) async fn read_me(State(state): State<AppState>, reader: Reader) -> Result<Answer, Problem> {
    let user = state.read_model().user(reader.identity.user_id).await?;
    let user = user.ok_or_else(|| Problem::not_found("user", &reader.identity.email))?;
    Ok(Answer::ok(User::from(user)))
}

/// Anyone's data is for themselves and for administrators.
pub(crate) async fn read(
    State(state): State<AppState>,
    Path(text): Path<String>,
    reader: Reader,
) -> Result<Answer, Problem> {
    let id = person_id(&text).filter(|&id| reader.identity.admin || id == reader.identity.user_id);
    let user = match id {
        Some(id) => state.read_model().user(id).await?,
        None => None,
    };
    user.map(|user| Answer::ok(User::from(user))).ok_or_else(|| Problem::not_found("user", &text))
}

/// Registers someone: `{ email, name }`, or a placeholder `{ source, login, name? }`.
pub(crate) async fn create(State(state): State<AppState>, writer: Writer, body: Body) -> Result<Answer, Early> {
    let command = user_command("RegisterUser", body.0, &writer.identity.email, writer.envelope())?;
    let done = submit(&state, &writer, &Command::User(command)).await?;
    let id = done.user_id.ok_or_else(|| Problem::internal("an accepted registration has no user id"))?;
    let user = state.read_model().user(id).await?;
    let user = user.ok_or_else(|| Problem::not_found("user", &id.to_string()))?;
    Ok(Answer::created(User::from(user), &format!("/users/{id}")))
}
