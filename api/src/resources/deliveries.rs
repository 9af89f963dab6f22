//! `/webhooks/{id}/deliveries`: what became of what a webhook was told, and telling it once more. Who may see the webhook may do both.

use axum::extract::State;
use connectors::accounts::Webhook;
use connectors::read_model::MAX_PAGE;
use schemas::reader::{DELIVERY_STATES, DeliveryRow};
use schemas::{Record as _, ReplayRequested, WebhookCommand, event, ids};
use tokio::time::timeout_at;

use super::webhooks::own;
use crate::answer::Answer;
use crate::cursor;
use crate::extract::{Body, Params, Path, Reader, Writer, now_ms};
use crate::native::hyphenated;
use crate::outcome_view::Replay;
use crate::problem::Problem;
use crate::state::AppState;
use crate::views::{Delivery, List};

/// Those that were begun last first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Path(id): Path<String>,
    reader: Reader,
    mut params: Params,
) -> Result<Answer, Problem> {
    let limit = params.limit(50, MAX_PAGE)?;
    let before = params.cursor(cursor::parse_by_delivery)?;
    let in_state = params.one_of("state", &DELIVERY_STATES)?;
    params.finish()?;
    let webhook = own(&state, &reader, &id).await?;
    let page = state.read_model().deliveries(webhook.id, in_state.as_deref(), before, limit).await?;
    let items = page.items.into_iter().map(Delivery::from).collect();
    Ok(Answer::ok(List { items, next_cursor: page.next.map(cursor::by_delivery) }))
}

pub(crate) async fn read(
    State(state): State<AppState>,
    Path((id, delivery)): Path<(String, String)>,
    reader: Reader,
) -> Result<Answer, Problem> {
    let webhook = own(&state, &reader, &id).await?;
    Ok(Answer::ok(Delivery::from(of_webhook(&state, &webhook, &delivery).await?)))
}

/// Asks whoever delivers to do it again, and answers with the id that the repetition will have.
pub(crate) async fn replay(
    State(state): State<AppState>,
    Path((id, delivery)): Path<(String, String)>,
    reader: Reader,
    writer: Writer,
    body: Body,
) -> Result<Answer, Problem> {
    let webhook = own(&state, &reader, &id).await?;
    body.0.finish()?;
    let delivery = of_webhook(&state, &webhook, &delivery).await?;
    let command = WebhookCommand::from(ReplayRequested {
        // Whoever sends an `Idempotency-Key` again asks for no second one.
        event_id: writer.command_id,
        correlation_id: writer.correlation_id,
        causation_id: writer.command_id,
        published_at: now_ms(),
        version: ReplayRequested::VERSION,
        source: event::SOURCE.to_owned(),
        owner_id: webhook.owner.id(),
        delivery_id: delivery.id,
    });
    let submitted = timeout_at(writer.deadline.into(), state.gateway().submit_webhook(&command, &writer.trace));
    submitted.await.map_err(|_| Problem::unavailable("the log did not confirm a command in time"))??;
    let again = ids::replay_id(delivery.id, writer.command_id);
    Ok(Answer::accepted(Replay { delivery_id: again }, &format!("/webhooks/{}/deliveries/{again}", webhook.id)))
}

async fn of_webhook(state: &AppState, webhook: &Webhook, text: &str) -> Result<DeliveryRow, Problem> {
    let found = match hyphenated(text) {
        Some(id) => state.read_model().delivery(id).await?,
        None => None,
    };
    found.filter(|delivery| delivery.hook_id == webhook.id).ok_or_else(|| Problem::not_found("delivery", text))
}
