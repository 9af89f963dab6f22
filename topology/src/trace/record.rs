//! The traces of the records that a task processes, and of the transaction that they are in.

use std::time::{Duration, SystemTime};

use tracing::span::EnteredSpan;

use super::{NewSpan, Span, SpanContext, SpanKind, Tracing, Value};
use crate::processor::Core;

/// Makes the spans of a task; for records whose trace is not gathered it does nothing.
pub(crate) struct Traced {
    tracing: Tracing,
    group: String,
    /// The spans of records that are not committed yet.
    open: Vec<SpanContext>,
}

/// A record being processed within a trace: lines that are logged meanwhile say so.
pub(crate) struct Following {
    span: Box<dyn Span>,
    _logged: EnteredSpan,
}

impl Following {
    /// The record went to the exception handler.
    pub(crate) fn failed(&mut self, class: &str, message: &str) {
        self.span.set("error.type", Value::Text(class));
        self.span.fail(message);
    }
}

impl Traced {
    pub(crate) fn new(tracing: Tracing, group: String) -> Self {
        Self { tracing, group, open: Vec::new() }
    }

    /// Begins the span of the record in hand; what the record causes is then caused by it.
    pub(crate) fn follow(&mut self, core: &mut Core) -> Option<Following> {
        let parent = core.trace.span()?;
        if !self.tracing.is_on() || !parent.is_sampled() {
            return None;
        }
        let (task, partition) = (core.id.to_string(), core.id.partition.to_string());
        let span = self.tracing.below(
            Some(parent),
            NewSpan {
                action: "process",
                object: &core.topic,
                kind: SpanKind::Consumer,
                began: None,
                attributes: &[
                    ("messaging.operation.type", Value::Text("process")),
                    ("messaging.destination.name", Value::Text(&core.topic)),
                    ("messaging.destination.partition.id", Value::Text(&partition)),
                    ("messaging.kafka.offset", Value::Number(core.offset)),
                    ("messaging.consumer.group.name", Value::Text(&self.group)),
                    ("streams.task", Value::Text(&task)),
                ],
            },
        )?;
        let context = span.context();
        core.trace.move_to(context);
        self.open.push(context);
        Some(Following { span, _logged: log_span("process", context).entered() })
    }

    /// The transaction that they are in was committed, which took so long.
    pub(crate) fn committed(&mut self, took: Duration) {
        for span in self.open.drain(..) {
            drop(commit(&self.tracing, span, took));
        }
    }

    /// The transaction that they are in was given up.
    pub(crate) fn aborted(&mut self) {
        for span in self.open.drain(..) {
            if let Some(mut span) = commit(&self.tracing, span, Duration::ZERO) {
                span.fail("the transaction was given up: the record is processed again");
            }
        }
    }
}

fn commit(tracing: &Tracing, parent: SpanContext, took: Duration) -> Option<Box<dyn Span>> {
    let began = SystemTime::now().checked_sub(took);
    let (action, object, kind) = ("commit", "transaction", SpanKind::Internal);
    tracing.below(Some(parent), NewSpan { action, object, kind, began, attributes: &[] })
}

/// Whatever is logged within it carries the ids, whatever is filtered: hence its level.
fn log_span(what: &'static str, context: SpanContext) -> tracing::Span {
    let (trace_id, span_id) = (format!("{:032x}", context.trace_id()), format!("{:016x}", context.span_id()));
    tracing::error_span!("traced", what, trace_id, span_id)
}
