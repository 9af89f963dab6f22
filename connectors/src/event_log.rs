//! Events, mails, deliveries and outcomes on any broker, as `verify` reads them: from their start to where they ended when they were opened.

use std::sync::Arc;
use std::time::Duration;

use schemas::reader::{EventLog, ReadError};
use schemas::topics::{
    COMMAND_OUTCOMES, EMAIL_OUTBOX, EMAIL_RESULTS, NOTIFICATIONS, TICKET_EVENTS, USER_EVENTS, WEBHOOK_RESULTS,
};
use schemas::{
    DeliveryResult, Mail, MailResult, Notification, Outcome, SchemaError, SchemaRegistry, TicketEvent, UserEvent,
};
use topology::broker::{Broker, BrokerError, TopicPartition};

/// How long to wait for records that the broker says are there.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much later an outcome, a mail or a delivery may have been decided than one that lies after it: two tasks write to one partition, and one of
/// them may have been behind.
const OUT_OF_ORDER_MS: i64 = 60 * 60 * 1_000;

const TOPICS: [&str; 7] =
    [TICKET_EVENTS, USER_EVENTS, NOTIFICATIONS, EMAIL_OUTBOX, EMAIL_RESULTS, WEBHOOK_RESULTS, COMMAND_OUTCOMES];

/// The records up to a moment.
pub struct BrokerEventLog {
    broker: Arc<dyn Broker>,
    registry: Arc<dyn SchemaRegistry>,
    ends: Vec<(TopicPartition, i64)>,
}

impl BrokerEventLog {
    /// Notes where the topics end now; what is written later is not read. `registry` knows the records' schemas.
    ///
    /// # Errors
    /// The broker cannot be asked.
    pub fn open(broker: Arc<dyn Broker>, registry: Arc<dyn SchemaRegistry>) -> Result<Self, BrokerError> {
        let topics = broker.topics()?;
        let mut ends = Vec::new();
        for topic in TOPICS {
            for partition in 0..topics.get(topic).copied().unwrap_or_default() {
                let partition = TopicPartition::new(topic, partition);
                let end = broker.watermarks(&partition)?.1;
                ends.push((partition, end));
            }
        }
        Ok(Self { broker, registry, ends })
    }

    /// Where each partition ended when this was opened.
    #[must_use]
    pub fn ends(&self) -> &[(TopicPartition, i64)] {
        &self.ends
    }

    /// The same topics, up to these offsets of the next record; a partition that is not named is empty.
    #[must_use]
    pub fn up_to(mut self, offsets: &[(TopicPartition, i64)]) -> Self {
        for (partition, end) in &mut self.ends {
            *end = offsets.iter().find(|(p, _)| p == partition).map_or(0, |(_, next)| *next);
        }
        self
    }

    fn read(&self, topic: &str, each: &mut dyn FnMut(&[u8]) -> Result<(), String>) -> Result<(), ReadError> {
        for (partition, end) in self.ends.iter().filter(|(p, _)| *p.topic == *topic) {
            self.read_partition(partition, *end, each)?;
        }
        Ok(())
    }

    /// Gives the offset at which the partition began when it was read.
    fn read_partition(
        &self,
        partition: &TopicPartition,
        end: i64,
        each: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<i64, ReadError> {
        let failed = |reason: String| ReadError { what: partition.topic.to_string(), reason };
        let mut reader = self.broker.reader().map_err(|e| failed(e.to_string()))?;
        let (low, _) = self.broker.watermarks(partition).map_err(|e| failed(e.to_string()))?;
        let mut next = low;
        reader.assign(&[(partition.clone(), next)]).map_err(|e| failed(e.to_string()))?;
        while next < end {
            let fetched = reader.poll(PATIENCE).map_err(|e| failed(e.to_string()))?;
            if fetched.is_empty() {
                return Err(failed(format!("{partition} should reach offset {end} but stops at {next}")));
            }
            for piece in fetched {
                for record in piece.batch.iter().filter(|r| r.offset < end) {
                    let Some(value) = record.value else { continue };
                    each(value).map_err(|e| failed(format!("{partition} at offset {}: {e}", record.offset)))?;
                }
                next = piece.batch.next_offset();
            }
        }
        Ok(low)
    }
}

impl EventLog for BrokerEventLog {
    fn ticket_events(&self, each: &mut dyn FnMut(TicketEvent)) -> Result<(), ReadError> {
        self.read(TICKET_EVENTS, &mut |bytes| self.decode(bytes, TicketEvent::decode_with).map(&mut *each))
    }

