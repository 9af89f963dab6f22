//! A member of a consumer group.
//!
//! librdkafka tells of a rebalance and waits until it is answered. Here the answer is given with the poll after the one
//! that told the engine, so that the engine can commit before partitions go, and can say where to read before they come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use topology::broker::{BrokerError, Consumer, GroupMetadata, Polled, TopicName, TopicPartition, Waker};

use super::config::{GroupProtocol, KafkaConfig};
use super::context::LogContext;
use super::errors;
use super::intake::{Intake, News};
use super::native::{self, Queue, QueueError};
use super::patience::Kept;
use super::silence;
use super::topics::{self, Topics};

/// How long to wait between two looks at what cannot be done yet.
const SOON: Duration = Duration::from_millis(10);

/// Where the server assigns, librdkafka tells a new member what it is given, but not that there is nothing for it. One that has been
/// a member for so long and was told nothing is told that; whatever comes later is one more assignment.
const SILENCE: Duration = Duration::from_millis(500);

pub(super) struct KafkaConsumer {
    config: KafkaConfig,
    topics: Arc<Topics>,
    group: String,
    client_id: String,
    subscription: Vec<TopicName>,
    client: Option<Client>,
    /// The queue of the present client, for wakers, which outlive it.
    queue: Arc<Mutex<Weak<Queue>>>,
    intake: Intake,
    held: BTreeSet<TopicPartition>,
    paused: BTreeSet<TopicPartition>,
    /// Where to read on, as far as librdkafka has not taken it yet.
    seeks: BTreeMap<TopicPartition, i64>,
    /// What was told to the engine and takes effect with the next poll.
    told: Option<Change>,
    /// What librdkafka has told and the engine not yet been.
    waiting: VecDeque<Change>,
    first: First,
    /// Until when a twin may be its own former self.
    rejoined: Option<Instant>,
}

/// The first assignment.
enum First {
    /// It is waited for; since when it is a member, if it is.
    Awaited(Option<Instant>),
    Told,
}

struct Client {
    // Before the consumer, so that it is dropped before it.
    queue: Arc<Queue>,
    consumer: Kept<BaseConsumer<LogContext>>,
}

enum Change {
    Assign(Vec<TopicPartition>),
    Revoke(Vec<TopicPartition>),
    /// The client that held them is no more.
    Lost(Vec<TopicPartition>),
}

impl KafkaConsumer {
    pub(super) fn open(
        config: &KafkaConfig,
        topics: Arc<Topics>,
        group: &str,
        client_id: &str,
    ) -> Result<Self, BrokerError> {
        let mut consumer = Self {
            config: config.clone(),
            topics,
            group: group.to_owned(),
            client_id: client_id.to_owned(),
            subscription: Vec::new(),
            client: None,
            queue: Arc::default(),
            intake: Intake::default(),
            held: BTreeSet::new(),
            paused: BTreeSet::new(),
            seeks: BTreeMap::new(),
            told: None,
            waiting: VecDeque::new(),
            first: First::Awaited(None),
            rejoined: None,
        };
        consumer.connect()?;
        Ok(consumer)
    }

    /// Makes a new client, in the place of the one that there may be.
    fn connect(&mut self) -> Result<(), BrokerError> {
        self.client = None;
        let consumer = self.config.member(&self.group, &self.client_id).create_with_context(LogContext::default());
        let consumer: BaseConsumer<_> = consumer.map_err(|e| errors::from_error(&e, "Kafka consumer"))?;
        let queue = Queue::of(&consumer).ok_or_else(|| BrokerError::Fatal("a consumer without a queue".to_owned()))?;
        let queue = Arc::new(queue);
        *self.queue.lock() = Arc::downgrade(&queue);
        self.client = Some(Client { queue, consumer: Kept::new(consumer) });
        if self.subscription.is_empty() { Ok(()) } else { self.join() }
    }

    /// Joins again with a new client; what the old one held is lost.
    fn start_anew(&mut self) -> Result<(), BrokerError> {
        let told = match self.told.take() {
            Some(Change::Assign(partitions)) => partitions,
            _ => Vec::new(),
        };
        let held = std::mem::take(&mut self.held).into_iter().chain(told).collect();
        self.paused.clear();
        self.seeks.clear();
        self.waiting.clear();
        self.intake.clear();
        self.waiting.push_back(Change::Lost(held));
        self.connect()
    }

