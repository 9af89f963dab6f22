//! The mailer's topology: takes what is asked for on `email.outbox`, hands it over, tries again, and says on `email.results` what
//! became of it.
//!
//! A mail waits in a store, in the order in which mails are due, until a punctuation hands it over. What was handed over leaves
//! the store with the next commit. If that commit is taken back, the mailer still knows what it has handed over, and says so; a mail
//! is sent again only if its server took it without the mailer seeing that, or if the mailer dies before that commit. It then has
//! the same Message-ID.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use schemas::topics::{EMAIL_OUTBOX, EMAIL_RESULTS};
use schemas::{
    Mail, MailFailed, MailItem, MailRequested, MailResult, MailSent, OutgoingMailState, Record as _, SchemaRegistry,
    event, ids,
};
use topology::serde::{Deserialized, Deserializer, SerializeError, Serializer};
use topology::{
    Context, HeadersRef, InitContext, LogAndContinue, Output, Partitioning, ProcessingError, Processor, Punctuation,
    PunctuationType, Record, Store, StoreBuilder, Topology, TopologyBuilder, TopologyError,
};
use uuid::Uuid;

use super::{Composer, Content, Deliver, Failure, Letter, Notice};
use crate::outgoing::{Done, Framed, Ids, LOOK_EVERY_MS, Look, Pauses, Rest, decoded, millis, reason, written};

/// Mails that have still to be sent.
pub const OUTGOING: &str = "outgoing-mails";

const MAILER: &str = "mailer";
const RESULTS_SINK: &str = "results";

/// How many mails that were handed over a task keeps in mind: more than it hands over between two commits.
const KEPT_IN_MIND: usize = 1_000;

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
    /// Most mails a second, for each partition of `email.outbox`; 0 counts as 1.
    pub per_second: u32,
    /// How long until the second attempt; each further one waits twice as long as the one before, a fifth more or less.
    pub first_pause: Duration,
    /// Where that ends.
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
    let (each, server) = (config.clone(), Arc::default());
    TopologyBuilder::new()
        .exception_handler(LogAndContinue, true)
        .source::<Uuid, Mail, _>("outbox", [EMAIL_OUTBOX], Ids, mails.clone())
        .processor(MAILER, move || Mailer::new(each.clone(), Arc::clone(&server)), &["outbox"], &[OUTGOING])
        .store::<DueKey, OutgoingMailState>(StoreBuilder::persistent(OUTGOING, Keys, Framed))
        .sink::<Uuid, MailResult>(RESULTS_SINK, EMAIL_RESULTS, Ids, mails, Partitioning::ByKey, &[MAILER])
        .build()
}

struct Mailer {
    config: MailerConfig,
    deliver: Box<dyn Deliver>,
    wired: Option<(Store<DueKey, OutgoingMailState>, Output<Uuid, MailResult>)>,
    server: Arc<Mutex<MailServer>>,
    /// The last that were handed over. A processor lives on when its transaction is taken back, and no mail can be.
    handed_over: Done<Uuid, MailResult>,
}

impl Mailer {
    fn new(config: MailerConfig, server: Arc<Mutex<MailServer>>) -> Self {
        let deliver = (config.deliver)();
        Self { config, deliver, wired: None, server, handed_over: Done::new(KEPT_IN_MIND) }
    }
}

impl Processor for Mailer {
    type KIn = Uuid;
    type VIn = Mail;

    fn init(&mut self, ctx: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.wired = Some((ctx.store(OUTGOING)?, ctx.output(RESULTS_SINK)?));
        ctx.schedule(look_every(self.config.per_second), PunctuationType::WallClockTime);
        Ok(())
    }

