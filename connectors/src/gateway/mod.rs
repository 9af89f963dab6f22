//! The command gateway: commands go onto the log, and outcomes come back to whoever waits for them.
//!
//! [`CommandGateway::send`] hands a command to the log at once, in the caller's order, and returns a [`Submitted`] to
//! wait on: first until it is durable, then for its outcome. Whoever waits is registered before the command is
//! produced, so that no outcome can come too early.
//!
//! Any number of gateways share the topics. Each gives itself an id when it opens and names it in the `reply-to` header of
//! its commands, which the outcome carries too. A gateway reads all outcomes, outside any group, and of those that name
//! another it looks at the header only. Refused: a topic or a partition of outcomes for each process. Processes come and
//! go, and what they leave would have to be cleaned up by someone; passing by a foreign outcome costs about 0.2 µs.
//! An outcome whose gateway has died is heard by no one; it is in the read model like any other.

mod backlog;
mod outcomes;
mod sending;
mod waiters;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use backlog::Backlog;
use outcomes::Ear;
use schemas::topics::{FINGERPRINT_HEADER, REPLY_TO_HEADER};
use schemas::{Outcome, SchemaError, SchemaRegistry, TicketCommand, UserCommand, WebhookCommand, topics};
use sending::Sending;
use tokio::sync::oneshot;
use topology::Headers;
use topology::broker::{Broker, BrokerError, NewRecord, Producer, TopicName, TopicPartition, Waker, partition_for_key};
use topology::trace::{Trace, Tracing};
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

/// Bytes of commands that may be on their way to the log at once; more are refused until some are durable.
pub const MAX_BACKLOG_BYTES: usize = 64 << 20;

/// Submits commands and hears their outcomes. One for a process; shared by all who submit.
pub struct CommandGateway {
    producer: Arc<dyn Producer>,
    registry: Arc<dyn SchemaRegistry>,
    tickets: Route,
    users: Route,
    webhooks: Route,
    waiters: Arc<Waiters>,
    backlog: Arc<Backlog>,
    /// Who waits: this gateway.
    headers: Headers,
    tracing: Tracing,
    stop: Arc<AtomicBool>,
    wake: Waker,
    listener: Option<JoinHandle<()>>,
}

/// Where commands of a kind go.
struct Route {
    partitions: Vec<TopicPartition>,
}

impl Route {
    fn of(&self, key: &[u8]) -> &TopicPartition {
        #[expect(clippy::cast_possible_truncation, reason = "partition counts are u32 in the broker")]
        let partition = partition_for_key(key, self.partitions.len() as u32);
        &self.partitions[partition as usize]
    }
}

impl CommandGateway {
    /// Opens a gateway: the topics must exist. Outcomes are heard from now on. `registry` says which ids commands carry.
    ///
    /// # Errors
    /// A topic is missing, or the broker cannot be reached.
    pub fn open(broker: &Arc<dyn Broker>, registry: Arc<dyn SchemaRegistry>) -> Result<Arc<Self>, GatewayError> {
        Self::open_traced(broker, registry, Tracing::off())
    }

