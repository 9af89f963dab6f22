//! The span of handing a command to the log: it ends when the command is durable, or is not.

use topology::Headers;
use topology::broker::TopicPartition;
use topology::trace::{NewSpan, Span, SpanKind, Trace, Tracing, Value};
use uuid::Uuid;

use super::GatewayError;

/// A command that is being handed over. Dropped, it was not taken.
pub(super) struct Sending(Option<Box<dyn Span>>);

impl Sending {
    pub(super) fn begin(tracing: &Tracing, to: &TopicPartition, command: Uuid, trace: &Trace) -> Self {
        let Some(parent) = trace.span().filter(|parent| tracing.is_on() && parent.is_sampled()) else {
            return Self(None);
        };
        let (partition, command) = (to.partition.to_string(), command.to_string());
        let attributes = [
            ("messaging.operation.type", Value::Text("send")),
            ("messaging.destination.name", Value::Text(&to.topic)),
            ("messaging.destination.partition.id", Value::Text(&partition)),
            ("command.id", Value::Text(&command)),
        ];
        let (action, object, kind) = ("send", &*to.topic, SpanKind::Producer);
        Self(tracing.below(Some(parent), NewSpan { action, object, kind, began: None, attributes: &attributes }))
    }

    /// The record's headers, if they are others than those of all: what reads the command is caused by its sending.
    pub(super) fn headers(&self, caller: &Trace, all: &Headers) -> Option<Headers> {
        let mut trace = caller.clone();
        trace.move_to(self.0.as_ref().map(|span| span.context()).or(caller.span())?);
        Some(trace.on(all.clone()))
    }

    /// The log has answered.
    pub(super) fn done(mut self, result: &Result<(), GatewayError>) {
        if let (Some(mut span), Err(error)) = (self.0.take(), result) {
            span.fail(&error.to_string());
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(span) = &mut self.0 {
            span.fail("it was not taken");
        }
    }
}
