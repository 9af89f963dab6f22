//! Keys of the stores: fixed bytes, project first, so that all of a project lies together and a ticket's comments can be
//! scanned by prefix.

use topology::HeadersRef;
use topology::serde::{Deserialized, Deserializer, SerializeError, Serializer};
use uuid::Uuid;

/// A key made of bytes.
pub trait KeyBytes: Sized {
    /// Appends the key.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads it back; none if the bytes are no such key.
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl KeyBytes for Uuid {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::from_slice(bytes).ok()
    }
}

/// Project and user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberKey(pub Uuid, pub Uuid);

impl KeyBytes for MemberKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (project, user) = bytes.split_at_checked(16)?;
        Some(Self(Uuid::read(project)?, Uuid::read(user)?))
    }
}

/// Project and handle.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandleKey(pub Uuid, pub String);

impl KeyBytes for HandleKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        out.extend_from_slice(self.1.as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (project, handle) = bytes.split_at_checked(16)?;
        Some(Self(Uuid::read(project)?, text(handle)?))
    }
}

/// Project and number of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketKey(pub Uuid, pub i64);

impl KeyBytes for TicketKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        out.extend_from_slice(&self.1.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (project, number) = bytes.split_at_checked(16)?;
        Some(Self(Uuid::read(project)?, i64::from_be_bytes(number.try_into().ok()?)))
    }
}

/// A moment in milliseconds since the Unix epoch, and who it is about: the earliest lie first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DueKey(pub i64, pub Uuid);

impl KeyBytes for DueKey {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
        self.1.write(out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (at, who) = bytes.split_at_checked(8)?;
        Some(Self(i64::from_be_bytes(at.try_into().ok()?), Uuid::read(who)?))
    }
}

/// Project, source and id of an external reference; neither of the two holds a zero byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalKey(pub Uuid, pub String, pub String);

impl KeyBytes for ExternalKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        out.extend_from_slice(self.1.as_bytes());
        out.push(0);
        out.extend_from_slice(self.2.as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (project, rest) = bytes.split_at_checked(16)?;
        let zero = rest.iter().position(|b| *b == 0)?;
        Some(Self(Uuid::read(project)?, text(rest.get(..zero)?)?, text(rest.get(zero + 1..)?)?))
    }
}

/// Project, number of a ticket, id of a comment or of somebody who watches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketPartKey(pub Uuid, pub i64, pub Uuid);

impl KeyBytes for TicketPartKey {
    fn write(&self, out: &mut Vec<u8>) {
        TicketKey(self.0, self.1).write(out);
        self.2.write(out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (ticket, comment) = bytes.split_at_checked(24)?;
        let TicketKey(project, number) = TicketKey::read(ticket)?;
        Some(Self(project, number, Uuid::read(comment)?))
    }
}

/// The serde of every store key.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StoreKeySerde;

impl<K: KeyBytes> Serializer<K> for StoreKeySerde {
    fn serialize(&self, _topic: &str, key: &K, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        key.write(out);
        Ok(true)
    }
}

impl<K: KeyBytes> Deserializer<K> for StoreKeySerde {
    fn deserialize(&self, topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<K> {
        match data.and_then(K::read) {
            Some(key) => Deserialized::Value(key),
            None => Deserialized::Bad(format!("not a key of {topic}")),
        }
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back<K: KeyBytes + PartialEq + std::fmt::Debug>(key: K, length: usize) {
        let mut bytes = Vec::new();
        key.write(&mut bytes);
        assert_eq!(bytes.len(), length);
        assert_eq!(K::read(&bytes), Some(key));
        assert_eq!(K::read(&[]), None);
    }

    #[test]
    fn should_read_back_what_was_written() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        back(a, 16);
        back(MemberKey(a, b), 32);
        back(HandleKey(a, "ana".to_owned()), 19);
        back(TicketKey(a, 101), 24);
        back(ExternalKey(a, "github:o/r".to_owned(), "7".to_owned()), 16 + 10 + 1 + 1);
        back(TicketPartKey(a, 101, b), 40);
    }

    #[test]
    fn should_order_tickets_by_number() {
        let bytes = |n| {
            let mut out = Vec::new();
            TicketKey(Uuid::nil(), n).write(&mut out);
            out
        };
        assert!(bytes(2) < bytes(10) && bytes(255) < bytes(256));
    }
}
