//! Compares stores and read model with what the events say they hold. Pure but for the readers it is given.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use schemas::reader::{DeliveryRow, EventLog, MailRow, OutcomeRow, ReadError, ReadModel, Stores};
use schemas::{HandleState, Outcome, ProjectCounters, Record, frame};
use uuid::Uuid;

use crate::fold::{Fold, HistorySum};
use crate::keys::{ExternalKey, HandleKey, KeyBytes, MemberKey, TicketKey, TicketPartKey};
use crate::memory::{COMMAND_MEMORY, PENDING, USER_COMMAND_MEMORY};
use crate::model::ProjectModel;
use crate::pipeline::COMMAND_MEMORY_MS;
use crate::stores::{COMMENTS, COUNTERS, EXTERNALS, HANDLES, MEMBERS, PROJECTS, TICKETS, WATCHERS};
use crate::user_processor::USERS;

/// By how much the stream's time may differ from what is known of it.
const MEMORY_SLACK_MS: i64 = 24 * 60 * 60 * 1_000;

/// Something that is not as the events say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Store, table, or `ticket.events`.
    pub place: &'static str,
    /// Which entry.
    pub key: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It is not there.
    Missing,
    /// It should not be there.
    Unexpected,
    /// It holds something else.
    Differs {
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// The event log contradicts itself.
    Contradiction(String),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, key, problem } = self;
        match problem {
            Problem::Missing => write!(f, "{place} {key}: missing"),
            Problem::Unexpected => write!(f, "{place} {key}: should not be there"),
            Problem::Differs { expected, found } => write!(f, "{place} {key}: expected {expected}, found {found}"),
            Problem::Contradiction(what) => write!(f, "{place}: {what}"),
        }
    }
}

/// Takes in the whole log.
///
/// # Errors
/// The log cannot be read.
pub fn fold(log: &dyn EventLog) -> Result<Fold, ReadError> {
    let mut fold = Fold::default();
    log.ticket_events(&mut |event| fold.ticket_event(event))?;
    log.user_events(&mut |event| fold.user_event(&event))?;
    log.notifications(&mut |notification| fold.notification(notification))?;
    let mut decided = Vec::new();
    fold.mails_since = log.mails(&mut |mail| fold.mail_requested(mail), &mut |result| decided.push(result))?;
    decided.into_iter().for_each(|result| fold.mail_decided(result));
    fold.deliveries_since = log.deliveries(&mut |result| fold.delivery(result))?;
    fold.outcomes_since = log.outcomes(&mut |partition, outcome| fold.outcome(partition, &outcome))?;
    Ok(fold)
}

/// Where the log contradicts itself.
pub fn verify_log(fold: &Fold, each: &mut dyn FnMut(Difference)) {
    for what in &fold.contradictions {
        let problem = Problem::Contradiction(what.clone());
        each(Difference { place: "ticket.events", key: String::new(), problem });
    }
}

/// Every difference of the stores.
///
/// # Errors
/// A store cannot be read.
pub fn verify_stores(fold: &Fold, stores: &dyn Stores, each: &mut dyn FnMut(Difference)) -> Result<(), ReadError> {
    let models = || fold.models.iter().map(|(id, model)| (*id, model));
    let mut check = Check { stores, each: &mut *each };
    check.store(PROJECTS, models().filter_map(|(id, m)| Some((id, (**m.project.as_ref()?).clone()))))?;
    check.store(
        COUNTERS,
        models().map(|(id, m)| (id, m.counters.clone())).filter(|(_, c)| *c != ProjectCounters::default()),
    )?;
    check.store(
        MEMBERS,
        entries(models(), |id, m| m.members.iter().map(move |(u, s)| (MemberKey(id, *u), (**s).clone()))),
    )?;
    check.store(
        HANDLES,
        entries(models(), |id, m| {
            m.handles.iter().map(move |(h, user)| (HandleKey(id, h.clone()), HandleState { user_id: *user }))
        }),
    )?;
    check.store(
        TICKETS,
        entries(models(), |id, m| m.tickets.iter().map(move |(n, s)| (TicketKey(id, *n), (**s).clone()))),
    )?;
    check.store(
        EXTERNALS,
        entries(models(), |id, m| {
            m.externals.iter().map(move |((source, e), s)| (ExternalKey(id, source.clone(), e.clone()), s.clone()))
        }),
    )?;
    check.store(
        COMMENTS,
        entries(models(), |id, m| m.comments.iter().map(move |((n, c), s)| (TicketPartKey(id, *n, *c), s.clone()))),
    )?;
    check.store(
        WATCHERS,
        entries(models(), |id, m| m.watchers.iter().map(move |((n, u), s)| (TicketPartKey(id, *n, *u), s.clone()))),
    )?;
    check.store(USERS, fold.users.iter().map(|(key, user)| (UserKey(key.clone()), user.clone())))?;
    let (mut of_projects, mut of_users) = (Answers::new(), Answers::new());
    for row in fold.outcome_rows.values().filter(|row| !row.failed) {
        let Ok(answer) = Outcome::decode(&row.bytes) else { continue };
        let memory = if answer.project_id().is_some() { &mut of_projects } else { &mut of_users };
        memory.entry(row.command_id).or_default().push(answer);
    }
    verify_memory(COMMAND_MEMORY, of_projects, fold, stores, each)?;
    verify_memory(USER_COMMAND_MEMORY, of_users, fold, stores, each)
}

