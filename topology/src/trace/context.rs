//! W3C's trace context: the headers `traceparent` and `tracestate`, read and written.

use crate::batch::{EncodeHeaders, Headers, encode_headers};

/// Header that says by which span something was caused.
pub const TRACEPARENT_HEADER: &str = "traceparent";
/// Header with what tracing systems add to it.
pub const TRACESTATE_HEADER: &str = "tracestate";

/// `00-<32 digits>-<16 digits>-<2 digits>`.
const TRACEPARENT_BYTES: usize = 55;
/// So much of `tracestate` must be handed on; what is longer is left behind.
const MOST_STATE_BYTES: usize = 512;
const SAMPLED: u8 = 1;

/// A span as others name it: which one of which trace, and whether the trace is gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl SpanContext {
    /// A span of these ids.
    #[must_use]
    pub const fn new(trace_id: u128, span_id: u64, sampled: bool) -> Self {
        Self { trace_id, span_id, flags: if sampled { SAMPLED } else { 0 } }
    }

    /// Reads a `traceparent`. Of a later version what this one knows; `None` if it is malformed.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (known, more) = text.split_at_checked(TRACEPARENT_BYTES)?;
        let dashes = [2, 35, 52].iter().all(|&at| known[at] == b'-');
        let version = number(&known[..2])?;
        let ends = if version == 0 { more.is_empty() } else { more.first().is_none_or(|&byte| byte == b'-') };
        let trace_id = number(&known[3..35])?;
        let span_id = u64::try_from(number(&known[36..52])?).ok()?;
        let flags = u8::try_from(number(&known[53..])?).ok()?;
        (dashes && ends && version != 0xff && trace_id != 0 && span_id != 0).then_some(Self {
            trace_id,
            span_id,
            flags,
        })
    }

    /// Id of the trace.
    #[must_use]
    pub const fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// Id of the span.
    #[must_use]
    pub const fn span_id(&self) -> u64 {
        self.span_id
    }

    /// Whether its trace is gathered.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The `traceparent` that names it.
    #[must_use]
    pub fn traceparent(&self) -> [u8; TRACEPARENT_BYTES] {
        let mut text = [b'-'; TRACEPARENT_BYTES];
        text[..2].fill(b'0');
        digits(self.trace_id, &mut text[3..35]);
        digits(u128::from(self.span_id), &mut text[36..52]);
        digits(u128::from(self.flags), &mut text[53..]);
        text
    }
}

/// Lower-case hexadecimal digits, and nothing else.
fn number(text: &[u8]) -> Option<u128> {
    text.iter().try_fold(0, |number, &byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

fn digits(mut number: u128, text: &mut [u8]) {
    for byte in text.iter_mut().rev() {
        *byte = b"0123456789abcdef"[(number & 0xf) as usize];
        number >>= 4;
    }
}

/// The trace that a record or a request belongs to, if it says one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    span: Option<SpanContext>,
    /// `tracestate`; empty if there is none.
    state: Vec<u8>,
}

impl Trace {
    /// No trace.
    #[must_use]
    pub const fn none() -> Self {
        Self { span: None, state: Vec::new() }
    }

    /// What these headers say.
    #[must_use]
    pub fn of<'a>(headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) -> Self {
        let mut trace = Self::none();
        trace.read(headers);
        trace
    }

    /// As [`Self::of`], in the place of what it was, so that nothing need be allocated.
    pub fn read<'a>(&mut self, headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) {
        self.forget();
        for (name, value) in headers {
            match name {
                TRACEPARENT_HEADER => self.span = value.and_then(SpanContext::parse),
                TRACESTATE_HEADER => {
                    self.state.clear();
                    self.state
                        .extend_from_slice(value.filter(|value| value.len() <= MOST_STATE_BYTES).unwrap_or_default());
                }
                _ => {}
            }
        }
        if self.span.is_none() {
            self.state.clear();
        }
    }

    /// The span that caused it, sampled or not.
    #[must_use]
    pub const fn span(&self) -> Option<SpanContext> {
        self.span
    }

    /// From here on it is this span that causes.
    pub const fn move_to(&mut self, span: SpanContext) {
        self.span = Some(span);
    }

    /// No trace any more.
    pub fn forget(&mut self) {
        self.span = None;
        self.state.clear();
    }

    /// These headers with this trace in the place of their own; as they are if there is none.
    #[must_use]
    pub fn on(&self, mut headers: Headers) -> Headers {
        if let Some(span) = self.span {
            headers.remove(TRACEPARENT_HEADER);
            headers.remove(TRACESTATE_HEADER);
            headers.push(TRACEPARENT_HEADER, span.traceparent());
            if !self.state.is_empty() {
                headers.push(TRACESTATE_HEADER, self.state.clone());
            }
        }
        headers
    }
}

