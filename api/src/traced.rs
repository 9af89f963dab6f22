//! The span of a request, below the caller's own or at the beginning of a trace, and what the request causes belongs to.

use axum::extract::Request;
use axum::http::StatusCode;
use topology::trace::{NewSpan, Span, SpanKind, TRACEPARENT_HEADER, TRACESTATE_HEADER, Trace, Value};

use crate::state::AppState;

/// Asked by machines, every few seconds: traces of them would bury the others.
const NEVER: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// A request under way. Its span ends with it.
pub(crate) struct Traced(Option<Box<dyn Span>>);

impl Traced {
    /// Begins the span, and leaves with the request which trace it belongs to.
    pub(crate) fn begin(state: &AppState, request: &mut Request, id: &str, method: &str, route: &str) -> Self {
        let header = |name| (name, request.headers().get(name).map(axum::http::HeaderValue::as_bytes));
        let mut trace = Trace::of([TRACEPARENT_HEADER, TRACESTATE_HEADER].map(header).into_iter());
        let new = NewSpan {
            action: method,
            object: route,
            kind: SpanKind::Server,
            began: None,
            attributes: &[
                ("http.request.method", Value::Text(method)),
                ("http.route", Value::Text(route)),
                ("request.id", Value::Text(id)),
            ],
        };
        let span = if NEVER.contains(&route) { None } else { state.tracing().entered(trace.span(), new) };
        if let Some(span) = &span {
            trace.move_to(span.context());
        }
        if trace.span().is_some() {
            request.extensions_mut().insert(trace);
        }
        Self(span)
    }

    /// What is logged while the request is served says which one it is, and within a trace in any case.
    pub(crate) fn log_span(&self, id: &str, method: &str, route: &str) -> tracing::Span {
        let Some(context) = self.0.as_ref().map(|span| span.context()) else {
            return tracing::info_span!("request", id, method, route);
        };
        let (trace_id, span_id) = (format!("{:032x}", context.trace_id()), format!("{:016x}", context.span_id()));
        tracing::error_span!("request", id, method, route, trace_id, span_id)
    }

    /// The request is answered.
    pub(crate) fn end(self, status: StatusCode) {
        let Some(mut span) = self.0 else { return };
        span.set("http.response.status_code", Value::Number(i64::from(status.as_u16())));
        if status.is_server_error() {
            span.fail(status.canonical_reason().unwrap_or_default());
        }
    }
}
