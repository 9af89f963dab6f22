//! Bytes of keys and values.

use schemas::{Record, SchemaError, frame};
use topology::HeadersRef;
use topology::serde::{Deserialized, Deserializer, SerializeError, Serializer};
use uuid::Uuid;

/// What a topic's record reads as, or why it does not.
pub(crate) fn decoded<T>(read: Result<T, SchemaError>) -> Deserialized<T> {
    match read {
        Ok(value) => Deserialized::Value(value),
        Err(error) if error.not_yet() => Deserialized::NotYet(error.to_string()),
        Err(error) => Deserialized::Bad(error.to_string()),
    }
}

/// A record was written, or does not fit its schema.
pub(crate) fn written(written: Result<(), SchemaError>) -> Result<bool, SerializeError> {
    written.map(|()| true).map_err(|error| SerializeError(error.to_string()))
}

/// Values of stores, with the schema of this build.
pub(crate) struct Framed;

impl<T: Record> Serializer<T> for Framed {
    fn serialize(&self, _topic: &str, value: &T, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(frame::encode(value, out))
    }
}

impl<T: Record> Deserializer<T> for Framed {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<T> {
        match frame::decode(data.unwrap_or_default()) {
            Ok(state) => Deserialized::Value(state),
            Err(error) => Deserialized::Bad(error.to_string()),
        }
    }
}

/// Ids, as text.
pub(crate) struct Ids;

impl Serializer<Uuid> for Ids {
    fn serialize(&self, _topic: &str, key: &Uuid, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        out.extend_from_slice(key.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
        Ok(true)
    }
}

impl Deserializer<Uuid> for Ids {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<Uuid> {
        match data.and_then(|data| Uuid::try_parse_ascii(data).ok()) {
            Some(id) => Deserialized::Value(id),
            None => Deserialized::Bad("the key is no id".to_owned()),
        }
    }
}
