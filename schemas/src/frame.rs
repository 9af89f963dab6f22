//! The Confluent frame: 0x00, four bytes of schema id (big endian), then the record in Avro.
//!
//! Reading takes the schema that the record was written with. What it has and the struct has not is skipped; what the
//! struct has and it has not gets its default. Nothing is allocated beside the value's own texts.

use std::io::BufRead;

use serde::de::DeserializeOwned;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};
use serde_avro_fast::ser::SerializerConfig;

use crate::error::SchemaError;
use crate::published::WriterSchema;
use crate::record::Record;
use crate::registry::{self, Lookup, SchemaRegistry};

/// Length of what stands before the Avro bytes.
pub const PREFIX_LEN: usize = 5;

const MAGIC: u8 = 0;

/// Appends the framed `value` to `out`, which stays as it was if that fails. It carries the id in the code: for state
/// stores and the application's own topics.
///
/// # Errors
/// The value does not fit its schema.
pub fn encode<T: Record>(value: &T, out: &mut Vec<u8>) -> Result<(), SchemaError> {
    encode_as(T::SCHEMA_ID, value, out)
}

/// As [`encode`], with the id that `registry` gave the schema: for topics that others read.
///
/// # Errors
/// The value does not fit its schema.
pub fn encode_with<T: Record>(registry: &dyn SchemaRegistry, value: &T, out: &mut Vec<u8>) -> Result<(), SchemaError> {
    encode_as(registry.wire_id(T::SCHEMA_ID), value, out)
}

/// Puts the id that `registry` gave the schema into a record framed by [`encode`], so that others can read it.
///
/// # Errors
/// The bytes are no framed record.
pub fn relabel(registry: &dyn SchemaRegistry, framed: &mut [u8]) -> Result<(), SchemaError> {
    let (own_id, _) = split(framed)?;
    put_id(registry.wire_id(own_id), framed)
}

/// Puts the id in the code back into a record that [`relabel`] gave the registry's, if it is of one of these schemas. True if it is.
///
/// # Errors
/// The bytes are no framed record.
pub fn unlabel(registry: &dyn SchemaRegistry, own_ids: &[u32], framed: &mut [u8]) -> Result<bool, SchemaError> {
    let (wire_id, _) = split(framed)?;
    match own_ids.iter().find(|own_id| registry.wire_id(**own_id) == wire_id) {
        Some(own_id) => put_id(*own_id, framed).map(|()| true),
        None => Ok(false),
    }
}

fn put_id(id: u32, framed: &mut [u8]) -> Result<(), SchemaError> {
    split(framed)?;
    framed[1..PREFIX_LEN].copy_from_slice(&id.to_be_bytes());
    Ok(())
}

fn encode_as<T: Record>(id: u32, value: &T, out: &mut Vec<u8>) -> Result<(), SchemaError> {
    let writer = T::published().writer()?;
    let start = out.len();
    out.push(MAGIC);
    out.extend_from_slice(&id.to_be_bytes());
    // Its buffers stay empty, as fields come in the order of the schema: making one costs nothing.
    let mut config = SerializerConfig::new(writer.schema());
    match serde_avro_fast::to_datum(value, &mut *out, &mut config) {
        Ok(_) => Ok(()),
        Err(source) => {
            out.truncate(start);
            Err(SchemaError::Unwritable { record: T::NAME, source })
        }
    }
}

/// The id of the schema that the framed record `bytes` was written with.
///
/// # Errors
/// The bytes are no framed record.
pub fn schema_id(bytes: &[u8]) -> Result<u32, SchemaError> {
    split(bytes).map(|(id, _)| id)
}

/// Reads a framed record whose schema is in the embedded registry.
///
/// # Errors
/// The bytes are no framed record, their schema is unknown or another record's, or they do not fit it.
pub fn decode<T: Record>(bytes: &[u8]) -> Result<T, SchemaError> {
    let (writer, datum) = open(bytes)?;
    decode_datum(writer, datum)
}

/// Reads a framed record whose schema `registry` knows.
///
/// # Errors
/// As [`decode`]; and [`SchemaError::RegistryUnreachable`], after which it can be tried again.
pub fn decode_with<T: Record>(registry: &dyn SchemaRegistry, bytes: &[u8]) -> Result<T, SchemaError> {
    let (writer, datum) = open_with(registry, bytes)?;
    decode_datum(writer, datum)
}

/// Reads a framed record of any type whose schema `registry` knows, for people to look at: its schema, and its fields as
/// JSON.
///
/// # Errors
/// As [`decode_with`]; and a record with bytes in it is no JSON.
pub fn to_json<'a>(
    registry: &'a dyn SchemaRegistry,
    bytes: &'a [u8],
) -> Result<(&'a WriterSchema, serde_json::Value), SchemaError> {
    let (writer, datum) = open_with(registry, bytes)?;
    Ok((writer, read_datum(writer, datum, "record")?))
}

/// Splits a framed record into its schema, from the embedded registry, and the Avro bytes.
pub(crate) fn open(bytes: &[u8]) -> Result<(&'static WriterSchema, &[u8]), SchemaError> {
    let (id, datum) = split(bytes)?;
    let published = registry::published(id).ok_or(SchemaError::UnknownSchema { id })?;
    Ok((published.writer()?, datum))
}

/// Splits a framed record into its schema, from `registry`, and the Avro bytes.
pub(crate) fn open_with<'a>(
    registry: &'a dyn SchemaRegistry,
    bytes: &'a [u8],
) -> Result<(&'a WriterSchema, &'a [u8]), SchemaError> {
    let (id, datum) = split(bytes)?;
    match registry.schema(id) {
        Lookup::Known(writer) => Ok((writer, datum)),
        Lookup::Unknown => Err(SchemaError::UnknownSchema { id }),
        Lookup::Unusable(reason) => Err(SchemaError::InvalidSchema { id, reason: reason.to_owned() }),
        Lookup::Unreachable(reason) => Err(SchemaError::RegistryUnreachable { id, reason }),
    }
}

/// Reads Avro bytes as a `T`, which is known to be the record that `writer` describes.
pub(crate) fn read<T: Record>(writer: &WriterSchema, datum: &[u8]) -> Result<T, SchemaError> {
    read_datum(writer, datum, T::NAME)
}

fn read_datum<T: DeserializeOwned>(
    writer: &WriterSchema,
    datum: &[u8],
    record: &'static str,
) -> Result<T, SchemaError> {
    let mut config = DeserializerConfig::new(writer.schema());
    // Each element takes a byte at least: a longer array is a lie, and not worth a long loop.
    config.max_seq_size = datum.len();
    let mut state = DeserializerState::with_config(SliceRead::new(datum), config);
    let value = T::deserialize(state.deserializer()).map_err(|source| SchemaError::Malformed {
        record,
        id: writer.id(),
        source,
    })?;
    let trailing = state.into_reader().fill_buf().map_or(0, <[u8]>::len);
    if trailing > 0 {
        return Err(SchemaError::TrailingBytes { record, id: writer.id(), trailing });
    }
    Ok(value)
}

fn decode_datum<T: Record>(writer: &WriterSchema, datum: &[u8]) -> Result<T, SchemaError> {
    if writer.record() == T::NAME { read(writer, datum) } else { Err(writer.unexpected(T::NAME)) }
}

fn split(bytes: &[u8]) -> Result<(u32, &[u8]), SchemaError> {
    match bytes {
        [MAGIC, a, b, c, d, datum @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), datum)),
        [found, ..] if *found != MAGIC => Err(SchemaError::WrongMagic { found: *found }),
        _ => Err(SchemaError::TooShort { len: bytes.len() }),
    }
}
