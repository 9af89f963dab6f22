//! `FULL_TRANSITIVE`: every version of a schema that was ever published and today's read each other.

use std::collections::BTreeMap;
use std::time::Duration;

use apache_avro::types::Value as AvroValue;
use schemas::compatibility::{self, Incompatible};
use schemas::{
    CreateTicket, Lookup, Record, SchemaError, SchemaRegistry, TicketCommand, WriterSchema, frame, registry,
};
use serde_json::{Value, json};

use crate::for_each_record;
use crate::oracle::framed;

#[test]
fn should_go_together_with_every_version_ever_published() {
    let history = history();
    for schema in registry::all() {
        let versions = history.get(schema.record()).unwrap_or_else(|| panic!("{} has no history", schema.record()));
        let own = versions.iter().find(|(_, avsc)| **avsc == schema.avsc()).map(|(version, _)| *version);
        let own = own.unwrap_or_else(|| panic!("{} {} is not in its history", schema.record(), schema.id()));
        for (version, avsc) in versions.range(..=own) {
            compatibility::check(avsc, schema.avsc())
                .unwrap_or_else(|error| panic!("{} and its version {version}: {error}", schema.record()));
        }
    }
}

#[test]
fn should_keep_the_current_version_of_every_schema_in_the_history() {
    let history = history();
    for_each_record!(check_kept(&history));
}

fn check_kept<T: Record>(history: &History) {
    let (version, newest) = history[T::NAME].last_key_value().unwrap();
    assert_eq!(
        newest,
        T::AVSC,
        "{} changed: keep it as avro/history/{}.v{}.avsc, with an id of its own",
        T::NAME,
        T::NAME,
        version + 1
    );
    assert_eq!(T::VERSION.to_string(), version.to_string(), "{}", T::NAME);
}

#[test]
fn should_refuse_a_change_that_breaks_a_reader() {
    let taken = changed(|fields| fields.retain(|field| field["name"] != "title"));
    assert!(matches!(compatibility::check(CreateTicket::AVSC, &taken), Err(Incompatible::Forward(_))));

    let optional_taken = changed(|fields| fields.retain(|field| field["name"] != "dueDate"));
    let error = compatibility::check(CreateTicket::AVSC, &optional_taken).unwrap_err();
    assert!(matches!(&error, Incompatible::FieldTakenAway(field) if field == "dueDate"), "{error}");

    let no_default = changed(|fields| fields.push(json!({ "name": "weight", "type": "int" })));
    assert!(matches!(compatibility::check(CreateTicket::AVSC, &no_default), Err(Incompatible::Backward(_))));

    let retyped = changed(|fields| {
        for field in fields {
            if field["name"] == "title" {
                field["type"] = json!("long");
            }
        }
    });
    assert!(compatibility::check(CreateTicket::AVSC, &retyped).is_err());

    // A reader of the old version cannot read a null.
    let opened = changed(|fields| {
        for field in fields {
            if field["name"] == "title" {
                field["type"] = json!(["null", "string"]);
            }
        }
    });
    assert!(matches!(compatibility::check(CreateTicket::AVSC, &opened), Err(Incompatible::Forward(_))));
}

#[test]
fn should_look_into_named_types_instead_of_comparing_their_names() {
    let schema = |inner: &str| {
        let fields = json!([
            { "name": "first", "type": { "type": "record", "name": "Inner", "fields": [{ "name": "x", "type": inner }] } },
            { "name": "second", "type": "Inner" },
        ]);
        json!({ "type": "record", "name": "Outer", "fields": fields }).to_string()
    };
    assert!(compatibility::check(&schema("long"), &schema("long")).is_ok());
    assert!(compatibility::check(&schema("long"), &schema("string")).is_err());
    let moved = json!({ "type": "record", "name": "Outer", "fields": [
        { "name": "second", "type": { "type": "record", "name": "Inner", "fields": [{ "name": "x", "type": "string" }] } },
        { "name": "first", "type": "Inner" },
    ] });
    assert!(compatibility::check(&schema("long"), &moved.to_string()).is_err());
}

