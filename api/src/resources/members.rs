//! `/projects/{id}/members` and `/projects/{id}/members/{userId}`.

use axum::extract::State;
use schemas::reader::UserRow;
use schemas::{CommandAccepted, ids};
use uuid::Uuid;

use super::users::key_of;
use crate::access;
use crate::answer::Answer;
use crate::extract::{Body, Path, Reader, Writer};
use crate::fields::{FieldError, Fields, PERSON, person_id, user_key};
use crate::native::{Command, Target, hyphenated, project_id, ticket_command};
use crate::problem::Problem;
use crate::state::AppState;
use crate::submit::{Early, submit};
use crate::views::{List, Member};

pub(crate) async fn list(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
) -> Result<Answer, Problem> {
    let project = access::project(&state, &reader, &id).await?;
    let rows = state.read_model().members(project.id).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.user_id).collect();
    let users = state.read_model().users(&ids).await?;
    let items = rows.into_iter().map(|row| {
        let user = users.get(&row.user_id);
        Member::new(row, user)
    });
    Ok(Answer::ok(List { items: items.collect(), next_cursor: None }))
}

/// The user is named by `userId`, `email`, or `user` (an e-mail or `source:login`).
pub(crate) async fn create(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    mut body: Body,
) -> Result<Answer, Early> {
    let key = named_user(&state, &mut body.0).await?;
    let user = ids::user_id(&key);
    let to = Target { project_id: project_id(&id), user_key: Some(key), ..Target::default() };
    let done = command(&state, &writer, "AddMember", body.0, to.clone()).await?;
    let user = done.user_id.unwrap_or(user);
    let location = format!("/projects/{}/members/{user}", to.project_id);
    Ok(Answer::created(stored(&state, to.project_id, user).await?, &location).after(&done))
}

pub(crate) async fn update(
    State(state): State<AppState>,
    Path((id, user)): Path<(String, String)>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    let to = target(&id, &user)?;
    let (project, user) = (to.project_id, to.user_id.unwrap_or_default());
    let done = command(&state, &writer, "UpdateMember", body.0, to).await?;
    Ok(Answer::ok(stored(&state, project, user).await?).after(&done))
}

pub(crate) async fn delete(
    State(state): State<AppState>,
    Path((id, user)): Path<(String, String)>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    let done = command(&state, &writer, "RemoveMember", body.0, target(&id, &user)?).await?;
    Ok(Answer::no_content().after(&done))
}

async fn command(
    state: &AppState,
    writer: &Writer,
    kind: &str,
    fields: Fields,
    to: Target,
) -> Result<CommandAccepted, Early> {
    let command = ticket_command(kind, fields, to, writer.envelope())?;
    submit(state, writer, &Command::Ticket(command)).await
}

fn target(project: &str, user: &str) -> Result<Target, Problem> {
    let user_id = person_id(user).ok_or_else(|| Problem::not_found("member", user))?;
    Ok(Target { project_id: project_id(project), user_id: Some(user_id), ..Target::default() })
}

/// The key of the user that the body names; an id has to be looked up.
async fn named_user(state: &AppState, fields: &mut Fields) -> Result<String, Early> {
    let names = ["userId", "email", "user"];
    let Some((name, text)) = fields.one_string_of(names)? else { return Err(FieldError::missing("userId").into()) };
    if let Some(id) = hyphenated(&text) {
        let user: Option<UserRow> = state.read_model().user(id).await?;
        let user = user.ok_or_else(|| Problem::not_found("user", &text))?;
        return key_of(&user).ok_or_else(|| Problem::not_found("user", &text).into());
    }
    user_key(&text).ok_or_else(|| FieldError::invalid(name, PERSON).into())
}

async fn stored(state: &AppState, project: Uuid, user: Uuid) -> Result<Member, Problem> {
    let row = state.read_model().member(project, user).await?;
    let row = row.ok_or_else(|| Problem::not_found("member", &user.to_string()))?;
    let user = state.read_model().user(user).await?;
    Ok(Member::new(row, user.as_ref()))
}
