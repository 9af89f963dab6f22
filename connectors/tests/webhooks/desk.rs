//! A deliverer with a clock of the test's own, and what comes in and goes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::webhook::{Client, ClientConfig, Hook, HookBook, KEPT, OUTGOING, Policy, WebhooksConfig, webhooks};
use schemas::topics::{NOTIFICATIONS, TICKET_EVENTS, WEBHOOK_COMMANDS, WEBHOOK_RESULTS};
use schemas::{
    DeliveryFailed, DeliveryResult, DeliverySucceeded, EmbeddedRegistry, Notification, NotificationCreated, Occasion,
    ReplayRequested, TicketCreated, TicketEvent, TicketUpdated, WebhookCommand,
};
use topology::{OutputRecord, TestDriver};
use uuid::Uuid;

use crate::receiver::{PATIENCE, Receiver};

pub(crate) const SECRET: &str = "whsec_c2VjcmV0";
/// As often as the deliverer looks.
pub(crate) const LOOK_MS: i64 = 200;
pub(crate) const PROJECT: Uuid = Uuid::from_u128(0xa);
pub(crate) const USER: Uuid = Uuid::from_u128(0xb);

pub(crate) struct Desk {
    pub(crate) driver: TestDriver,
    pub(crate) book: Arc<HookBook>,
    /// What the clock says, in milliseconds.
    pub(crate) now: i64,
    sequence: i64,
}

impl Desk {
    pub(crate) fn new(hooks: Vec<Hook>) -> Self {
        Self::with(hooks, |_| {})
    }

    /// With another timeout, and others.
    pub(crate) fn with(hooks: Vec<Hook>, settings: impl FnOnce(&mut ClientConfig)) -> Self {
        let mut client = ClientConfig::new(Policy { allow_private: true, allow_http: true, ..Policy::default() });
        settings(&mut client);
        let client = Arc::new(Client::new(&client).unwrap());
        let book = Arc::new(HookBook::default());
        book.replace(hooks);
        let config = WebhooksConfig::new(book.clone(), client, Arc::new(EmbeddedRegistry));
        let driver = TestDriver::new(&webhooks(&config).unwrap(), 1).unwrap();
        let mut desk = Self { driver, book, now: 0, sequence: 0 };
        desk.pass(1_000_000);
        desk
    }

    /// So much time passes in which nobody looks; then they look once.
    pub(crate) fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.driver.advance_wall_clock(ms).unwrap();
    }

    /// The usual time passes, with a look as often as usual.
    pub(crate) fn run_for(&mut self, ms: i64) {
        for _ in 0..ms / LOOK_MS {
            self.pass(LOOK_MS);
        }
    }

    /// Looks until so much was said in all.
    pub(crate) fn run_until_told(&mut self, count: usize) -> Vec<DeliveryResult> {
        let end = Instant::now() + PATIENCE;
        loop {
            let results = self.results();
            if results.len() >= count {
                return results;
            }
            assert!(Instant::now() < end, "{} of {count}: {results:?}", results.len());
            self.pass(LOOK_MS);
        }
    }

    /// All that was said of deliveries.
    pub(crate) fn results(&self) -> Vec<DeliveryResult> {
        let decode = |record: &OutputRecord| DeliveryResult::decode(record.value.as_ref().unwrap()).unwrap();
        self.driver.all(WEBHOOK_RESULTS).iter().map(decode).collect()
    }

    /// How many deliveries wait, and how many are kept.
    pub(crate) fn stored(&self) -> (usize, usize) {
        let count = |store| self.driver.store_entries(store).unwrap().len();
        (count(OUTGOING), count(KEPT))
    }

    fn next_id(&mut self) -> Uuid {
        self.sequence += 1;
        Uuid::from_u128(0xe000 + self.sequence as u128)
    }

    /// A ticket is made now: the event's id.
    pub(crate) fn ticket(&mut self, title: &str) -> Uuid {
        let event = self.made(title);
        let id = event.event_id();
        self.event(&event);
        id
    }

    pub(crate) fn made(&mut self, title: &str) -> TicketEvent {
        TicketCreated {
            event_id: self.next_id(),
            correlation_id: Uuid::from_u128(0xc),
            causation_id: Uuid::from_u128(0xd),
            published_at: self.now,
            project_id: PROJECT,
            sequence: self.sequence,
            title: title.to_owned(),
            ..TicketCreated::default()
        }
        .into()
    }

    pub(crate) fn updated(&mut self) -> TicketEvent {
        let (event_id, published_at) = (self.next_id(), self.now);
        TicketUpdated {
            event_id,
            published_at,
            project_id: PROJECT,
            sequence: self.sequence,
            ..TicketUpdated::default()
        }
        .into()
    }

    pub(crate) fn event(&mut self, event: &TicketEvent) {
        let mut bytes = Vec::new();
        event.encode(&mut bytes).unwrap();
        self.pipe(TICKET_EVENTS, event.project_id(), &bytes);
    }

    /// The user is told of an event of this kind: the notification's id.
    pub(crate) fn notification(&mut self, kind: &str) -> Uuid {
        let event_id = self.next_id();
        let about = Occasion { kind: kind.to_owned(), title: "A ticket".to_owned(), ..Occasion::default() };
        let notification = Notification::from(NotificationCreated {
            event_id,
            published_at: self.now,
            user_id: USER,
            sequence: self.sequence,
            about,
            reason: "assignee".to_owned(),
            ..NotificationCreated::default()
        });
        let mut bytes = Vec::new();
        notification.encode(&mut bytes).unwrap();
        self.pipe(NOTIFICATIONS, USER, &bytes);
        event_id
    }

    /// Somebody wants a delivery again.
    pub(crate) fn replay(&mut self, delivery_id: Uuid, command: u128) {
        let command = WebhookCommand::from(ReplayRequested {
            event_id: Uuid::from_u128(command),
            published_at: self.now,
            owner_id: PROJECT,
            delivery_id,
            ..ReplayRequested::default()
        });
        let mut bytes = Vec::new();
        command.encode(&mut bytes).unwrap();
        self.pipe(WEBHOOK_COMMANDS, PROJECT, &bytes);
    }

    pub(crate) fn pipe(&mut self, topic: &str, key: Uuid, value: &[u8]) {
        self.driver.pipe(topic, key.to_string().as_bytes(), value, self.now).unwrap();
    }
}

/// A webhook of the project, for all that happens.
pub(crate) fn hook(id: u128, receiver: &Receiver) -> Hook {
    Hook {
        id: Uuid::from_u128(id),
        owner_id: PROJECT,
        url: receiver.url(),
        secret: SECRET.to_owned(),
        kinds: Vec::new(),
        created_at: 0,
    }
}

pub(crate) fn succeeded(result: &DeliveryResult) -> &DeliverySucceeded {
    match result {
        DeliveryResult::DeliverySucceeded(succeeded) => succeeded,
        DeliveryResult::DeliveryFailed(failed) => panic!("{failed:?}"),
    }
}

pub(crate) fn failed(result: &DeliveryResult) -> &DeliveryFailed {
    match result {
        DeliveryResult::DeliveryFailed(failed) => failed,
        DeliveryResult::DeliverySucceeded(succeeded) => panic!("{succeeded:?}"),
    }
}

/// Short enough for a test that waits for it.
pub(crate) const IMPATIENT: Duration = Duration::from_millis(1_500);