/// First answers to commands, by their ids.
type Answers = BTreeMap<Uuid, Vec<Outcome>>;

/// A command memory, which is the first answers to commands. What the stream's time has gone past may be in it or not; that time may be
/// ahead of the newest outcome, as not every record leads to one, so there is a day to either side.
fn verify_memory(
    place: &'static str,
    mut answers: Answers,
    fold: &Fold,
    stores: &dyn Stores,
    each: &mut dyn FnMut(Difference),
) -> Result<(), ReadError> {
    let kept_from = newest_outcome(fold).map_or(i64::MIN, |newest| newest - COMMAND_MEMORY_MS + MEMORY_SLACK_MS);
    let known: BTreeSet<Uuid> = answers.keys().copied().collect();
    stores.entries(place, &mut |key, value| {
        let id = Uuid::from_slice(key).unwrap_or_default();
        let left = answers.entry(id).or_default();
        let problem = match Outcome::decode(value) {
            Ok(found) => match left.iter().position(|answer| *answer == found) {
                Some(at) => {
                    left.swap_remove(at);
                    return;
                }
                None if !known.contains(&id) && found.decided_at() < fold.outcomes_since => return,
                None => left.pop().map_or(Problem::Unexpected, |answer| Problem::Differs {
                    expected: format!("{answer:?}"),
                    found: format!("{found:?}"),
                }),
            },
            // It is being decided, in an installation from before such commands had a store of their own.
            Err(_) if left.is_empty() && value.first() == Some(&PENDING) => return,
            Err(error) => Problem::Differs {
                expected: left.pop().map_or_else(|| "an answer".to_owned(), |answer| format!("{answer:?}")),
                found: error.to_string(),
            },
        };
        each(Difference { place, key: id.to_string(), problem });
    })?;
    for (id, left) in answers {
        for _ in left.iter().filter(|answer| answer.decided_at() >= kept_from) {
            each(Difference { place, key: id.to_string(), problem: Problem::Missing });
        }
    }
    Ok(())
}

/// Every difference of the read model.
///
/// # Errors
/// A table cannot be read.
pub fn verify_read_model(
    fold: &Fold,
    read_model: &dyn ReadModel,
    each: &mut dyn FnMut(Difference),
) -> Result<(), ReadError> {
    let mut rows = Rows::new("projects", &fold.project_rows);
    read_model.projects(&mut |row| rows.found(&row.id, &row, each))?;
    rows.missing(each);
    let mut rows = Rows::new("members", &fold.member_rows);
    read_model.members(&mut |row| rows.found(&(row.project_id, row.user_id), &row, each))?;
    rows.missing(each);
    let mut rows = Rows::new("tickets", &fold.ticket_rows);
    read_model.tickets(&mut |row| rows.found(&(row.project_id, row.number), &row, each))?;
    rows.missing(each);
    let mut rows = Rows::new("comments", &fold.comment_rows);
    read_model.comments(&mut |row| rows.found(&row.id, &row, each))?;
    rows.missing(each);
    let mut rows = Rows::new("watchers", &fold.watcher_rows);
    read_model.watchers(&mut |row| rows.found(&(row.project_id, row.number, row.user_id), &row, each))?;
    rows.missing(each);
    let mut found: BTreeMap<Uuid, HistorySum> = BTreeMap::new();
    read_model.history(&mut |row| found.entry(row.project_id).or_default().add(&row))?;
    let mut rows = Rows::new("history", &fold.history);
    found.iter().for_each(|(project_id, sum)| rows.found(project_id, sum, each));
    rows.missing(each);
    let mut rows = Rows::new("users", &fold.user_rows);
    read_model.users(&mut |row| rows.found(&row.id, &row, each))?;
    rows.missing(each);
    let mut rows = Rows::new("notifications", &fold.notification_rows);
    read_model.notifications(&mut |row| rows.found(&(row.user_id, row.sequence), &row, each))?;
    rows.missing(each);
    verify_mails(fold, read_model, each)?;
    verify_deliveries(fold, read_model, each)?;
    let mut outcomes = Outcomes::new(fold);
    read_model.outcomes(&mut |row| {
        let key = row.command_id;
        if let Some(problem) = outcomes.found(&row) {
            each(Difference { place: OUTCOMES, key: key.to_string(), problem });
        }
    })?;
    for key in outcomes.missing {
        each(Difference { place: OUTCOMES, key: key.to_string(), problem: Problem::Missing });
    }
    Ok(())
}

