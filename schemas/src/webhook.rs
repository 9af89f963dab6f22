//! Webhooks: deliveries that are to be made again, and what became of each attempt. No secret and no address of a receiver is in them.

use uuid::Uuid;

use crate::record::{define_record, record_enum, state_record};

/// Defines a record of `webhook.commands` or `webhook.results`.
macro_rules! webhook_record {
    ($(#[$meta:meta])* $name:ident = $id:literal { $($body:tt)* }) => {
        define_record! { "webhooks", $(#[$meta])* $name = $id {
            /// Id of the record: of what is asked for, the id of the command.
            event_id: Uuid,
            /// Id that ties together everything one request caused.
            correlation_id: Uuid,
            /// Id of the command that led to it.
            causation_id: Uuid,
            /// When the record was made, in milliseconds since 1970-01-01T00:00Z.
            published_at: i64,
            /// Version of the schema, from 1.
            version: i32,
            /// Who made the record: syncroboard.
            source: String,
            /// Id of the user or project whose webhook it is.
            owner_id: Uuid,
            $($body)*
        } }
    };
}

webhook_record! {
    /// A delivery is to be made again.
    ReplayRequested = 381 {
        /// Id of the delivery that is to be made again.
        delivery_id: Uuid,
    }
}

webhook_record! {
    /// A receiver has taken a delivery.
    DeliverySucceeded = 382 {
        /// Id of the delivery: the `UUIDv5` of what is delivered and the webhook; of a replay, of the delivery and the command.
        delivery_id: Uuid,
        /// Id of the webhook; the nil id if it is not known what was to be delivered again.
        hook_id: Uuid,
        /// Id of the event or notification that is delivered.
        subject_id: Uuid,
        /// Name of what is delivered, such as ticket.created, or notification.
        kind: String,
        /// Delivery that this one repeats; none: it repeats none.
        replay_of: Option<Uuid>,
        /// How often it was tried, this time included; 0: not at all.
        attempts: i32,
        /// HTTP status of the answer; 0: there was none.
        status: i32,
    }
}

webhook_record! {
    /// An attempt to deliver failed.
    DeliveryFailed = 383 {
        /// Id of the delivery: the `UUIDv5` of what is delivered and the webhook; of a replay, of the delivery and the command.
        delivery_id: Uuid,
        /// Id of the webhook; the nil id if it is not known what was to be delivered again.
        hook_id: Uuid,
        /// Id of the event or notification that is delivered.
        subject_id: Uuid,
        /// Name of what is delivered, such as ticket.created, or notification.
        kind: String,
        /// Delivery that this one repeats; none: it repeats none.
        replay_of: Option<Uuid>,
        /// How often it was tried, this time included; 0: not at all.
        attempts: i32,
        /// HTTP status of the answer; 0: there was none.
        status: i32,
        /// What the receiver said, or what went wrong.
        why: String,
        /// Whether it is not tried again.
        given_up: bool,
    }
}

state_record! {
    /// A delivery that has still to be made. Key: webhook id, when it is due (8 bytes, big endian), position in the owner's order (8 bytes, big endian), delivery id.
    OutgoingDeliveryState = 436 {
        /// Id of the user or project whose webhook it is.
        owner_id: Uuid,
        /// Id of the delivery: the `UUIDv5` of what is delivered and the webhook; of a replay, of the delivery and the command.
        delivery_id: Uuid,
        /// Id of the webhook.
        hook_id: Uuid,
        /// Id of the event or notification that is delivered.
        subject_id: Uuid,
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// Id of the command that led to it.
        causation_id: Uuid,
        /// Name of what is delivered, such as ticket.created, or notification.
        kind: String,
        /// Delivery that this one repeats; none: it repeats none.
        replay_of: Option<Uuid>,
        /// The body of the request, which is the same in each attempt: JSON.
        body: String,
        /// When it was asked for, in milliseconds since 1970-01-01T00:00Z.
        since: i64,
        /// How often it was tried.
        attempts: i32,
        /// HTTP status of the last answer; 0: there was none.
        status: i32,
        /// Why the last attempt failed; empty: there was none.
        why: String,
    }
}

state_record! {
    /// What was delivered, kept to be delivered again. Key: owner id, delivery id.
    KeptDeliveryState = 437 {
        /// Id of the webhook.
        hook_id: Uuid,
        /// Id of the event or notification that is delivered.
        subject_id: Uuid,
        /// Name of what is delivered, such as ticket.created, or notification.
        kind: String,
        /// The body of the request, which is the same in each attempt: JSON.
        body: String,
    }
}

record_enum! {
    /// A record of `webhook.commands`, whose key is the id of the user or project.
    WebhookCommand {
        /// A delivery is to be made again.
        ReplayRequested(ReplayRequested),
    }
    get {
        /// Id of the command.
        event_id: Uuid,
        /// Id of the user or project whose webhook it is.
        owner_id: Uuid,
    }
}

record_enum! {
    /// A record of `webhook.results`, whose key is the id of the user or project.
    DeliveryResult {
        /// A receiver has taken a delivery.
        DeliverySucceeded(DeliverySucceeded),
        /// An attempt to deliver failed.
        DeliveryFailed(DeliveryFailed),
    }
    get {
        /// Id of the record.
        event_id: Uuid,
        /// Id of the user or project whose webhook it is.
        owner_id: Uuid,
        /// Id of the delivery.
        delivery_id: Uuid,
        /// Id of the webhook.
        hook_id: Uuid,
        /// How often it was tried, this time included; 0: not at all.
        attempts: i32,
    }
}
