//! Serdes of the pipeline's topics and stores: framed Avro, and ids as text.

use std::sync::Arc;

use schemas::{
    Assignment, InboxInput, Mail, Notification, PoolInput, Record, SchemaError, SchemaRegistry, TicketCommand,
    TicketEvent, UserCommand, UserEvent, UserTold, frame,
};
use topology::HeadersRef;
use topology::serde::{Deserialized, Deserializer, SerializeError, Serializer};
use uuid::Uuid;

/// One record type, framed, with the schemas and ids of this build: for stores and for topics that nobody else reads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Framed;

impl<T: Record> Serializer<T> for Framed {
    fn serialize(&self, _topic: &str, value: &T, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(frame::encode(value, out))
    }
}

impl<T: Record> Deserializer<T> for Framed {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<T> {
        read(data, frame::decode)
    }
}

/// The closed sets that share a topic. Commands come from outside, so their schemas may have to be asked for.
#[derive(Clone)]
pub(crate) struct Commands(pub(crate) Arc<dyn SchemaRegistry>);

impl Deserializer<TicketCommand> for Commands {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<TicketCommand> {
        read(data, |bytes| TicketCommand::decode_with(&*self.0, bytes))
    }
}

impl Deserializer<UserCommand> for Commands {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<UserCommand> {
        read(data, |bytes| UserCommand::decode_with(&*self.0, bytes))
    }
}

/// Events, written with the ids that others look up.
#[derive(Clone)]
pub(crate) struct Events(pub(crate) Arc<dyn SchemaRegistry>);

impl Serializer<TicketEvent> for Events {
    fn serialize(&self, _topic: &str, value: &TicketEvent, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(value.encode_with(&*self.0, out))
    }
}

impl Serializer<UserEvent> for Events {
    fn serialize(&self, _topic: &str, value: &UserEvent, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(value.encode_with(&*self.0, out))
    }
}

impl Deserializer<TicketEvent> for Events {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<TicketEvent> {
        read(data, |bytes| TicketEvent::decode_with(&*self.0, bytes))
    }
}

/// A user's event; none: the user was erased.
impl Deserializer<Option<UserEvent>> for Events {
    fn deserialize(&self, _topic: &str, _: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<Option<UserEvent>> {
        match data {
            None => Deserialized::Value(None),
            data => read(data, |bytes| UserEvent::decode_with(&*self.0, bytes).map(Some)),
        }
    }
}

/// What the user sub-topology tells, with the schemas and ids of this build.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UsersTold;

impl Serializer<UserTold> for UsersTold {
    fn serialize(&self, _topic: &str, value: &UserTold, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(value.encode(out))
    }
}

impl Deserializer<UserTold> for UsersTold {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<UserTold> {
        read(data, UserTold::decode)
    }
}

/// What inboxes are told, with the schemas and ids of this build.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InboxInputs;

impl Serializer<InboxInput> for InboxInputs {
    fn serialize(&self, _topic: &str, value: &InboxInput, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(value.encode(out))
    }
}

impl Deserializer<InboxInput> for InboxInputs {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<InboxInput> {
        read(data, InboxInput::decode)
    }
}

/// Notifications, written with the ids that others look up.
#[derive(Clone)]
pub(crate) struct Notifications(pub(crate) Arc<dyn SchemaRegistry>);

impl Serializer<Notification> for Notifications {
    fn serialize(&self, _topic: &str, value: &Notification, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(value.encode_with(&*self.0, out))
    }
}

/// Mails, written with the ids that others look up.
#[derive(Clone)]
pub(crate) struct Mails(pub(crate) Arc<dyn SchemaRegistry>);

impl Serializer<Mail> for Mails {
    fn serialize(&self, _topic: &str, value: &Mail, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(value.encode_with(&*self.0, out))
    }
}

/// What pools are told, with the schemas and ids of this build.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PoolInputs;

impl Serializer<PoolInput> for PoolInputs {
    fn serialize(&self, _topic: &str, value: &PoolInput, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(value.encode(out))
    }
}

impl Deserializer<PoolInput> for PoolInputs {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<PoolInput> {
        read(data, PoolInput::decode)
    }
}

/// Proposals, written with the ids that others look up, and read by them.
#[derive(Clone)]
pub(crate) struct Assignments(pub(crate) Arc<dyn SchemaRegistry>);

impl Serializer<Assignment> for Assignments {
    fn serialize(&self, _topic: &str, value: &Assignment, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        written(value.encode_with(&*self.0, out))
    }
}

impl Deserializer<Assignment> for Assignments {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<Assignment> {
        read(data, |bytes| Assignment::decode_with(&*self.0, bytes))
    }
}

/// Outcomes, framed already as the command memory keeps them, written with the ids that others look up.
#[derive(Clone)]
pub(crate) struct Outcomes(pub(crate) Arc<dyn SchemaRegistry>);

impl Serializer<Vec<u8>> for Outcomes {
    fn serialize(&self, _topic: &str, framed: &Vec<u8>, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        let start = out.len();
        out.extend_from_slice(framed);
        written(frame::relabel(&*self.0, &mut out[start..]))
    }
}

/// An id as hyphenated lower-case text: the key of topics.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UuidText;

impl Serializer<Uuid> for UuidText {
    fn serialize(&self, _topic: &str, id: &Uuid, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        out.extend_from_slice(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
        Ok(true)
    }
}

impl Deserializer<Uuid> for UuidText {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<Uuid> {
        match data.and_then(canonical) {
            Some(id) => Deserialized::Value(id),
            None => Deserialized::Bad("not an id as hyphenated lower-case text".to_owned()),
        }
    }
}

/// The key of a command as it came. Whether it is the right one is the processor's to say, not the serde's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RoutingKey {
    /// An id in the one form that counts.
    Id(Uuid),
    /// Anything else, or none.
    Other,
}

/// Reads [`RoutingKey`]s; never fails.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RoutingKeys;

impl Deserializer<RoutingKey> for RoutingKeys {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<RoutingKey> {
        Deserialized::Value(data.and_then(canonical).map_or(RoutingKey::Other, RoutingKey::Id))
    }
}

/// Reads a user key as it came; never fails.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UserKeys;

impl Deserializer<Option<String>> for UserKeys {
    fn deserialize(&self, _: &str, _: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<Option<String>> {
        Deserialized::Value(data.and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned))
    }
}

/// Another text for the same id would lie on another partition, so only one text counts.
fn canonical(bytes: &[u8]) -> Option<Uuid> {
    let id = Uuid::try_parse_ascii(bytes).ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes() == bytes).then_some(id)
}

fn read<T>(data: Option<&[u8]>, decode: impl FnOnce(&[u8]) -> Result<T, SchemaError>) -> Deserialized<T> {
    match data.map(decode) {
        Some(Ok(value)) => Deserialized::Value(value),
        Some(Err(error)) if error.not_yet() => Deserialized::NotYet(error.to_string()),
        Some(Err(error)) => Deserialized::Bad(error.to_string()),
        None => Deserialized::Bad("null where a record is needed".to_owned()),
    }
}

fn written(result: Result<(), SchemaError>) -> Result<bool, SerializeError> {
    result.map(|()| true).map_err(|error| SerializeError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_take_only_one_text_for_an_id() {
        let id = Uuid::from_u128(0xab);
        assert_eq!(canonical(id.hyphenated().to_string().as_bytes()), Some(id));
        for other in [id.hyphenated().to_string().to_uppercase(), id.simple().to_string(), id.urn().to_string()] {
            assert_eq!(canonical(other.as_bytes()), None, "{other}");
        }
    }
}
