//! A transactional producer.
//!
//! A thread serves librdkafka's queue: deliveries are counted there, so that a commit waits for the last one and then calls
//! librdkafka once, with nothing in flight; rdkafka's own way of waiting would cost every commit up to 100 ms.
//!
//! librdkafka tries EndTxn again by itself when the connection breaks, under the same epoch, and then answers that all is
//! well; but the first request may be on its way still and end the *next* transaction (it lacks KIP-890). It does say so in
//! its log: one `ENDTXN` line for each answer. A commit or an abort whose lines are not a single success is suspect, and so is the
//! producer, which its owner then drops: a new one of the same id fences whatever is still on its way.
//!
//! The end of a transaction (offsets, the last deliveries, EndTxn) may take as long as a transaction may last; what takes longer
//! is suspect too, as librdkafka goes on with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rdkafka::ClientContext;
use rdkafka::Offset;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{Producer as _, ProducerContext, ThreadedProducer};
use topology::broker::{BrokerError, GroupMetadata, TopicName, TopicPartition, TransactionalProducer};
use topology::{RecordBatch, RecordRef};

use super::config::KafkaConfig;
use super::patience::{Kept, within};
use super::topics::{self, Topics, number};
use super::{context, errors, native};

/// How long a line of librdkafka's log may take from the commit or the abort that wrote it; without it either is suspect.
const LOG_LINE: Duration = Duration::from_secs(5);

pub(super) struct KafkaTransactionalProducer {
    topics: Arc<Topics>,
    /// Those that were written to. Before the client, so that they are given back before it ends.
    known: Vec<(TopicName, native::Topic)>,
    producer: Kept<ThreadedProducer<Deliveries>>,
    state: Arc<State>,
    max_record_bytes: usize,
    timeout: Duration,
    /// When the open transaction must have ended, once its end has begun.
    deadline: Option<Instant>,
    /// Records handed over since the producer was made.
    sent: u64,
    /// True once the open transaction has something that must be committed.
    touched: bool,
    /// Why the open transaction can only be aborted.
    refused: Option<String>,
}

#[derive(Default)]
struct State {
    inner: Mutex<Delivered>,
    changed: Condvar,
}

/// What librdkafka has reported.
#[derive(Default)]
struct Delivered {
    /// Records that were delivered, or were not, since the producer was made.
    count: u64,
    /// Set while a commit waits for the count.
    wanted: Option<u64>,
    /// The open transaction's partitions and, for each, the offset after its last record.
    ends: Vec<(TopicPartition, i64)>,
    /// The first record of the open transaction that was not delivered.
    failure: Option<(Code, String)>,
    /// Answers to EndTxn since the transaction was opened: successes (an abort that needs no EndTxn is one), and others.
    ended: (u32, u32),
}

struct Deliveries(Arc<State>);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "ENDTXN" && message.contains("EndTxn returned") {
            let mut delivered = self.0.inner.lock();
            if message.contains("EndTxn returned NO_ERROR") {
                delivered.ended.0 += 1;
            } else {
                delivered.ended.1 += 1;
            }
            self.0.changed.notify_all();
        } else if facility == "TXNABORT" && message.contains("not sending EndTxn") {
            self.0.inner.lock().ended.0 += 1;
            self.0.changed.notify_all();
        }
        context::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ProducerContext for Deliveries {
    /// The place of the record's partition among [`Delivered::ends`].
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, place: usize) {
        let mut delivered = self.0.inner.lock();
        match result {
            Ok(message) => {
                if let Some((_, end)) = delivered.ends.get_mut(place) {
                    *end = message.offset() + 1;
                }
            }
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                let what = format!("a record for {}-{}", message.topic(), message.partition());
                delivered.failure.get_or_insert((code, what));
            }
        }
        delivered.count += 1;
        if delivered.wanted.is_some_and(|wanted| delivered.count >= wanted) {
            self.0.changed.notify_all();
        }
    }
}

impl KafkaTransactionalProducer {
    pub(super) fn open(config: &KafkaConfig, topics: Arc<Topics>, transactional_id: &str) -> Result<Self, BrokerError> {
        let state = Arc::new(State::default());
        let producer = config.transactions(transactional_id).create_with_context(Deliveries(Arc::clone(&state)));
        let producer: ThreadedProducer<_> = producer.map_err(|e| errors::from_error(&e, "Kafka producer"))?;
        let producer = Kept::new(producer);
        let timeout = config.transaction_timeout;
        producer.init_transactions(timeout.max(topics::ANSWER)).map_err(|e| opening(&e, transactional_id))?;
        let max_record_bytes = config.max_record_bytes;
        let (deadline, refused) = (None, None);
        let known = Vec::new();
        Ok(Self {
            topics,
            known,
            producer,
            state,
            max_record_bytes,
            timeout,
            deadline,
            sent: 0,
            touched: false,
            refused,
        })
    }

