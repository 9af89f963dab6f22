//! What has still to be delivered: a queue for each webhook, in one store, each in the order in which deliveries are due.

use std::ops::{Bound, ControlFlow};

use schemas::OutgoingDeliveryState;
use topology::serde::{Deserialized, Deserializer, SerializeError, Serializer};
use topology::{Context, HeadersRef, ProcessingError, Store};
use uuid::Uuid;

/// The store.
pub(super) type Outgoing = Store<QueueKey, OutgoingDeliveryState>;

/// Deliveries lie in the order of this key: a webhook that is behind, or is left alone, is stepped over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct QueueKey {
    pub(super) hook_id: Uuid,
    /// When it is due, in milliseconds since the epoch.
    pub(super) at: i64,
    /// Position in the owner's own order: what was made at the same time is delivered in this one.
    pub(super) sequence: i64,
    /// Id of the delivery.
    pub(super) id: Uuid,
}

impl QueueKey {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (hook_id, rest) = bytes.split_first_chunk::<16>()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (sequence, id) = rest.split_first_chunk()?;
        Some(Self {
            hook_id: Uuid::from_bytes(*hook_id),
            at: i64::from_be_bytes(*at),
            sequence: i64::from_be_bytes(*sequence),
            id: Uuid::from_slice(id).ok()?,
        })
    }
}

/// The webhooks for which something is due, but for those that are to be stepped over.
pub(super) fn due(
    ctx: &mut Context<'_>,
    outgoing: Outgoing,
    now: i64,
    stepped_over: impl Fn(Uuid) -> bool,
) -> Result<Vec<Uuid>, ProcessingError> {
    let mut hooks = Vec::new();
    let mut from = Some(Uuid::nil());
    while let Some(hook) = from {
        let mut first = None;
        outgoing.prefix_scan_after(ctx, &[], Bound::Included(hook.as_bytes()), |key, _| {
            first = QueueKey::read(key);
            ControlFlow::Break(())
        })?;
        let Some(first) = first else { break };
        if first.at <= now && !stepped_over(first.hook_id) {
            hooks.push(first.hook_id);
        }
        from = first.hook_id.as_u128().checked_add(1).map(Uuid::from_u128);
    }
    Ok(hooks)
}

/// What is due first for a webhook.
pub(super) fn first_due(
    ctx: &mut Context<'_>,
    outgoing: Outgoing,
    hook_id: Uuid,
    now: i64,
) -> Result<Option<(QueueKey, OutgoingDeliveryState)>, ProcessingError> {
    let mut first = None;
    outgoing.prefix_scan(ctx, hook_id.as_bytes(), |key, waiting| {
        first = QueueKey::read(key).filter(|key| key.at <= now).map(|key| (key, waiting));
        ControlFlow::Break(())
    })?;
    Ok(first)
}

/// Keys of the queues.
pub(super) struct QueueKeys;

impl Serializer<QueueKey> for QueueKeys {
    fn serialize(&self, _topic: &str, key: &QueueKey, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        out.extend_from_slice(key.hook_id.as_bytes());
        out.extend_from_slice(&key.at.to_be_bytes());
        out.extend_from_slice(&key.sequence.to_be_bytes());
        out.extend_from_slice(key.id.as_bytes());
        Ok(true)
    }
}

impl Deserializer<QueueKey> for QueueKeys {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<QueueKey> {
        match data.and_then(QueueKey::read) {
            Some(key) => Deserialized::Value(key),
            None => Deserialized::Bad("not a webhook, a time, a position and a delivery".to_owned()),
        }
    }
}

/// What was delivered is found by this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct KeptKey {
    pub(super) owner_id: Uuid,
    pub(super) id: Uuid,
}

/// Keys of what was delivered.
pub(super) struct KeptKeys;

impl Serializer<KeptKey> for KeptKeys {
    fn serialize(&self, _topic: &str, key: &KeptKey, out: &mut Vec<u8>) -> Result<bool, SerializeError> {
        out.extend_from_slice(key.owner_id.as_bytes());
        out.extend_from_slice(key.id.as_bytes());
        Ok(true)
    }
}

impl Deserializer<KeptKey> for KeptKeys {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<KeptKey> {
        let key = data.and_then(|data| {
            let (owner_id, id) = data.split_first_chunk::<16>()?;
            Some(KeptKey { owner_id: Uuid::from_bytes(*owner_id), id: Uuid::from_slice(id).ok()? })
        });
        key.map_or_else(|| Deserialized::Bad("not an owner and a delivery".to_owned()), Deserialized::Value)
    }
}
