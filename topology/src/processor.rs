//! Processors and what the engine gives them.

use std::any::{Any, TypeId};
use std::collections::VecDeque;
use std::marker::PhantomData;

use state::TaskState;

use crate::batch::Headers;
use crate::broker::TopicName;
use crate::collector::Collector;
use crate::errors::{ProcessingError, TopologyError};
use crate::record::{Record, RecordMetadata, TaskId};
use crate::store::{AnyStore, Store, StoreKey};
use crate::trace::Trace;

/// A step of a topology: takes records one by one, keeps state in its stores, forwards to its children.
///
/// One instance serves one task. It must keep nothing of its own that outlives a record: what a transaction takes back
/// is what is in stores.
pub trait Processor: Send + 'static {
    /// Key of what it takes.
    type KIn: Send + 'static;
    /// Value of what it takes.
    type VIn: Send + 'static;

    /// Asks for outputs, stores and punctuations. Called once, also when the topology is only checked.
    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError>;

    /// Handles one record; an error takes back all it wrote and forwarded.
    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Self::KIn, Self::VIn>) -> Result<(), ProcessingError>;

    /// Handles a punctuation that `init` scheduled; an error takes back all it wrote, and the next one comes in its time.
    fn punctuate(&mut self, _ctx: &mut Context<'_>, _which: Punctuation) -> Result<(), ProcessingError> {
        Ok(())
    }
}

/// Which clock a punctuation follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PunctuationType {
    /// The highest timestamp that the task has seen: moves only with input, and the same in every replay.
    StreamTime,
    /// The clock on the wall.
    WallClockTime,
}

/// A punctuation that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Punctuation {
    /// What `schedule` returned.
    pub id: PunctuationId,
    /// The time by its clock, in milliseconds since the Unix epoch.
    pub timestamp: i64,
}

/// Names a scheduled punctuation within its processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PunctuationId(usize);

/// A processor's handle on one of its children, asked for in [`Processor::init`].
pub struct Output<K, V> {
    node: usize,
    types: PhantomData<fn(K, V)>,
}

impl<K, V> Clone for Output<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Output<K, V> {}

impl<K, V> std::fmt::Debug for Output<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Output({})", self.node)
    }
}

/// The types of a record, for checks before anything runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TypeTag {
    id: TypeId,
    pub(crate) name: &'static str,
}

impl TypeTag {
    pub(crate) fn of<K: 'static, V: 'static>() -> Self {
        Self { id: TypeId::of::<(K, V)>(), name: std::any::type_name::<(K, V)>() }
    }
}

impl PartialEq for TypeTag {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// Something a processor may ask for by name.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) name: String,
    pub(crate) index: usize,
    pub(crate) types: TypeTag,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) node: usize,
    pub(crate) id: PunctuationId,
    pub(crate) clock: PunctuationType,
    pub(crate) interval_ms: i64,
    pub(crate) next: Option<i64>,
}

/// What [`Processor::init`] gets.
#[derive(Debug)]
pub struct InitContext<'a> {
    pub(crate) node: usize,
    pub(crate) name: &'a str,
    pub(crate) outputs: &'a [Offer],
    pub(crate) stores: &'a [Offer],
    pub(crate) schedules: &'a mut Vec<Schedule>,
}

impl InitContext<'_> {
    /// The child of that name; refused unless it was declared with this processor as a parent, and takes these types.
    pub fn output<K: 'static, V: 'static>(&self, name: &str) -> Result<Output<K, V>, TopologyError> {
        self.find::<K, V>("output", "children", self.outputs, name).map(|node| Output { node, types: PhantomData })
    }

    /// The store of that name; refused unless it is attached to this processor and has these types.
    pub fn store<K: StoreKey, V: Send + Sync + 'static>(&self, name: &str) -> Result<Store<K, V>, TopologyError> {
        self.find::<K, V>("store", "attached stores", self.stores, name).map(Store::new)
    }

    /// Has [`Processor::punctuate`] called every `interval_ms`, first one interval after the task starts (stream time:
    /// after its first record).
    pub fn schedule(&mut self, interval_ms: i64, clock: PunctuationType) -> PunctuationId {
        let id = PunctuationId(self.schedules.iter().filter(|s| s.node == self.node).count());
        self.schedules.push(Schedule { node: self.node, id, clock, interval_ms: interval_ms.max(1), next: None });
        id
    }

    fn find<K: 'static, V: 'static>(
        &self,
        what: &str,
        all: &str,
        offers: &[Offer],
        name: &str,
    ) -> Result<usize, TopologyError> {
        let me = self.name;
        let Some(offer) = offers.iter().find(|o| o.name == name) else {
            let names: Vec<_> = offers.iter().map(|o| o.name.as_str()).collect();
            return Err(TopologyError(format!(
                "processor `{me}` asks for {what} `{name}`, but its {all} are [{}]",
                names.join(", ")
            )));
        };
        let asked = TypeTag::of::<K, V>();
        if offer.types != asked {
            return Err(TopologyError(format!(
                "processor `{me}` asks for {what} `{name}` as {}, but it is declared as {}",
                asked.name, offer.types.name
            )));
        }
        Ok(offer.index)
    }
}

