//! The engine through `TestDriver`: what is refused, what is all or nothing, what survives.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use topology::broker::partition_for_key;
use topology::serde::{Deserialized, Deserializer, Utf8};
use topology::{
    Context, HeadersRef, InitContext, LogAndContinue, Output, Partitioning, ProcessingError, Processor, Punctuation,
    PunctuationType, Record, Store, StoreBuilder, StreamsError, TestDriver, Topology, TopologyBuilder, TopologyError,
};

/// Counts by key; forwards `key=count` twice; fails on `poison` after it has written and forwarded.
struct Counter {
    output: &'static str,
    store: &'static str,
    punctuate: Option<PunctuationType>,
    handles: Option<(Output<String, String>, Store<String, String>)>,
}

fn counter() -> Counter {
    Counter { output: "out", store: "counts", punctuate: None, handles: None }
}

impl Processor for Counter {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.handles = Some((ctx.output(self.output)?, ctx.store(self.store)?));
        if let Some(clock) = self.punctuate {
            ctx.schedule(1_000, clock);
        }
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, r: Record<String, String>) -> Result<(), ProcessingError> {
        let (out, counts) = self.handles.unwrap();
        let n = counts.get(ctx, &r.key)?.map_or(0, |n| n.parse::<u32>().unwrap()) + 1;
        counts.put(ctx, &r.key, n.to_string())?;
        ctx.forward(out, Record::new(r.key.clone(), n.to_string(), r.timestamp));
        if r.value == "poison" {
            return Err(ProcessingError::record("poisoned", "this record is poison"));
        }
        ctx.forward(out, Record::new(r.key, format!("{n}!"), r.timestamp));
        Ok(())
    }

    fn punctuate(&mut self, ctx: &mut Context<'_>, which: Punctuation) -> Result<(), ProcessingError> {
        let (out, _) = self.handles.unwrap();
        ctx.forward(out, Record::new("tick".to_owned(), which.timestamp.to_string(), which.timestamp));
        Ok(())
    }
}

fn builder(counter: impl Fn() -> Counter + Send + Sync + 'static) -> TopologyBuilder {
    TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .processor("count", counter, &["in"], &["counts"])
        .store(StoreBuilder::persistent("counts", Utf8, Utf8).cached(10))
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["count"])
}

fn topology() -> Topology {
    builder(counter).exception_handler(LogAndContinue, true).build().unwrap()
}

fn values(driver: &mut TestDriver, topic: &str) -> Vec<String> {
    driver.read(topic).into_iter().map(|r| String::from_utf8(r.value.unwrap()).unwrap()).collect()
}

fn refusal(builder: TopologyBuilder) -> String {
    builder.build().map(|_| ()).unwrap_err().to_string()
}

#[test]
fn should_refuse_an_unsound_topology_and_name_what_is_at_fault() {
    let cases: [(TopologyBuilder, &str); 9] = [
        (
            builder(counter).processor("x", counter, &["nobody"], &["counts"]),
            "node `x` names an unknown parent `nobody`",
        ),
        (builder(counter).source("in", ["other"], Utf8, Utf8), "two nodes are named `in`"),
        (builder(|| Counter { output: "outt", ..counter() }), "asks for output `outt`, but its children are [out]"),
        (
            builder(|| Counter { store: "count", ..counter() }),
            "asks for store `count`, but its attached stores are [counts]",
        ),
        (builder(counter).processor("y", counter, &["in"], &["gone"]), "processor `y` names an unknown store `gone`"),
        (
            builder(counter).store(StoreBuilder::persistent("lone", Utf8, Utf8)),
            "store `lone` is attached to no processor",
        ),
        (builder(counter).store(StoreBuilder::persistent("counts", Utf8, Utf8)), "two stores are named `counts`"),
        (builder(counter).source("again", ["input"], Utf8, Utf8), "topic `input` is read by two sources"),
        (builder(counter).processor("z", counter, &["out"], &["counts"]), "a sink forwards nothing"),
    ];
    for (builder, expected) in cases {
        let message = refusal(builder);
        assert!(message.contains(expected), "{message}\nshould contain: {expected}");
    }
}

#[test]
fn should_refuse_types_that_do_not_fit_between_parent_and_child() {
    use topology::serde::Int64;
    let wrong =
        builder(counter).source("numbers", ["numbers"], Utf8, Int64).processor("n", counter, &["numbers"], &["counts"]);
    assert!(refusal(wrong).contains("node `n` takes"), "a parent's value type differs");
    let store = TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .processor("count", counter, &["in"], &["counts"])
        .store(StoreBuilder::persistent("counts", Utf8, Int64))
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["count"]);
    assert!(refusal(store).contains("asks for store `counts` as"), "a store's value type differs");
}

