//! Spans on their way to the collector: a bounded queue and a thread that hands them over in batches. Who ends a span never
//! waits: what does not fit is dropped and counted. Refused: OpenTelemetry's own batch processor, which counts nothing that an operator could see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use futures_executor::block_on;
use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use prometheus::{IntCounterVec, Opts};

/// Spans that may wait, at most.
const ROOM: usize = 8_192;
/// Spans of one batch, at most.
const BATCH: usize = 512;
/// How long a batch waits to grow.
const PATIENCE: Duration = Duration::from_millis(500);

/// What became of spans.
#[derive(Clone, Debug)]
pub(super) struct Counts(IntCounterVec);

impl Counts {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let about = "Spans by what became of them: taken by the collector, or dropped";
        let counts = IntCounterVec::new(Opts::new("syncroboard_trace_spans_total", about), &["result"])?;
        // Shown from the beginning, so that the first one dropped is seen to have been.
        ["exported", "queue_full", "failed"].iter().for_each(|result| drop(counts.with_label_values(&[*result])));
        Ok(Self(counts))
    }

    pub(super) fn register(&self, metrics: &prometheus::Registry) -> Result<(), prometheus::Error> {
        metrics.register(Box::new(self.0.clone()))
    }

    fn add(&self, result: &str, spans: usize) {
        self.0.with_label_values(&[result]).inc_by(spans as u64);
    }
}

#[derive(Debug)]
enum Message {
    Ended(Box<SpanData>),
    /// To look whether there is to be an end.
    Wake,
}

/// Where spans that end are put.
#[derive(Debug)]
pub(super) struct Queue {
    spans: SyncSender<Message>,
    counts: Counts,
}

/// The thread that hands them over.
pub(super) struct Sender {
    spans: SyncSender<Message>,
    stop: Arc<AtomicBool>,
    done: Receiver<()>,
}

impl Queue {
    pub(super) fn start(
        exporter: impl SpanExporter + 'static,
        endpoint: String,
        counts: Counts,
    ) -> std::io::Result<(Self, Sender)> {
        let (spans, waiting) = sync_channel(ROOM);
        // Nothing is sent there: its end is the message.
        let (running, done) = sync_channel::<()>(0);
        let stop = Arc::new(AtomicBool::new(false));
        let mut batches =
            Batches { exporter, endpoint, counts: counts.clone(), waiting, stop: stop.clone(), away: false };
        std::thread::Builder::new().name("spans".to_owned()).spawn(move || {
            let _running = running;
            batches.run();
        })?;
        Ok((Self { spans: spans.clone(), counts }, Sender { spans, stop, done }))
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(Message::Ended(Box::new(span))).is_err() {
            self.counts.add("queue_full", 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, _: &Resource) {}
}

impl Sender {
    /// Has what waits handed over and waits for it, no longer than this; whether all of it was.
    pub(super) fn finish(self, within: Duration) -> bool {
        self.stop.store(true, Ordering::Release);
        // If there is no room the thread is awake.
        let _ = self.spans.try_send(Message::Wake);
        self.done.recv_timeout(within) == Err(RecvTimeoutError::Disconnected)
    }
}

struct Batches<E> {
    exporter: E,
    endpoint: String,
    counts: Counts,
    waiting: Receiver<Message>,
    stop: Arc<AtomicBool>,
    /// The collector did not take the last batch.
    away: bool,
}

impl<E: SpanExporter> Batches<E> {
    fn run(&mut self) {
        while let Some(batch) = self.next() {
            if !batch.is_empty() {
                self.export(batch);
            }
        }
    }

    /// The next batch, which is empty if there was only a wake; `None` at the end.
    fn next(&mut self) -> Option<Vec<SpanData>> {
        let mut batch = Vec::new();
        let mut until: Option<Instant> = None;
        while batch.len() < BATCH {
            let next = if self.stop.load(Ordering::Acquire) {
                self.waiting.try_recv().ok()
            } else {
                match until {
                    None => self.waiting.recv().ok(),
                    Some(until) => self.waiting.recv_timeout(until.saturating_duration_since(Instant::now())).ok(),
                }
            };
            match next {
                Some(Message::Ended(span)) => batch.push(*span),
                Some(Message::Wake) => {}
                None if batch.is_empty() => return None,
                None => break,
            }
            until.get_or_insert_with(|| Instant::now() + PATIENCE);
        }
        Some(batch)
    }

    fn export(&mut self, batch: Vec<SpanData>) {
        let spans = batch.len();
        match block_on(self.exporter.export(batch)) {
            Ok(()) => {
                self.counts.add("exported", spans);
                if std::mem::take(&mut self.away) {
                    tracing::info!("the collector at {} takes spans again", self.endpoint);
                }
            }
            Err(error) => {
                self.counts.add("failed", spans);
                if !std::mem::replace(&mut self.away, true) {
                    let endpoint = &self.endpoint;
                    tracing::warn!(
                        "the collector at {endpoint} does not take spans, which are dropped until it does: {error}"
                    );
                }
            }
        }
    }
}
