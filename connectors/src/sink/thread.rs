//! The thread that a sink runs on, and the handle that stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use topology::broker::{Broker, Waker};

use super::announce::Announce;
use super::store::ReadModelStore;
use super::work::Sink;
use super::{SinkError, SinkOptions};
use crate::live::Live;

/// How long a poll waits when there is nothing; the waker ends it early.
const IDLE_POLL: Duration = Duration::from_secs(1);

/// How long to wait after a failure that may pass.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// What a sink is doing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SinkStatus {
    /// It writes what comes.
    Running,
    /// It tries again after a failure that may pass.
    Retrying(Arc<SinkError>),
    /// It was stopped.
    Stopped,
    /// It gave up. The read model stays as it is, and is right as far as it goes.
    Failed(Arc<SinkError>),
}

/// A running sink. Dropping it stops the sink and waits for it.
pub struct SinkHandle {
    stop: Arc<AtomicBool>,
    wake: Waker,
    thread: Option<JoinHandle<()>>,
    status: watch::Receiver<SinkStatus>,
}

impl SinkHandle {
    /// What the sink is doing, to look at or to wait for a change of.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<SinkStatus> {
        self.status.clone()
    }

    /// Finishes the batch at hand, if any, and stops.
    ///
    /// # Errors
    /// Why the sink had given up before.
    pub fn stop(mut self) -> Result<(), Arc<SinkError>> {
        self.halt();
        match &*self.status.borrow() {
            SinkStatus::Failed(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    fn halt(&mut self) {
        self.stop.store(true, Ordering::Release);
        (self.wake)();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Drop for SinkHandle {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Starts a sink; comes back once it has held the database against the log and asked to join the group.
pub(crate) fn start(
    broker: Arc<dyn Broker>,
    store: Box<dyn ReadModelStore>,
    live: Arc<Live>,
    options: SinkOptions,
) -> Result<SinkHandle, SinkError> {
    let stop = Arc::new(AtomicBool::new(false));
    let (report, status) = watch::channel(SinkStatus::Running);
    let (ready, opened) = std::sync::mpsc::sync_channel::<Result<Waker, SinkError>>(1);
    let thread_stop = stop.clone();
    // Those who wait are woken last, when no cache holds what was before.
    let mut announce: Vec<Arc<dyn Announce>> = options.announce.clone();
    announce.push(live);
    let thread = std::thread::Builder::new()
        .name("sink".to_owned())
        .spawn(move || {
            let opened = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| SinkError::Thread(format!("no runtime: {error}")))
                .and_then(|runtime| {
                    let sink = runtime.block_on(Sink::open(broker, store, announce, options))?;
                    Ok((runtime, sink))
                });
            match opened {
                Ok((runtime, mut sink)) => {
                    let _ = ready.send(Ok(sink.waker()));
                    run(&runtime, &mut sink, &thread_stop, &report);
                    runtime.block_on(sink.close());
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        })
        .map_err(|error| SinkError::Thread(format!("no thread: {error}")))?;
    let wake = opened.recv().map_err(|_| SinkError::Thread("the sink's thread died".to_owned()))??;
    Ok(SinkHandle { stop, wake, thread: Some(thread), status })
}

fn run(runtime: &tokio::runtime::Runtime, sink: &mut Sink, stop: &AtomicBool, report: &watch::Sender<SinkStatus>) {
    let mut failed = false;
    while !stop.load(Ordering::Acquire) {
        let done = runtime.block_on(async { if failed { sink.resume().await } else { sink.step(IDLE_POLL).await } });
        match done {
            Ok(()) if failed => {
                failed = false;
                tracing::info!("the sink goes on");
                report.send_replace(SinkStatus::Running);
            }
            Ok(()) => {}
            Err(error) if sink.survives(&error) => {
                tracing::warn!(%error, "the sink tries again");
                failed = true;
                report.send_replace(SinkStatus::Retrying(Arc::new(error)));
                if let Err(error) = sink.stay(RETRY_PAUSE) {
                    tracing::debug!(%error, "the sink's group cannot be followed");
                    std::thread::park_timeout(RETRY_PAUSE);
                }
            }
            Err(error) => {
                tracing::error!(%error, "the sink has stopped");
                report.send_replace(SinkStatus::Failed(Arc::new(error)));
                return;
            }
        }
    }
    report.send_replace(SinkStatus::Stopped);
}
