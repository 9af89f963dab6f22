//! `/`: the visitor's projects, with how many tickets are in each state.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use connectors::read_model::MAX_PAGE;
use minijinja::{Value, context};
use schemas::Workflow;
use schemas::reader::ProjectRow;
use uuid::Uuid;

use super::{Instead, Visit, text};
use crate::cursor;

pub(crate) async fn read(visit: Visit) -> Response {
    visit.page(render).await
}

async fn render(visit: &Visit) -> Result<Response, Instead> {
    let identity = visit.identity()?;
    let read_model = visit.state.read_model();
    let after = visit.param("cursor").and_then(cursor::parse_by_key);
    let member = (!identity.admin).then_some(identity.user_id);
    let page = read_model.projects(member, after.as_deref(), MAX_PAGE).await?;
    let ids: Vec<Uuid> = page.items.iter().map(|project| project.id).collect();
    let mut counts = read_model.status_counts(&ids).await?;
    let projects = page.items.into_iter().map(|project| {
        let by_status = counts.remove(&project.id).unwrap_or_default();
        view(project, &by_status)
    });
    let projects: Vec<Value> = projects.collect();
    let values = context! {
        visitor => identity.email.as_str(),
        projects,
        next => page.next.map(|key| cursor::by_key(&key)).unwrap_or_default(),
    };
    Ok(visit.state.templates().render(StatusCode::OK, "home.html", values))
}

fn view(project: ProjectRow, by_status: &BTreeMap<String, i64>) -> Value {
    let count = |status: &str| {
        let count = by_status.get(status).copied().unwrap_or_default();
        context! { status, name => text::words(status), count => text::number(count) }
    };
    let states = &Workflow::or_standard(project.workflow.as_ref()).states;
    context! {
        key => project.key,
        name => project.name,
        description => project.description.chars().take(200).collect::<String>(),
        total => text::number(by_status.values().sum()),
        counts => states.iter().map(|state| count(&state.name)).collect::<Vec<_>>(),
        archived => project.archived,
    }
}
