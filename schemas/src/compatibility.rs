//! Whether the versions of a schema can read each other: `FULL_TRANSITIVE`, and no field is ever taken away.
//!
//! apache-avro compares references to named types by their name only, so they are replaced by what they stand for first.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{Name, UnionSchema};
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

/// Why two versions of a schema do not go together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Incompatible {
    /// One of them is not valid Avro.
    #[error("not a schema: {0}")]
    Invalid(String),
    /// The newer cannot read what the older wrote.
    #[error("the newer version cannot read what the older wrote: {0}")]
    Backward(String),
    /// The older cannot read what the newer wrote.
    #[error("the older version cannot read what the newer wrote: {0}")]
    Forward(String),
    /// The newer lacks a field of the older.
    #[error("the newer version lacks the field {0}")]
    FieldTakenAway(String),
}

/// Checks that `newer` may take the place of `older`, both the text of a schema.
///
/// # Errors
/// They cannot read each other whatever was written, or a field was taken away.
pub fn check(older: &str, newer: &str) -> Result<(), Incompatible> {
    check_readable(older, newer)?;
    taken_away(&flatten(older)?, &flatten(newer)?).map_or(Ok(()), |field| Err(Incompatible::FieldTakenAway(field)))
}

/// Checks that each of two versions, both the text of a schema, can read what the other wrote: what a registry asks for.
///
/// # Errors
/// They cannot read each other whatever was written.
pub fn check_readable(older: &str, newer: &str) -> Result<(), Incompatible> {
    let (older, newer) = (flatten(older)?, flatten(newer)?);
    can_read(&older, &newer).map_err(Incompatible::Backward)?;
    can_read(&newer, &older).map_err(Incompatible::Forward)
}

/// What is different in `there` from `here`, both the text of a schema, for people; none: the same is read and written.
///
/// # Errors
/// One of them is not valid Avro.
pub fn difference(there: &str, here: &str) -> Result<Option<String>, Incompatible> {
    Ok(differs("", &flatten(there)?, &flatten(here)?))
}

fn differs(path: &str, there: &Schema, here: &Schema) -> Option<String> {
    if there.canonical_form() == here.canonical_form() {
        return None;
    }
    let (Schema::Record(there), Schema::Record(here)) = (there, here) else {
        let types = format!("is {} there, {} here", there.canonical_form(), here.canonical_form());
        return Some(if path.is_empty() { format!("it {types}") } else { format!("the field {path} {types}") });
    };
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for field in &here.fields {
        let Some(found) = there.fields.iter().find(|f| f.name == field.name) else {
            return Some(format!("the field {} is missing there", at(&field.name)));
        };
        if let Some(difference) = differs(&at(&field.name), &found.schema, &field.schema) {
            return Some(difference);
        }
    }
    if let Some(more) = there.fields.iter().find(|f| here.fields.iter().all(|known| known.name != f.name)) {
        return Some(format!("the field {} is only there", at(&more.name)));
    }
    if there.name != here.name {
        return Some(format!("it is called {} there, {} here", there.name, here.name));
    }
    Some("the fields are in another order".to_owned())
}

fn can_read(writer: &Schema, reader: &Schema) -> Result<(), String> {
    match SchemaCompatibility::can_read(writer, reader) {
        Ok(Compatibility::Full) => Ok(()),
        Ok(Compatibility::Partial) => Err("some values cannot be read".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The first field, as a path, that `older` has and `newer` has not.
fn taken_away(older: &Schema, newer: &Schema) -> Option<String> {
    match (older, newer) {
        (Schema::Record(older), Schema::Record(newer)) => older.fields.iter().find_map(|field| {
            match newer.fields.iter().find(|candidate| candidate.name == field.name) {
                None => Some(field.name.clone()),
                Some(found) => taken_away(&field.schema, &found.schema).map(|inner| format!("{}.{inner}", field.name)),
            }
        }),
        (Schema::Array(older), Schema::Array(newer)) => taken_away(&older.items, &newer.items),
        (Schema::Map(older), Schema::Map(newer)) => taken_away(&older.types, &newer.types),
        (Schema::Union(older), Schema::Union(newer)) => older.variants().iter().find_map(|variant| {
            let same = newer.variants().iter().find(|candidate| candidate.name() == variant.name())?;
            taken_away(variant, same)
        }),
        _ => None,
    }
}

fn flatten(avsc: &str) -> Result<Schema, Incompatible> {
    let schema = Schema::parse_str(avsc).map_err(|error| Incompatible::Invalid(error.to_string()))?;
    resolve(schema, &mut HashMap::new())
}

/// Puts definitions in the place of references to them. A type that holds itself keeps the reference inside itself.
fn resolve(schema: Schema, known: &mut HashMap<Name, Schema>) -> Result<Schema, Incompatible> {
    Ok(match schema {
        Schema::Ref { name } => known.get(&name).cloned().unwrap_or(Schema::Ref { name }),
        Schema::Record(mut record) => {
            for field in &mut record.fields {
                let inner = std::mem::replace(&mut field.schema, Schema::Null);
                field.schema = resolve(inner, known)?;
            }
            let name = record.name.clone();
            let schema = Schema::Record(record);
            known.insert(name, schema.clone());
            schema
        }
        Schema::Array(mut array) => {
            let inner = std::mem::replace(array.items.as_mut(), Schema::Null);
            *array.items = resolve(inner, known)?;
            Schema::Array(array)
        }
        Schema::Map(mut map) => {
            let inner = std::mem::replace(map.types.as_mut(), Schema::Null);
            *map.types = resolve(inner, known)?;
            Schema::Map(map)
        }
        Schema::Union(union) => {
            let variants = union.variants().iter().cloned().map(|variant| resolve(variant, known));
            let variants = variants.collect::<Result<Vec<_>, _>>()?;
            Schema::Union(UnionSchema::new(variants).map_err(|error| Incompatible::Invalid(error.to_string()))?)
        }
        named @ (Schema::Enum(_) | Schema::Fixed(_)) => {
            if let Some(name) = named.name() {
                known.insert(name.clone(), named.clone());
            }
            named
        }
        other => other,
    })
}
