//! `/dev/mail`: the mails that were written to files for want of a mail server. For administrators.

use std::io;
use std::path::Path;

use axum::extract::Path as PathParam;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use connectors::mail::{Files, Kept};
use minijinja::{Value, context};
use uuid::Uuid;

use super::{Instead, Visit, text};
use crate::problem::Problem;

/// Most mails that one page shows.
const MOST: usize = 100;

pub(crate) async fn list(visit: Visit) -> Response {
    visit.page(render).await
}

async fn render(visit: &Visit) -> Result<Response, Instead> {
    let dir = directory(visit)?.to_owned();
    let mails = blocking(move || Files::list(&dir)).await?;
    let total = mails.len();
    let mails: Vec<Value> = mails.into_iter().take(MOST).map(view).collect();
    let visitor = visit.identity()?.email.as_str();
    let values = context! { visitor, total, shown => mails.len(), mails };
    Ok(visit.state.templates().render(StatusCode::OK, "mails.html", values))
}

/// One mail as it would have been sent.
pub(crate) async fn read(PathParam(id): PathParam<String>, visit: Visit) -> Response {
    visit.page(|visit| source(visit, id)).await
}

async fn source(visit: &Visit, id: String) -> Result<Response, Instead> {
    let dir = directory(visit)?.to_owned();
    let id = Uuid::try_parse(&id).map_err(|_| Instead::NotFound)?;
    let bytes = blocking(move || Files::read(&dir, id)).await?.ok_or(Instead::NotFound)?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], bytes).into_response())
}

/// Where the mails are, for those who may see them.
fn directory(visit: &Visit) -> Result<&Path, Instead> {
    let identity = visit.identity()?;
    visit.state.mails().filter(|_| identity.admin).ok_or(Instead::NotFound)
}

async fn blocking<T: Send + 'static>(read: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(read).await.map_err(Problem::internal)?.map_err(Problem::internal)
}

fn view(mail: Kept) -> Value {
    context! { id => mail.id.to_string(), subject => mail.subject, to => mail.to, at => text::minute(mail.at) }
}
