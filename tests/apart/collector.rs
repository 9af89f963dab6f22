//! An OTLP collector of the test's own: takes spans by HTTP, as protobuf, and keeps them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use tokio::runtime::Runtime;

/// How long spans may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A span that was received.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty at the beginning of a trace.
    pub(crate) parent: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) failed: bool,
    pub(crate) nanos: (u64, u64),
}

/// A running collector; ends when dropped.
pub(crate) struct Collector {
    pub(crate) url: String,
    received: Arc<Received>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Received {
    spans: Mutex<Vec<Seen>>,
    more: Condvar,
}

impl Received {
    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let received = Arc::new(Received::default());
        let router = Router::new().route("/v1/traces", post(take)).with_state(received.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, received, _runtime: runtime }
    }

    /// Waits until so many spans of a trace have come.
    pub(crate) fn wait_for(&self, trace: &str, spans: usize) {
        self.wait(|seen| seen.iter().filter(|span| span.trace == trace).count() >= spans);
    }

    /// Waits until a span of this name has come, and gives the first.
    pub(crate) fn first(&self, name: &str) -> Seen {
        self.wait(|seen| seen.iter().any(|span| span.name == name));
        self.received.lock().iter().find(|span| span.name == name).unwrap().clone()
    }

    fn wait(&self, done: impl Fn(&[Seen]) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.received.lock();
        while !done(&seen) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "spans that were waited for did not come: {seen:#?}");
            seen = self.received.more.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All that has come of a trace, in the order of their beginning.
    pub(crate) fn trace(&self, trace: &str) -> Vec<Seen> {
        let mut seen: Vec<_> = self.received.lock().iter().filter(|span| span.trace == trace).cloned().collect();
        seen.sort_by_key(|span| span.nanos);
        seen
    }
}

async fn take(State(received): State<Arc<Received>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut spans = received.lock();
    for resource in request.resource_spans {
        let about = attributes(resource.resource.unwrap().attributes);
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Seen {
                service: about["service.name"].clone(),
                name: span.name,
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                attributes: attributes(span.attributes),
                failed: span.status.is_some_and(|status| status.code == 2),
                nanos: (span.start_time_unix_nano, span.end_time_unix_nano),
            });
        }
    }
    received.more.notify_all();
    StatusCode::OK
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    pairs.into_iter().map(|pair| (pair.key, text(pair.value.and_then(|value| value.value)))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
