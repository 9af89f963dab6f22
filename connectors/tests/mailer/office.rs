//! A mailer with a clock and a post office of the test's own.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig, SyncMode};
use connectors::mail::{
    Composed, Composer, ComposerConfig, Deliver, Failure, MailerConfig, MakeDeliver, Templates, mailer,
};
use schemas::topics::{EMAIL_OUTBOX, EMAIL_RESULTS};
use schemas::{EmbeddedRegistry, Mail, MailItem, MailRequested, MailResult, Occasion};
use topology::broker::{Broker, BrokerError, Cleanup, NewRecord, TopicPartition, TopicSpec};
use topology::{Crash, Headers, Step, Steps, StreamThread, StreamsConfig, StreamsError, Topology};
use uuid::Uuid;

use crate::faulty::{Call, Fault, Faulty};

/// When the test begins, in milliseconds since the epoch.
pub(crate) const START: i64 = 1_700_000_000_000;
/// How much the clock moves with each round.
const TICK_MS: i64 = 50;
/// More rounds than any test needs.
const MOST_ROUNDS: usize = 1_000_000;

/// Takes mails, or fails as it was told to.
#[derive(Default)]
struct Counter {
    failures: Mutex<VecDeque<Failure>>,
    tried: Mutex<Vec<(Uuid, i64)>>,
    taken: Mutex<Vec<Uuid>>,
    subjects: Mutex<Vec<String>>,
}

struct Clerk(Arc<Counter>, Arc<AtomicI64>);

impl Deliver for Clerk {
    fn deliver(&mut self, mail: &Composed) -> Result<(), Failure> {
        let Self(counter, clock) = self;
        counter.tried.lock().unwrap().push((mail.id, clock.load(Ordering::SeqCst)));
        if let Some(failure) = counter.failures.lock().unwrap().pop_front() {
            return Err(failure);
        }
        counter.taken.lock().unwrap().push(mail.id);
        counter.subjects.lock().unwrap().push(mail.subject.clone());
        Ok(())
    }
}

pub(crate) struct Office {
    dir: tempfile::TempDir,
    broker: Arc<dyn Broker>,
    clock: Arc<AtomicI64>,
    counter: Arc<Counter>,
    topology: Topology,
    config: StreamsConfig,
    thread: Option<StreamThread>,
    asked: u128,
    refusals: Arc<AtomicUsize>,
    /// How much the clock moves with a round in which nothing happened, in milliseconds.
    pub(crate) idle_ms: i64,
}

