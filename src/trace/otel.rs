//! The engine's idea of a span, as OpenTelemetry's.

use opentelemetry::trace::{
    Span as _, SpanContext as OtelContext, SpanId, SpanKind as OtelKind, Status, TraceContextExt as _, TraceFlags,
    TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span as OtelSpan};
use topology::trace::{NewSpan, Span, SpanContext, SpanKind, Tracer, Value};

pub(super) struct Otel {
    tracer: SdkTracer,
    /// What spans about records call the broker.
    broker: &'static str,
}

impl Otel {
    pub(super) fn new(tracer: SdkTracer, broker: &'static str) -> Self {
        Self { tracer, broker }
    }
}

impl Tracer for Otel {
    fn begin(&self, parent: Option<SpanContext>, new: NewSpan<'_>) -> Option<Box<dyn Span>> {
        let context =
            parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(remote(parent)));
        let mut attributes: Vec<_> = new.attributes.iter().map(|&(name, value)| key_value(name, value)).collect();
        let kind = match new.kind {
            SpanKind::Server => OtelKind::Server,
            SpanKind::Client => OtelKind::Client,
            SpanKind::Producer => OtelKind::Producer,
            SpanKind::Consumer => OtelKind::Consumer,
            _ => OtelKind::Internal,
        };
        if matches!(new.kind, SpanKind::Producer | SpanKind::Consumer) {
            attributes.push(KeyValue::new("messaging.system", self.broker));
        }
        let name = format!("{} {}", new.action, new.object);
        let mut builder = self.tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
        builder.start_time = new.began;
        let span = self.tracer.build_with_context(builder, &context);
        if !span.is_recording() {
            return None;
        }
        let ids = span.span_context();
        let trace_id = u128::from_be_bytes(ids.trace_id().to_bytes());
        let span_id = u64::from_be_bytes(ids.span_id().to_bytes());
        Some(Box::new(Gathered { context: SpanContext::new(trace_id, span_id, true), span }))
    }
}

/// It is handed to the queue when it is dropped.
#[derive(Debug)]
struct Gathered {
    context: SpanContext,
    span: OtelSpan,
}

impl Span for Gathered {
    fn context(&self) -> SpanContext {
        self.context
    }

    fn set(&mut self, name: &'static str, value: Value<'_>) {
        self.span.set_attribute(key_value(name, value));
    }

    fn fail(&mut self, why: &str) {
        self.span.set_status(Status::error(why.to_owned()));
    }
}

fn remote(parent: SpanContext) -> OtelContext {
    OtelContext::new(
        TraceId::from_bytes(parent.trace_id().to_be_bytes()),
        SpanId::from_bytes(parent.span_id().to_be_bytes()),
        if parent.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED },
        true,
        TraceState::NONE,
    )
}

fn key_value(name: &'static str, value: Value<'_>) -> KeyValue {
    match value {
        Value::Number(number) => KeyValue::new(name, number),
        Value::Text(text) => KeyValue::new(name, text.to_owned()),
        _ => KeyValue::new(name, ""),
    }
}