#[test]
fn should_count_and_see_its_own_writes_before_a_commit() {
    let mut driver = TestDriver::new(&topology(), 1).unwrap().manual_commit();
    driver.pipe("input", b"a", b"1", 1).unwrap();
    driver.pipe("input", b"a", b"2", 2).unwrap();
    assert!(driver.read("output").is_empty(), "nothing is visible before the commit");
    driver.commit().unwrap();
    assert_eq!(values(&mut driver, "output"), ["1", "1!", "2", "2!"]);
    assert_eq!(driver.all("test-counts-changelog").len(), 1, "one changelog record a key and commit: the last value");
}

#[test]
fn should_take_back_everything_of_a_failed_record_and_dead_letter_it_with_its_place() {
    let mut driver = TestDriver::new(&topology(), 1).unwrap();
    driver.pipe("input", b"a", b"fine", 1).unwrap();
    driver.pipe("input", b"a", b"poison", 2).unwrap();
    driver.pipe("input", b"a", b"fine", 3).unwrap();
    assert_eq!(values(&mut driver, "output"), ["1", "1!", "2", "2!"], "the poisoned one left no count and no output");
    let dead = driver.read("input.dlq");
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (dead[0].key.as_deref(), dead[0].value.as_deref(), dead[0].timestamp),
        (Some(&b"a"[..]), Some(&b"poison"[..]), 2)
    );
    for (header, value) in
        [("exception", "poisoned"), ("topic", "input"), ("partition", "0"), ("offset", "1"), ("replays", "0")]
    {
        assert_eq!(dead[0].headers.last(&format!("__streams.errors.{header}")), Some(value.as_bytes()), "{header}");
    }
}

#[test]
fn should_go_on_after_a_record_that_is_too_large_for_its_dead_letter() {
    let mut driver = TestDriver::new(&topology(), 1).unwrap();
    let mut large = vec![0xff; (1 << 20) - 100];
    driver.pipe("input", b"a", &large, 1).unwrap();
    large.truncate(1_000);
    driver.pipe("input", b"a", &large, 2).unwrap();
    driver.pipe("input", b"a", b"fine", 3).unwrap();
    assert_eq!(values(&mut driver, "output"), ["1", "1!"]);
    let dead = driver.read("input.dlq");
    assert_eq!(dead.len(), 2);
    assert_eq!((&dead[0].key, &dead[0].value), (&None, &None), "its content would not fit");
    assert_eq!(dead[0].headers.last("__streams.errors.offset"), Some(&b"0"[..]), "but it can be found");
    assert_eq!(dead[0].headers.last(topology::OMITTED_HEADER), Some(&b"true"[..]));
    assert_eq!(dead[1].value.as_deref(), Some(&large[..]), "a small one is whole");
}

/// Notes each record in an expiring store.
struct Note(Option<Store<String, String>>);

impl Processor for Note {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.0 = Some(ctx.store("notes")?);
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, r: Record<String, String>) -> Result<(), ProcessingError> {
        if r.value == "skip" { Ok(()) } else { self.0.unwrap().put(ctx, &r.key, r.value) }
    }
}

#[test]
fn should_write_the_same_for_a_late_record_whatever_of_the_stream_was_seen_before() {
    let note = || {
        let store = StoreBuilder::persistent("notes", Utf8, Utf8).expiring(1_000);
        let builder = TopologyBuilder::new().source("in", ["input"], Utf8, Utf8);
        builder.processor("note", || Note(None), &["in"], &["notes"]).store(store).build().unwrap()
    };
    let times = |restart: bool| {
        let mut driver = TestDriver::new(&note(), 1).unwrap();
        driver.pipe("input", b"a", b"skip", 500).unwrap();
        if restart {
            driver.restart().unwrap();
        }
        driver.pipe("input", b"a", b"late", 400).unwrap();
        driver.read("test-notes-changelog").iter().map(|r| r.timestamp).collect::<Vec<_>>()
    };
    assert_eq!(times(false), [400]);
    assert_eq!(times(true), [400]);
}

#[test]
fn should_end_with_an_error_that_names_the_record_where_the_handler_says_fail() {
    let mut driver = TestDriver::new(&builder(counter).build().unwrap(), 1).unwrap();
    let error = driver.pipe("input", b"a", b"poison", 1).unwrap_err();
    assert!(matches!(&error, StreamsError::Record { offset: 0, .. }), "{error}");
}

#[test]
fn should_process_uncommitted_work_again_after_an_abort_with_the_same_result() {
    let mut driver = TestDriver::new(&topology(), 1).unwrap().manual_commit();
    driver.pipe("input", b"a", b"1", 1).unwrap();
    driver.commit().unwrap();
    driver.pipe("input", b"a", b"2", 2).unwrap();
    driver.abort();
    driver.run().unwrap();
    driver.commit().unwrap();
    assert_eq!(values(&mut driver, "output"), ["1", "1!", "2", "2!"]);
}

#[test]
fn should_restore_its_stores_from_the_changelog_alone() {
    let mut driver = TestDriver::new(&topology(), 3).unwrap();
    for n in 0..30 {
        driver.pipe("input", format!("k{}", n % 7).as_bytes(), b"x", n).unwrap();
    }
    let before = driver.store_entries("counts").unwrap();
    driver.restart().unwrap();
    assert_eq!(before.len(), 7);
    assert_eq!(driver.store_entries("counts").unwrap(), before);
}

