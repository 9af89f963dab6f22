//! The simulation's commands (valid, refused, unreadable, repeated, on the wrong partition), written straight into the log by a plain
//! client for as long as a round lasts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use schemas::{TicketCommand, UserCommand};
use topology::broker::{Broker, BrokerError, NewRecord, Producer};
use uuid::Uuid;

use crate::commands::{Commands, Message};
use crate::pace::last;

/// Between two commands.
const EVERY: Duration = Duration::from_millis(25);
/// Longer than a client tries.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Fed {
    /// Commands that must be decided, and whether their answers take two steps.
    pub(crate) commands: BTreeMap<Uuid, bool>,
    /// How often the broker has confirmed each.
    pub(crate) confirmed: BTreeMap<Uuid, usize>,
    /// Ids in records that cannot be decided.
    pub(crate) undecidable: BTreeSet<Uuid>,
}

pub(crate) struct Feeder {
    thread: JoinHandle<Fed>,
    enough: Arc<AtomicBool>,
    confirmed: Arc<AtomicUsize>,
}

impl Feeder {
    pub(crate) fn start(broker: Arc<dyn Broker>, seed: u64) -> Self {
        let (enough, confirmed) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let thread = std::thread::spawn({
            let (enough, confirmed) = (enough.clone(), confirmed.clone());
            move || feed(&*broker, seed, &enough, &confirmed)
        });
        Self { thread, enough, confirmed }
    }

    /// How many records the broker has confirmed.
    pub(crate) fn confirmed(&self) -> usize {
        self.confirmed.load(Ordering::SeqCst)
    }

    /// Ends, once the broker has answered all.
    pub(crate) fn end(self) -> Fed {
        self.enough.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

fn feed(broker: &dyn Broker, seed: u64, enough: &AtomicBool, confirmed: &AtomicUsize) -> Fed {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut commands = Commands::new(&mut random);
    let mut fed = Fed::default();
    let mut producer = broker.producer().unwrap();
    while !enough.load(Ordering::SeqCst) {
        let message = commands.next(&mut random);
        note(&message, &mut fed);
        match send(&*producer, &message) {
            Some(true) => {
                confirmed.fetch_add(1, Ordering::SeqCst);
                message.command.into_iter().for_each(|id| *fed.confirmed.entry(id).or_default() += 1);
            }
            // What has become of it the log will tell. An idempotent producer may not go on after that.
            Some(false) => producer = broker.producer().unwrap(),
            // Kafka takes less than the simulation's log.
            None => {}
        }
        last(EVERY);
    }
    fed
}

/// Whether the broker has confirmed it; `None` if it was not sent.
fn send(producer: &dyn Producer, message: &Message) -> Option<bool> {
    let record = NewRecord {
        timestamp: 0,
        key: message.key.as_deref(),
        value: message.value.as_deref(),
        headers: &message.headers,
    };
    let (told, written) = channel();
    match producer.send(&message.partition, record, Box::new(move |result| _ = told.send(result.is_ok()))) {
        Ok(()) => Some(written.recv_timeout(PATIENCE).unwrap_or_default()),
        Err(BrokerError::TooLarge { .. }) => None,
        Err(_) => Some(false),
    }
}

fn note(message: &Message, fed: &mut Fed) {
    match message.command {
        Some(id) => _ = fed.commands.insert(id, message.two_steps()),
        None => {
            let value = message.value.as_deref().unwrap_or_default();
            fed.undecidable.extend(TicketCommand::decode(value).ok().map(|command| command.command_id()));
            fed.undecidable.extend(UserCommand::decode(value).ok().map(|command| command.command_id()));
        }
    }
}
