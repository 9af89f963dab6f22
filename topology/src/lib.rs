//! A stream-processing engine in the manner of Kafka Streams.
mod batch;
pub mod broker;
#[cfg(feature = "injected-bugs")]
pub mod bugs;
mod collector;
mod config;
mod describe;
mod errors;
mod metrics;
mod node;
mod plan;
mod processor;
mod record;
mod restore;
pub mod serde;
mod step;
mod store;
mod stream_thread;
mod streams;
mod sub_topology;
mod task;
mod topology;

pub use batch::{BatchBuilder, Cursor, EncodeHeaders, Headers, HeadersRef, Mark, RecordBatch, RecordIter, RecordRef};
pub use config::{Clock, StreamsConfig, system_clock};
pub use describe::{Description, NodeDescription, SubTopologyDescription};
pub use errors::{
    ExceptionHandler, Failure, FailureKind, LogAndContinue, LogAndFail, ProcessingError, REPLAYS_HEADER, Replacement,
    Response, StreamsError, TopologyError, dead_letter, dead_letter_topic,
};
pub use metrics::{COMMIT_BUCKETS_US, EngineCounts, EngineMetrics};
pub use node::Partitioning;
pub use processor::{Context, InitContext, Output, Processor, Punctuation, PunctuationId, PunctuationType};
pub use record::{Record, RecordMetadata, TaskId};
pub use step::{Crash, Step, StepHook, Steps};
pub use store::{Store, StoreBuilder, StoreKey};
pub use stream_thread::{Round, StreamThread, ThreadState};
pub use streams::{State, Streams, internal_topics};
pub use topology::{Topology, TopologyBuilder};
