//! The mailer's topology: takes what is asked for on `email.outbox`, hands it over, tries again, and says on `email.results` what
//! became of it.
//!
//! A mail waits in a store, in the order in which mails are due, until a punctuation hands it over. What was handed over leaves
//! the store with the next commit: a mail is sent twice only if its server took it without the mailer seeing that, or if the
//! mailer dies before that commit; both mails have the same Message-ID.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::Duration;

use schemas::topics::{EMAIL_OUTBOX, EMAIL_RESULTS};
use schemas::{
    Mail, MailFailed, MailItem, MailRequested, MailResult, MailSent, OutgoingMailState, Record as _, SchemaRegistry,
    event, frame, ids,
};
use topology::serde::{Deserialized, Deserializer, SerializeError, Serializer};
use topology::{
    Context, HeadersRef, InitContext, Output, Partitioning, ProcessingError, Processor, Punctuation, PunctuationType,
    Record, Store, StoreBuilder, Topology, TopologyBuilder, TopologyError,
};
use uuid::Uuid;

use super::{Composer, Content, Deliver, Failure, Letter, Notice};

/// Mails that have still to be sent.
pub const OUTGOING: &str = "outgoing-mails";

const MAILER: &str = "mailer";
const RESULTS_SINK: &str = "results";

/// How often the mailer looks for mails that are due, in milliseconds.
const LOOK_EVERY_MS: i64 = 200;
/// Failures in a row after which the server is left alone for a while.
const FAILURES_IN_A_ROW: u32 = 5;

/// Makes what hands mails over, one for each task.
pub type MakeDeliver = Arc<dyn Fn() -> Box<dyn Deliver> + Send + Sync>;

/// How the mailer goes about it.
#[derive(Clone)]
#[non_exhaustive]
pub struct MailerConfig {
    /// Makes mails of what is asked for.
    pub composer: Arc<Composer>,
    /// Hands them over.
    pub deliver: MakeDeliver,
    /// Who knows the schemas.
    pub registry: Arc<dyn SchemaRegistry>,
    /// Most mails a second, for each partition of `email.outbox`.
    pub per_second: u32,
    /// How long until the second attempt; each further one waits twice as long as the one before.
    pub first_pause: Duration,
    /// Most that is waited between two attempts; also how long a server is left alone that takes nothing.
    pub longest_pause: Duration,
    /// A mail that is older is given up.
    pub max_age: Duration,
}

impl MailerConfig {
    /// Twenty mails a second and partition; attempts after 30 seconds, a minute, two, at last every hour; for three days.
    pub fn new(composer: Arc<Composer>, deliver: MakeDeliver, registry: Arc<dyn SchemaRegistry>) -> Self {
        Self {
            composer,
            deliver,
            registry,
            per_second: 20,
            first_pause: Duration::from_secs(30),
            longest_pause: Duration::from_hours(1),
            max_age: Duration::from_hours(72),
        }
    }
}

impl std::fmt::Debug for MailerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailerConfig").field("per_second", &self.per_second).finish_non_exhaustive()
    }
}

/// The mailer.
///
/// # Errors
/// None with this code; the topology is checked as a whole, and a mistake in it is named.
pub fn mailer(config: &MailerConfig) -> Result<Topology, TopologyError> {
    let mails = Mails(config.registry.clone());
    let each = config.clone();
    TopologyBuilder::new()
        .source::<Uuid, Mail, _>("outbox", [EMAIL_OUTBOX], Users, mails.clone())
        .processor(MAILER, move || Mailer::new(each.clone()), &["outbox"], &[OUTGOING])
        .store::<DueKey, OutgoingMailState>(StoreBuilder::persistent(OUTGOING, Keys, Framed))
        .sink::<Uuid, MailResult>(RESULTS_SINK, EMAIL_RESULTS, Users, mails, Partitioning::ByKey, &[MAILER])
        .build()
}

struct Mailer {
    config: MailerConfig,
    deliver: Box<dyn Deliver>,
    wired: Option<(Store<DueKey, OutgoingMailState>, Output<Uuid, MailResult>)>,
    breaker: Breaker,
}

impl Mailer {
    fn new(config: MailerConfig) -> Self {
        let deliver = (config.deliver)();
        Self { config, deliver, wired: None, breaker: Breaker::default() }
    }
}

