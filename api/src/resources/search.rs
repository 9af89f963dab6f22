//! `/search`: tickets by their words, in all projects that the caller may see.

use axum::extract::State;
use connectors::read_model::MAX_PAGE;

use crate::access;
use crate::answer::Answer;
use crate::cursor;
use crate::extract::{Params, Reader};
use crate::problem::Problem;
use crate::state::AppState;
use crate::views::{List, Ticket};

/// The last changed first.
pub(crate) async fn list(State(state): State<AppState>, reader: Reader, mut params: Params) -> Result<Answer, Problem> {
    let limit = params.limit(50, MAX_PAGE)?;
    let after = params.cursor(cursor::parse_by_search)?;
    let words = params.words()?;
    params.finish()?;
    let words = words.ok_or_else(|| Problem::bad_request("query_invalid", "`text` is missing").field("text"))?;
    access::wait(&state, &reader).await?;
    let member = (!reader.identity.admin).then_some(reader.identity.user_id);
    let page = state.read_model().search(member, &words, after, limit).await?;
    let items = page.items.into_iter().map(Ticket::from).collect();
    Ok(Answer::ok(List { items, next_cursor: page.next.map(cursor::by_search) }))
}
