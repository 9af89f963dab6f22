//! Traces across processes, in W3C's form: what travels in headers, and what is asked of whoever gathers spans.
//!
//! What a record causes carries the trace of the record, so that a trace goes through topics as through calls. Nobody here
//! knows who gathers spans: that is a [`Tracer`], which the composition root brings. Without one nothing is made, and the
//! headers are handed on as they came. Traces are looked at, never decided by: what is sampled and what is not is processed alike.

mod context;
mod record;

use std::sync::Arc;
use std::time::SystemTime;

pub(crate) use context::WithTrace;
pub use context::{SpanContext, TRACEPARENT_HEADER, TRACESTATE_HEADER, Trace};
pub(crate) use record::{Following, Traced};

/// What a span is about, as OpenTelemetry divides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanKind {
    /// A request from outside is answered.
    Server,
    /// Another server is called.
    Client,
    /// A record is written for someone who reads it later.
    Producer,
    /// A record is read.
    Consumer,
    /// Work inside.
    Internal,
}

/// The value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// A number.
    Number(i64),
}

/// A span that is to begin. Making one costs nothing: whether it is gathered is known only then.
#[derive(Debug, Clone, Copy)]
pub struct NewSpan<'a> {
    /// Its name is this and `object`, with a space between.
    pub action: &'a str,
    /// What it is done to.
    pub object: &'a str,
    /// What it is about.
    pub kind: SpanKind,
    /// When it began; `None`: now.
    pub began: Option<SystemTime>,
    /// What is known at its beginning.
    pub attributes: &'a [(&'static str, Value<'a>)],
}

/// Gathers spans. Called on the threads that do the work, so it must be quick and never wait.
pub trait Tracer: Send + Sync {
    /// Begins a span below this one, or a trace of its own; `None` if it is not gathered.
    fn begin(&self, parent: Option<SpanContext>, span: NewSpan<'_>) -> Option<Box<dyn Span>>;
}

/// A span under way. It ends when it is dropped.
pub trait Span: std::fmt::Debug + Send + Sync {
    /// Where it stands, for what it causes.
    fn context(&self) -> SpanContext;

    /// Adds an attribute.
    fn set(&mut self, name: &'static str, value: Value<'_>);

    /// Says that it went wrong.
    fn fail(&mut self, why: &str);
}

/// Who gathers spans, if anyone does.
#[derive(Clone, Default)]
pub struct Tracing(Option<Arc<dyn Tracer>>);

impl Tracing {
    /// No spans are made.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// This one gathers them.
    #[must_use]
    pub fn to(tracer: Arc<dyn Tracer>) -> Self {
        Self(Some(tracer))
    }

    /// Whether spans are gathered at all.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a span below one that is sampled; none below others.
    #[must_use]
    pub fn below(&self, parent: Option<SpanContext>, span: NewSpan<'_>) -> Option<Box<dyn Span>> {
        self.0.as_ref()?.begin(Some(parent.filter(SpanContext::is_sampled)?), span)
    }

    /// Begins a span for who came with this trace, or, if they came with none, perhaps a trace of its own.
    #[must_use]
    pub fn entered(&self, caller: Option<SpanContext>, span: NewSpan<'_>) -> Option<Box<dyn Span>> {
        match caller {
            Some(_) => self.below(caller, span),
            None => self.0.as_ref()?.begin(None, span),
        }
    }
}

impl std::fmt::Debug for Tracing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_on() { "Tracing(on)" } else { "Tracing(off)" })
    }
}