/// What is common to a task's nodes: state, outputs, times, the record in hand.
pub(crate) struct Core {
    pub(crate) id: TaskId,
    pub(crate) state: TaskState,
    pub(crate) stores: Vec<Box<dyn AnyStore>>,
    pub(crate) queues: Vec<Option<Box<dyn AnyQueue>>>,
    pub(crate) ready: VecDeque<usize>,
    pub(crate) collector: Collector,
    pub(crate) topic: TopicName,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    /// What the record in hand, or nothing, has caused what is written now.
    pub(crate) trace: Trace,
    pub(crate) stream_time: i64,
    pub(crate) wall_clock: i64,
    pub(crate) partitions: u32,
    pub(crate) key_bytes: Vec<u8>,
    pub(crate) value_bytes: Vec<u8>,
}

impl Core {
    pub(crate) fn forward<K: Send + 'static, V: Send + 'static>(&mut self, node: usize, record: Record<K, V>) -> bool {
        let queue =
            self.queues.get_mut(node).and_then(Option::as_mut).and_then(|q| q.as_any().downcast_mut::<Queue<K, V>>());
        queue.is_some_and(|queue| {
            queue.push_back(record);
            self.ready.push_back(node);
            true
        })
    }

    pub(crate) fn take<K: 'static, V: 'static>(&mut self, node: usize) -> Option<Record<K, V>> {
        self.queues.get_mut(node)?.as_mut()?.as_any().downcast_mut::<Queue<K, V>>()?.pop_front()
    }
}

/// Records that wait for a node.
pub(crate) type Queue<K, V> = VecDeque<Record<K, V>>;

pub(crate) trait AnyQueue: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    fn forget(&mut self);
}

impl<K: Send + 'static, V: Send + 'static> AnyQueue for Queue<K, V> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn forget(&mut self) {
        self.clear();
    }
}

/// What a processor sees while it handles a record or a punctuation.
pub struct Context<'a> {
    pub(crate) core: &'a mut Core,
}

impl Context<'_> {
    /// Passes a record to a child. Children run after this processor returns, in the order of forwarding.
    pub fn forward<K: Send + 'static, V: Send + 'static>(&mut self, output: Output<K, V>, record: Record<K, V>) {
        let passed = self.core.forward(output.node, record);
        debug_assert!(passed, "an output's handle is only made for a child of its types");
    }

    /// The task.
    #[must_use]
    pub fn task(&self) -> &TaskId {
        &self.core.id
    }

    /// How many partitions the task's source topics have.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.core.partitions
    }

    /// Where the record in hand, or the one before a punctuation, lies.
    #[must_use]
    pub fn metadata(&self) -> RecordMetadata {
        RecordMetadata { topic: self.core.topic.clone(), partition: self.core.id.partition, offset: self.core.offset }
    }

    /// The topic of the record in hand.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.core.topic
    }

    /// The task's partition, which is that of the record in hand.
    #[must_use]
    pub fn partition(&self) -> u32 {
        self.core.id.partition
    }

    /// The offset of the record in hand.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.core.offset
    }

    /// Timestamp of the record in hand.
    #[must_use]
    pub fn timestamp(&self) -> i64 {
        self.core.timestamp
    }

    /// The highest timestamp that the task has seen.
    #[must_use]
    pub fn stream_time(&self) -> i64 {
        self.core.stream_time
    }

    /// The clock on the wall, as the engine was given it; the same for all records of one round.
    #[must_use]
    pub fn wall_clock_time(&self) -> i64 {
        self.core.wall_clock
    }

    pub(crate) fn state(&mut self) -> (&mut Vec<Box<dyn AnyStore>>, &mut TaskState) {
        (&mut self.core.stores, &mut self.core.state)
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context({} {}@{})", self.core.id, self.core.topic, self.core.offset)
    }
}

/// Kept with the processor so that headers need not be copied where there are none.
pub(crate) const NO_HEADERS: Headers = Headers::new();
