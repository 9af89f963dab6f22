//! `/tickets/{id}/comments`.

use axum::extract::State;
use connectors::read_model::MAX_PAGE;

use crate::access;
use crate::answer::Answer;
use crate::cursor;
use crate::extract::{Body, Params, Path, Reader, Writer};
use crate::native::{Command, ticket_command};
use crate::problem::Problem;
use crate::state::AppState;
use crate::submit::{Early, submit};
use crate::views::{Comment, List};

/// Oldest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
    mut params: Params,
) -> Result<Answer, Problem> {
    let limit = params.limit(50, MAX_PAGE)?;
    let after = params.cursor(cursor::parse_by_sequence)?;
    params.finish()?;
    let ticket = access::ticket(&state, &reader, &id).await?;
    let page = state.read_model().comments(ticket.id, after, limit).await?;
    let next_cursor = page.next.map(cursor::by_sequence);
    Ok(Answer::ok(List { items: page.items.into_iter().map(Comment::from).collect(), next_cursor }))
}

/// Comments: `{ content, parentId? }`.
pub(crate) async fn create(
    State(state): State<AppState>,
    Path(id): Path<String>,
    writer: Writer,
    body: Body,
) -> Result<Answer, Early> {
    let to = access::ticket_target(&state, &id).await?;
    let command = ticket_command("CommentTicket", body.0, to, writer.envelope())?;
    let done = submit(&state, &writer, &Command::Ticket(command)).await?;
    let (Some(ticket), Some(comment)) = (done.ticket_id, done.comment_id) else {
        return Err(Problem::internal("an accepted comment has no id").into());
    };
    let row = state.read_model().comment(ticket, comment).await?;
    let row = row.ok_or_else(|| Problem::not_found("comment", &comment.to_string()))?;
    let location = format!("/tickets/{}/comments", done.code.as_deref().unwrap_or_default());
    Ok(Answer::created(Comment::from(row), &location).after(&done))
}
