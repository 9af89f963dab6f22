//! Bytes to values and back. Deserialisation has three answers; serialisation appends to a buffer that is reused.

use std::marker::PhantomData;

use crate::batch::HeadersRef;

/// What became of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deserialized<T> {
    /// They are this value.
    Value(T),
    /// They will never be a value: the record goes to the deserialisation exception handler.
    Bad(String),
    /// Nobody can tell now (say, the schema registry is unreachable): the partition waits and tries again.
    NotYet(String),
}

/// Reads a key or a value.
pub trait Deserializer<T>: Send + Sync {
    /// `data` is `None` for a null key or a tombstone.
    fn deserialize(&self, topic: &str, headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<T>;
}

/// Why a value cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SerializeError(pub String);

/// Writes a key or a value.
pub trait Serializer<T>: Send + Sync {
    /// Appends the bytes of `value` to `out`; answers false for null (a tombstone, or no key).
    fn serialize(&self, topic: &str, value: &T, out: &mut Vec<u8>) -> Result<bool, SerializeError>;
}

/// Both directions.
pub trait Serde<T>: Deserializer<T> + Serializer<T> {}

impl<T, S: Deserializer<T> + Serializer<T>> Serde<T> for S {}

/// UTF-8 text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf8;

impl Deserializer<String> for Utf8 {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<String> {
        match data.map(std::str::from_utf8) {
            Some(Ok(text)) => Deserialized::Value(text.to_owned()),
            Some(Err(error)) => Deserialized::Bad(format!("not UTF-8: {error}")),
            None => Deserialized::Bad("null where text is needed".to_owned()),
        }
    }
}

impl Serializer<String> for Utf8 {
    fn serialize(&self, _topic: &str, value: &String, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        out.extend_from_slice(value.as_bytes());
        Ok(true)
    }
}

/// Bytes as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawBytes;

impl Deserializer<Vec<u8>> for RawBytes {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<Vec<u8>> {
        data.map_or_else(
            || Deserialized::Bad("null where bytes are needed".to_owned()),
            |d| Deserialized::Value(d.to_vec()),
        )
    }
}

impl Serializer<Vec<u8>> for RawBytes {
    fn serialize(&self, _topic: &str, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        out.extend_from_slice(value);
        Ok(true)
    }
}

/// A 64-bit integer, big-endian with the sign bit turned, so that bytes sort as numbers do: usable in store keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct Int64;

impl Deserializer<i64> for Int64 {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<i64> {
        match data.map(<[u8; 8]>::try_from) {
            Some(Ok(bytes)) => Deserialized::Value(i64::from_be_bytes(bytes) ^ i64::MIN),
            _ => Deserialized::Bad("an integer takes 8 bytes".to_owned()),
        }
    }
}

impl Serializer<i64> for Int64 {
    fn serialize(&self, _topic: &str, value: &i64, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        out.extend_from_slice(&(value ^ i64::MIN).to_be_bytes());
        Ok(true)
    }
}

/// A serde that passes values through a function on the way in: for a source whose type is one variant of its child's.
pub struct Mapped<A, S, F> {
    inner: S,
    map: F,
    from: PhantomData<fn(A)>,
}

impl<A, S, F> Mapped<A, S, F> {
    /// Reads with `inner`, then applies `map`.
    pub const fn new(inner: S, map: F) -> Self {
        Self { inner, map, from: PhantomData }
    }
}

impl<A, B, S: Deserializer<A>, F: Fn(A) -> B + Send + Sync> Deserializer<B> for Mapped<A, S, F> {
    fn deserialize(&self, topic: &str, headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<B> {
        match self.inner.deserialize(topic, headers, data) {
            Deserialized::Value(a) => Deserialized::Value((self.map)(a)),
            Deserialized::Bad(why) => Deserialized::Bad(why),
            Deserialized::NotYet(why) => Deserialized::NotYet(why),
        }
    }
}
