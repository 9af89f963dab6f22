//! Serves the router until told to stop.

use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::router::router;
use crate::state::AppState;

/// Serves requests on `listener` until `shutdown` is done; then takes no more connections, lets requests under way come to
/// their end (bulk requests stop reading and answer what they have submitted), and returns.
///
/// # Errors
/// None today; accepting is tried again by itself.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
    });
    let stopping = state.clone();
    axum::serve(listener, router(state))
        .with_graceful_shutdown(async move {
            shutdown.await;
            stopping.stop();
        })
        .await
}