#[test]
fn should_accept_a_new_field_with_a_default() {
    let newer = changed(|fields| fields.push(json!({ "name": "weight", "type": ["null", "int"], "default": null })));
    compatibility::check(CreateTicket::AVSC, &newer).unwrap();
    // Where in the record it stands does not matter either.
    let newer = changed(|fields| fields.insert(0, json!({ "name": "weight", "type": "int", "default": 1 })));
    compatibility::check(CreateTicket::AVSC, &newer).unwrap();
}

#[test]
fn should_read_what_an_older_and_a_newer_version_wrote() {
    let command = CreateTicket { title: "Füße".to_owned(), ..CreateTicket::default() };
    let mut wire = Vec::new();
    frame::encode(&command, &mut wire).unwrap();
    let datum = &wire[frame::PREFIX_LEN..];

    // The older has no dueDate, which comes last: one byte less. The newer has a text more.
    let older = changed(|fields| fields.retain(|field| field["name"] != "dueDate"));
    let newer = changed(|fields| fields.push(json!({ "name": "mood", "type": "string", "default": "" })));
    let registry = Foreign::new([(9001, older), (9002, newer)]);

    let decoded = TicketCommand::decode_with(&registry, &framed(9001, &datum[..datum.len() - 1])).unwrap();
    assert_eq!(decoded, TicketCommand::CreateTicket(command.clone()));
    let decoded: CreateTicket = frame::decode_with(&registry, &framed(9002, &[datum, b"\x08calm"].concat())).unwrap();
    assert_eq!(decoded, command);
}

/// A field with a default may be missing in what an older version wrote: the struct must give the schema's default.
#[test]
fn should_give_a_missing_field_the_default_of_its_schema() {
    for_each_record!(check_defaults());
}

fn check_defaults<T: Record + Default + PartialEq + std::fmt::Debug>() {
    let full: Value = serde_json::from_str(T::AVSC).unwrap();
    let mut stripped = full.clone();
    let fields = stripped["fields"].as_array_mut().unwrap();
    fields.retain(|field| field.get("default").is_none());
    let stripped = stripped.to_string();

    // Every default is that of the Rust type, so the default value, without these fields, must come back whole.
    let reader = apache_avro::Schema::parse_str(&stripped).unwrap();
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&reader).build().unwrap();
    let mut wire = Vec::new();
    frame::encode(&T::default(), &mut wire).unwrap();
    let whole = crate::oracle::read(&crate::oracle::schema_of::<T>(), &wire[frame::PREFIX_LEN..]);
    let apache_avro::types::Value::Record(values) = whole else { panic!("a record") };
    let kept = |name: &str| stripped.contains(&format!("\"name\":\"{name}\""));
    let values = values.into_iter().filter(|(name, _)| kept(name)).collect();
    let datum = writer.write_value_to_vec(apache_avro::types::Value::Record(values)).unwrap();

    let decoded: T = frame::decode_with(&Foreign::new([(9001, stripped)]), &framed(9001, &datum)).unwrap();
    assert_eq!(decoded, T::default());
    for field in full["fields"].as_array().unwrap() {
        if let Some(default) = field.get("default") {
            // Of a record within a record, each field's.
            let defaults: Vec<&Value> = default.as_object().map_or(vec![default], |record| record.values().collect());
            let empty = [json!(null), json!([]), json!(false), json!(0), json!("")];
            assert!(defaults.iter().all(|default| empty.contains(default)), "{}: {field}", T::NAME);
        }
    }
}

