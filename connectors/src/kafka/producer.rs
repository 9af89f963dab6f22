//! A producer without transactions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use topology::broker::{BrokerError, Delivery, NewRecord, Producer, TopicPartition, Written};

use super::config::KafkaConfig;
use super::patience::Kept;
use super::silence::{self, Silence};
use super::topics::{Topics, number};
use super::{context, errors, headers};

/// How long a caller waits for room in a full queue.
const ROOM: Duration = Duration::from_secs(30);

pub(super) struct KafkaProducer {
    producer: Kept<ThreadedProducer<Deliveries>>,
    room: Arc<Room>,
    topics: Arc<Topics>,
    config: KafkaConfig,
}

/// Told whenever the queue has become shorter.
#[derive(Default)]
struct Room {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    /// Records that have left the queue, wherever they went.
    delivered: u64,
    silence: Silence,
}

/// What librdkafka calls back.
struct Deliveries(Arc<Room>);

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        context::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(Code::AllBrokersDown) {
            self.0.progress.lock().silence.begins();
        }
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ProducerContext for Deliveries {
    // The mutex only makes the callback something that librdkafka's threads may share.
    type DeliveryOpaque = Box<Mutex<Delivery>>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Box<Mutex<Delivery>>) {
        let mut progress = self.0.progress.lock();
        progress.delivered += 1;
        if result.is_ok() {
            progress.silence.ends();
        }
        drop(progress);
        let written = match result {
            Ok(m) => Ok(Written { offset: m.offset(), timestamp: m.timestamp().to_millis().unwrap_or_default() }),
            Err((error, _)) => Err(errors::from_error(error, "produce")),
        };
        delivery.into_inner()(written);
        self.0.changed.notify_all();
    }
}

impl KafkaProducer {
    pub(super) fn open(config: &KafkaConfig, topics: Arc<Topics>) -> Result<Self, BrokerError> {
        let room = Arc::new(Room::default());
        let producer = config.producing("producer").create_with_context(Deliveries(room.clone()));
        let producer = Kept::new(producer.map_err(|e| errors::from_error(&e, "Kafka producer"))?);
        Ok(Self { producer, room, topics, config: config.clone() })
    }
}

impl Producer for KafkaProducer {
    fn send(&self, partition: &TopicPartition, record: NewRecord<'_>, delivery: Delivery) -> Result<(), BrokerError> {
        BrokerError::check_size(partition, record.content_bytes(), self.config.max_record_bytes)?;
        self.topics.check(partition)?;
        let mut message = BaseRecord::with_opaque_to(&partition.topic, Box::new(Mutex::new(delivery)))
            .partition(number(partition))
            .timestamp(record.timestamp);
        (message.key, message.payload) = (record.key, record.value);
        message.headers = headers(record.headers.iter());
        let deadline = Instant::now() + ROOM;
        loop {
            let (seen, silent) = {
                let mut progress = self.room.progress.lock();
                (progress.delivered, progress.silence.is_too_long())
            };
            if silent {
                silence::revive(rdkafka::producer::Producer::client(&*self.producer), &self.config);
            }
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), refused)) if Instant::now() < deadline => {
                    message = refused;
                    let mut progress = self.room.progress.lock();
                    if progress.delivered == seen {
                        self.room.changed.wait_until(&mut progress, deadline);
                    }
                }
                Err((error, _)) => return Err(self.topics.error_at(&error, "produce to", partition)),
            }
        }
    }
}
