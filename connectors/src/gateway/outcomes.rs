//! The thread that hears outcomes: it reads `command.outcomes` from where it ended when the gateway was opened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use schemas::{Outcome, SchemaError, SchemaRegistry};
use topology::broker::{Broker, BrokerError, Fetched, Reader, TopicPartition, Waker};
use uuid::Uuid;

use super::GatewayError;
use super::waiters::Waiters;

/// How long a poll waits when there is nothing; the waker ends it early.
const IDLE_POLL: Duration = Duration::from_secs(1);

/// How long to let a broker be that cannot be reached.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// How long to wait for an outcome's schema.
const SCHEMA_WAIT: Duration = Duration::from_secs(2);

/// Starts listening; when it returns, no later outcome will be missed.
pub(super) fn listen(
    broker: &dyn Broker,
    partitions: Vec<TopicPartition>,
    registry: Arc<dyn SchemaRegistry>,
    waiters: Arc<Waiters>,
    stop: Arc<AtomicBool>,
) -> Result<(JoinHandle<()>, Waker), GatewayError> {
    let positions: Vec<(TopicPartition, i64)> = partitions
        .into_iter()
        .map(|partition| broker.watermarks(&partition).map(|(_, high)| (partition, high)))
        .collect::<Result<_, _>>()?;
    let mut reader = broker.reader()?;
    reader.assign(&positions)?;
    let wake = reader.waker();
    let thread = std::thread::Builder::new()
        .name("outcomes".to_owned())
        .spawn(move || run(reader.as_mut(), &*registry, &waiters, &stop))
        .map_err(|error| GatewayError::Unavailable(format!("no thread for outcomes: {error}")))?;
    Ok((thread, wake))
}

fn run(reader: &mut dyn Reader, registry: &dyn SchemaRegistry, waiters: &Waiters, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        match reader.poll(IDLE_POLL) {
            Ok(fetched) => fetched.iter().for_each(|fetched| hear(fetched, registry, waiters)),
            Err(BrokerError::Unavailable(why)) => {
                tracing::warn!(%why, "outcomes cannot be read at the moment");
                std::thread::park_timeout(RETRY_PAUSE);
            }
            Err(error) => {
                tracing::error!(%error, "outcomes can no longer be read; commands are refused from now on");
                waiters.fail_all(&format!("outcomes can no longer be read: {error}"));
                return;
            }
        }
    }
}

/// Decodes only what someone waits for: the key tells.
fn hear(fetched: &Fetched, registry: &dyn SchemaRegistry, waiters: &Waiters) {
    let partition = fetched.partition.partition;
    for record in &fetched.batch {
        let Some(command) = record.key.and_then(|key| Uuid::try_parse_ascii(key).ok()) else { continue };
        if !waiters.expects(command, partition) {
            continue;
        }
        let outcome = decode(registry, record.value.unwrap_or_default()).map_err(|error| {
            let at = format!("{} offset {}", fetched.partition, record.offset);
            tracing::error!(%error, %command, at, "an outcome cannot be read");
            GatewayError::Unreadable(format!("the outcome at {at} cannot be read: {error}"))
        });
        waiters.complete(command, partition, outcome);
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