    /// When the end of the open transaction, which begins now if it has not before, must be through.
    fn deadline(&mut self) -> Instant {
        *self.deadline.get_or_insert_with(|| Instant::now() + self.timeout)
    }

    /// Where deliveries to a partition are noted.
    fn place(&self, partition: &TopicPartition) -> usize {
        let mut delivered = self.state.inner.lock();
        let known = delivered.ends.iter().position(|(p, _)| p == partition);
        known.unwrap_or_else(|| {
            delivered.ends.push((partition.clone(), 0));
            delivered.ends.len() - 1
        })
    }

    /// The place among [`Self::known`] of a topic.
    fn topic(&mut self, name: &TopicName) -> Result<usize, BrokerError> {
        if let Some(known) = self.known.iter().position(|(known, _)| known == name) {
            return Ok(known);
        }
        let topic = native::Topic::of(self.producer.client(), name);
        let topic = topic.ok_or_else(|| BrokerError::Fatal(format!("`{name}` is no topic's name")))?;
        self.known.push((name.clone(), topic));
        Ok(self.known.len() - 1)
    }

    fn send_record(
        &mut self,
        partition: &TopicPartition,
        topic: usize,
        place: usize,
        record: &RecordRef<'_>,
    ) -> Result<(), BrokerError> {
        loop {
            let handed = self.known[topic].1.produce(self.producer.client(), number(partition), record, place);
            match handed {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(());
                }
                Err(Code::QueueFull) => {
                    // Half of what is on its way, so that it is not asked for each record.
                    let count = self.state.inner.lock().count;
                    self.await_deliveries(count + (self.sent - count) / 2, Instant::now() + self.timeout)?;
                }
                // librdkafka has found out meanwhile that nothing more can be done with this producer.
                Err(Code::Fatal) => return Err(self.over(&format!("produce to {partition}"))),
                Err(code) => {
                    return Err(self.topics.error_at(&KafkaError::MessageProduction(code), "produce to", partition));
                }
            }
        }
    }

    /// What ended the producer. A new one can go on.
    fn over(&self, what: &str) -> BrokerError {
        match self.producer.client().fatal_error() {
            Some((code, why)) if errors::is_fenced(code) => BrokerError::Fenced(format!("{what}: {why}")),
            Some((_, why)) => BrokerError::Suspect(format!("{what}: {why}")),
            None => BrokerError::Suspect(format!("{what}: {}", Code::Fatal)),
        }
    }

    fn await_deliveries(&self, wanted: u64, deadline: Instant) -> Result<(), BrokerError> {
        let mut delivered = self.state.inner.lock();
        delivered.wanted = Some(wanted);
        while delivered.count < wanted {
            if self.state.changed.wait_until(&mut delivered, deadline).timed_out() && delivered.count < wanted {
                delivered.wanted = None;
                return Err(BrokerError::Unavailable(
                    "records of the transaction are not delivered in time".to_owned(),
                ));
            }
        }
        delivered.wanted = None;
        Ok(())
    }

    /// Whether EndTxn was answered once, with success, and nothing else.
    fn ended_at_once(&self) -> Result<(), BrokerError> {
        let deadline = Instant::now() + LOG_LINE;
        let mut delivered = self.state.inner.lock();
        while delivered.ended.0 == 0 {
            if self.state.changed.wait_until(&mut delivered, deadline).timed_out() {
                break;
            }
        }
        #[cfg(feature = "injected-bugs")]
        if crate::bugs::is(crate::bugs::Bug::ProducerReused) {
            return Ok(());
        }
        match delivered.ended {
            (1, 0) => Ok(()),
            (good, bad) => {
                Err(BrokerError::Suspect(format!("EndTxn was answered {good} times with success, {bad} times without")))
            }
        }
    }

    fn forget(&mut self) {
        let mut delivered = self.state.inner.lock();
        delivered.ends.clear();
        delivered.failure = None;
        delivered.ended = (0, 0);
        drop(delivered);
        (self.touched, self.refused, self.deadline) = (false, None, None);
    }
}

impl TransactionalProducer for KafkaTransactionalProducer {
    fn begin(&mut self) -> Result<(), BrokerError> {
        self.forget();
        self.producer.begin_transaction().map_err(|e| transactional(&e, "begin"))
    }

