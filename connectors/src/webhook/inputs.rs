//! What there is to deliver, and what is delivered of it.

use std::sync::Arc;

use schemas::{Notification, SchemaError, SchemaRegistry, TicketEvent, WebhookCommand};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use topology::serde::{Deserialized, Deserializer};
use topology::{HeadersRef, ProcessingError};
use uuid::Uuid;

use super::hook::NOTIFICATION;
use crate::outgoing::decoded;

/// What the deliverer reads.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "events are the usual ones, and one is in hand at a time")]
pub(super) enum Input {
    /// A user's.
    Notification(Notification),
    /// A project's.
    Event(TicketEvent),
    /// Of either.
    Command(WebhookCommand),
}

/// Reads one of the topics.
#[derive(Clone)]
pub(super) struct Inputs {
    pub(super) registry: Arc<dyn SchemaRegistry>,
    pub(super) read: fn(&dyn SchemaRegistry, &[u8]) -> Result<Input, SchemaError>,
}

impl Deserializer<Input> for Inputs {
    fn deserialize(&self, _topic: &str, _headers: HeadersRef<'_>, data: Option<&[u8]>) -> Deserialized<Input> {
        decoded((self.read)(&*self.registry, data.unwrap_or_default()))
    }
}

/// Something that webhooks may want to be told of.
pub(super) struct Subject<'a> {
    /// Id of the event or notification.
    pub(super) id: Uuid,
    /// What it is called to receivers.
    pub(super) kind: &'a str,
    /// What else somebody may have asked for it by.
    pub(super) alias: &'a str,
    /// When it was made, in milliseconds since the epoch.
    pub(super) at: i64,
    /// Position in the owner's own order.
    pub(super) sequence: i64,
    pub(super) correlation_id: Uuid,
    pub(super) causation_id: Uuid,
    data: Data<'a>,
}

enum Data<'a> {
    Notification(&'a Notification),
    Event(&'a TicketEvent),
}

impl Input {
    /// What webhooks may want to be told of it.
    pub(super) fn subject(&self) -> Option<Subject<'_>> {
        match self {
            Self::Notification(whole @ Notification::NotificationCreated(created)) => Some(Subject {
                id: created.event_id,
                kind: NOTIFICATION,
                alias: &created.about.kind,
                at: created.published_at,
                sequence: created.sequence,
                correlation_id: created.correlation_id,
                causation_id: created.causation_id,
                data: Data::Notification(whole),
            }),
            Self::Event(event) => Some(Subject {
                id: event.event_id(),
                kind: event.event_name(),
                alias: event.event_name(),
                at: event.published_at(),
                sequence: event.sequence(),
                correlation_id: event.correlation_id(),
                causation_id: event.causation_id(),
                data: Data::Event(event),
            }),
            Self::Notification(Notification::NotificationsRead(_)) | Self::Command(_) => None,
        }
    }
}

impl Subject<'_> {
    /// The body of the request that tells of it, the same in each attempt.
    pub(super) fn body(&self, delivery_id: Uuid) -> Result<String, ProcessingError> {
        let data = match self.data {
            Data::Notification(notification) => notification.to_json(),
            Data::Event(event) => event.to_json(),
        };
        let data = data.map_err(|error| ProcessingError::record("no_json", error.to_string()))?;
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.at) * 1_000_000);
        let at = at.ok().and_then(|at| at.format(&Rfc3339).ok());
        Ok(json!({ "id": delivery_id, "event": self.kind, "createdAt": at, "data": data }).to_string())
    }
}