/// What a producer with its own idea of the schema writes: names decide, not order, nor which of the types that Avro
/// lets stand for each other.
#[test]
fn should_read_a_foreign_producers_schema_as_avro_resolves_it() {
    let mut foreign: Value = serde_json::from_str(CreateTicket::AVSC).unwrap();
    foreign["namespace"] = json!("com.example.sender");
    let fields = foreign["fields"].as_array_mut().unwrap();
    fields.reverse();
    for field in fields.iter_mut() {
        field.as_object_mut().unwrap().remove("doc");
        match field["name"].as_str().unwrap() {
            // Ids as plain text, an int for a long, bytes for a string, branches the other way round, no null.
            "commandId" | "actorId" | "correlationId" | "projectId" => field["type"] = json!("string"),
            "issuedAt" => field["type"] = json!("int"),
            "description" => field["type"] = json!("bytes"),
            "assigneeId" => *field = json!({ "name": "assigneeId", "type": ["string", "null"] }),
            "priority" => *field = json!({ "name": "priority", "type": "string" }),
            _ => {}
        }
    }
    fields.insert(3, json!({ "name": "mood", "type": { "type": "enum", "name": "Mood", "symbols": ["GOOD", "BAD"] } }));
    fields.insert(1, json!({ "name": "extras", "type": { "type": "map", "values": ["null", "double"] } }));
    fields.push(json!({ "name": "digest", "type": { "type": "fixed", "name": "Digest", "size": 4 } }));
    let foreign = foreign.to_string();

    let id = uuid::Uuid::from_u128(7);
    let text = |text: &str| AvroValue::String(text.to_owned());
    let schema = apache_avro::Schema::parse_str(&foreign).unwrap();
    let apache_avro::Schema::Record(record) = &schema else { panic!("a record") };
    let values = record.fields.iter().map(|field| {
        let value = match field.name.as_str() {
            "commandId" | "actorId" | "correlationId" | "projectId" => text(&id.to_string()),
            "actorAdmin" => AvroValue::Boolean(true),
            "issuedAt" => AvroValue::Int(1_234),
            "title" => text("Füße"),
            "description" => AvroValue::Bytes("größer".into()),
            "priority" => text("HIGH"),
            "labels" => AvroValue::Array(vec![text("a")]),
            "assigneeId" => AvroValue::Union(0, Box::new(text(&id.to_string()))),
            "dueDate" => AvroValue::Union(1, Box::new(AvroValue::TimestampMillis(9))),
            "mood" => AvroValue::Enum(1, "BAD".to_owned()),
            "extras" => {
                AvroValue::Map([("x".to_owned(), AvroValue::Union(1, Box::new(AvroValue::Double(0.5))))].into())
            }
            "digest" => AvroValue::Fixed(4, vec![1, 2, 3, 4]),
            _ => AvroValue::Union(0, Box::new(AvroValue::Null)),
        };
        (field.name.clone(), value)
    });
    let datum = crate::oracle::write(&schema, &AvroValue::Record(values.collect()));
    let read = TicketCommand::decode_with(&Foreign::new([(77, foreign)]), &framed(77, &datum)).unwrap();
    let expected = CreateTicket {
        command_id: id,
        actor_id: id,
        actor_admin: true,
        issued_at: 1_234,
        correlation_id: id,
        project_id: id,
        title: "Füße".to_owned(),
        description: "größer".to_owned(),
        priority: Some("HIGH".to_owned()),
        labels: vec!["a".to_owned()],
        assignee_id: Some(id),
        due_date: Some(9),
        ..CreateTicket::default()
    };
    assert_eq!(read, TicketCommand::CreateTicket(expected));
}

#[test]
fn should_write_the_ids_of_the_registry_for_others_and_its_own_for_itself() {
    let registry = Foreign::new([(5_006, CreateTicket::AVSC.to_owned())]);
    let command = TicketCommand::from(CreateTicket { title: "Füße".to_owned(), ..CreateTicket::default() });
    let (mut own, mut wire) = (Vec::new(), b"before".to_vec());
    command.encode(&mut own).unwrap();
    command.encode_with(&registry, &mut wire).unwrap();
    let wire = wire.strip_prefix(b"before").unwrap();
    assert_eq!((frame::schema_id(&own).unwrap(), frame::schema_id(wire).unwrap()), (6, 5_006));
    assert_eq!(TicketCommand::decode_with(&registry, wire).unwrap(), command);

    let mut relabelled = own.clone();
    frame::relabel(&registry, &mut relabelled).unwrap();
    assert_eq!(relabelled, wire);
    frame::relabel(&schemas::EmbeddedRegistry, &mut own).unwrap();
    assert_eq!(TicketCommand::decode(&own).unwrap(), command);
    assert!(frame::relabel(&registry, &mut b"junk!".to_vec()).is_err());
}