/// The table of mails, which neither it nor the log keeps for ever: as [`Outcomes`], by when they were asked for.
fn verify_mails(fold: &Fold, read_model: &dyn ReadModel, each: &mut dyn FnMut(Difference)) -> Result<(), ReadError> {
    let kept_from =
        newest_outcome(fold).map_or(fold.mails_since, |newest| fold.mails_since.max(newest - COMMAND_MEMORY_MS));
    // Of which the log has lost that they were asked for: when that was, only the table may know.
    let half = |row: &MailRow| row.kind.is_empty() && fold.mails_since > i64::MIN;
    let judged = |row: &MailRow| row.requested_at >= kept_from && !half(row);
    let kept: BTreeMap<Uuid, MailRow> =
        fold.mail_rows.iter().filter(|(_, row)| judged(row)).map(|(id, row)| (*id, row.clone())).collect();
    let mut rows = Rows::new("mails", &kept);
    read_model.mails(&mut |row| {
        let gone = row.requested_at < kept_from && !kept.contains_key(&row.id);
        if !gone && !fold.mail_rows.get(&row.id).is_some_and(half) {
            rows.found(&row.id, &row, each);
        }
    })?;
    rows.missing(each);
    Ok(())
}

/// The table of deliveries, which neither it nor the log keeps for ever: as [`Outcomes`], by when they were tried last. When one was tried
/// first may be what only the table knows, or what only the log still does.
fn verify_deliveries(
    fold: &Fold,
    read_model: &dyn ReadModel,
    each: &mut dyn FnMut(Difference),
) -> Result<(), ReadError> {
    let since = fold.deliveries_since;
    let kept_from = newest_outcome(fold).map_or(since, |newest| since.max(newest - COMMAND_MEMORY_MS));
    let kept: BTreeMap<Uuid, DeliveryRow> = fold
        .delivery_rows
        .iter()
        .filter(|(_, row)| row.last_at >= kept_from)
        .map(|(id, row)| (*id, row.clone()))
        .collect();
    let mut rows = Rows::new("webhook_deliveries", &kept);
    read_model.deliveries(&mut |mut row| {
        let expected = kept.get(&row.id);
        if let Some(expected) = expected
            && row.first_at.min(expected.first_at) < kept_from
        {
            row.first_at = expected.first_at;
        }
        if row.last_at >= kept_from || expected.is_some() {
            rows.found(&row.id, &row, each);
        }
    })?;
    rows.missing(each);
    Ok(())
}

fn newest_outcome(fold: &Fold) -> Option<i64> {
    fold.outcome_rows.values().map(|row| row.decided_at).max()
}

fn entries<'f, E: Iterator>(
    models: impl Iterator<Item = (Uuid, &'f ProjectModel)>,
    of_one: impl Fn(Uuid, &'f ProjectModel) -> E,
) -> impl Iterator<Item = E::Item> {
    models.flat_map(move |(id, model)| of_one(id, model))
}

/// The rows of a table that are still to be found.
struct Rows<'f, K, R> {
    place: &'static str,
    expected: BTreeMap<&'f K, &'f R>,
    /// A key that is found twice is a difference too.
    all: &'f BTreeMap<K, R>,
}

impl<'f, K: Ord + Debug, R: PartialEq + Debug> Rows<'f, K, R> {
    fn new(place: &'static str, all: &'f BTreeMap<K, R>) -> Self {
        Self { place, expected: all.iter().collect(), all }
    }