    fn user_events(&self, each: &mut dyn FnMut(UserEvent)) -> Result<(), ReadError> {
        self.read(USER_EVENTS, &mut |bytes| self.decode(bytes, UserEvent::decode_with).map(&mut *each))
    }

    fn notifications(&self, each: &mut dyn FnMut(Notification)) -> Result<(), ReadError> {
        self.read(NOTIFICATIONS, &mut |bytes| self.decode(bytes, Notification::decode_with).map(&mut *each))
    }

    fn mails(&self, requested: &mut dyn FnMut(Mail), decided: &mut dyn FnMut(MailResult)) -> Result<i64, ReadError> {
        let requested = self.read_kept(EMAIL_OUTBOX, &mut |_, bytes| {
            let mail = self.decode(bytes, Mail::decode_with)?;
            let Mail::MailRequested(request) = &mail;
            let at = request.published_at;
            requested(mail);
            Ok(at)
        })?;
        let decided = self.read_kept(EMAIL_RESULTS, &mut |_, bytes| {
            let result = self.decode(bytes, MailResult::decode_with)?;
            let at = match &result {
                MailResult::MailSent(sent) => sent.published_at,
                MailResult::MailFailed(failed) => failed.published_at,
            };
            decided(result);
            Ok(at)
        })?;
        // What became of a mail is decided after it was asked for.
        Ok(requested.max(decided))
    }

    fn deliveries(&self, each: &mut dyn FnMut(DeliveryResult)) -> Result<i64, ReadError> {
        self.read_kept(WEBHOOK_RESULTS, &mut |_, bytes| {
            let result = self.decode(bytes, DeliveryResult::decode_with)?;
            let at = match &result {
                DeliveryResult::DeliverySucceeded(told) => told.published_at,
                DeliveryResult::DeliveryFailed(told) => told.published_at,
            };
            each(result);
            Ok(at)
        })
    }

    fn outcomes(&self, each: &mut dyn FnMut(u32, Outcome)) -> Result<i64, ReadError> {
        self.read_kept(COMMAND_OUTCOMES, &mut |partition, bytes| {
            let outcome = self.decode(bytes, Outcome::decode_with)?;
            let at = outcome.decided_at();
            each(partition, outcome);
            Ok(at)
        })
    }
}

impl BrokerEventLog {
    /// Reads a topic whose records are not kept for ever; `each` says of which time a record is. Gives the time since when all are there.
    fn read_kept(
        &self,
        topic: &str,
        each: &mut dyn FnMut(u32, &[u8]) -> Result<i64, String>,
    ) -> Result<i64, ReadError> {
        let mut since = i64::MIN;
        for (partition, end) in self.ends.iter().filter(|(p, _)| *p.topic == *topic) {
            let mut first = None;
            let low = self.read_partition(partition, *end, &mut |bytes| {
                let at = each(partition.partition, bytes)?;
                first.get_or_insert(at);
                Ok(())
            })?;
            if low > 0 {
                since = since.max(first.map_or(i64::MAX, |first| first.saturating_add(OUT_OF_ORDER_MS)));
            }
        }
        Ok(since)
    }

    /// Decodes a record, after waiting for its schema if it has to be asked for.
    fn decode<T>(
        &self,
        bytes: &[u8],
        decode: impl Fn(&dyn SchemaRegistry, &[u8]) -> Result<T, SchemaError>,
    ) -> Result<T, String> {
        let mut decoded = decode(&*self.registry, bytes);
        if let Err(SchemaError::RegistryUnreachable { id, .. }) = &decoded {
            self.registry.wait_for(*id, PATIENCE);
            decoded = decode(&*self.registry, bytes);
        }
        decoded.map_err(|error| error.to_string())
    }
}
