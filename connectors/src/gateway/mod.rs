//! The command gateway: commands go onto the log, and outcomes come back to whoever waits for them.
//!
//! [`CommandGateway::send`] hands a command to the log at once, in the caller's order, and returns a [`Submitted`] to
//! wait on: first until it is durable, then for its outcome. Whoever waits is registered before the command is
//! produced, so that no outcome can come too early.

mod outcomes;
mod waiters;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use schemas::{Outcome, SchemaError, SchemaRegistry, TicketCommand, UserCommand, topics};
use tokio::sync::oneshot;
use topology::Headers;
use topology::broker::{Broker, BrokerError, NewRecord, Producer, TopicName, TopicPartition, Waker, partition_for_key};
use uuid::Uuid;
use waiters::Waiters;

/// Why a command was not submitted, or its outcome not heard.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The broker does not take it at the moment; sending the same command again is safe.
    #[error("commands cannot be taken at the moment: {0}")]
    Unavailable(String),
    /// The gateway or its broker is closed.
    #[error("no more commands are taken: {0}")]
    Closed(String),
    /// Too many commands wait for their outcomes; sending the same command again later is safe.
    #[error("{in_flight} commands are waiting for their outcomes already")]
    Overloaded {
        /// How many wait.
        in_flight: usize,
    },
    /// The command is larger than a record can be.
    #[error("a command of {size_bytes} bytes exceeds the limit of {limit_bytes}")]
    TooLarge {
        /// Size of the record in bytes.
        size_bytes: usize,
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// The command cannot be written, or its outcome cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A topic that commands need does not exist.
    #[error("topic {0} does not exist")]
    MissingTopic(&'static str),
}

impl From<BrokerError> for GatewayError {
    fn from(error: BrokerError) -> Self {
        match error {
            BrokerError::TooLarge { size_bytes, limit_bytes, .. } => Self::TooLarge { size_bytes, limit_bytes },
            BrokerError::Closed(why) => Self::Closed(why),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<SchemaError> for GatewayError {
    fn from(error: SchemaError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// Commands that may wait for their outcomes at once; more are refused, which bounds the memory of a gateway.
pub const MAX_IN_FLIGHT: usize = 100_000;

/// Submits commands and hears their outcomes. One for a process; shared by all who submit.
pub struct CommandGateway {
    producer: Arc<dyn Producer>,
    registry: Arc<dyn SchemaRegistry>,
    tickets: Route,
    users: Route,
    waiters: Arc<Waiters>,
    stop: Arc<AtomicBool>,
    wake: Waker,
    listener: Option<JoinHandle<()>>,
}

/// Where commands of a kind go.
struct Route {
    partitions: Vec<TopicPartition>,
}

impl CommandGateway {
    /// Opens a gateway: the topics must exist. Outcomes are heard from now on. `registry` says which ids commands carry.
    ///
    /// # Errors
    /// A topic is missing, or the broker cannot be reached.
    pub fn open(broker: &Arc<dyn Broker>, registry: Arc<dyn SchemaRegistry>) -> Result<Arc<Self>, GatewayError> {
        let topics = broker.topics()?;
        let route = |topic: &'static str| {
            let count = *topics.get(topic).ok_or(GatewayError::MissingTopic(topic))?;
            let name: TopicName = topic.into();
            Ok::<_, GatewayError>(Route {
                partitions: (0..count).map(|p| TopicPartition::new(name.clone(), p)).collect(),
            })
        };
        let outcomes = route(topics::COMMAND_OUTCOMES)?.partitions;
        let waiters = Arc::new(Waiters::new(MAX_IN_FLIGHT));
        let stop = Arc::new(AtomicBool::new(false));
        let (listener, wake) =
            outcomes::listen(broker.as_ref(), outcomes, registry.clone(), waiters.clone(), stop.clone())?;
        Ok(Arc::new(Self {
            producer: broker.producer()?,
            registry,
            tickets: route(topics::TICKET_COMMANDS)?,
            users: route(topics::USER_COMMANDS)?,
            waiters,
            stop,
            wake,
            listener: Some(listener),
        }))
    }

    /// Hands a command to the log without waiting. Commands of one caller to one project keep their order.
    ///
    /// # Errors
    /// It was not taken: nothing was written.
    pub fn send(&self, command: &TicketCommand) -> Result<Submitted, GatewayError> {
        let mut key = [0; uuid::fmt::Hyphenated::LENGTH];
        let key = command.project_id().hyphenated().encode_lower(&mut key);
        self.produce(&self.tickets, command.command_id(), key.as_bytes(), |out| {
            command.encode_with(&*self.registry, out)
        })
    }

    /// As [`Self::send`], for a command about a user.
    ///
    /// # Errors
    /// It was not taken: nothing was written.
    pub fn send_user(&self, command: &UserCommand) -> Result<Submitted, GatewayError> {
        self.produce(&self.users, command.command_id(), command.user_key().as_bytes(), |out| {
            command.encode_with(&*self.registry, out)
        })
    }

    /// Submits a command, and comes back when it is durable in the log.
    ///
    /// # Errors
    /// It was not taken, or not written. [`GatewayError::Unavailable`] can mean that it was written nevertheless; as the
    /// command id is the idempotency key, the same command can be sent again.
    pub async fn submit(&self, command: &TicketCommand) -> Result<Submitted, GatewayError> {
        let mut submitted = self.send(command)?;
        submitted.durable().await?;
        Ok(submitted)
    }

    /// As [`Self::submit`], for a command about a user.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn submit_user(&self, command: &UserCommand) -> Result<Submitted, GatewayError> {
        let mut submitted = self.send_user(command)?;
        submitted.durable().await?;
        Ok(submitted)
    }

    /// Whether a command was submitted here and its outcome has not come yet, whether or not someone still waits.
    #[must_use]
    pub fn is_pending(&self, command: Uuid) -> bool {
        self.waiters.is_pending(command)
    }

    /// How many commands' outcomes have not come yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.waiters.len()
    }

    /// Takes no more commands; outcomes of those under way are still heard.
    pub fn close(&self) {
        self.waiters.close("the gateway is shutting down");
    }

    fn produce(
        &self,
        route: &Route,
        command: Uuid,
        key: &[u8],
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), SchemaError>,
    ) -> Result<Submitted, GatewayError> {
        thread_local!(static VALUE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
        #[expect(clippy::cast_possible_truncation, reason = "partition counts are u32 in the broker")]
        let partition = &route.partitions[partition_for_key(key, route.partitions.len() as u32) as usize];
        VALUE.with_borrow_mut(|value| {
            value.clear();
            encode(value)?;
            let (ticket, outcome) = self.waiters.register(command, partition.partition)?;
            let (on_durable, durable) = oneshot::channel();
            let waiters = self.waiters.clone();
            let delivery = Box::new(move |written: Result<_, BrokerError>| {
                let result = written.map(|_| ()).map_err(GatewayError::from);
                if let Err(error) = &result {
                    waiters.withdraw(command, ticket, error);
                }
                // Whoever sent it may have gone; then no one asks.
                let _ = on_durable.send(result);
            });
            let record =
                NewRecord { timestamp: now_ms(), key: Some(key), value: Some(value), headers: &Headers::new() };
            self.producer.send(partition, record, delivery).map_err(|error| {
                let error = GatewayError::from(error);
                self.waiters.withdraw(command, ticket, &error);
                error
            })?;
            Ok(Submitted { command_id: command, durable: Some(durable), outcome })
        })
    }
}

impl Drop for CommandGateway {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        (self.wake)();
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        self.waiters.fail_all("the gateway has shut down");
    }
}

/// A command on its way. Dropping it is fine: the command goes on, only no one waits.
#[derive(Debug)]
pub struct Submitted {
    command_id: Uuid,
    durable: Option<oneshot::Receiver<Result<(), GatewayError>>>,
    outcome: oneshot::Receiver<Result<Outcome, GatewayError>>,
}

impl Submitted {
    /// Id of the command.
    #[must_use]
    pub fn command_id(&self) -> Uuid {
        self.command_id
    }

    /// Waits until the command is durable in the log. Can be cancelled and called again.
    ///
    /// # Errors
    /// It was not written, or nobody knows.
    pub async fn durable(&mut self) -> Result<(), GatewayError> {
        let Some(durable) = &mut self.durable else { return Ok(()) };
        let result = durable.await.unwrap_or_else(|_| Err(gone()));
        self.durable = None;
        result
    }

    /// Waits for the outcome. Can be cancelled and called again, until it has answered.
    ///
    /// # Errors
    /// The command was not written, or the gateway was closed.
    pub async fn outcome(&mut self) -> Result<Outcome, GatewayError> {
        (&mut self.outcome).await.unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> GatewayError {
    GatewayError::Closed("the gateway has shut down".to_owned())
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
