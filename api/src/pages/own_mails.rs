//! `/my/mails`: what became of the mails that the visitor was sent. Not `/mails`, which programs ask for.

use axum::http::StatusCode;
use axum::response::Response;
use minijinja::{Value, context};
use schemas::reader::{MAIL_FAILED, MailRow};

use super::{Instead, Visit, text};
use crate::cursor;

/// Mails of one page.
const PAGE: u32 = 50;

pub(crate) async fn read(visit: Visit) -> Response {
    visit.page(render).await
}

async fn render(visit: &Visit) -> Result<Response, Instead> {
    let identity = visit.identity()?;
    let before = visit.param("cursor").and_then(cursor::parse_by_mail);
    let page = visit.state.read_model().mails(identity.user_id, None, before, PAGE).await?;
    let mails: Vec<Value> = page.items.into_iter().map(view).collect();
    let values = context! {
        visitor => identity.email.as_str(),
        mails,
        next => page.next.map(cursor::by_mail).unwrap_or_default(),
    };
    Ok(visit.state.templates().render(StatusCode::OK, "own_mails.html", values))
}

fn view(mail: MailRow) -> Value {
    context! {
        kind => if mail.kind.is_empty() { "Mail".to_owned() } else { text::words(&mail.kind) },
        failed => mail.state == MAIL_FAILED,
        state => mail.state,
        at => text::minute(mail.requested_at),
        decided => mail.decided_at.map(text::minute).unwrap_or_default(),
        attempts => mail.attempts,
        why => mail.why,
    }
}
