//! `/mails`: what became of the mails that somebody was sent.

use axum::extract::State;
use connectors::read_model::MAX_PAGE;
use schemas::reader::MAIL_STATES;

use crate::answer::Answer;
use crate::cursor;
use crate::extract::{Params, Reader};
use crate::fields::person_id;
use crate::problem::Problem;
use crate::state::AppState;
use crate::views::{List, Mail};

/// One's own, the last asked for first; an administrator may ask for those of anybody with `userId`.
pub(crate) async fn list(State(state): State<AppState>, reader: Reader, mut params: Params) -> Result<Answer, Problem> {
    let limit = params.limit(50, MAX_PAGE)?;
    let before = params.cursor(cursor::parse_by_mail)?;
    let in_state = params.one_of("state", &MAIL_STATES)?;
    let user = params.take("userId");
    params.finish()?;
    let own = reader.identity.user_id;
    let user = match user {
        None => own,
        Some(text) => person_id(&text)
            .filter(|&id| reader.identity.admin || id == own)
            .ok_or_else(|| Problem::not_found("user", &text))?,
    };
    let page = state.read_model().mails(user, in_state.as_deref(), before, limit).await?;
    let items = page.items.into_iter().map(Mail::from).collect();
    Ok(Answer::ok(List { items, next_cursor: page.next.map(cursor::by_mail) }))
}
