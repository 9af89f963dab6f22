//! The table of schemas: ids, names, files and the order of fields.

use std::collections::BTreeSet;

use schemas::subjects::{Subject, subjects};
use schemas::{EmbeddedRegistry, Lookup, Record, SchemaRegistry, registry};
use serde_json::Value;

use crate::for_each_record;

const TICKET_COMMAND: &[&str] =
    &["commandId", "actorId", "actorAdmin", "issuedAt", "correlationId", "traceparent", "projectId"];
const USER_COMMAND: &[&str] =
    &["commandId", "actorId", "actorAdmin", "issuedAt", "correlationId", "traceparent", "userKey"];
const TICKET_EVENT: &[&str] =
    &["eventId", "correlationId", "causationId", "publishedAt", "version", "source", "projectId", "sequence"];
const USER_EVENT: &[&str] =
    &["eventId", "correlationId", "causationId", "publishedAt", "version", "source", "userId", "sequence"];
const WEBHOOK: &[&str] = &["eventId", "correlationId", "causationId", "publishedAt", "version", "source", "ownerId"];
const OUTCOME: &[&str] =
    &["commandId", "correlationId", "commandType", "decidedAt", "duplicate", "projectId", "sequence"];

/// The commands and events that are about users and not about projects.
const OF_USERS: [&str; 7] = [
    "RegisterUser",
    "UpdatePreferences",
    "ReadNotifications",
    "DeactivateUser",
    "ReactivateUser",
    "UserCreated",
    "UserUpdated",
];

/// What became of mails and deliveries.
const RESULTS: [&str; 4] = ["MailSent", "MailFailed", "DeliverySucceeded", "DeliveryFailed"];

#[test]
fn should_give_every_schema_an_id_of_its_own_in_the_range_of_its_kind() {
    let mut ids = BTreeSet::new();
    for schema in registry::all() {
        assert!(ids.insert(schema.id()), "{} is used twice", schema.id());
        let range = match directory_of(schema.record()) {
            "commands" => 1..=100,
            "events" => 101..=200,
            "outcomes" => 201..=300,
            "internal" => 301..=350,
            "assignments" => 351..=370,
            "notifications" => 371..=380,
            "webhooks" => 381..=390,
            "mails" => 391..=400,
            _ => 401..=511,
        };
        assert!(range.contains(&schema.id()), "{} has id {}", schema.record(), schema.id());
        let found = registry::published(schema.id()).unwrap();
        assert_eq!((found.id(), found.record()), (schema.id(), schema.record()));
    }
}

#[test]
fn should_know_every_record_of_this_build() {
    let mut names = BTreeSet::new();
    for_each_record!(check_known(&mut names));
    let known: BTreeSet<&str> = registry::all().iter().map(|schema| schema.record()).collect();
    assert_eq!(names, known);
    assert_eq!(names, DIRECTORIES.iter().flat_map(|directory| files(directory)).map(leak).collect());
}

fn check_known<T: Record>(names: &mut BTreeSet<&'static str>) {
    assert_eq!(registry::published(T::SCHEMA_ID).map(schemas::Published::avsc), Some(T::AVSC), "{}", T::NAME);
    let writer = T::published().writer().unwrap();
    assert_eq!((writer.id(), writer.record()), (T::SCHEMA_ID, T::NAME));
    assert!(matches!(EmbeddedRegistry.schema(T::SCHEMA_ID), Lookup::Known(known) if known.record() == T::NAME));
    assert_eq!(EmbeddedRegistry.wire_id(T::SCHEMA_ID), T::SCHEMA_ID);
    assert!(names.insert(T::NAME));
}

