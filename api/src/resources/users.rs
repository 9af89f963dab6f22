//! `/users`, `/users/{id}` and `/users/me`, and whether somebody may do anything: `/users/{id}/deactivate`, `/users/{id}/reactivate`.

use axum::extract::State;
use schemas::ids;
use schemas::reader::UserRow;

use crate::answer::Answer;
use crate::extract::{Body, Path, Reader, Writer};
use crate::fields::{person_id, user_key};
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

/// Of oneself, or by an administrator.
pub(crate) async fn deactivate(
    State(state): State<AppState>,
    Path(text): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    change_activity(&state, "DeactivateUser", &text, &writer, body).await
}

/// By an administrator.
pub(crate) async fn reactivate(
    State(state): State<AppState>,
    Path(text): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    change_activity(&state, "ReactivateUser", &text, &writer, body).await
}

async fn change_activity(
    state: &AppState,
    kind: &str,
    text: &str,
    writer: &Writer,
    body: Body,
) -> Result<Answer, Early> {
    let unknown = || Problem::not_found("user", text);
    let id = person_id(text).filter(|&id| writer.identity.admin || id == writer.identity.user_id);
    let id = id.ok_or_else(unknown)?;
    // Of an id only the read model knows whose it is.
    let key = match user_key(text) {
        Some(key) => key,
        None => state.read_model().user(id).await?.as_ref().and_then(key_of).ok_or_else(unknown)?,
    };
    let command = user_command(kind, body.0, &key, writer.envelope())?;
    let done = submit(state, writer, &Command::User(command)).await?;
    state.forget_deactivated();
    let user = state.read_model().user(id).await?.ok_or_else(unknown)?;
    Ok(Answer::ok(User::from(user)).after(&done))
}

/// What commands name a user by.
pub(super) fn key_of(user: &UserRow) -> Option<String> {
    match (&user.email, &user.source, &user.login) {
        (Some(email), ..) => Some(email.clone()),
        (None, Some(source), Some(login)) => Some(ids::placeholder_key(source, login)),
        _ => None,
    }
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
