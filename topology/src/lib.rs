//! A stream-processing engine in the manner of Kafka Streams, for any broker that offers partitions, groups and transactions.
//!
//! A [`Topology`] is one declared value: sources, [`Processor`]s, sinks, stores, repartitions. It is checked as a whole before
//! anything runs. [`Streams`] runs it on threads against a [`broker::Broker`]; [`TestDriver`] runs the very same tasks
//! synchronously, without one.
//!
//! What holds: input, stores and output move together, exactly once, whatever is killed. A record is all or nothing. A record
//! that fails goes to an [`ExceptionHandler`] and, if that likes, to `<topic>.dlq`; it never stops the line. A crash costs
//! the tail of a changelog, not the store. The clock is an argument.
//!
//! What it does not do: no DSL of joins and windows (a processor and a store make one), no standby tasks, no interactive
//! queries; it knows no Kafka and no network, which are the broker's.
//!
//! A word count, with a count by minute beside it:
//! ```
//! use topology::serde::Utf8;
//! use topology::{
//!     Context, InitContext, Output, Partitioning, ProcessingError, Processor, Record, Store, StoreBuilder, TestDriver,
//!     TopologyBuilder, TopologyError,
//! };
//!
//! #[derive(Default)]
//! struct Split(Option<Output<String, String>>);
//! impl Processor for Split {
//!     type KIn = String;
//!     type VIn = String;
//!     fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
//!         self.0 = Some(ctx.output("by-word")?);
//!         Ok(())
//!     }
//!     fn process(&mut self, ctx: &mut Context<'_>, line: Record<String, String>) -> Result<(), ProcessingError> {
//!         for word in line.value.split_whitespace() {
//!             let word = Record::new(word.to_lowercase(), String::new(), line.timestamp);
//!             self.0.into_iter().for_each(|by_word| ctx.forward(by_word, word.clone()));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! struct Count { minute: bool, out: Option<Output<String, String>>, counts: Option<Store<String, String>> }
//! impl Processor for Count {
//!     type KIn = String;
//!     type VIn = String;
//!     fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
//!         self.out = Some(ctx.output("out")?);
//!         self.counts = Some(ctx.store(if self.minute { "by-minute" } else { "counts" })?);
//!         Ok(())
//!     }
//!     fn process(&mut self, ctx: &mut Context<'_>, word: Record<String, String>) -> Result<(), ProcessingError> {
//!         let (Some(counts), Some(out)) = (self.counts, self.out) else { return Ok(()) };
//!         let key = if self.minute { format!("{}@{}", word.key, word.timestamp / 60_000) } else { word.key.clone() };
//!         let seen = counts.get(ctx, &key)?.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) + 1;
//!         counts.put(ctx, &key, seen.to_string())?;
//!         ctx.forward(out, Record::new(key, seen.to_string(), word.timestamp));
//!         Ok(())
//!     }
//! }
//!
//! let topology = TopologyBuilder::new()
//!     .source("lines", ["lines"], Utf8, Utf8)
//!     .processor("split", Split::default, &["lines"], &[])
//!     .repartition("by-word", Utf8, Utf8, &["split"])
//!     .processor("count", || Count { minute: false, out: None, counts: None }, &["by-word"], &["counts"])
//!     .processor("count-minute", || Count { minute: true, out: None, counts: None }, &["by-word"], &["by-minute"])
//!     .store(StoreBuilder::persistent("counts", Utf8, Utf8).cached(1_000))
//!     .store(StoreBuilder::persistent("by-minute", Utf8, Utf8).expiring(3_600_000))
//!     .sink("out", "counts", Utf8, Utf8, Partitioning::ByKey, &["count", "count-minute"])
//!     .build()?;
//!
//! let mut driver = TestDriver::new(&topology, 1)?;
//! driver.pipe("lines", b"a", b"To be or not to be", 0)?;
//! driver.pipe("lines", b"b", b"be", 61_000)?;
//! let out: Vec<_> = driver.read("counts").into_iter().map(|r| String::from_utf8([r.key.unwrap(), r.value.unwrap()].join(&b'=')).unwrap()).collect();
//! assert!(out.contains(&"be=3".to_owned()) && out.contains(&"be@0=2".to_owned()) && out.contains(&"be@1=1".to_owned()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Layout: `topology` and `sub_topology` declare and check; `plan` resolves topics; `processor`, `store`, `node` and `task` are
//! what runs for one partition; `stream_thread` polls, processes and commits, `restore` fills stores, `version` refuses what
//! cannot take over from what runs, `streams` is the instance; `batch` and `broker` are the border to brokers; [`lag`]
//! watches groups from outside, [`dead_letters`] puts back what failed, [`trace`] says what records have caused.

mod batch;
pub mod broker;
#[cfg(feature = "injected-bugs")]
pub mod bugs;
mod changelog;
mod collector;
mod config;
pub mod dead_letters;
mod describe;
mod errors;
mod input;
mod inspect;
pub mod lag;
mod metrics;
mod node;
mod open;
mod output_log;
mod plan;
mod processor;
mod progress;
mod record;
mod restore;
pub mod serde;
mod step;
mod store;
mod stream_thread;
mod streams;
mod sub_topology;
mod task;
mod test_driver;
mod topics;
mod topology;
pub mod trace;
mod version;

pub use batch::{
    BatchBuilder, Cursor, EncodeHeaders, Headers, HeadersRef, Mark, RecordBatch, RecordIter, RecordRef, encode_headers,
};
pub use changelog::kept_for_restore_ms;
pub use config::{Clock, StreamsConfig, system_clock};
pub use describe::{Description, NodeDescription, SubTopologyDescription};
pub use errors::{
    ExceptionHandler, Failure, FailureKind, LogAndContinue, LogAndFail, OMITTED_HEADER, ProcessingError,
    REPLAYS_HEADER, Replacement, Response, StreamsError, TopologyError, dead_letter, dead_letter_topic,
};
pub use inspect::{Held, Inspection};
pub use metrics::{
    Distribution, EngineCounts, EngineMetrics, InputSnapshot, StoreSnapshot, TaskSnapshot, ThreadSnapshot, Timing,
};
pub use node::Partitioning;
pub use output_log::superseded_changelogs;
pub use processor::{Context, InitContext, Output, Processor, Punctuation, PunctuationId, PunctuationType};
pub use progress::RestoreProgress;
pub use record::{Record, RecordMetadata, TaskId};
pub use step::{Crash, Observer, Step, StepHook, Steps, Work};
pub use store::{Store, StoreBuilder, StoreKey};
pub use stream_thread::{Round, StreamThread, ThreadState};
pub use streams::{State, Streams, StreamsView, internal_topics};
pub use test_driver::{OutputRecord, TestDriver};
pub use topics::{Difference, TopicCheck, check_topics, make_topics};
pub use topology::{Topology, TopologyBuilder};
