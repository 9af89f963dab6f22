//! Keys of the pool's stores: the pool first, so that all of it lies together.

use schemas::{PoolHead, ids};
use uuid::Uuid;

use crate::keys::KeyBytes;

/// A pool and a project in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PoolProjectKey(pub(crate) Uuid, pub(crate) Uuid);

/// A pool and a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PoolUserKey(pub(crate) Uuid, pub(crate) Uuid);

/// A pool, a project in it, and a user who is a member of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PoolMembershipKey(pub(crate) Uuid, pub(crate) Uuid, pub(crate) Uuid);

/// A pool, a project, and the number of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PoolTicketKey(pub(crate) Uuid, pub(crate) Uuid, pub(crate) i64);

/// What an order is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Members who can be given work, by project and skills; classes by room.
    Members = 1,
    /// Tickets that wait, by project and labels; classes by priority.
    Waiting = 2,
    /// Tickets that somebody has, by user and project; one class.
    Had = 3,
}

/// A group of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    pub(crate) kind: Kind,
    pub(crate) pool: Uuid,
    /// The project; the user of [`Kind::Had`].
    pub(crate) of: Uuid,
    /// [`labels_id`]; the project of [`Kind::Had`].
    pub(crate) labels: Uuid,
}

/// A place in a group: class, then what counts within it, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) class: u8,
    pub(crate) first: i64,
    pub(crate) second: i64,
    pub(crate) id: Uuid,
}

/// An entry of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OrderKey(pub(crate) GroupKey, pub(crate) Place);

/// Bytes of a group's key, and with the class of the class' prefix.
pub(crate) const GROUP_BYTES: usize = 49;

/// The id of a set of labels that is sorted.
pub(crate) fn labels_id(labels: &[String]) -> Uuid {
    if labels.is_empty() { Uuid::nil() } else { ids::digest(labels.join("\0").as_bytes()) }
}

impl From<PoolHead> for Place {
    fn from(head: PoolHead) -> Self {
        let PoolHead { class, first, second, id } = head;
        Self { class: u8::try_from(class).unwrap_or(u8::MAX), first, second, id }
    }
}

impl From<Place> for PoolHead {
    fn from(place: Place) -> Self {
        let Place { class, first, second, id } = place;
        Self { class: class.into(), first, second, id }
    }
}

/// In the order of the numbers, below zero included.
fn write_number(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&(number.cast_unsigned() ^ (1 << 63)).to_be_bytes());
}

fn read_number(bytes: &[u8]) -> Option<i64> {
    Some((u64::from_be_bytes(bytes.try_into().ok()?) ^ (1 << 63)).cast_signed())
}

fn read_ids<const N: usize>(bytes: &[u8]) -> Option<[Uuid; N]> {
    let mut ids = [Uuid::nil(); N];
    if bytes.len() != N * 16 {
        return None;
    }
    for (id, bytes) in ids.iter_mut().zip(bytes.chunks_exact(16)) {
        *id = Uuid::read(bytes)?;
    }
    Some(ids)
}

impl KeyBytes for PoolProjectKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        read_ids(bytes).map(|[pool, project]| Self(pool, project))
    }
}

impl KeyBytes for PoolUserKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        read_ids(bytes).map(|[pool, user]| Self(pool, user))
    }
}

impl KeyBytes for PoolMembershipKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
        self.2.write(out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        read_ids(bytes).map(|[pool, user, project]| Self(pool, user, project))
    }
}

impl KeyBytes for PoolTicketKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
        write_number(self.2, out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (ids, number) = bytes.split_at_checked(32)?;
        let [pool, project] = read_ids(ids)?;
        Some(Self(pool, project, read_number(number)?))
    }
}

impl GroupKey {
    /// What the keys of all groups begin with that are of the same kind, pool and project.
    pub(crate) fn prefix(kind: Kind, pool: Uuid, of: Uuid) -> Vec<u8> {
        let mut prefix = Vec::with_capacity(GROUP_BYTES);
        prefix.push(kind as u8);
        pool.write(&mut prefix);
        of.write(&mut prefix);
        prefix
    }
}

impl KeyBytes for GroupKey {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.kind as u8);
        self.pool.write(out);
        self.of.write(out);
        self.labels.write(out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, ids) = bytes.split_first()?;
        let kind = [Kind::Members, Kind::Waiting, Kind::Had].into_iter().find(|k| *k as u8 == *kind)?;
        let [pool, of, labels] = read_ids(ids)?;
        Some(Self { kind, pool, of, labels })
    }
}

impl KeyBytes for OrderKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        out.push(self.1.class);
        write_number(self.1.first, out);
        write_number(self.1.second, out);
        self.1.id.write(out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (group, place) = bytes.split_at_checked(GROUP_BYTES)?;
        let (class, place) = place.split_first()?;
        let (first, rest) = place.split_at_checked(8)?;
        let (second, id) = rest.split_at_checked(8)?;
        let (first, second) = (read_number(first)?, read_number(second)?);
        Some(Self(GroupKey::read(group)?, Place { class: *class, first, second, id: Uuid::read(id)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(key: &impl KeyBytes) -> Vec<u8> {
        let mut bytes = Vec::new();
        key.write(&mut bytes);
        bytes
    }

    fn entry(class: u8, first: i64, second: i64, id: u128) -> OrderKey {
        let [pool, of, labels] = [1, 2, 3].map(Uuid::from_u128);
        OrderKey(
            GroupKey { kind: Kind::Waiting, pool, of, labels },
            Place { class, first, second, id: Uuid::from_u128(id) },
        )
    }

    #[test]
    fn should_read_back_what_was_written() {
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        assert_eq!(PoolProjectKey::read(&bytes(&PoolProjectKey(a, b))), Some(PoolProjectKey(a, b)));
        assert_eq!(PoolUserKey::read(&bytes(&PoolUserKey(a, b))), Some(PoolUserKey(a, b)));
        assert_eq!(PoolMembershipKey::read(&bytes(&PoolMembershipKey(a, b, c))), Some(PoolMembershipKey(a, b, c)));
        assert_eq!(PoolTicketKey::read(&bytes(&PoolTicketKey(a, b, -7))), Some(PoolTicketKey(a, b, -7)));
        let entry = entry(3, -5, i64::MAX, 9);
        assert_eq!(OrderKey::read(&bytes(&entry)), Some(entry));
        assert_eq!(bytes(&entry.0).len(), GROUP_BYTES);
        assert_eq!((GroupKey::read(&[]), OrderKey::read(&[4; 82])), (None, None));
    }

    #[test]
    fn should_lie_in_the_order_of_class_then_numbers_then_id() {
        let ordered = [entry(1, 9, 0, 0), entry(2, -1, 9, 9), entry(2, 0, 1, 2), entry(2, 0, 1, 3), entry(2, 0, 2, 0)];
        assert!(ordered.map(|e| e.1).is_sorted());
        assert!(ordered.each_ref().map(bytes).is_sorted());
    }
}