    fn process(&mut self, ctx: &mut Context<'_>, record: Record<Uuid, Mail>) -> Result<(), ProcessingError> {
        let Some((outgoing, _)) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "process before init"));
        };
        let Mail::MailRequested(mail) = record.value;
        let key = DueKey { at: mail.published_at, id: mail.event_id };
        outgoing.put(ctx, &key, OutgoingMailState { mail, attempts: 0, why: String::new() })
    }

    fn punctuate(&mut self, ctx: &mut Context<'_>, which: Punctuation) -> Result<(), ProcessingError> {
        let Some((outgoing, results)) = self.wired else {
            return Err(ProcessingError::record("not_initialised", "punctuate before init"));
        };
        let now = which.timestamp;
        if !self.server.lock().may_be_asked(now) {
            return Ok(());
        }
        for (key, waiting) in self.due(ctx, outgoing, now)? {
            outgoing.delete(ctx, &key)?;
            let user_id = waiting.mail.user_id;
            match self.attempt(waiting, now) {
                Attempt::Ended(result) => ctx.forward(results, Record::new(user_id, result, now)),
                Attempt::Again(at, waiting) => outgoing.put(ctx, &DueKey { at, id: key.id }, waiting)?,
            }
            if !self.server.lock().may_be_asked(now) {
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
        let per_second = i64::from(self.config.per_second);
        let most = (per_second * look_every(self.config.per_second) / 1_000).max(1);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut due = Vec::new();
        outgoing.prefix_scan_after(ctx, &[], Bound::Unbounded, |key, waiting| {
            let Some(key) = DueKey::read(key).filter(|key| key.at <= now) else { return ControlFlow::Break(()) };
            due.push((key, waiting));
            if due.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(due)
    }

    fn attempt(&mut self, mut waiting: OutgoingMailState, now: i64) -> Attempt {
        let id = waiting.mail.event_id;
        if let Some(result) = self.handed_over.get(&id) {
            return Attempt::Ended(result.clone());
        }
        if now.saturating_sub(waiting.mail.published_at) > millis(self.config.max_age) {
            let why = if waiting.why.is_empty() { "it was too old when its turn came" } else { &waiting.why };
            return Attempt::Ended(failed(&waiting.mail, waiting.attempts, why, now));
        }
        waiting.attempts += 1;
        let composed = letter(&waiting.mail)
            .and_then(|letter| self.config.composer.compose(&letter).map_err(|error| error.to_string()));
        let composed = match composed {
            Ok(composed) => composed,
            Err(why) => {
                tracing::warn!(mail = %id, "a mail that cannot be written is given up: {why}");
                return Attempt::Ended(failed(&waiting.mail, waiting.attempts, &why, now));
            }
        };
        let begun = Instant::now();
        let handed_over = self.deliver.deliver(&composed);
        let mut server = self.server.lock();
        server.look.took(now, begun.elapsed());
        let failure = match handed_over {
            Ok(()) => {
                server.rest.works();
                let result = sent(&waiting.mail, waiting.attempts, now);
                self.handed_over.insert(id, result.clone());
                return Attempt::Ended(result);
            }
            Err(Failure::Refused(why)) => {
                server.rest.works();
                tracing::warn!(mail = %id, "a mail is given up: {why}");
                return Attempt::Ended(failed(&waiting.mail, waiting.attempts, &why, now));
            }
            Err(failure) => failure,
        };
        tracing::warn!(mail = %id, attempts = waiting.attempts, "a mail is tried again later: {failure}");
        let pauses = Pauses { first: self.config.first_pause, longest: self.config.longest_pause };
        match &failure {
            Failure::Deferred(_) => server.rest.works(),
            Failure::Broken(_) => server.rest.fails(true, now, self.config.first_pause),
            _ => server.rest.fails(false, now, self.config.first_pause),
        }
        waiting.why = reason(&failure.to_string());
        Attempt::Again(now.saturating_add(pauses.after(id, waiting.attempts)), waiting)
    }
}

/// How often to look, in milliseconds: seldom enough that one mail at each look is not too much.
fn look_every(per_second: u32) -> i64 {
    let seldom = 1_000_u32.div_ceil(per_second.max(1));
    LOOK_EVERY_MS.max(i64::from(seldom))
}

/// What the tasks of a process know of the mail server: leaves it alone if it takes nothing, and says when enough time was spent on
/// it.
#[derive(Debug, Default)]
struct MailServer {
    rest: Rest,
    look: Look,
}

impl MailServer {
    fn may_be_asked(&self, now: i64) -> bool {
        !self.rest.rests(now) && !self.look.left(now).is_zero()
    }
}

/// What the mail says; an error if this version does not know what kind it is.
fn letter(mail: &MailRequested) -> Result<Letter, String> {
    let content = match (mail.kind.as_str(), mail.items.as_slice()) {
        ("welcome", []) => Content::Welcome,
        ("notification", [item]) => Content::Notice(notice(item, mail.user_id)),
        ("digest", [_, ..]) => {
            let notices = mail.items.iter().map(|item| notice(item, mail.user_id)).collect();
            Content::Digest { notices, more: mail.more }
        }
        (kind, items) => return Err(format!("there is no mail of kind {kind:?} with {} notifications", items.len())),
    };
    Ok(Letter {
        id: mail.event_id,
        to: mail.address.clone(),
        name: mail.name.clone(),
        locale: mail.locale.clone(),
        user_id: mail.user_id,
        at: mail.published_at,
        content,
    })
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

fn sent(mail: &MailRequested, attempts: i32, now: i64) -> MailResult {
    let mail_id = mail.event_id;
    MailSent {
        event_id: ids::mail_result_id(mail_id),
        correlation_id: mail.correlation_id,
        causation_id: mail.causation_id,
        published_at: now,
        version: MailSent::VERSION,
        source: event::SOURCE.to_owned(),
        user_id: mail.user_id,
        mail_id,
        attempts,
    }
    .into()
}

fn failed(mail: &MailRequested, attempts: i32, why: &str, now: i64) -> MailResult {
    let mail_id = mail.event_id;
    MailFailed {
        event_id: ids::mail_result_id(mail_id),
        correlation_id: mail.correlation_id,
        causation_id: mail.causation_id,
        published_at: now,
        version: MailFailed::VERSION,
        source: event::SOURCE.to_owned(),
        user_id: mail.user_id,
        mail_id,
        attempts,
        why: reason(why),
    }
    .into()
}

/// Mails lie in the order of this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct DueKey {
    /// When the mail is due, in milliseconds since the epoch.
    at: i64,
    id: Uuid,
}

impl DueKey {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (at, id) = bytes.split_first_chunk()?;
        Some(Self { at: i64::from_be_bytes(*at), id: Uuid::from_slice(id).ok()? })
    }
}

/// Keys of the store.
struct Keys;

impl Serializer<DueKey> for Keys {
    fn serialize(&self, _topic: &str, key: &DueKey, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        out.extend_from_slice(&key.at.to_be_bytes());
        out.extend_from_slice(key.id.as_bytes());
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

/// What is asked for and what became of it, with the schemas that the registry knows.
#[derive(Clone)]
struct Mails(Arc<dyn SchemaRegistry>);

impl Deserializer<Mail> for Mails {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<Mail> {
        decoded(Mail::decode_with(&*self.0, data.unwrap_or_default()))
    }
}

impl Serializer<MailResult> for Mails {
    fn serialize(&self, _topic: &str, value: &MailResult, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(value.encode_with(&*self.0, out))
    }
}