    fn join(&self) -> Result<(), BrokerError> {
        let topics: Vec<&str> = self.subscription.iter().map(|t| &**t).collect();
        self.consumer()?.subscribe(&topics).map_err(|e| failed(&e, "subscribing"))
    }

    fn consumer(&self) -> Result<&BaseConsumer<LogContext>, BrokerError> {
        let left = || BrokerError::Closed("the consumer has left its group".to_owned());
        self.client.as_ref().map(|c| &*c.consumer).ok_or_else(left)
    }

    /// Answers the rebalance that the engine was told of.
    fn settle(&mut self) -> Result<(), BrokerError> {
        match &self.told {
            None | Some(Change::Lost(_)) => {}
            Some(Change::Assign(partitions)) => self.take_over(partitions.clone())?,
            Some(Change::Revoke(partitions)) => self.let_go(&partitions.clone())?,
        }
        self.told = None;
        Ok(())
    }

    /// Starts reading at the offset that the engine has asked for, the committed one, or the log's start.
    fn take_over(&mut self, partitions: Vec<TopicPartition>) -> Result<(), BrokerError> {
        let consumer = self.consumer()?;
        let committed = topics::committed(consumer, &partitions)?;
        let start = |(p, committed): (&TopicPartition, Option<i64>)| self.seeks.get(p).copied().or(committed);
        let starts: Vec<_> = partitions.iter().zip(committed).map(start).collect();
        let offset = |start: &Option<i64>| start.map_or(Offset::Beginning, Offset::Offset);
        let list = topics::list(partitions.iter().zip(starts.iter().map(offset)))?;
        let assigned = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(&list),
            _ => consumer.assign(&list),
        };
        assigned.map_err(|e| failed(&e, "assigning partitions"))?;
        // librdkafka keeps paused what was paused when it was let go of.
        let (paused, others): (Vec<_>, Vec<_>) = partitions.iter().cloned().partition(|p| self.paused.contains(p));
        self.seeks.retain(|p, _| !partitions.contains(p));
        self.held.extend(partitions);
        self.switch(&paused, true)?;
        self.switch(&others, false)
    }

    fn let_go(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        let consumer = self.consumer()?;
        let done = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                let list = topics::list(partitions.iter().map(|p| (p, Offset::Invalid)))?;
                consumer.incremental_unassign(&list)
            }
            _ => consumer.unassign(),
        };
        done.map_err(|e| failed(&e, "letting go of partitions"))?;
        let gone = |p: &TopicPartition| partitions.contains(p);
        self.held.retain(|p| !gone(p));
        self.paused.retain(|p| !gone(p));
        self.seeks.retain(|p, _| !gone(p));
        Ok(())
    }

    /// librdkafka refuses to seek a partition that it is only starting to read: such a one is asked again.
    fn apply_seeks(&mut self) -> Result<(), BrokerError> {
        let due: Vec<_> = self.seeks.iter().filter(|(p, _)| self.held.contains(*p)).collect();
        if due.is_empty() {
            return Ok(());
        }
        let list = topics::list(due.into_iter().map(|(p, offset)| (p, Offset::Offset(*offset))))?;
        let sought = self.consumer()?.seek_partitions(list, topics::ANSWER).map_err(|e| failed(&e, "seeking"))?;
        for element in sought.elements() {
            let partition =
                TopicPartition::new(element.topic(), u32::try_from(element.partition()).unwrap_or_default());
            match element.error() {
                Ok(()) => drop(self.seeks.remove(&partition)),
                Err(error) if error.rdkafka_error_code().is_some_and(errors::is_passing) => {}
                Err(error) => return Err(self.topics.error_at(&error, "seeking", &partition)),
            }
        }
        Ok(())
    }

    /// Pauses or resumes those that are held; the others are when they come.
    fn switch(&self, partitions: &[TopicPartition], pause: bool) -> Result<(), BrokerError> {
        let held = partitions.iter().filter(|p| self.held.contains(*p));
        let list = topics::list(held.map(|p| (p, Offset::Invalid)))?;
        if list.count() == 0 {
            return Ok(());
        }
        let consumer = self.consumer()?;
        if !pause {
            // librdkafka pauses on a thread of its own, and takes no notice of who resumes before it has come to that: it is asked for
            // something that it answers after.
            consumer.assignment().map_err(|e| failed(&e, "the assignment"))?;
        }
        let done = if pause { consumer.pause(&list) } else { consumer.resume(&list) };
        done.map_err(|e| failed(&e, if pause { "pausing" } else { "resuming" }))
    }

    /// Whether the server has taken this member in and has nothing for it, which is to be told once.
    fn has_nothing(&mut self) -> bool {
        let First::Awaited(since) = self.first else { return false };
        if self.config.group_protocol != GroupProtocol::Consumer {
            return false;
        }
        let since = (self.group_metadata().generation > 0).then(|| since.unwrap_or_else(Instant::now));
        let silent = since.is_some_and(|since| since.elapsed() >= SILENCE);
        self.first = if silent { First::Told } else { First::Awaited(since) };
        silent
    }

    /// Tells the engine of a rebalance.
    fn tell(&mut self, change: Change) -> Result<Polled, BrokerError> {
        self.first = First::Told;
        let told = match &change {
            Change::Assign(partitions) => {
                if self.intake.take_session_lost() {
                    self.rejoined = Some(Instant::now() + self.config.session_timeout);
                }
                Polled::Assigned(partitions.clone())
            }
            Change::Lost(partitions) => return Ok(Polled::Lost(partitions.clone())),
            Change::Revoke(partitions) if self.consumer()?.assignment_lost() => {
                let partitions = partitions.clone();
                self.let_go(&partitions)?;
                return Ok(Polled::Lost(partitions));
            }
            Change::Revoke(partitions) => Polled::Revoked(partitions.clone()),
        };
        self.told = Some(change);
        Ok(told)
    }

    /// Whether its session was lost, and it has not been a member again for long.
    fn may_be_its_own_twin(&mut self) -> bool {
        self.intake.take_session_lost() || self.rejoined.take().is_some_and(|until| Instant::now() < until)
    }

    /// An error that librdkafka does not get over by itself, or that someone should know of.
    fn error(&mut self, error: QueueError) -> Result<(), BrokerError> {
        let fatal = self.consumer()?.client().fatal_error().map(|(code, _)| code);
        match (fatal.unwrap_or(error.code), error.partition) {
            (Code::UnreleasedInstanceId, _) => {
                // The member of the same instance that was here before is still waited for (KIP-848).
                tracing::info!("group {} still waits for an earlier {}: trying again", self.group, self.client_id);
                std::thread::sleep(SOON);
                self.connect()
            }
            (Code::FencedInstanceId, _) if self.may_be_its_own_twin() => {
                // Once its session is over librdkafka forgets its member id, and its next heartbeat, sent without one, is
                // answered like that of a twin. So is what it sends after a broker that was frozen has come to answer two of its
                // requests to join, the one that it had given up first. Joining again settles it; a real twin then fences one of
                // the two for good.
                tracing::warn!("group {}: the session is over, {} joins again", self.group, self.client_id);
                self.start_anew()
            }
            (Code::FencedInstanceId, _) => Err(BrokerError::Fatal(format!(
                "another consumer of group {} runs as {}: give each instance an id of its own (worker.instance_id)",
                self.group, self.client_id
            ))),
            (Code::AutoOffsetReset | Code::OffsetOutOfRange, Some(partition)) => {
                let (low, high) = self.topics.watermarks(&partition)?;
                let committed = topics::committed(self.consumer()?, std::slice::from_ref(&partition))?;
                let offset = committed.first().copied().flatten().unwrap_or_default();
                Err(BrokerError::OffsetOutOfRange { partition, offset, low, high })
            }
            (code, _) if errors::is_passing(code) || errors::is_unknown(code) => {
                tracing::debug!("consumer of {}: {}", self.group, error.message);
                Ok(())
            }
            (Code::PollExceeded, _) => {
                tracing::warn!("group {}: not polled in time, partitions are lost: {}", self.group, error.message);
                Ok(())
            }
            (code, _) if fatal.is_none() && errors::is_fenced(code) => {
                // The member joins again; what it held is told as lost.
                tracing::info!("group {}: {}", self.group, error.message);
                Ok(())
            }
            (code, _) => {
                Err(BrokerError::Fatal(format!("consumer of group {}: {} ({code})", self.group, error.message)))
            }
        }
    }
}