    fn send(&mut self, partition: &TopicPartition, batch: RecordBatch) -> Result<(), BrokerError> {
        // A record cannot be larger than its batch; so most batches need no look at their records.
        if batch.bytes().len() > self.max_record_bytes {
            let check = |r: RecordRef<'_>| BrokerError::check_size(partition, r.content_bytes(), self.max_record_bytes);
            if let Err(error) = batch.iter().try_for_each(check) {
                self.refused = Some(error.to_string());
                return Err(error);
            }
        }
        let place = self.place(partition);
        let topic = self.topic(&partition.topic)?;
        self.touched = true;
        for record in &batch {
            self.send_record(partition, topic, place, &record)?;
        }
        Ok(())
    }

    fn send_offsets(&mut self, offsets: &[(TopicPartition, i64)], group: &GroupMetadata) -> Result<(), BrokerError> {
        if offsets.is_empty() {
            return Ok(());
        }
        self.touched = true;
        let list = topics::list(offsets.iter().map(|(p, offset)| (p, Offset::Offset(*offset))))?;
        let (producer, member) = (self.producer.share(), group.clone());
        let sent = within(left(self.deadline()), move || native::send_offsets(producer.client(), &list, &member));
        let overdue = || BrokerError::Suspect(format!("offsets of group {} are not taken in time", group.group));
        sent.ok_or_else(overdue)?.map_err(|error| {
            let what = format!("offsets of group {}: {}", group.group, error.message);
            if errors::is_fenced(error.code) {
                BrokerError::Fenced(what)
            } else if error.requires_abort || error.retriable {
                BrokerError::Abortable(what)
            } else {
                // Fatal to this producer; a new one can go on.
                BrokerError::Suspect(what)
            }
        })
    }

    fn commit(&mut self) -> Result<Vec<(TopicPartition, i64)>, BrokerError> {
        if let Some(why) = &self.refused {
            return Err(BrokerError::Abortable(why.clone()));
        }
        let deadline = self.deadline();
        self.await_deliveries(self.sent, deadline)?;
        let failure = self.state.inner.lock().failure.take();
        if let Some((code, what)) = failure {
            let what = format!("{what} was not delivered: {code}");
            if matches!(code, Code::MessageSizeTooLarge | Code::InvalidMessageSize) {
                // It would be refused again and again: better a thread that ends and says what to do.
                return Err(BrokerError::Fatal(format!(
                    "{what}: the topic takes less than the {} bytes that a record may have; raise its max.message.bytes",
                    self.max_record_bytes
                )));
            }
            return Err(if errors::is_fenced(code) || code == Code::PurgeQueue || code == Code::Fatal {
                BrokerError::Fenced(what)
            } else {
                BrokerError::Abortable(what)
            });
        }
        self.producer.commit_transaction(left(deadline)).map_err(|e| committing(&e))?;
        if self.touched {
            self.ended_at_once()?;
        }
        Ok(std::mem::take(&mut self.state.inner.lock().ends))
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        let aborted = self.producer.abort_transaction(self.timeout).map_err(|e| transactional(&e, "abort"));
        // What was purged is reported too.
        let reported = self.await_deliveries(self.sent, Instant::now() + self.timeout);
        // One that was tried again inside may end the next transaction, as a commit may. The line of one that had nothing to end is
        // waited for too: later it would count for the next transaction.
        let ended = if aborted.is_ok() { self.ended_at_once() } else { Ok(()) };
        self.forget();
        aborted.and(reported).and(ended)
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn opening(error: &KafkaError, transactional_id: &str) -> BrokerError {
    let what = format!("opening producer {transactional_id}");
    match error {
        KafkaError::Transaction(e) if e.is_retriable() => BrokerError::Unavailable(format!("{what}: {e}")),
        KafkaError::Transaction(e) => errors::from_code(e.code(), format_args!("{what}: {e}")),
        other => errors::from_error(other, what),
    }
}

fn transactional(error: &KafkaError, what: &str) -> BrokerError {
    match error {
        KafkaError::Transaction(e) => classify(e, what),
        other => BrokerError::Suspect(format!("{what}: {other}")),
    }
}

/// After a commit that failed nobody knows whether it landed, unless someone else has taken over.
fn committing(error: &KafkaError) -> BrokerError {
    match transactional(error, "commit") {
        BrokerError::Abortable(why) => BrokerError::Suspect(why),
        other => other,
    }
}

fn classify(error: &RDKafkaError, what: &str) -> BrokerError {
    let message = format!("{what}: {error}");
    if errors::is_fenced(error.code()) {
        BrokerError::Fenced(message)
    } else if error.txn_requires_abort() {
        BrokerError::Abortable(message)
    } else {
        BrokerError::Suspect(message)
    }
}
