//! The table of contents: every path that there is.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tower::util::option_layer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};

use crate::openapi::{Routes, described as say, get, patch, post, put};
use crate::problem::Problem;
use crate::resources::{
    assignee, assignment, board, bulk, commands, comments, deliveries, health, history, mails, members, notifications,
    openapi, projects, search, status, tickets, users, verify, watchers, webhooks, workflow,
};
use crate::state::AppState;
use crate::{layers, limited, pages, version};

/// What is smaller fits into a packet as it is.
const WORTH_COMPRESSING: u16 = 1_024;

/// All routes over these parts.
pub fn router(state: AppState) -> Router {
    let body_limit = DefaultBodyLimit::max(state.limits().body_bytes);
    // Lines of a bulk answer are sent as they come, and would wait in a compressor.
    let worthwhile = SizeAbove::new(WORTH_COMPRESSING).and(NotForContentType::const_new("application/x-ndjson"));
    api()
        .router
        .merge(pages())
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

/// Everything for programs, each with what is said of it. A project's `{id}` is its id or key, a ticket's its id or code.
pub(crate) fn api() -> Routes {
    Routes::default()
        .route("/projects", get(projects::list, say::projects::list).post(projects::create, say::projects::create))
        .route(
            "/projects/{id}",
            get(projects::read, say::projects::read).patch(projects::update, say::projects::update),
        )
        .route("/projects/{id}/assignment", put(assignment::update, say::projects::update_assignment))
        .route(
            "/projects/{id}/workflow",
            get(workflow::read, say::projects::read_workflow).put(workflow::update, say::projects::update_workflow),
        )
        .route("/projects/{id}/board", get(board::read, say::projects::read_board))
        .route("/projects/{id}/history", get(history::of_project, say::history::of_project))
        .route(
            "/projects/{id}/members",
            get(members::list, say::members::list).post(members::create, say::members::create),
        )
        .route(
            "/projects/{id}/members/{userId}",
            patch(members::update, say::members::update).delete(members::delete, say::members::delete),
        )
        .route(
            "/projects/{id}/tickets",
            get(tickets::list, say::tickets::list).post(tickets::create, say::tickets::create),
        )
        .route("/projects/{id}/tickets:bulk", post(bulk::create_tickets, say::tickets::create_many))
        .route(
            "/projects/{id}/webhooks",
            get(webhooks::list_of_project, say::webhooks::list_of_project)
                .post(webhooks::create_in_project, say::webhooks::create_in_project),
        )
        .route(
            "/tickets/{id}",
            get(tickets::read, say::tickets::read)
                .patch(tickets::update, say::tickets::update)
                .delete(tickets::delete, say::tickets::delete),
        )
        .route("/tickets/{id}/status", patch(status::update, say::tickets::move_to))
        .route("/tickets/{id}/assignment", get(assignment::read, say::tickets::read_assignment))
        .route(
            "/tickets/{id}/assignee",
            put(assignee::update, say::tickets::assign).delete(assignee::delete, say::tickets::unassign),
        )
        .route(
            "/tickets/{id}/comments",
            get(comments::list, say::comments::list).post(comments::create, say::comments::create),
        )
        .route("/tickets/{id}/history", get(history::of_ticket, say::history::of_ticket))
        .route(
            "/tickets/{id}/watch",
            put(watchers::update, say::tickets::watch).delete(watchers::delete, say::tickets::unwatch),
        )
        .route("/tickets/{id}/watchers", get(watchers::list, say::tickets::list_watchers))
        .route("/search", get(search::list, say::tickets::search))
        .route("/notifications", get(notifications::list, say::notifications::list))
        .route("/notifications/{id}/read", post(notifications::read_one, say::notifications::read_one))
        .route("/notifications:read-all", post(notifications::read_all, say::notifications::read_all))
        .route("/mails", get(mails::list, say::notifications::list_mails))
        .route(
            "/preferences",
            get(notifications::read_preferences, say::notifications::read_preferences)
                .patch(notifications::update_preferences, say::notifications::update_preferences),
        )
        .route("/webhooks", get(webhooks::list, say::webhooks::list).post(webhooks::create, say::webhooks::create))
        .route(
            "/webhooks/{id}",
            get(webhooks::read, say::webhooks::read)
                .patch(webhooks::update, say::webhooks::update)
                .delete(webhooks::delete, say::webhooks::delete),
        )
        .route("/webhooks/{id}/secret", post(webhooks::rotate, say::webhooks::rotate))
        .route("/webhooks/{id}/deliveries", get(deliveries::list, say::webhooks::list_deliveries))
        .route("/webhooks/{id}/deliveries/{deliveryId}", get(deliveries::read, say::webhooks::read_delivery))
        .route("/webhooks/{id}/deliveries/{deliveryId}/replay", post(deliveries::replay, say::webhooks::replay))
        .route("/users", post(users::create, say::users::create))
        .route("/users/me", get(users::read_me, say::users::read_me))
        .route("/users/{id}", get(users::read, say::users::read))
        .route("/users/{id}/deactivate", post(users::deactivate, say::users::deactivate))
        .route("/users/{id}/reactivate", post(users::reactivate, say::users::reactivate))
        .route("/commands/{id}", get(commands::read, say::commands::read))
        .route("/commands:bulk", post(bulk::create, say::commands::bulk))
        .route("/verify", post(verify::create, say::operation::verify))
        .route("/healthz", get(health::alive, say::operation::alive))
        .route("/readyz", get(health::ready, say::operation::ready))
        .route("/metrics", get(health::metrics, say::operation::metrics))
        .route("/openapi.json", get(openapi::read, say::operation::document))
}

/// Everything for people: pages, and what they are made of.
fn pages() -> Router<AppState> {
    use axum::routing::get;

    Router::new()
        .route("/", get(pages::home::read))
        .route("/docs", get(pages::docs::read))
        .route("/p/{key}", get(pages::board::read))
        .route("/p/{key}/{number}", get(pages::ticket::read))
        .route("/my/mails", get(pages::own_mails::read))
        .route("/dev/mail", get(pages::mails::list))
        .route("/dev/mail/{id}", get(pages::mails::read))
        .route("/unsubscribe", get(pages::unsubscribe::read).post(pages::unsubscribe::create))
        .route("/sign-out", get(pages::sign_in::sign_out))
        .route("/assets/style.css", get(pages::assets::style))
        .route("/assets/icon.svg", get(pages::assets::icon))
}
