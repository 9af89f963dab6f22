//! The thread that hears outcomes: it reads `command.outcomes` from where it ended when the gateway was opened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use schemas::topics::REPLY_TO_HEADER;
use schemas::{Outcome, SchemaError, SchemaRegistry};
use topology::broker::{Broker, BrokerError, Fetched, Reader, TopicPartition, Waker};
use topology::trace::Tracing;
use uuid::Uuid;

use super::GatewayError;
use super::waiters::Waiters;
use crate::traced;

/// How long a poll waits when there is nothing; the waker ends it early.
const IDLE_POLL: Duration = Duration::from_secs(1);

/// How long to let a broker be that cannot be reached.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// How long to wait for an outcome's schema.
const SCHEMA_WAIT: Duration = Duration::from_secs(2);

/// Whose outcomes are listened for, and who gets them.
pub(super) struct Ear {
    pub(super) reply_to: Vec<u8>,
    pub(super) registry: Arc<dyn SchemaRegistry>,
    pub(super) waiters: Arc<Waiters>,
    pub(super) tracing: Tracing,
    pub(super) stop: Arc<AtomicBool>,
}

/// Starts listening; when it returns, no later outcome will be missed.
pub(super) fn listen(
    broker: &Arc<dyn Broker>,
    partitions: Vec<TopicPartition>,
    ear: Ear,
) -> Result<(JoinHandle<()>, Waker), GatewayError> {
    let positions = ends(broker.as_ref(), &partitions)?;
    let mut reader = broker.reader()?;
    reader.assign(&positions)?;
    let wake = reader.waker();
    let broker = Arc::clone(broker);
    let thread = std::thread::Builder::new()
        .name("outcomes".to_owned())
        .spawn(move || run(reader.as_mut(), &*broker, &partitions, &ear))
        .map_err(|error| GatewayError::Unavailable(format!("no thread for outcomes: {error}")))?;
    Ok((thread, wake))
}

fn ends(broker: &dyn Broker, partitions: &[TopicPartition]) -> Result<Vec<(TopicPartition, i64)>, BrokerError> {
    partitions.iter().map(|partition| Ok((partition.clone(), broker.watermarks(partition)?.1))).collect()
}

fn run(reader: &mut dyn Reader, broker: &dyn Broker, partitions: &[TopicPartition], ear: &Ear) {
    let mut lost = false;
    while !ear.stop.load(Ordering::Acquire) {
        let polled = if lost {
            ends(broker, partitions).and_then(|ends| reader.assign(&ends)).map(|()| Vec::new())
        } else {
            reader.poll(IDLE_POLL)
        };
        match polled {
            Ok(fetched) => {
                lost = false;
                fetched.iter().for_each(|fetched| ear.hear(fetched));
            }
            Err(BrokerError::Unavailable(why)) => {
                tracing::warn!(%why, "outcomes cannot be read at the moment");
                std::thread::park_timeout(RETRY_PAUSE);
            }
            Err(error @ BrokerError::OffsetOutOfRange { .. }) => {
                // What is not in the log can be heard by no one: who waits for it is answered "look later".
                tracing::warn!(%error, "outcomes were removed before they were heard; going on at the end");
                lost = true;
            }
            Err(error) => {
                tracing::error!(%error, "outcomes can no longer be read; commands are refused from now on");
                ear.waiters.fail_all(&format!("outcomes can no longer be read: {error}"));
                return;
            }
        }
    }
}

impl Ear {
    /// Passes by what is for others; decodes only what someone waits for: the key tells.
    fn hear(&self, fetched: &Fetched) {
        let partition = fetched.partition.partition;
        for record in &fetched.batch {
            if record.headers.last(REPLY_TO_HEADER) != Some(&*self.reply_to) {
                continue;
            }
            let Some(command) = record.key.and_then(|key| Uuid::try_parse_ascii(key).ok()) else { continue };
            if !self.waiters.expects(command, partition) {
                continue;
            }
            let span = traced::read(&self.tracing, "receive", &fetched.partition, &record);
            let outcome = decode(&*self.registry, record.value.unwrap_or_default()).map_err(|error| {
                let at = format!("{} offset {}", fetched.partition, record.offset);
                tracing::error!(%error, %command, at, "an outcome cannot be read");
                GatewayError::Unreadable(format!("the outcome at {at} cannot be read: {error}"))
            });
            // Before whoever waits goes on, so that what it ends has ended after this.
            drop(span);
            self.waiters.complete(command, partition, outcome);
        }
    }
}

/// Only a newer version of this software writes outcomes whose schema has to be asked for; then all wait for a moment.
fn decode(registry: &dyn SchemaRegistry, value: &[u8]) -> Result<Outcome, SchemaError> {
    match Outcome::decode_with(registry, value) {
        Err(SchemaError::RegistryUnreachable { id, .. }) => {
            registry.wait_for(id, SCHEMA_WAIT);
            Outcome::decode_with(registry, value)
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use schemas::EmbeddedRegistry;
    use topology::{BatchBuilder, Headers};

    use super::*;

    #[test]
    fn should_pass_by_what_others_wait_for_without_looking_into_it() {
        const FOREIGN: u32 = 200_000;
        let command = Uuid::from_u128(1);
        let waiters = Arc::new(Waiters::new(10));
        let (_, mut waiting) = waiters.register(command, 0).expect("room");
        let stop = Arc::new(AtomicBool::new(false));
        let ear = Ear {
            reply_to: b"me".to_vec(),
            registry: Arc::new(EmbeddedRegistry),
            waiters,
            tracing: Tracing::off(),
            stop,
        };
        let mut batch = BatchBuilder::new();
        let headers = |who: &str| {
            let mut headers = Headers::new();
            headers.push("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
            headers.push(REPLY_TO_HEADER, who);
            headers
        };
        let (others, mine, key) = (headers("9f2c7c1e-0a43-4a37-8a39-3f5f4d6f3c11"), headers("me"), command.to_string());
        // The very command that is waited for, and bytes that are no outcome: reading them would be seen.
        for offset in 0..i64::from(FOREIGN) {
            batch.push_at(offset, 0, Some(key.as_bytes()), Some(b"no outcome"), &others);
        }
        let begun = Instant::now();
        ear.hear(&Fetched { partition: TopicPartition::new("command.outcomes", 0), batch: batch.finish() });
        println!("{:?} for each outcome of another process", begun.elapsed() / FOREIGN);
        assert!(waiting.try_recv().is_err(), "no one has answered");
        batch.push_at(0, 0, Some(key.as_bytes()), Some(b"no outcome"), &mine);
        ear.hear(&Fetched { partition: TopicPartition::new("command.outcomes", 0), batch: batch.finish() });
        assert!(matches!(waiting.try_recv(), Ok(Err(GatewayError::Unreadable(_)))), "this one is for me");
    }
}
