//! The span of a record that is read.

use topology::RecordRef;
use topology::broker::TopicPartition;
use topology::trace::{NewSpan, Span, SpanContext, SpanKind, Trace, Tracing, Value};

/// Begins one below the span that caused the record, if that is gathered.
pub(crate) fn read(
    tracing: &Tracing,
    action: &'static str,
    from: &TopicPartition,
    record: &RecordRef<'_>,
) -> Option<Box<dyn Span>> {
    if !tracing.is_on() || record.headers.is_empty() {
        return None;
    }
    let parent = Trace::of(record.headers.iter()).span().filter(SpanContext::is_sampled)?;
    let partition = from.partition.to_string();
    tracing.below(
        Some(parent),
        NewSpan {
            action,
            object: &from.topic,
            kind: SpanKind::Consumer,
            began: None,
            attributes: &[
                ("messaging.operation.type", Value::Text(action)),
                ("messaging.destination.name", Value::Text(&from.topic)),
                ("messaging.destination.partition.id", Value::Text(&partition)),
                ("messaging.kafka.offset", Value::Number(record.offset)),
            ],
        },
    )
}