impl Processor for Mailer {
    type KIn = Uuid;
    type VIn = Mail;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.wired = Some((ctx.store(OUTGOING)?, ctx.output(RESULTS_SINK)?));
        ctx.schedule(LOOK_EVERY_MS, PunctuationType::WallClockTime);
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Uuid, Mail>) -> Result<(), ProcessingError> {
        let Some((outgoing, _)) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let Mail::MailRequested(mail) = record.value;
        let key = DueKey(mail.published_at, mail.event_id);
        outgoing.put(ctx, &key, OutgoingMailState { mail, attempts: 0, why: String::new() })
    }

    fn punctuate(&mut self, ctx: &mut Context<'_>, which: Punctuation) -> Result<(), ProcessingError> {
        let Some((outgoing, results)) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "punctuate before init"));
        };
        let now = which.timestamp;
        if self.breaker.is_open(now) {
            return Ok(());
        }
        for (key, waiting) in self.due(ctx, outgoing, now)? {
            outgoing.delete(ctx, &key)?;
            let (user_id, was_at) = (waiting.mail.user_id, waiting.mail.published_at);
            match self.attempt(waiting, now) {
                Attempt::Ended(result) => ctx.forward(results, Record::new(user_id, result, was_at)),
                Attempt::Again(due, waiting) => outgoing.put(ctx, &DueKey(due, key.1), waiting)?,
            }
            if self.breaker.is_open(now) {
                break;
            }
        }
        Ok(())
    }
}

enum Attempt {
    Ended(MailResult),
    Again(i64, OutgoingMailState),
}

impl Mailer {
    /// The mails that are due, the longest due first, as many as may be sent at once.
    fn due(
        &self,
        ctx: &mut Context<'_>,
        outgoing: Store<DueKey, OutgoingMailState>,
        now: i64,
    ) -> Result<Vec<(DueKey, OutgoingMailState)>, ProcessingError> {
        let most = (i64::from(self.config.per_second) * LOOK_EVERY_MS / 1_000).max(1);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut due = Vec::new();
        outgoing.prefix_scan_after(ctx, &[], Bound::Unbounded, |key, waiting| {
            let Some(key) = DueKey::read(key).filter(|key| key.0 <= now) else { return ControlFlow::Break(()) };
            due.push((key, waiting));
            if due.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(due)
    }

    fn attempt(&mut self, mut waiting: OutgoingMailState, now: i64) -> Attempt {
        let age = now.saturating_sub(waiting.mail.published_at);
        let old = age > millis(self.config.max_age);
        if old {
            let why = if waiting.why.is_empty() { "it was too old when its turn came" } else { &waiting.why };
            return Attempt::Ended(failed(&waiting.mail, waiting.attempts, why.to_owned()));
        }
        waiting.attempts += 1;
        let handed_over = match self.config.composer.compose(&letter(&waiting.mail)) {
            Ok(composed) => self.deliver.deliver(&composed),
            Err(error) => Err(Failure::Refused(error.to_string())),
        };
        let id = waiting.mail.event_id;
        match handed_over {
            Ok(()) => {
                self.breaker.close();
                Attempt::Ended(sent(&waiting.mail, waiting.attempts))
            }
            Err(Failure::Refused(why)) => {
                self.breaker.close();
                tracing::warn!(mail = %id, "a mail is given up: {why}");
                Attempt::Ended(failed(&waiting.mail, waiting.attempts, why))
            }
            Err(failure) => {
                tracing::warn!(mail = %id, attempts = waiting.attempts, "a mail is tried again later: {failure}");
                let pause = pause(&self.config, id, waiting.attempts);
                let broken = matches!(failure, Failure::Broken(_));
                self.breaker.failed(broken, now.saturating_add(pause.min(millis(self.config.longest_pause))));
                waiting.why = failure.to_string();
                Attempt::Again(now.saturating_add(pause), waiting)
            }
        }
    }
}

/// Leaves a server alone that takes nothing. It stands in memory: whoever starts anew may try at once.
#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    open_until: Option<i64>,
}

impl Breaker {
    fn is_open(&self, now: i64) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    fn close(&mut self) {
        *self = Self::default();
    }