#[test]
fn should_say_what_is_different_in_another_schema() {
    let difference = |there: &str| compatibility::difference(there, CreateTicket::AVSC).unwrap();
    assert_eq!(difference(CreateTicket::AVSC), None);
    assert_eq!(difference(&CreateTicket::AVSC.replace("Title, 1 to 200 characters.", "Said otherwise.")), None);
    for (there, expected) in [
        (changed(|fields| fields.retain(|f| f["name"] != "labels")), "the field labels is missing there"),
        (changed(|f| f.push(json!({ "name": "mood", "type": "int" }))), "the field mood is only there"),
        (changed(|fields| fields[7]["type"] = json!("bytes")), "the field title is \"bytes\" there, \"string\" here"),
        (changed(|fields| fields.swap(7, 8)), "the fields are in another order"),
        (CreateTicket::AVSC.replace("\"CreateTicket\"", "\"MakeTicket\""), "MakeTicket there"),
        (r#""string""#.to_owned(), "it is \"string\" there"),
    ] {
        let found = difference(&there).unwrap_or_default();
        assert!(found.contains(expected), "{found:?} should say {expected:?}");
    }
}

#[test]
fn should_tell_not_yet_from_bad() {
    let wire = framed(6, b"");
    let not_yet = TicketCommand::decode_with(&Down, &wire).unwrap_err();
    assert!(not_yet.not_yet());
    assert!(matches!(not_yet, SchemaError::RegistryUnreachable { id: 6, .. }));
    // What is no frame is bad, whatever the registry would say.
    assert!(!TicketCommand::decode_with(&Down, b"junk").unwrap_err().not_yet());
    assert!(!TicketCommand::decode_with(&Foreign::new([]), &wire).unwrap_err().not_yet());
}

type History = BTreeMap<String, BTreeMap<u32, String>>;

/// The files of `avro/history`: by record, by version.
fn history() -> History {
    let mut history = History::new();
    for entry in std::fs::read_dir("avro/history").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let (record, version) = name.strip_suffix(".avsc").and_then(|stem| stem.split_once(".v")).unwrap();
        let avsc = std::fs::read_to_string(&path).unwrap();
        history.entry(record.to_owned()).or_default().insert(version.parse().unwrap(), avsc);
    }
    history
}

/// `CreateTicket`'s schema with its fields changed.
fn changed(change: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut schema: Value = serde_json::from_str(CreateTicket::AVSC).unwrap();
    change(schema["fields"].as_array_mut().unwrap());
    schema.to_string()
}

/// A registry with ids of its own.
struct Foreign(Vec<WriterSchema>);

impl Foreign {
    fn new<const N: usize>(schemas: [(u32, String); N]) -> Self {
        Self(schemas.into_iter().map(|(id, avsc)| WriterSchema::parse(id, &avsc).unwrap()).collect())
    }
}

impl SchemaRegistry for Foreign {
    fn schema(&self, id: u32) -> Lookup<'_> {
        self.0.iter().find(|known| known.id() == id).map_or(Lookup::Unknown, Lookup::Known)
    }

    fn wire_id(&self, own_id: u32) -> u32 {
        own_id + 5_000
    }

    fn wait_for(&self, _id: u32, _timeout: Duration) {}
}

/// A registry that cannot be reached.
struct Down;

impl SchemaRegistry for Down {
    fn schema(&self, _id: u32) -> Lookup<'_> {
        Lookup::Unreachable("connection refused".to_owned())
    }

    fn wire_id(&self, own_id: u32) -> u32 {
        own_id
    }

    fn wait_for(&self, _id: u32, _timeout: Duration) {}
}
