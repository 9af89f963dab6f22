//! SIGTERM and SIGINT.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A stop may take so long. In order it takes a moment; but what it waits for may be a broker or a database that stands still.
pub(crate) const STOP: Duration = Duration::from_secs(20);

/// The signals that ask a process to stop.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they do not end the process by themselves.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The process stops: the next signal ends it at once, and so does the end of `limit`. What was not committed by then is
    /// done again by whoever comes next, as after SIGKILL.
    pub(crate) fn end_within(mut self, limit: Duration) {
        tokio::spawn(async move {
            self.next().await;
            tracing::warn!("second signal: ending at once; nothing acknowledged is lost");
            std::process::exit(130);
        });
        // No task: the runtime may be what does not end.
        let timer = std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
            std::thread::sleep(limit);
            tracing::error!("it does not stop within {limit:?}: ending at once; nothing acknowledged is lost");
            std::process::exit(3);
        });
        if let Err(error) = timer {
            tracing::warn!("the stop is not limited: {error}");
        }
    }
}