    fn found(&mut self, key: &K, row: &R, each: &mut dyn FnMut(Difference)) {
        let problem = match (self.expected.remove(key), self.all.get(key)) {
            (Some(expected), _) if expected == row => return,
            (Some(expected), _) => Problem::Differs { expected: format!("{expected:?}"), found: format!("{row:?}") },
            (None, _) => Problem::Unexpected,
        };
        each(Difference { place: self.place, key: format!("{key:?}"), problem });
    }

    fn missing(self, each: &mut dyn FnMut(Difference)) {
        for key in self.expected.keys() {
            each(Difference { place: self.place, key: format!("{key:?}"), problem: Problem::Missing });
        }
    }
}

const OUTCOMES: &str = "outcomes";

/// The table of outcomes, which neither it nor the log keeps for ever.
///
/// What was decided longer ago than commands are remembered is on its way out of the table: it may be there or not, and
/// may stand in the place of what the same command was answered later. A row that the log does not have is wrong only if the log has all
/// that were decided then.
struct Outcomes<'f> {
    fold: &'f Fold,
    kept_from: i64,
    missing: BTreeSet<Uuid>,
}

impl<'f> Outcomes<'f> {
    fn new(fold: &'f Fold) -> Self {
        let kept_from = newest_outcome(fold).map_or(i64::MIN, |newest| newest - COMMAND_MEMORY_MS);
        let kept = fold.outcome_rows.iter().filter(|(_, row)| row.decided_at >= kept_from);
        Self { fold, kept_from, missing: kept.map(|((command, _), _)| *command).collect() }
    }

    fn found(&mut self, row: &OutcomeRow) -> Option<Problem> {
        self.missing.remove(&row.command_id);
        let differs =
            |expected: &OutcomeRow| Problem::Differs { expected: format!("{expected:?}"), found: format!("{row:?}") };
        // As it would be written today: the schema may have grown since.
        let told = Outcome::decode(&row.bytes).and_then(|outcome| OutcomeRow::of(&outcome));
        let ranged = self.fold.outcome_rows.range((row.command_id, 0)..=(row.command_id, u32::MAX));
        let mut candidates: Vec<&OutcomeRow> = ranged.map(|(_, row)| row).collect();
        // Where it was decided on one partition, that it failed on another does not stand.
        let decided = candidates.iter().any(|row| !row.failed);
        candidates.retain(|row| !decided || !row.failed);
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                let expected = candidates.first().map_or_else(|| "an outcome".to_owned(), |row| format!("{row:?}"));
                return Some(Problem::Differs { expected, found: format!("unreadable: {error}") });
            }
        };
        let columns = (row.command_id, row.decided_at, row.failed);
        if columns != (told.command_id, told.decided_at, told.failed) {
            return Some(differs(&told));
        }
        if row.decided_at < self.kept_from || candidates.contains(&&told) {
            return None;
        }
        match candidates.first() {
            Some(expected) => Some(differs(expected)),
            None => (row.decided_at >= self.fold.outcomes_since).then_some(Problem::Unexpected),
        }
    }
}

struct Check<'a> {
    stores: &'a dyn Stores,
    each: &'a mut dyn FnMut(Difference),
}

impl Check<'_> {
    fn store<K: KeyBytes + Debug, V: Record + PartialEq + Debug>(
        &mut self,
        place: &'static str,
        expected: impl Iterator<Item = (K, V)>,
    ) -> Result<(), ReadError> {
        let bytes = |key: &K| {
            let mut bytes = Vec::new();
            key.write(&mut bytes);
            bytes
        };
        let mut expected: BTreeMap<Vec<u8>, V> = expected.map(|(key, value)| (bytes(&key), value)).collect();
        let name = |bytes: &[u8]| K::read(bytes).map_or_else(|| format!("{bytes:02x?}"), |key| format!("{key:?}"));
        let each = &mut *self.each;
        self.stores.entries(place, &mut |key, value| {
            let found = frame::decode::<V>(value);
            let problem = match (expected.remove(key), found) {
                (Some(expected), Ok(found)) if expected == found => return,
                (Some(expected), found) => {
                    let found = found.map_or_else(|error| error.to_string(), |found| format!("{found:?}"));
                    Problem::Differs { expected: format!("{expected:?}"), found }
                }
                (None, _) => Problem::Unexpected,
            };
            each(Difference { place, key: name(key), problem });
        })?;
        for key in expected.keys() {
            each(Difference { place, key: name(key), problem: Problem::Missing });
        }
        Ok(())
    }
}

/// The key of the store of users.
#[derive(Debug)]
struct UserKey(String);

impl KeyBytes for UserKey {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(|key| Self(key.to_owned()))
    }
}