    fn failed(&mut self, for_all: bool, until: i64) {
        self.failures += 1;
        if for_all || self.failures >= FAILURES_IN_A_ROW {
            self.open_until = Some(until);
        }
    }
}

/// How long until the next attempt, in milliseconds: up to a fifth more or less than twice as long as the last time, so that not all
/// come back at once.
fn pause(config: &MailerConfig, id: Uuid, attempts: i32) -> i64 {
    let doubled = u32::try_from(attempts - 1).unwrap_or_default().min(20);
    let pause = millis(config.first_pause).saturating_mul(1 << doubled).min(millis(config.longest_pause));
    // Of the id and the attempt, as a processor draws no random numbers.
    let drawn = i64::from(id.as_bytes()[(attempts.unsigned_abs() % 16) as usize]);
    pause + pause * (drawn - 128) / 640
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn letter(mail: &MailRequested) -> Letter {
    let mut notices: Vec<Notice> = mail.items.iter().map(|item| notice(item, mail.user_id)).collect();
    let content = match notices.len() {
        0 => Content::Welcome,
        1 => Content::Notice(notices.remove(0)),
        _ => Content::Digest(notices),
    };
    Letter {
        id: mail.event_id,
        to: mail.address.clone(),
        name: mail.name.clone(),
        locale: mail.locale.clone(),
        user_id: mail.user_id,
        at: mail.published_at,
        content,
    }
}

fn notice(item: &MailItem, recipient: Uuid) -> Notice {
    let about = &item.about;
    let assigned = about.kind == "ticket.assigned";
    Notice {
        kind: about.kind.clone(),
        reason: item.reason.clone(),
        ticket_id: about.ticket_id,
        number: about.number,
        code: about.code.clone(),
        title: about.title.clone(),
        actor: about.actor.clone(),
        assignee: about.assignee.clone(),
        to_recipient: assigned && about.detail == recipient.to_string(),
        // The detail of an assignment is an id, which says nothing to people.
        detail: if assigned { String::new() } else { about.detail.clone() },
        at: about.at,
    }
}

fn sent(mail: &MailRequested, attempts: i32) -> MailResult {
    let mail_id = mail.event_id;
    MailSent {
        event_id: ids::mail_result_id(mail_id),
        correlation_id: mail.correlation_id,
        causation_id: mail.causation_id,
        published_at: mail.published_at,
        version: MailSent::VERSION,
        source: event::SOURCE.to_owned(),
        user_id: mail.user_id,
        mail_id,
        attempts,
    }
    .into()
}

fn failed(mail: &MailRequested, attempts: i32, why: String) -> MailResult {
    let mail_id = mail.event_id;
    MailFailed {
        event_id: ids::mail_result_id(mail_id),
        correlation_id: mail.correlation_id,
        causation_id: mail.causation_id,
        published_at: mail.published_at,
        version: MailFailed::VERSION,
        source: event::SOURCE.to_owned(),
        user_id: mail.user_id,
        mail_id,
        attempts,
        why,
    }
    .into()
}

/// When a mail is due, in milliseconds since the epoch, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct DueKey(i64, Uuid);

impl DueKey {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (due, id) = bytes.split_first_chunk()?;
        Some(Self(i64::from_be_bytes(*due), Uuid::from_slice(id).ok()?))
    }
}

/// Keys of the store.
struct Keys;

impl Serializer<DueKey> for Keys {
    fn serialize(&self, _topic: &str, key: &DueKey, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        out.extend_from_slice(&key.0.to_be_bytes());
        out.extend_from_slice(key.1.as_bytes());
        Ok(true)
    }
}

impl Deserializer<DueKey> for Keys {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<DueKey> {
        match data.and_then(DueKey::read) {
            Some(key) => Deserialized::Value(key),
            None => Deserialized::Bad("not a time and an id".to_owned()),
        }
    }
}

/// Values of the store, with the schema of this build.
struct Framed;

impl Serializer<OutgoingMailState> for Framed {
    fn serialize(&self, _topic: &str, value: &OutgoingMailState, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        frame::encode(value, out).map(|()| true).map_err(|error| SerializeError(error.to_string()))
    }
}

impl Deserializer<OutgoingMailState> for Framed {
    fn deserialize(
        &self,
        _topic: &str,
        _headers: HeadersRef<'_>,
        data: Option<&[u8]>,
    ) -> Deserialized<OutgoingMailState> {
        match frame::decode(data.unwrap_or_default()) {
            Ok(state) => Deserialized::Value(state),
            Err(error) => Deserialized::Bad(error.to_string()),
        }
    }
}

/// Ids of users, as text.
struct Users;

impl Serializer<Uuid> for Users {
    fn serialize(&self, _topic: &str, key: &Uuid, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        out.extend_from_slice(key.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
        Ok(true)
    }
}

impl Deserializer<Uuid> for Users {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<Uuid> {
        match data.and_then(|data| Uuid::try_parse_ascii(data).ok()) {
            Some(id) => Deserialized::Value(id),
            None => Deserialized::Bad("the key is no id of a user".to_owned()),
        }
    }
}

/// What is asked for and what became of it, with the schemas that the registry knows.
#[derive(Clone)]
struct Mails(Arc<dyn SchemaRegistry>);

impl Deserializer<Mail> for Mails {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<Mail> {
        match Mail::decode_with(&*self.0, data.unwrap_or_default()) {
            Ok(mail) => Deserialized::Value(mail),
            Err(error) if error.not_yet() => Deserialized::NotYet(error.to_string()),
            Err(error) => Deserialized::Bad(error.to_string()),
        }
    }
}

impl Serializer<MailResult> for Mails {
    fn serialize(&self, _topic: &str, value: &MailResult, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        value.encode_with(&*self.0, out).map(|()| true).map_err(|error| SerializeError(error.to_string()))
    }
}