    /// As [`Self::open`], with who gathers the spans of commands that are sent and outcomes that are heard.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_traced(
        broker: &Arc<dyn Broker>,
        registry: Arc<dyn SchemaRegistry>,
        tracing: Tracing,
    ) -> Result<Arc<Self>, GatewayError> {
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
        let reply_to = Uuid::new_v4().to_string().into_bytes();
        let mut headers = Headers::new();
        headers.push(REPLY_TO_HEADER, reply_to.clone());
        let ear = Ear {
            reply_to,
            registry: registry.clone(),
            waiters: waiters.clone(),
            tracing: tracing.clone(),
            stop: stop.clone(),
        };
        let (listener, wake) = outcomes::listen(broker, outcomes, ear)?;
        Ok(Arc::new(Self {
            producer: broker.producer()?,
            registry,
            tickets: route(topics::TICKET_COMMANDS)?,
            users: route(topics::USER_COMMANDS)?,
            webhooks: route(topics::WEBHOOK_COMMANDS)?,
            waiters,
            backlog: Arc::new(Backlog::new(MAX_BACKLOG_BYTES)),
            headers,
            tracing,
            stop,
            wake,
            listener: Some(listener),
        }))
    }

    /// Hands a command to the log without waiting; `trace` is what it belongs to, `fingerprint` what tells it from another one with
    /// the same id. Commands of one caller to one project keep their order.
    ///
    /// # Errors
    /// It was not taken: nothing was written.
    pub fn send(
        &self,
        command: &TicketCommand,
        trace: &Trace,
        fingerprint: Option<i64>,
    ) -> Result<Submitted, GatewayError> {
        let mut key = [0; uuid::fmt::Hyphenated::LENGTH];
        let key = command.project_id().hyphenated().encode_lower(&mut key);
        let about =
            About { route: &self.tickets, command: command.command_id(), key: key.as_bytes(), trace, fingerprint };
        self.produce(&about, |out| command.encode_with(&*self.registry, out))
    }

    /// As [`Self::send`], for a command about a user.
    ///
    /// # Errors
    /// It was not taken: nothing was written.
    pub fn send_user(
        &self,
        command: &UserCommand,
        trace: &Trace,
        fingerprint: Option<i64>,
    ) -> Result<Submitted, GatewayError> {
        let key = command.user_key().as_bytes();
        let about = About { route: &self.users, command: command.command_id(), key, trace, fingerprint };
        self.produce(&about, |out| command.encode_with(&*self.registry, out))
    }

    /// Hands over a command about webhooks, which has no outcome, and comes back when it is durable in the log.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn submit_webhook(&self, command: &WebhookCommand, trace: &Trace) -> Result<(), GatewayError> {
        let mut key = [0; uuid::fmt::Hyphenated::LENGTH];
        let key = command.owner_id().hyphenated().encode_lower(&mut key).as_bytes();
        let mut value = Vec::new();
        command.encode_with(&*self.registry, &mut value)?;
        let record = Handed { partition: self.webhooks.of(key), command: command.event_id(), key, value: &value };
        let durable = self.write(&record, &Headers::new(), trace, |_| {})?;
        durable.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Submits a command, and comes back when it is durable in the log.
    ///
    /// # Errors
    /// It was not taken, or not written. [`GatewayError::Unavailable`] can mean that it was written nevertheless; as the
    /// command id is the idempotency key, the same command can be sent again.
    pub async fn submit(&self, command: &TicketCommand) -> Result<Submitted, GatewayError> {
        let mut submitted = self.send(command, &Trace::none(), None)?;
        submitted.durable().await?;
        Ok(submitted)
    }

    /// As [`Self::submit`], for a command about a user.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn submit_user(&self, command: &UserCommand) -> Result<Submitted, GatewayError> {
        let mut submitted = self.send_user(command, &Trace::none(), None)?;
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

    /// What the `reply-to` header of this gateway's commands says: an id that no other gateway has or had.
    #[must_use]
    pub fn reply_to(&self) -> &[u8] {
        self.headers.last(REPLY_TO_HEADER).unwrap_or_default()
    }

    /// How long the log has confirmed nothing although commands wait for it; `None` if all goes well.
    #[must_use]
    pub fn stalled(&self) -> Option<Duration> {
        self.backlog.stalled(Instant::now())
    }

    /// Takes no more commands; outcomes of those under way are still heard.
    pub fn close(&self) {
        self.waiters.close("the gateway is shutting down");
    }

    fn produce(
        &self,
        about: &About<'_>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), SchemaError>,
    ) -> Result<Submitted, GatewayError> {
        thread_local!(static VALUE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
        let About { command, key, trace, .. } = *about;
        let partition = about.route.of(key);
        let with_fingerprint = about.fingerprint.map(|fingerprint| {
            let mut headers = self.headers.clone();
            headers.push(FINGERPRINT_HEADER, format!("{fingerprint:016x}"));
            headers
        });
        let headers = with_fingerprint.as_ref().unwrap_or(&self.headers);
        VALUE.with_borrow_mut(|value| {
            value.clear();
            encode(value)?;
            let (ticket, outcome) = self.waiters.register(command, partition.partition)?;
            let waiters = self.waiters.clone();
            let withdraw = move |error: &GatewayError| waiters.withdraw(command, ticket, error);
            let record = Handed { partition, command, key, value };
            let durable = self.write(&record, headers, trace, withdraw)?;
            Ok(Submitted { command_id: command, durable: Some(durable), outcome })
        })
    }

    /// Hands a record to the log; what comes back hears when it is durable. `unwritten` hears, now or later, that it was not written.
    fn write(
        &self,
        handed: &Handed<'_>,
        all: &Headers,
        trace: &Trace,
        unwritten: impl Fn(&GatewayError) + Clone + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<(), GatewayError>>, GatewayError> {
        let refused = |error: GatewayError| {
            unwritten(&error);
            error
        };
        let sending = Sending::begin(&self.tracing, handed.partition, handed.command, trace);
        let traced;
        let headers = match sending.headers(trace, all) {
            None => all,
            Some(headers) => {
                traced = headers;
                &traced
            }
        };
        let record = NewRecord { timestamp: now_ms(), key: Some(handed.key), value: Some(handed.value), headers };
        let underway = self.backlog.enter(record.content_bytes(), Instant::now()).map_err(refused)?;
        let (on_durable, durable) = oneshot::channel();
        let later = unwritten.clone();
        let delivery = Box::new(move |written: Result<_, BrokerError>| {
            let result = written.map(|_| ()).map_err(GatewayError::from);
            match &result {
                Ok(()) => underway.durable(Instant::now()),
                Err(error) => later(error),
            }
            sending.done(&result);
            // Whoever sent it may have gone; then no one asks.
            let _ = on_durable.send(result);
        });
        self.producer.send(handed.partition, record, delivery).map_err(|error| refused(error.into()))?;
        Ok(durable)
    }
}

/// A command, but for its content.
struct About<'a> {
    route: &'a Route,
    command: Uuid,
    key: &'a [u8],
    trace: &'a Trace,
    fingerprint: Option<i64>,
}

/// A record that is to be written.
struct Handed<'a> {
    partition: &'a TopicPartition,
    command: Uuid,
    key: &'a [u8],
    value: &'a [u8],
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