#[test]
fn should_begin_every_record_with_the_envelope_of_its_kind() {
    for schema in registry::all() {
        let envelope = match (directory_of(schema.record()), schema.record()) {
            ("commands", name) if OF_USERS.contains(&name) => USER_COMMAND,
            ("commands", _) => TICKET_COMMAND,
            ("events", name) if OF_USERS.contains(&name) => USER_EVENT,
            ("notifications", _) => USER_EVENT,
            ("mails", _) => &USER_EVENT[..USER_EVENT.len() - 1],
            ("webhooks", _) => WEBHOOK,
            ("events", _) => TICKET_EVENT,
            ("outcomes", _) => OUTCOME,
            _ => continue,
        };
        let parsed: Value = serde_json::from_str(schema.avsc()).unwrap();
        let fields: Vec<&str> = fields(&parsed).iter().map(|field| field["name"].as_str().unwrap()).collect();
        assert_eq!(fields[..envelope.len()], *envelope, "{}", schema.record());
    }
}

#[test]
fn should_describe_every_record_and_field_and_give_optional_ones_a_default() {
    for schema in registry::all() {
        let parsed: Value = serde_json::from_str(schema.avsc()).unwrap();
        assert_eq!(parsed["namespace"], "io.syncroboard");
        assert_eq!(parsed["name"], schema.record());
        assert!(parsed["doc"].is_string(), "{}", schema.record());
        for field in fields(&parsed) {
            let doc = field["doc"].as_str().unwrap_or_default();
            assert!(!doc.is_empty(), "{}: {field}", schema.record());
            let nested = field["type"]["type"] == "record" || field["type"]["items"]["type"] == "record";
            if !nested && field["type"].to_string().contains("timestamp-millis") {
                assert!(doc.contains("milliseconds since 1970"), "{}: no unit: {doc}", schema.record());
            }
            let open = field["type"].is_array() || field["type"]["type"] == "array";
            assert!(!open || field.get("default").is_some(), "{}: {field}", schema.record());
        }
    }
}

#[test]
fn should_nest_the_current_command_in_the_lookups() {
    use schemas::{AddMember, ConfigureAssignment};
    for (command, avsc) in [
        (AddMember::AVSC, schemas::UserLookupRequested::AVSC),
        (AddMember::AVSC, schemas::UserLookupReplied::AVSC),
        (ConfigureAssignment::AVSC, schemas::PoolLookupRequested::AVSC),
        (ConfigureAssignment::AVSC, schemas::PoolLookupReplied::AVSC),
    ] {
        let lookup: Value = serde_json::from_str(avsc).unwrap();
        assert_eq!(lookup["fields"][0]["type"], serde_json::from_str::<Value>(command).unwrap());
    }
}

#[test]
fn should_have_a_subject_for_every_record_that_others_meet() {
    let mut expected: Vec<String> = Vec::new();
    for (directory, topic, other_topic) in [
        ("commands", "ticket.commands", "user.commands"),
        ("events", "ticket.events", "user.events"),
        ("outcomes", "command.outcomes", "command.outcomes"),
        ("assignments", "ticket.assignments", "ticket.assignments"),
        ("notifications", "notifications", "notifications"),
        ("mails", "email.outbox", "email.results"),
        ("webhooks", "webhook.commands", "webhook.results"),
    ] {
        expected.extend(files(directory).into_iter().map(|record| {
            let other = OF_USERS.contains(&record.as_str()) || RESULTS.contains(&record.as_str());
            let topic = if other { other_topic } else { topic };
            format!("{topic}-io.syncroboard.{record}")
        }));
    }
    expected.sort();
    let mut subjects: Vec<String> = subjects().iter().map(Subject::name).collect();
    subjects.sort();
    assert_eq!(subjects, expected);
}

const DIRECTORIES: [&str; 9] =
    ["commands", "events", "outcomes", "internal", "assignments", "notifications", "webhooks", "mails", "state"];

fn directory_of(record: &str) -> &'static str {
    DIRECTORIES.into_iter().find(|directory| files(directory).iter().any(|file| file == record)).unwrap()
}

/// Names of the schemas in a directory of `avro`.
fn files(directory: &str) -> Vec<String> {
    let path = format!("avro/{directory}");
    let entries = std::fs::read_dir(path).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().strip_suffix(".avsc").unwrap().to_owned())
        .collect()
}

fn fields(schema: &Value) -> &[Value] {
    schema["fields"].as_array().unwrap()
}

fn leak(name: String) -> &'static str {
    Box::leak(name.into_boxed_str())
}