#[test]
fn should_repartition_by_the_new_key_into_another_sub_topology() {
    let topology = TopologyBuilder::new()
        .source("in", ["input"], Utf8, Utf8)
        .processor("swap", || Swap(None), &["in"], &[])
        .repartition("swapped", Utf8, Utf8, &["swap"])
        .processor("count", counter, &["swapped"], &["counts"])
        .store(StoreBuilder::persistent("counts", Utf8, Utf8))
        .sink("out", "output", Utf8, Utf8, Partitioning::SamePartition, &["count"])
        .build()
        .unwrap();
    let names: Vec<_> = topology.describe().sub_topologies.into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["swap", "count"]);
    let mut driver = TestDriver::new(&topology, 4).unwrap();
    for key in ["a", "b", "c", "d"] {
        driver.pipe("input", key.as_bytes(), b"same", 1).unwrap();
    }
    let out = driver.read("output");
    assert_eq!(out.len(), 8, "all four met in one task");
    assert!(out.iter().all(|r| r.partition == partition_for_key(b"same", 4)));
}

struct Swap(Option<Output<String, String>>);

impl Processor for Swap {
    type KIn = String;
    type VIn = String;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.0 = Some(ctx.output("swapped")?);
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, r: Record<String, String>) -> Result<(), ProcessingError> {
        ctx.forward(self.0.unwrap(), Record::new(r.value, r.key, r.timestamp));
        Ok(())
    }
}

#[test]
fn should_punctuate_on_both_clocks_without_making_up_for_what_was_missed() {
    for (clock, expected) in
        [(PunctuationType::StreamTime, ["1500", "9000"]), (PunctuationType::WallClockTime, ["1000", "8500"])]
    {
        let topology = builder(move || Counter { punctuate: Some(clock), ..counter() }).build().unwrap();
        let mut driver = TestDriver::new(&topology, 1).unwrap();
        driver.run().unwrap();
        for (stream, wall) in [(0, 0), (900, 900), (1_500, 100), (9_000, 7_500), (9_100, 100)] {
            driver.pipe("input", b"k", b"v", stream).unwrap();
            driver.advance_wall_clock(wall).unwrap();
        }
        let ticks = driver.read("output").into_iter().filter(|r| r.key.as_deref() == Some(b"tick"));
        let ticks: Vec<_> = ticks.map(|r| String::from_utf8(r.value.unwrap()).unwrap()).collect();
        assert_eq!(ticks, expected, "{clock:?}");
    }
}

/// Text that cannot be read while the flag is up.
struct NotYet(Arc<AtomicBool>);

impl Deserializer<String> for NotYet {
    fn deserialize(&self, topic: &str, headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<String> {
        if self.0.load(Ordering::SeqCst) {
            Deserialized::NotYet("registry away".into())
        } else {
            Utf8.deserialize(topic, headers, data)
        }
    }
}

#[test]
fn should_wait_in_order_for_what_cannot_be_read_yet_and_dead_letter_what_never_can() {
    let away = Arc::new(AtomicBool::new(true));
    let topology = TopologyBuilder::new()
        .source("in", ["input"], Utf8, NotYet(away.clone()))
        .processor("count", counter, &["in"], &["counts"])
        .store(StoreBuilder::persistent("counts", Utf8, Utf8))
        .sink("out", "output", Utf8, Utf8, Partitioning::ByKey, &["count"])
        .exception_handler(LogAndContinue, true)
        .build()
        .unwrap();
    let mut driver = TestDriver::new(&topology, 1).unwrap();
    driver.pipe("input", b"a", b"1", 1).unwrap();
    driver.pipe("input", b"a", b"\xff", 2).unwrap();
    assert!(driver.read("output").is_empty() && driver.read("input.dlq").is_empty(), "neither processed nor given up");
    away.store(false, Ordering::SeqCst);
    driver.advance_wall_clock(1_000).unwrap();
    assert_eq!(values(&mut driver, "output"), ["1", "1!"]);
    let dead = driver.read("input.dlq");
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].headers.last("__streams.errors.exception"), Some(&b"deserialization"[..]));
}

#[test]
fn should_describe_itself_as_text_mermaid_and_json() {
    let description = topology().describe();
    let text = description.to_text();
    assert!(text.contains("Sub-topology: count") && text.contains("Source: in (topics: [input])"), "{text}");
    assert!(text.contains("Processor: count (stores: [counts])\n      --> out\n      <-- in"), "{text}");
    let mermaid = description.to_mermaid();
    assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains("node_count <--> store_counts"), "{mermaid}");
    let json: serde_json::Value = serde_json::from_str(&description.to_json()).unwrap();
    assert_eq!(json["subTopologies"][0]["nodes"][0]["topics"][0], "input");
}
