//! The table of contents: every path that there is.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, patch, post, put};
use tower::util::option_layer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};

use crate::problem::Problem;
use crate::resources::{
    assignee, assignment, board, bulk, commands, comments, deliveries, health, history, mails, members, notifications,
    projects, search, status, tickets, users, verify, watchers, webhooks, workflow,
};
use crate::state::AppState;
use crate::{layers, limited, pages, version};

/// What is smaller fits into a packet as it is.
const WORTH_COMPRESSING: u16 = 1_024;

/// All routes over these parts. A project's `{id}` is its id or key, a ticket's its id or code.
pub fn router(state: AppState) -> Router {
    let body_limit = DefaultBodyLimit::max(state.limits().body_bytes);
    // Lines of a bulk answer are sent as they come, and would wait in a compressor.
    let worthwhile = SizeAbove::new(WORTH_COMPRESSING).and(NotForContentType::const_new("application/x-ndjson"));
    Router::new()
        .route("/projects", get(projects::list).post(projects::create))
        .route("/projects/{id}", get(projects::read).patch(projects::update))
        .route("/projects/{id}/assignment", put(assignment::update))
        .route("/projects/{id}/workflow", get(workflow::read).put(workflow::update))
        .route("/projects/{id}/board", get(board::read))
        .route("/projects/{id}/history", get(history::of_project))
        .route("/projects/{id}/members", get(members::list).post(members::create))
        .route("/projects/{id}/members/{userId}", patch(members::update).delete(members::delete))
        .route("/projects/{id}/tickets", get(tickets::list).post(tickets::create))
        .route("/projects/{id}/tickets:bulk", post(bulk::create_tickets))
        .route("/projects/{id}/webhooks", get(webhooks::list_of_project).post(webhooks::create_in_project))
        .route("/tickets/{id}", get(tickets::read).patch(tickets::update).delete(tickets::delete))
        .route("/tickets/{id}/status", patch(status::update))
        .route("/tickets/{id}/assignment", get(assignment::read))
        .route("/tickets/{id}/assignee", put(assignee::update).delete(assignee::delete))
        .route("/tickets/{id}/comments", get(comments::list).post(comments::create))
        .route("/tickets/{id}/history", get(history::of_ticket))
        .route("/tickets/{id}/watch", put(watchers::update).delete(watchers::delete))
        .route("/tickets/{id}/watchers", get(watchers::list))
        .route("/search", get(search::list))
        .route("/notifications", get(notifications::list))
        .route("/notifications/{id}/read", post(notifications::read_one))
        .route("/notifications:read-all", post(notifications::read_all))
        .route("/mails", get(mails::list))
        .route("/preferences", get(notifications::read_preferences).patch(notifications::update_preferences))
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/{id}", get(webhooks::read).patch(webhooks::update).delete(webhooks::delete))
        .route("/webhooks/{id}/secret", post(webhooks::rotate))
        .route("/webhooks/{id}/deliveries", get(deliveries::list))
        .route("/webhooks/{id}/deliveries/{deliveryId}", get(deliveries::read))
        .route("/webhooks/{id}/deliveries/{deliveryId}/replay", post(deliveries::replay))
        .route("/users", post(users::create))
        .route("/users/me", get(users::read_me))
        .route("/users/{id}", get(users::read))
        .route("/commands/{id}", get(commands::read))
        .route("/commands:bulk", post(bulk::create))
        .route("/verify", post(verify::create))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/", get(pages::home::read))
        .route("/p/{key}", get(pages::board::read))
        .route("/p/{key}/{number}", get(pages::ticket::read))
        .route("/my/mails", get(pages::own_mails::read))
        .route("/dev/mail", get(pages::mails::list))
        .route("/dev/mail/{id}", get(pages::mails::read))
        .route("/unsubscribe", get(pages::unsubscribe::read).post(pages::unsubscribe::create))
        .route("/sign-out", get(pages::sign_in::sign_out))
        .route("/assets/style.css", get(pages::assets::style))
        .route("/assets/icon.svg", get(pages::assets::icon))
        .fallback(async || Problem::no_route())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(body_limit)
        .layer(from_fn_with_state(state.clone(), limited::limited))
        .layer(option_layer(state.origins().layer()))
        .layer(from_fn(version::negotiated))
        .layer(CompressionLayer::new().compress_when(worthwhile))
        .layer(from_fn_with_state(state.clone(), layers::around))
        .with_state(state)
}