impl Office {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(settings: impl Fn(&mut MailerConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let refusals = Arc::new(AtomicUsize::new(0));
        let broker = open(dir.path(), &refusals);
        let clock = Arc::new(AtomicI64::new(START));
        let counter = Arc::new(Counter::default());
        let deliver: MakeDeliver = {
            let (counter, clock) = (Arc::clone(&counter), Arc::clone(&clock));
            Arc::new(move || Box::new(Clerk(Arc::clone(&counter), Arc::clone(&clock))) as Box<dyn Deliver>)
        };
        let from = "SyncroBoard <no-reply@example.org>";
        let composer = ComposerConfig::new(from, "https://example.org", Templates::load(None).unwrap());
        let composer = Arc::new(Composer::new(composer).unwrap());
        let mut config = MailerConfig::new(composer, deliver, Arc::new(EmbeddedRegistry));
        settings(&mut config);
        let topology = mailer(&config).unwrap();
        let mut config = StreamsConfig::new("app-mailer", dir.path().join("state"));
        config.clock = {
            let clock = Arc::clone(&clock);
            Arc::new(move || clock.load(Ordering::SeqCst))
        };
        Self { dir, broker, clock, counter, topology, config, thread: None, asked: 0, refusals, idle_ms: 2 * TICK_MS }
    }

    /// Something that is no mail.
    pub(crate) fn scribble(&mut self) {
        self.write("nobody", b"not a mail", START);
    }

    /// So many mails are to be sent, one after the other.
    pub(crate) fn ask_for(&mut self, count: usize) -> Vec<Uuid> {
        (0..count).map(|n| self.ask_at(&format!("user{n}@example.org"), START + n as i64)).collect()
    }

    /// A digest of so many things, and more, is to be sent.
    pub(crate) fn ask_for_digest(&mut self, items: usize, more: i32) -> Uuid {
        let about = Occasion { kind: "ticket.created".to_owned(), code: "SYNC-1".to_owned(), ..Occasion::default() };
        let item = MailItem { reason: "watcher".to_owned(), about, ..MailItem::default() };
        let (kind, items) = ("digest".to_owned(), vec![item; items]);
        self.ask("ana@example.org", START, MailRequested { kind, items, more, ..MailRequested::default() })
    }

    /// A mail is to be sent that was asked for at that time.
    pub(crate) fn ask_at(&mut self, address: &str, at: i64) -> Uuid {
        self.ask(address, at, MailRequested { kind: "welcome".to_owned(), ..MailRequested::default() })
    }

    fn ask(&mut self, address: &str, at: i64, mail: MailRequested) -> Uuid {
        self.asked += 1;
        let (id, user_id) = (Uuid::from_u128(0xa000 + self.asked), Uuid::from_u128(self.asked));
        let mail = Mail::from(MailRequested {
            event_id: id,
            published_at: at,
            user_id,
            address: address.to_owned(),
            name: "Ana".to_owned(),
            locale: "en".to_owned(),
            ..mail
        });
        let mut bytes = Vec::new();
        mail.encode(&mut bytes).unwrap();
        self.write(&user_id.to_string(), &bytes, at);
        id
    }

    fn write(&self, key: &str, value: &[u8], at: i64) {
        let (done, written) = channel();
        let headers = Headers::new();
        let record = NewRecord { timestamp: at, key: Some(key.as_bytes()), value: Some(value), headers: &headers };
        let told = Box::new(move |result: Result<_, _>| done.send(result.map(|_| ())).unwrap());
        let partition = TopicPartition::new(EMAIL_OUTBOX, 0);
        self.broker.producer().unwrap().send(&partition, record, told).unwrap();
        written.recv().unwrap().unwrap();
    }

    /// The next commits are refused, so that what was done is done again.
    pub(crate) fn refuse_commits(&self, count: usize) {
        self.refusals.store(count, Ordering::SeqCst);
    }

    /// How many commits have still to be refused.
    pub(crate) fn refusals_left(&self) -> usize {
        self.refusals.load(Ordering::SeqCst)
    }

    /// The next attempts fail so.
    pub(crate) fn fail(&mut self, failures: Vec<Failure>) {
        self.counter.failures.lock().unwrap().extend(failures);
    }

    /// It dies when it reaches a step for the `occasion`th time, from 0.
    pub(crate) fn crash_at(&mut self, step: Step, occasion: usize) {
        let reached = AtomicUsize::new(0);
        self.config.steps = Steps::hooked(Arc::new(move |now| {
            let dies = now == step && reached.fetch_add(1, Ordering::SeqCst) == occasion;
            if dies { Err(Crash(step)) } else { Ok(()) }
        }));
    }

    /// Starts it again as a new process would; it dies no more.
    pub(crate) fn restart(&mut self) {
        self.thread = None;
        self.config.steps = Steps::default();
    }

    /// What was handed over, in this order.
    pub(crate) fn taken(&self) -> Vec<Uuid> {
        self.counter.taken.lock().unwrap().clone()
    }

    /// What those mails are about.
    pub(crate) fn subjects(&self) -> Vec<String> {
        self.counter.subjects.lock().unwrap().clone()
    }

    /// Each attempt and when it was made.
    pub(crate) fn tried(&self) -> Vec<(Uuid, i64)> {
        self.counter.tried.lock().unwrap().clone()
    }

    /// What it has said became of mails, as far as that is committed.
    pub(crate) fn results(&self) -> Vec<MailResult> {
        let partition = TopicPartition::new(EMAIL_RESULTS, 0);
        let (_, end) = self.broker.watermarks(&partition).unwrap();
        let mut reader = self.broker.reader().unwrap();
        reader.assign(&[(partition, 0)]).unwrap();
        let mut results = Vec::new();
        let mut position = 0;
        while position < end {
            for fetched in reader.poll(Duration::from_millis(100)).unwrap() {
                results.extend(fetched.batch.iter().map(|r| MailResult::decode(r.value.unwrap()).unwrap()));
                position = fetched.batch.next_offset();
            }
        }
        results
    }

    pub(crate) fn run_until_told_of(&mut self, count: usize) {
        assert!(!self.run_until_crash_or_told_of(count), "it died");
    }

    /// True if it died before.
    pub(crate) fn run_until_crash_or_told_of(&mut self, count: usize) -> bool {
        let results = TopicPartition::new(EMAIL_RESULTS, 0);
        let mut seen = -1;
        for _ in 0..MOST_ROUNDS {
            let (_, end) = self.broker.watermarks(&results).unwrap();
            if end != std::mem::replace(&mut seen, end) && self.results().len() >= count {
                return false;
            }
            if !self.round() {
                return true;
            }
        }
        panic!("it does not end")
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.clock.load(Ordering::SeqCst) + time.as_millis() as i64;
        while self.clock.load(Ordering::SeqCst) < end {
            assert!(self.round(), "it died");
        }
    }

    /// False if it died.
    fn round(&mut self) -> bool {
        if self.thread.is_none() {
            self.thread = Some(StreamThread::standalone(&self.topology, &self.config, &self.broker, 0).unwrap());
        }
        let done = self.thread.as_mut().unwrap().run_once(Duration::ZERO);
        let idle = done.as_ref().is_ok_and(topology::Round::idle);
        self.clock.fetch_add(if idle { self.idle_ms } else { TICK_MS }, Ordering::SeqCst);
        match done {
            Ok(_) => true,
            Err(StreamsError::Crash(_)) => {
                self.thread = None;
                false
            }
            Err(error) => panic!("{error} in {}", self.dir.path().display()),
        }
    }
}

fn open(dir: &Path, refusals: &Arc<AtomicUsize>) -> Arc<dyn Broker> {
    let mut config = EmbeddedConfig::new(dir.join("log"));
    config.sync = SyncMode::Os;
    let broker: Arc<dyn Broker> = EmbeddedBroker::open(config).unwrap();
    let topic =
        |name: &str| TopicSpec { name: name.into(), partitions: 1, cleanup: Cleanup::Keep, log_append_time: false };
    broker.create_topics(&[topic(EMAIL_OUTBOX), topic(EMAIL_RESULTS)]).unwrap();
    let refusals = Arc::clone(refusals);
    let refuse = move |_, call| {
        let one_less = |left: usize| left.checked_sub(1);
        let refused =
            call == Call::Commit && refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
        refused.then(|| Fault::Before(BrokerError::Abortable("not now".to_owned())))
    };
    Arc::new(Faulty::new(&broker, Arc::new(refuse)))
}
