//! The spans of telling Redis of events: from when the sink has written them until Redis has answered.

use topology::trace::{NewSpan, Span, SpanContext, SpanKind, Tracing, Value};

/// Events that wait to be told, as far as their traces are gathered. Dropped, they were not.
#[derive(Debug, Default)]
pub(super) struct Telling(Vec<Box<dyn Span>>);

impl Telling {
    /// Below the spans that wrote them.
    pub(super) fn begin(tracing: &Tracing, written: &[SpanContext]) -> Self {
        let attributes = [("db.system.name", Value::Text("redis"))];
        let (action, object, kind) = ("tell", "redis", SpanKind::Client);
        let span = NewSpan { action, object, kind, began: None, attributes: &attributes };
        Self(written.iter().filter_map(|parent| tracing.below(Some(*parent), span)).collect())
    }

    /// Both are told together.
    pub(super) fn join(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Redis has answered.
    pub(super) fn told(mut self) {
        self.0.clear();
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        for span in &mut self.0 {
            span.fail("not told: a new epoch outdates all that is cached");
        }
    }
}