impl Consumer for KafkaConsumer {
    fn subscribe(&mut self, topics: &[TopicName]) -> Result<(), BrokerError> {
        for topic in topics {
            self.topics.check(&TopicPartition::new(topic.clone(), 0))?;
        }
        self.subscription = topics.to_vec();
        self.join()
    }

    fn poll(&mut self, timeout: Duration) -> Result<Polled, BrokerError> {
        self.settle()?;
        self.apply_seeks()?;
        if let Some(change) = self.waiting.pop_front() {
            return self.tell(change);
        }
        let queue = Arc::clone(&self.client.as_ref().ok_or_else(|| BrokerError::Closed(self.group.clone()))?.queue);
        let timeout = match self.first {
            _ if !self.seeks.is_empty() => timeout.min(SOON),
            First::Awaited(_) => timeout.min(SILENCE),
            First::Told => timeout,
        };
        let change = match self.intake.fill(&queue, timeout) {
            None => None,
            Some(News::Assign(partitions)) => Some(Change::Assign(partitions)),
            Some(News::Revoke(partitions)) => Some(Change::Revoke(partitions)),
            Some(News::Error(error)) => {
                self.error(error)?;
                None
            }
        };
        if self.intake.take_silence() {
            silence::revive(self.consumer()?.client(), &self.config);
        }
        // What was fetched before a seek was taken is not what was asked for.
        let (seeks, paused) = (&self.seeks, &self.paused);
        let batches = self.intake.take(|p| !seeks.contains_key(p) && !paused.contains(p));
        if !batches.is_empty() {
            self.waiting.extend(change);
            return Ok(Polled::Batches(batches));
        }
        // What the error has led to is told at once: until then the engine takes itself for a member.
        let change = change.or_else(|| self.waiting.pop_front());
        match change {
            Some(change) => self.tell(change),
            None if self.has_nothing() => Ok(Polled::Assigned(Vec::new())),
            None => Ok(Polled::Nothing),
        }
    }

