//! What can go wrong, and who decides what then happens.
//!
//! An error of one record goes to an exception handler, which ends the thread or goes on, with a dead letter if it likes
//! (KIP-1034's shape). Anything that is not one record's fault ends the transaction or the thread.

use std::borrow::Cow;

use state::StateError;

use crate::batch::{Headers, RecordRef};
use crate::broker::{BrokerError, TopicName};
use crate::record::TaskId;

/// Why a topology is refused before anything runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("topology refused: {0}")]
pub struct TopologyError(pub(crate) String);

/// Why a record could not be processed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessingError {
    /// This record's fault: it goes to the exception handler, and the line goes on.
    #[error("{class}: {message}")]
    Record {
        /// A short stable name, as an exception's class is.
        class: Cow<'static, str>,
        /// For people.
        message: String,
    },
    /// Not the record's fault: the task stops.
    #[error(transparent)]
    State(#[from] StateError),
    /// A simulated crash.
    #[error(transparent)]
    Crash(#[from] crate::step::Crash),
}

impl ProcessingError {
    /// An error of the record itself.
    pub fn record(class: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Record { class: class.into(), message: message.into() }
    }
}

/// Why a stream thread ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamsError {
    /// The topology does not fit the broker's topics, or itself.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The broker refused.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A store failed.
    #[error("task {task}: {source}")]
    State {
        /// Whose store.
        task: TaskId,
        /// What happened.
        source: StateError,
    },
    /// An exception handler answered [`Response::Fail`].
    #[error("task {task}: {kind:?} error at {topic}-{partition}@{offset}: {message}")]
    Record {
        /// The task.
        task: TaskId,
        /// Where in the record's life.
        kind: FailureKind,
        /// The record's topic.
        topic: TopicName,
        /// The record's partition.
        partition: u32,
        /// The record's offset.
        offset: i64,
        /// What went wrong.
        message: String,
    },
    /// A simulated crash.
    #[error(transparent)]
    Crash(#[from] crate::step::Crash),
    /// A thread panicked, or could not be started.
    #[error("stream thread died: {0}")]
    Thread(String),
}

/// Where in a record's life an error came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The bytes are no value.
    Deserialization,
    /// A processor refused the record.
    Processing,
    /// An output could not be serialised, or is too large.
    Production,
}

/// A record that failed, as an exception handler sees it.
#[derive(Debug)]
pub struct Failure<'a> {
    /// Where in its life.
    pub kind: FailureKind,
    /// The error's class.
    pub class: &'a str,
    /// The error's message.
    pub message: &'a str,
    /// The node that failed.
    pub node: &'a str,
    /// The task.
    pub task: &'a TaskId,
    /// The record's topic.
    pub topic: &'a TopicName,
    /// The record's partition.
    pub partition: u32,
    /// The record as it came in.
    pub record: RecordRef<'a>,
}

/// A record that an exception handler wants written in place of the failed one's outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// Where to; must be a dead-letter topic or a sink's topic.
    pub topic: TopicName,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Headers.
    pub headers: Headers,
}

/// What to do about a failed record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// End the thread with the error.
    Fail,
    /// Go on with the next record; write these, on the failed record's partition number, in the same transaction.
    Resume(Vec<Replacement>),
}

/// Decides about failed records. One handler serves all kinds of failure; [`Failure::kind`] tells them apart.
pub trait ExceptionHandler: Send + Sync {
    /// Called once for each failed record, after all it wrote has been taken back.
    fn handle(&self, failure: &Failure<'_>) -> Response;
}

/// Ends the thread at the first failed record.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogAndFail;

impl ExceptionHandler for LogAndFail {
    fn handle(&self, failure: &Failure<'_>) -> Response {
        log(failure);
        Response::Fail
    }
}

/// Writes the failed record to `<topic>.dlq` and goes on.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogAndContinue;

impl ExceptionHandler for LogAndContinue {
    fn handle(&self, failure: &Failure<'_>) -> Response {
        log(failure);
        Response::Resume(vec![dead_letter(failure)])
    }
}

fn log(failure: &Failure<'_>) {
    tracing::warn!(
        task = %failure.task, node = failure.node, kind = ?failure.kind, topic = %failure.topic,
        partition = failure.partition, offset = failure.record.offset, class = failure.class, "{}", failure.message
    );
}

/// Header with the number of times that a dead letter was put back into its topic.
pub const REPLAYS_HEADER: &str = "__streams.errors.replays";
/// Header of a dead letter that is too large with its content: fetch that from its topic, partition and offset.
pub const OMITTED_HEADER: &str = "__streams.errors.omitted";
/// What the names of all headers about errors begin with.
pub(crate) const HEADER_PREFIX: &str = "__streams.errors.";
const LONGEST_MESSAGE_BYTES: usize = 1_000;

/// The name of a topic's dead-letter topic.
#[must_use]
pub fn dead_letter_topic(topic: &str) -> TopicName {
    format!("{topic}.dlq").into()
}

/// The failed record as a dead letter: key, value, timestamp and headers stay; added are the headers of Kafka 4.2
/// (`__streams.errors.exception`, `.message`, `.stacktrace`, `.topic`, `.partition`, `.offset`) and `.replays`, the
/// number of times that it was replayed so far.
#[must_use]
pub fn dead_letter(failure: &Failure<'_>) -> Replacement {
    Replacement {
        topic: dead_letter_topic(failure.topic),
        key: failure.record.key.map(<[u8]>::to_vec),
        value: failure.record.value.map(<[u8]>::to_vec),
        timestamp: failure.record.timestamp,
        headers: error_headers(failure, failure.record.headers.to_owned(), failure.message),
    }
}

/// A dead letter for a record that with its error does not fit into the dead-letter topic: without key, value and headers
/// of its own, which still lie where it says.
pub(crate) fn dead_letter_without_content(failure: &Failure<'_>) -> Replacement {
    let end = failure.message.floor_char_boundary(LONGEST_MESSAGE_BYTES);
    let mut headers = error_headers(failure, Headers::new(), &failure.message[..end]);
    headers.push(OMITTED_HEADER, "true");
    let topic = dead_letter_topic(failure.topic);
    Replacement { topic, key: None, value: None, timestamp: failure.record.timestamp, headers }
}

fn error_headers(failure: &Failure<'_>, mut headers: Headers, message: &str) -> Headers {
    // A record that was sent with it would pass for one whose content was left out.
    headers.remove(OMITTED_HEADER);
    let replays = failure.record.headers.last(REPLAYS_HEADER).map_or_else(|| b"0".to_vec(), <[u8]>::to_vec);
    for (name, value) in [
        ("exception", failure.class.as_bytes().to_vec()),
        ("message", message.as_bytes().to_vec()),
        ("stacktrace", format!("{:?} in {} of task {}", failure.kind, failure.node, failure.task).into_bytes()),
        ("topic", failure.topic.as_bytes().to_vec()),
        ("partition", failure.partition.to_string().into_bytes()),
        ("offset", failure.record.offset.to_string().into_bytes()),
        ("replays", replays),
    ] {
        let name = format!("{HEADER_PREFIX}{name}");
        headers.remove(&name);
        headers.push(name, value);
    }
    headers
}
