//! Traces through a topology: what goes on in headers, which spans are made, and that nothing else is changed by it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail where it stands")]

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use topology::serde::Utf8;
use topology::trace::{NewSpan, Span, SpanContext, Tracer, Tracing, Value};
use topology::{
    Context, Headers, InitContext, LogAndContinue, Output, OutputRecord, Partitioning, ProcessingError, Processor,
    Record, TestDriver, Topology, TopologyBuilder, TopologyError,
};

const PARENT: &str = "00-0000000000000000000000000000000a-000000000000000b-01";
const QUIET: &str = "00-0000000000000000000000000000000a-000000000000000b-00";

/// Hands on to everyone that it knows; fails on `poison`.
struct HandOn {
    to: &'static [&'static str],
    outputs: Vec<Output<String, String>>,
}

fn hand_on(to: &'static [&'static str]) -> impl Fn() -> HandOn {
    move || HandOn { to, outputs: Vec::new() }
}

impl Processor for HandOn {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.outputs = self.to.iter().map(|name| ctx.output(name)).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<String, String>) -> Result<(), ProcessingError> {
        for output in &self.outputs {
            ctx.forward(*output, Record::new(record.key.clone(), record.value.clone(), record.timestamp));
        }
        match record.value.as_str() {
            "poison" => Err(ProcessingError::record("poisoned", "this record is poison")),
            _ => Ok(()),
        }
    }
}

/// Two sub-topologies, one behind the other.
fn topology() -> Topology {
    TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .processor("first", hand_on(&["out", "again"]), &["in"], &[])
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["first"])
        .repartition("again", Utf8, Utf8, &["first"])
        .processor("second", hand_on(&["end"]), &["again"], &[])
        .sink("end", "ends", Utf8, Utf8, Partitioning::ByKey, &["second"])
        .exception_handler(LogAndContinue, true)
        .build()
        .unwrap()
}

fn headers(of: &[(&str, &str)]) -> Headers {
    of.iter().map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec()))).collect()
}

fn pipe(driver: &mut TestDriver, value: &str, of: &[(&str, &str)]) {
    driver.pipe_to("input", 0, Some(b"key"), Some(value.as_bytes()), 1, &headers(of)).unwrap();
}

fn only(driver: &mut TestDriver, topic: &str) -> OutputRecord {
    let mut read = driver.read(topic);
    assert_eq!(read.len(), 1, "{topic}: {read:?}");
    read.remove(0)
}

fn parent(record: &OutputRecord) -> Option<&str> {
    record.headers.last("traceparent").map(|parent| std::str::from_utf8(parent).unwrap())
}

/// Names spans by counting them, and writes down what becomes of them.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<(u64, Vec<String>)>>);

impl Book {
    fn tracing(&self) -> Tracing {
        Tracing::to(Arc::new(self.clone()))
    }

    /// The spans that have ended, in that order: id, name, parent, and why one failed.
    fn ended(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }
}

impl Tracer for Book {
    fn begin(&self, parent: Option<SpanContext>, span: NewSpan<'_>) -> Option<Box<dyn Span>> {
        let parent = parent.expect("an engine begins no trace");
        let mut book = self.0.lock().unwrap();
        book.0 += 1;
        let context = SpanContext::new(parent.trace_id(), 0x100 + book.0, true);
        let at = span.attributes.iter().find(|(name, _)| *name == "messaging.kafka.offset");
        let at =
            at.map(|(_, offset)| if let Value::Number(offset) = offset { format!("@{offset}") } else { String::new() });
        let line = format!(
            "{:x} {} {}{} < {:x}",
            context.span_id(),
            span.action,
            span.object,
            at.unwrap_or_default(),
            parent.span_id()
        );
        Some(Box::new(Page { book: self.clone(), context, line }))
    }
}

struct Page {
    book: Book,
    context: SpanContext,
    line: String,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.line)
    }
}

impl Span for Page {
    fn context(&self) -> SpanContext {
        self.context
    }

    fn set(&mut self, name: &'static str, value: Value<'_>) {
        write!(self.line, " {name}={value:?}").unwrap();
    }

