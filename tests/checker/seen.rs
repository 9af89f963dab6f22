//! All that is in the topics, decoded.

use std::collections::BTreeMap;

use schemas::topics::{
    COMMAND_OUTCOMES, EMAIL_OUTBOX, EMAIL_RESULTS, NOTIFICATIONS, TICKET_COMMANDS, TICKET_EVENTS, USER_COMMANDS,
    USER_EVENTS,
};
use schemas::{
    Mail, MailResult, Notification, Outcome, SchemaError, TicketCommand, TicketEvent, UserCommand, UserEvent,
};
use topology::broker::partition_for_key;
use uuid::Uuid;

use super::reading::{self, Row, Topic};
use super::{Finding, Law, Where, shown};
use crate::oracle::{Command, Place};

/// A store's changelog, by the application and the store's name.
pub(super) type Changelogs = BTreeMap<(String, String), Topic>;

/// Changelogs that stores share: a key has the store's name in front, and `:`.
const SHARED: [&str; 4] = ["project-state", "pool-state", "fan-out-state", "inbox-state"];

/// The store that is restored from the outcomes.
const COMMAND_MEMORY: &str = "command-memory";

/// What was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The main application.
    pub(super) application: String,
    /// Commands that can be read and lie where they belong, with the names of their types.
    pub(super) commands: Vec<(Command, &'static str)>,
    pub(super) events: Vec<(Place, TicketEvent)>,
    pub(super) users: Vec<(Place, UserEvent)>,
    pub(super) outcomes: Vec<(Place, Outcome)>,
    pub(super) notifications: Vec<(Place, Notification)>,
    pub(super) mails: Vec<(Place, Mail)>,
    pub(super) results: Vec<(Place, MailResult)>,
    pub(super) changelogs: Changelogs,
}

/// Reads it, effects before their causes.
pub(super) fn read(at: &Where<'_>, found: &mut Vec<Finding>) -> Result<Seen, String> {
    let topics = reading::topics(at.bootstrap)?;
    let named = |names: &[&str]| {
        let of = topics.iter().filter(|(topic, _)| names.contains(&topic.as_str()));
        let of = of.map(|(topic, partitions)| (topic.as_str(), *partitions)).collect::<Vec<_>>();
        reading::read(at.bootstrap, of)
    };
    let stores: Vec<_> = topics.keys().filter_map(|t| Some((changelog(at.application, t)?, t.as_str()))).collect();
    let mut seen = Seen { application: at.application.to_owned(), ..Seen::default() };
    seen.results = decoded(EMAIL_RESULTS, &named(&[EMAIL_RESULTS])?, MailResult::decode, found);
    let mut read = named(&[EMAIL_OUTBOX, NOTIFICATIONS])?;
    seen.mails = decoded(EMAIL_OUTBOX, &read, Mail::decode, found);
    seen.notifications = decoded(NOTIFICATIONS, &read, Notification::decode, found);
    read = named(&stores.iter().map(|(_, topic)| *topic).chain([COMMAND_OUTCOMES]).collect::<Vec<_>>())?;
    seen.outcomes = decoded(COMMAND_OUTCOMES, &read, Outcome::decode, found);
    let outcomes = read.remove(COMMAND_OUTCOMES).unwrap_or_default();
    for (store, topic) in stores {
        let rows = read.remove(topic).unwrap_or_default();
        if SHARED.contains(&store.1.as_str()) {
            share_out(&store.0, rows, &mut seen.changelogs, found);
        } else {
            seen.changelogs.insert(store, rows);
        }
    }
    // Where the memory has no changelog of its own, it is what the outcomes say.
    let memory = (at.application.to_owned(), COMMAND_MEMORY.to_owned());
    seen.changelogs.entry(memory).or_insert_with(|| remembered(outcomes));
    read = named(&[USER_EVENTS, TICKET_EVENTS])?;
    seen.users = decoded(USER_EVENTS, &read, UserEvent::decode, found);
    seen.events = decoded(TICKET_EVENTS, &read, TicketEvent::decode, found);
    read = named(&[TICKET_COMMANDS, USER_COMMANDS])?;
    for row in read.get(TICKET_COMMANDS).into_iter().flatten().flatten() {
        let Ok(command) = TicketCommand::decode(row.value.as_deref().unwrap_or_default()) else { continue };
        let project = command.project_id();
        if lies(row, &project.to_string(), topics[TICKET_COMMANDS]) {
            let (key, at) = ((Some(project), command.command_id()), (row.partition, row.offset));
            seen.commands.push((Command { at, key }, command.type_name()));
        }
    }
    for row in read.get(USER_COMMANDS).into_iter().flatten().flatten() {
        let Ok(command) = UserCommand::decode(row.value.as_deref().unwrap_or_default()) else { continue };
        let key = String::from_utf8_lossy(&row.key).into_owned();
        if key == command.user_key() && lies(row, &key, topics[USER_COMMANDS]) {
            let at = (row.partition, row.offset);
            seen.commands.push((Command { at, key: (None, command.command_id()) }, command.type_name()));
        }
    }
    Ok(seen)
}