/// Headers as [`Trace::on`] makes them, without making them.
pub(crate) struct WithTrace<'a>(pub(crate) &'a Headers, pub(crate) &'a Trace);

impl EncodeHeaders for WithTrace<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self(headers, trace) = self;
        let Some(span) = trace.span else { return headers.encode(out) };
        let parent = span.traceparent();
        let own = [(TRACEPARENT_HEADER, Some(&parent[..])), (TRACESTATE_HEADER, Some(&trace.state[..]))];
        let own = &own[..if trace.state.is_empty() { 1 } else { 2 }];
        let others = || headers.iter().filter(|(name, _)| ![TRACEPARENT_HEADER, TRACESTATE_HEADER].contains(name));
        encode_headers(others().count() + own.len(), others().chain(own.iter().copied()), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::BatchBuilder;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(of: &[(&str, &str)]) -> Headers {
        of.iter().map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec()))).collect()
    }

    #[test]
    fn should_read_what_it_writes() {
        let span = SpanContext::parse(PARENT.as_bytes()).unwrap();
        assert_eq!(span, SpanContext::new(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331, true));
        assert_eq!(span.traceparent(), *PARENT.as_bytes());
        let quiet = SpanContext::parse(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").unwrap();
        assert!(span.is_sampled() && !quiet.is_sampled());
    }

    #[test]
    fn should_ignore_what_is_malformed_and_read_what_it_knows_of_a_later_version() {
        for wrong in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(SpanContext::parse(wrong.as_bytes()), None, "{wrong}");
        }
        for later in ["01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &format!("cc{}-what", &PARENT[2..])] {
            let span = SpanContext::parse(later.as_bytes()).unwrap();
            assert_eq!(span.traceparent(), *PARENT.as_bytes(), "{later}: goes on as version 00");
        }
    }

    #[test]
    fn should_take_the_place_of_the_trace_that_headers_had() {
        let trace = Trace::of(headers(&[("a", "1"), ("tracestate", "x=y"), ("traceparent", PARENT)]).iter());
        let had = headers(&[("traceparent", "what it was"), ("b", "2"), ("tracestate", "z")]);
        let has = headers(&[("b", "2"), ("traceparent", PARENT), ("tracestate", "x=y")]);
        assert_eq!(trace.on(had.clone()), has);
        let mut batch = BatchBuilder::new();
        batch.push(0, None, None, &WithTrace(&had, &trace));
        batch.push(0, None, None, &WithTrace(&had, &Trace::none()));
        let written: Vec<Headers> = batch.finish().iter().map(|record| record.headers.to_owned()).collect();
        assert_eq!(written, [has, had.clone()]);
        assert_eq!(Trace::none().on(had.clone()), had);
    }

    #[test]
    fn should_hand_on_no_state_without_a_parent_and_none_that_is_too_long() {
        assert_eq!(Trace::of(headers(&[("tracestate", "x=y"), ("traceparent", "?")]).iter()), Trace::none());
        let long = "x".repeat(MOST_STATE_BYTES + 1);
        let trace = Trace::of(headers(&[("traceparent", PARENT), ("tracestate", &long)]).iter());
        assert_eq!(trace.on(Headers::new()), headers(&[("traceparent", PARENT)]));
    }
}
