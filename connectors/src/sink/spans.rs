//! The spans of a batch: one for each record whose trace is gathered, from its reading until it is in the database.

use schemas::topics;
use topology::RecordRef;
use topology::broker::TopicPartition;
use topology::trace::{Span, SpanContext, Tracing};

use super::SinkError;
use crate::traced;

#[derive(Default)]
pub(super) struct Spans(Vec<(Box<dyn Span>, bool)>);

impl Spans {
    pub(super) fn read(&mut self, tracing: &Tracing, from: &TopicPartition, record: &RecordRef<'_>) {
        if let Some(span) = traced::read(tracing, "sink", from, record) {
            self.0.push((span, *from.topic == *topics::TICKET_EVENTS));
        }
    }

    /// Their records are in the database; answers where those of tickets' events stood, for who is told of them.
    pub(super) fn written(&mut self) -> Vec<SpanContext> {
        self.0.drain(..).filter_map(|(span, told)| told.then(|| span.context())).collect()
    }

    /// Their records are not, or nobody knows.
    pub(super) fn failed(&mut self, error: &SinkError) {
        for (mut span, _) in self.0.drain(..) {
            span.fail(&error.to_string());
        }
    }
}