    fn waker(&self) -> Waker {
        let queue = Arc::clone(&self.queue);
        Arc::new(move || {
            let queue = queue.lock().upgrade();
            if let Some(queue) = queue {
                queue.wake();
            }
        })
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.paused.extend(partitions.iter().cloned());
        self.switch(partitions, true)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.paused.retain(|p| !partitions.contains(p));
        self.switch(partitions, false)
    }

    fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.seeks.insert(partition.clone(), offset);
        Ok(())
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, BrokerError> {
        topics::committed(self.consumer()?, partitions)
    }

    fn commit(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let list = topics::list(offsets.iter().map(|(p, offset)| (p, Offset::Offset(*offset))))?;
        self.consumer()?.commit(&list, CommitMode::Async).map_err(|e| failed(&e, "committing offsets"))
    }

    fn group_metadata(&self) -> GroupMetadata {
        let known = self.client.as_ref().and_then(|c| native::group_metadata(&c.consumer));
        // One that is no member (yet, or any more) must be refused: without a member id a commit would be taken unchecked.
        known.filter(|known| !known.member.is_empty()).unwrap_or_else(|| GroupMetadata {
            group: self.group.clone(),
            member: "gone".to_owned(),
            generation: 0,
        })
    }

    fn leave(&mut self) -> Result<(), BrokerError> {
        self.waiting.clear();
        self.told = None;
        // Dropping the client closes it, which tells the group unless the member is a static one.
        self.client = None;
        Ok(())
    }
}

fn failed(error: &KafkaError, what: &str) -> BrokerError {
    errors::from_error(error, what)
}