/// The command memory's part of the outcomes, each record under the key that it has there: first answers to commands about projects and
/// tickets.
pub(super) fn remembered(outcomes: Topic) -> Topic {
    let first = |row: &Row| {
        let outcome = Outcome::decode(row.value.as_deref()?).ok()?;
        let is_first = !outcome.duplicate() && !matches!(outcome, Outcome::Failed(_));
        (is_first && outcome.project_id().is_some()).then(|| outcome.command_id().as_bytes().to_vec())
    };
    let of_partition =
        |rows: Vec<Row>| rows.into_iter().filter_map(|row| Some(Row { key: first(&row)?, ..row })).collect();
    outcomes.into_iter().map(of_partition).collect()
}

/// Gives each store its part of a changelog that they share.
fn share_out(application: &str, topic: Topic, changelogs: &mut Changelogs, found: &mut Vec<Finding>) {
    let partitions = topic.len();
    for mut row in topic.into_iter().flatten().filter(|row| !row.key.starts_with(super::probe::KEY)) {
        let Some(end) = row.key.iter().position(|byte| *byte == b':') else {
            found.push(Finding::new(Law::Readable, format!("a changelog's key {} names no store", shown(&row.key))));
            continue;
        };
        let key = row.key.split_off(end + 1);
        let store = String::from_utf8_lossy(&row.key[..end]).into_owned();
        row.key = key;
        let part = changelogs.entry((application.to_owned(), store)).or_insert_with(|| vec![Vec::new(); partitions]);
        part[row.partition as usize].push(row);
    }
}

/// Whether a record has this key, and lies where its key belongs.
fn lies(row: &Row, key: &str, partitions: u32) -> bool {
    row.key == key.as_bytes() && partition_for_key(key.as_bytes(), partitions) == row.partition
}

/// The application, which may be one beside the main one, and the store of a changelog.
fn changelog(application: &str, topic: &str) -> Option<(String, String)> {
    let rest = topic.strip_suffix("-changelog")?.strip_prefix(application)?.strip_prefix('-')?;
    let (beside, store) = ["mailer", "webhooks"]
        .into_iter()
        .find_map(|other| Some((other, rest.strip_prefix(other)?.strip_prefix('-')?)))
        .map_or((application.to_owned(), rest), |(other, store)| (format!("{application}-{other}"), store));
    Some((beside, store.to_owned()))
}

fn decoded<T>(
    topic: &str,
    read: &BTreeMap<String, Topic>,
    decode: fn(&[u8]) -> Result<T, SchemaError>,
    found: &mut Vec<Finding>,
) -> Vec<(Place, T)> {
    let mut records = Vec::new();
    for row in read.get(topic).into_iter().flatten().flatten() {
        // A tombstone, which erases a user; or a probe of an earlier check.
        let Some(value) = row.value.as_deref().filter(|value| !value.is_empty()) else { continue };
        match decode(value) {
            Ok(record) => records.push(((row.partition, row.offset), record)),
            Err(error) => {
                found.push(Finding::new(Law::Readable, format!("{topic}-{} {}: {error}", row.partition, row.offset)));
            }
        }
    }
    records
}

/// The last value of each key.
pub(super) fn last_values<'t>(topic: impl IntoIterator<Item = &'t Row>) -> BTreeMap<&'t [u8], &'t Row> {
    let mut last = BTreeMap::new();
    for row in topic {
        if row.value.is_some() {
            last.insert(row.key.as_slice(), row);
        } else {
            last.remove(row.key.as_slice());
        }
    }
    // What a checker wrote to see that it can be read.
    last.retain(|key, _| !key.starts_with(super::probe::KEY));
    last
}

impl Seen {
    /// The last value of each key of a store, over all partitions.
    pub(super) fn store(&self, store: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let rows = self.changelogs.get(&(self.application.clone(), store.to_owned())).into_iter().flatten().flatten();
        let value = |(key, row): (&[u8], &Row)| (key.to_vec(), row.value.clone().unwrap_or_default());
        last_values(rows).into_iter().map(value).collect()
    }

    /// The project's or the user's command, by the key that commands have.
    pub(super) fn types(&self) -> BTreeMap<(Option<Uuid>, Uuid), &'static str> {
        self.commands.iter().map(|(command, name)| (command.key, *name)).collect()
    }
}
