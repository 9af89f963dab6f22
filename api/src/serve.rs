//! Serves the router until told to stop. No client can keep a connection by being slow: the head of a request must be there in time, and an
//! answer must be taken.

use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;

use crate::router::router;
use crate::state::AppState;

/// The longest head of a request, in bytes; longer ones are answered with 431.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long to let the clients be when the process can have no more connections.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

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
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(state.limits().head).max_header_size(MAX_HEAD_BYTES);
    let write_wait = state.limits().write;
    let service = TowerToHyperService::new(router(state.clone()));
    let connections = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) if is_the_clients(error.kind()) => continue,
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        let io = TokioIo::new(Box::pin(taken_in_time(stream, write_wait)));
        let connection = server.serve_connection(io, service.clone());
        let watched = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    state.stop();
    connections.shutdown().await;
    Ok(())
}

/// The client went before it was accepted.
fn is_the_clients(error: ErrorKind) -> bool {
    matches!(error, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

/// Fails once the client has taken nothing for so long, though there was something for it.
fn taken_in_time(stream: TcpStream, write_wait: Duration) -> TimeoutStream<TcpStream> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's algorithm");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(write_wait));
    stream
}