    fn fail(&mut self, why: &str) {
        write!(self.line, ": {why}").unwrap();
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.book.0.lock().unwrap().1.push(std::mem::take(&mut self.line));
    }
}

#[test]
fn should_hand_a_trace_on_to_all_that_a_record_causes_and_to_nothing_else() {
    let mut driver = TestDriver::new(&topology(), 1).unwrap();
    for (value, given) in [("a", PARENT), ("b", QUIET)] {
        pipe(&mut driver, value, &[("traceparent", given), ("tracestate", "x=1"), ("other", "o")]);
        let handed_on = headers(&[("traceparent", given), ("tracestate", "x=1")]);
        for topic in ["output", "test-again-repartition", "ends"] {
            assert_eq!(only(&mut driver, topic).headers, handed_on, "{topic}");
        }
    }
    for given in [&[][..], &[("traceparent", "malformed"), ("tracestate", "x=1")]] {
        pipe(&mut driver, "c", given);
        for topic in ["output", "ends"] {
            assert_eq!(only(&mut driver, topic).headers, Headers::new(), "{topic}");
        }
    }
    pipe(&mut driver, "poison", &[("traceparent", PARENT), ("other", "o")]);
    let letter = only(&mut driver, "input.dlq");
    assert_eq!((parent(&letter), letter.headers.last("other")), (Some(PARENT), Some(&b"o"[..])));
}

#[test]
fn should_make_a_span_for_each_record_and_commit_of_a_sampled_trace_and_none_for_others() {
    let book = Book::default();
    let mut driver = TestDriver::new(&topology(), 1).unwrap().traced(&book.tracing()).unwrap();
    pipe(&mut driver, "a", &[]);
    pipe(&mut driver, "b", &[("traceparent", QUIET)]);
    assert_eq!(book.ended(), [""; 0]);
    driver.read("output");
    pipe(&mut driver, "c", &[("traceparent", PARENT), ("tracestate", "x=1")]);
    assert_eq!(
        book.ended(),
        [
            "101 process input@2 < b",
            "102 commit transaction < 101",
            "103 process test-again-repartition@2 < 101",
            "104 commit transaction < 103",
        ]
    );
    let output = only(&mut driver, "output");
    assert_eq!(parent(&output), Some("00-0000000000000000000000000000000a-0000000000000101-01"));
    assert_eq!(output.headers.last("tracestate"), Some(&b"x=1"[..]));
    let end = driver.read("ends").pop().unwrap();
    assert_eq!(parent(&end), Some("00-0000000000000000000000000000000a-0000000000000103-01"));
}

#[test]
fn should_show_a_record_that_failed_and_what_comes_back_of_it_in_one_trace() {
    let book = Book::default();
    let mut driver = TestDriver::new(&topology(), 1).unwrap().traced(&book.tracing()).unwrap();
    pipe(&mut driver, "poison", &[("traceparent", PARENT)]);
    assert_eq!(
        book.ended(),
        [
            r#"101 process input@0 < b error.type=Text("poisoned"): this record is poison"#,
            "102 commit transaction < 101",
        ]
    );
    let letter = only(&mut driver, "input.dlq");
    let traced: Vec<_> = letter.headers.iter().filter(|(name, _)| *name == "traceparent").collect();
    assert_eq!(traced.len(), 1, "{traced:?}");
    assert_eq!(parent(&letter), Some("00-0000000000000000000000000000000a-0000000000000101-01"));
}

#[test]
fn should_show_a_transaction_that_was_given_up_and_the_work_done_again() {
    let book = Book::default();
    let topology = topology();
    let mut driver = TestDriver::new(&topology, 1).unwrap().traced(&book.tracing()).unwrap().manual_commit();
    pipe(&mut driver, "a", &[("traceparent", PARENT)]);
    driver.abort();
    driver.run().unwrap();
    driver.commit().unwrap();
    assert_eq!(
        book.ended(),
        [
            "101 process input@0 < b",
            "102 commit transaction < 101: the transaction was given up: the record is processed again",
            "103 process input@0 < b",
            "104 commit transaction < 103",
        ]
    );
    assert_eq!(parent(&only(&mut driver, "output")), Some("00-0000000000000000000000000000000a-0000000000000103-01"));
}
