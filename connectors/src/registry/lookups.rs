//! Asking for ids while the records that carry them wait.
//!
//! Whoever meets an id that is not known leaves a note and is answered "not yet"; the thread asks. Failures are asked
//! again when someone still wants to know and a pause has passed, so nothing is asked on behalf of nobody.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use schema_registry_converter::schema_registry_common::{RegisteredSchema, SchemaType};
use schemas::{Lookup, WriterSchema};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::client::{CallError, Client};
use super::known::{Entry, Known};
use super::{RegistryError, pause};

/// How long an id that the registry does not have is not asked for again. It can come to be: a producer of another data
/// centre may be ahead of its registry.
const MISSING_FOR: Duration = Duration::from_secs(30);
/// How many missing ids are remembered; a producer of rubbish can make up any number of them.
const MISSING_AT_MOST: usize = 1_024;

/// Who is asked, and what was asked.
pub(super) struct Lookups {
    notes: Arc<Notes>,
    queue: Option<UnboundedSender<u32>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Notes {
    by_id: Mutex<HashMap<u32, Note>>,
    changed: Condvar,
}

/// How it stands with an id that is not known.
enum Note {
    /// It is being asked; `why` is the last failure, `failures` how many there were in a row.
    Asking { why: Option<String>, failures: u32 },
    /// It could not be asked, and may be again after a pause.
    Failed { why: String, failures: u32, again: Instant },
    /// The registry does not have it; until then it is not asked again.
    Missing { until: Instant },
}

impl Lookups {
    pub(super) fn start(client: Client, known: Arc<Known>) -> Result<Self, RegistryError> {
        let notes = Arc::new(Notes::default());
        let (queue, asked) = unbounded_channel();
        let failed = |error: std::io::Error| RegistryError::Thread(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let answers = notes.clone();
        let thread = std::thread::Builder::new()
            .name("schema-registry".to_owned())
            .spawn(move || runtime.block_on(answer_all(Arc::new(client), known, answers, asked)))
            .map_err(failed)?;
        Ok(Self { notes, queue: Some(queue), thread: Some(thread) })
    }

    /// What can be said of an id that was not known a moment ago; sees to it that it is asked for.
    pub(super) fn ask<'a>(&self, id: u32, known: &'a Known) -> Lookup<'a> {
        // Registries count in Java's int.
        if i32::try_from(id).is_err() {
            return Lookup::Unknown;
        }
        let mut notes = self.notes.by_id.lock();
        // It may have become known meanwhile: the thread removes its note only after that.
        if let Some(now_known) = known.get(id) {
            return now_known;
        }
        let now = Instant::now();
        let (why, failures) = match notes.remove(&id) {
            Some(Note::Missing { until }) if now < until => {
                notes.insert(id, Note::Missing { until });
                return Lookup::Unknown;
            }
            Some(note @ Note::Asking { .. }) => {
                let reason = note.reason();
                notes.insert(id, note);
                return Lookup::Unreachable(reason);
            }
            Some(note @ Note::Failed { again, .. }) if now < again => {
                let reason = note.reason();
                notes.insert(id, note);
                return Lookup::Unreachable(reason);
            }
            Some(Note::Failed { why, failures, .. }) => (Some(why), failures),
            Some(Note::Missing { .. }) | None => (None, 0),
        };
        let note = Note::Asking { why, failures };
        let reason = note.reason();
        notes.insert(id, note);
        if self.queue.as_ref().is_none_or(|queue| queue.send(id).is_err()) {
            return Lookup::Unreachable("the thread that looks up schemas has ended".to_owned());
        }
        Lookup::Unreachable(reason)
    }

    /// Waits until an id is no longer being asked for and may be asked again, or for `timeout`.
    pub(super) fn wait_for(&self, id: u32, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut notes = self.notes.by_id.lock();
        loop {
            let until = match notes.get(&id) {
                Some(Note::Asking { .. }) => deadline,
                Some(Note::Failed { again, .. }) => deadline.min(*again),
                Some(Note::Missing { .. }) | None => return,
            };
            if Instant::now() >= until {
                return;
            }
            self.notes.changed.wait_until(&mut notes, until);
        }
    }
}

impl Drop for Lookups {
    fn drop(&mut self) {
        // Without the queue the thread ends, and drops what it is asking.
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Note {
    fn reason(&self) -> String {
        match self {
            Self::Asking { why: Some(why), .. } | Self::Failed { why, .. } => why.clone(),
            Self::Asking { .. } | Self::Missing { .. } => "the schema registry is being asked".to_owned(),
        }
    }
}

async fn answer_all(client: Arc<Client>, known: Arc<Known>, notes: Arc<Notes>, mut asked: UnboundedReceiver<u32>) {
    while let Some(id) = asked.recv().await {
        let (client, known, notes) = (client.clone(), known.clone(), notes.clone());
        // One that hangs keeps no other from being answered; there is one at most for each id.
        tokio::spawn(async move { notes.answered(id, client.by_id(id).await, &known) });
    }
}

impl Notes {
    fn answered(&self, id: u32, answer: Result<RegisteredSchema, CallError>, known: &Known) {
        let mut notes = self.by_id.lock();
        let now = Instant::now();
        let failures = match notes.remove(&id) {
            Some(Note::Asking { failures, .. }) => failures,
            _ => 0,
        };
        match answer {
            Ok(schema) => {
                let entry = usable(id, &schema);
                match &entry {
                    Ok(writer) => tracing::info!(id, record = writer.record(), failures, "schema looked up"),
                    Err(why) => tracing::warn!(id, "no record can be read with this schema: {why}"),
                }
                known.add(id, entry);
            }
            Err(CallError::NotThere) => {
                if notes.len() >= MISSING_AT_MOST {
                    notes.retain(|_, note| !matches!(note, Note::Missing { .. }));
                }
                notes.insert(id, Note::Missing { until: now + MISSING_FOR });
            }
            Err(CallError::Refused(why) | CallError::Unreachable(why)) => {
                let failures = failures + 1;
                // An outage is told at its begin, and ever less often.
                if failures.is_power_of_two() {
                    tracing::warn!(id, failures, "records with this schema id wait, as it cannot be looked up: {why}");
                }
                notes.insert(id, Note::Failed { why, failures, again: now + pause(failures - 1) });
            }
        }
        drop(notes);
        self.changed.notify_all();
    }
}

/// The schema as records can be read with, or why none can.
fn usable(id: u32, schema: &RegisteredSchema) -> Entry {
    if schema.schema_type != SchemaType::Avro {
        return Err(format!("it is {:?}, not Avro", schema.schema_type));
    }
    if !schema.references.is_empty() {
        return Err("it refers to other schemas: all of a record must stand in one".to_owned());
    }
    WriterSchema::parse(id, &schema.schema).map_err(|error| error.to_string())
}
