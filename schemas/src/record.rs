//! What makes a Rust struct a record with a schema, and the macros that define the records.
//!
//! A record's envelope stands once, in the macro of its kind; the structs say only what is theirs.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::published::Published;

/// A record type: a struct whose Avro schema is known here, with an id that is the same in every process.
///
/// The fields serialise in the order of the schema, which keeps writing free of allocation.
pub trait Record: Serialize + DeserializeOwned {
    /// Id of the schema that this struct writes.
    const SCHEMA_ID: u32;
    /// Version of the schema that this struct writes, from 1.
    const VERSION: i32;
    /// Name of the record without its namespace; also the struct's.
    const NAME: &'static str;
    /// The schema that this struct writes, as text.
    const AVSC: &'static str;

    /// The schema that this struct writes, parsed once in a process.
    fn published() -> &'static Published;
}

/// Defines a record from its fields: the struct, and its link to `avro/<directory>/<name>.avsc`.
macro_rules! define_record {
    (@version) => { 1 };
    (@version $version:literal) => { $version };
    ($directory:literal, $(#[$meta:meta])* $name:ident = $id:literal $(version $version:literal)? {
        $( $(#[$field_meta:meta])* $field:ident : $type:ty ),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl $crate::record::Record for $name {
            const SCHEMA_ID: u32 = $id;
            const VERSION: i32 = $crate::record::define_record!(@version $($version)?);
            const NAME: &'static str = stringify!($name);
            const AVSC: &'static str =
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/avro/", $directory, "/", stringify!($name), ".avsc"));

            fn published() -> &'static $crate::published::Published {
                static PUBLISHED: $crate::published::Published =
                    $crate::published::Published::new($id, $name::NAME, $name::AVSC);
                &PUBLISHED
            }
        }
    };
}

/// Defines a command of `ticket.commands`.
macro_rules! ticket_command {
    ($(#[$meta:meta])* $name:ident = $id:literal $(version $version:literal)? { $($body:tt)* }) => {
        $crate::record::define_record! { "commands", $(#[$meta])* $name = $id $(version $version)? {
            /// Id of the command, and its idempotency key.
            command_id: Uuid,
            /// Id of the user who issues the command.
            actor_id: Uuid,
            /// Whether the actor is an administrator: may do in any project what its owner may.
            actor_admin: bool,
            /// When the sender issued it, by the sender's clock, in milliseconds since 1970-01-01T00:00Z. Only informs.
            issued_at: i64,
            /// Id that ties together everything one request caused.
            correlation_id: Uuid,
            /// W3C trace context of the sender, if traced.
            traceparent: Option<String>,
            /// Id of the project: the `UUIDv5` of its key.
            project_id: Uuid,
            $($body)*
        } }
    };
}

/// Defines a command of `user.commands`.
macro_rules! user_command {
    ($(#[$meta:meta])* $name:ident = $id:literal $(version $version:literal)? { $($body:tt)* }) => {
        $crate::record::define_record! { "commands", $(#[$meta])* $name = $id $(version $version)? {
            /// Id of the command, and its idempotency key.
            command_id: Uuid,
            /// Id of the user who issues the command.
            actor_id: Uuid,
            /// Whether the actor is an administrator.
            actor_admin: bool,
            /// When the sender issued it, by the sender's clock, in milliseconds since 1970-01-01T00:00Z. Only informs.
            issued_at: i64,
            /// Id that ties together everything one request caused.
            correlation_id: Uuid,
            /// W3C trace context of the sender, if traced.
            traceparent: Option<String>,
            /// Who the user is: the e-mail in lower case, or source:login for a placeholder.
            user_key: String,
            $($body)*
        } }
    };
}

/// Defines an event of `ticket.events`.
macro_rules! ticket_event {
    ($(#[$meta:meta])* $name:ident = $id:literal $(version $version:literal)? { $($body:tt)* }) => {
        $crate::record::define_record! { "events", $(#[$meta])* $name = $id $(version $version)? {
            /// Id of the event: the `UUIDv5` of the command and the position among its events.
            event_id: Uuid,
            /// Id that ties together everything one request caused.
            correlation_id: Uuid,
            /// Id of the command that made the event.
            causation_id: Uuid,
            /// When the event was made, in milliseconds since 1970-01-01T00:00Z (stream time).
            published_at: i64,
            /// Version of the schema, from 1.
            version: i32,
            /// Who made the event: syncroboard.
            source: String,
            /// Id of the project: the `UUIDv5` of its key.
            project_id: Uuid,
            /// Position in the project's own order of events, from 1 without gaps.
            sequence: i64,
            $($body)*
        } }
    };
}

/// Defines an event of `user.events`.
macro_rules! user_event {
    ($(#[$meta:meta])* $name:ident = $id:literal $(version $version:literal)? { $($body:tt)* }) => {
        $crate::record::define_record! { "events", $(#[$meta])* $name = $id $(version $version)? {
            /// Id of the event: the `UUIDv5` of the command and the position among its events.
            event_id: Uuid,
            /// Id that ties together everything one request caused.
            correlation_id: Uuid,
            /// Id of the command that made the event.
            causation_id: Uuid,
            /// When the event was made, in milliseconds since 1970-01-01T00:00Z (stream time).
            published_at: i64,
            /// Version of the schema, from 1.
            version: i32,
            /// Who made the event: syncroboard.
            source: String,
            /// Id of the user: the `UUIDv5` of the user key.
            user_id: Uuid,
            /// Position in the user's own order of events, from 1 without gaps.
            sequence: i64,
            $($body)*
        } }
    };
}

/// Defines an outcome of `command.outcomes`.
macro_rules! outcome {
    ($(#[$meta:meta])* $name:ident = $id:literal $(version $version:literal)? { $($body:tt)* }) => {
        $crate::record::define_record! { "outcomes", $(#[$meta])* $name = $id $(version $version)? {
            /// Id of the command.
            command_id: Uuid,
            /// Id that ties together everything one request caused.
            correlation_id: Uuid,
            /// Record name of the command, such as `CreateTicket`.
            command_type: String,
            /// When it was decided, in milliseconds since 1970-01-01T00:00Z (stream time).
            decided_at: i64,
            /// Whether this repeats the outcome of the same command sent earlier.
            duplicate: bool,
            /// Id of the project; none for a command that has none.
            project_id: Option<Uuid>,
            /// The project's event sequence after the command; 0: none.
            sequence: i64,
            $($body)*
        } }
    };
}

/// Defines a record that sub-topologies send each other; it has no envelope.
macro_rules! internal_record {
    ($($body:tt)*) => { $crate::record::define_record! { "internal", $($body)* } };
}

/// Defines a record of `ticket.assignments`; it has no envelope.
macro_rules! assignment_record {
    ($($body:tt)*) => { $crate::record::define_record! { "assignments", $($body)* } };
}

/// Defines the value of a state store; it has no envelope.
macro_rules! state_record {
    ($($body:tt)*) => { $crate::record::define_record! { "state", $($body)* } };
}

/// Defines a closed set of records that share a topic, with `decode`, `encode` and a getter per envelope field.
macro_rules! record_enum {
    ($(#[$meta:meta])* $name:ident $variants:tt get { $( $(#[$get_meta:meta])* $field:ident : $type:ty ),* $(,)? }) => {
        $crate::record::record_enum!(@define [$(#[$meta])*] $name $variants);

        impl $name {
            $( $crate::record::record_enum!(@get [$(#[$get_meta])*] $variants $field $type); )*
        }
    };

    (@define [$(#[$meta:meta])*] $name:ident { $( $(#[$variant_meta:meta])* $variant:ident($record:ident) ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant, reason = "the large records are the usual ones, and one is in hand at a time")]
        pub enum $name {
            $( $(#[$variant_meta])* $variant($record), )*
        }

        impl $name {
            /// Reads a framed record whose schema is in the embedded registry.
            ///
            /// # Errors
            /// The bytes are no such record, or their schema is unknown.
            pub fn decode(bytes: &[u8]) -> Result<Self, $crate::error::SchemaError> {
                let (writer, datum) = $crate::frame::open(bytes)?;
                Self::read(writer, datum)
            }

            /// Reads a framed record whose schema `registry` knows.
            ///
            /// # Errors
            /// As [`Self::decode`]; and [`SchemaError::not_yet`](crate::SchemaError::not_yet) if the registry
            /// cannot be reached.
            pub fn decode_with(
                registry: &dyn $crate::registry::SchemaRegistry,
                bytes: &[u8],
            ) -> Result<Self, $crate::error::SchemaError> {
                let (writer, datum) = $crate::frame::open_with(registry, bytes)?;
                Self::read(writer, datum)
            }

            fn read(
                writer: &$crate::published::WriterSchema,
                datum: &[u8],
            ) -> Result<Self, $crate::error::SchemaError> {
                use $crate::record::Record as _;
                match writer.record() {
                    $( $record::NAME => $crate::frame::read(writer, datum).map(Self::$variant), )*
                    _ => Err(writer.unexpected(stringify!($name))),
                }
            }

            /// Appends the framed record to `out`, with the id in the code; `out` stays as it was if that fails.
            ///
            /// # Errors
            /// The value does not fit its schema.
            pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), $crate::error::SchemaError> {
                match self {
                    $( Self::$variant(record) => $crate::frame::encode(record, out), )*
                }
            }

            /// Appends the framed record to `out` with the id that `registry` gave its schema.
            ///
            /// # Errors
            /// As [`Self::encode`].
            pub fn encode_with(
                &self,
                registry: &dyn $crate::registry::SchemaRegistry,
                out: &mut Vec<u8>,
            ) -> Result<(), $crate::error::SchemaError> {
                match self {
                    $( Self::$variant(record) => $crate::frame::encode_with(registry, record, out), )*
                }
            }

            /// The record's fields as JSON, by the names that they have on the wire.
            ///
            /// # Errors
            /// None with the records there are.
            pub fn to_json(&self) -> Result<serde_json::Value, serde_json::Error> {
                match self {
                    $( Self::$variant(record) => serde_json::to_value(record), )*
                }
            }

            /// The schemas of the set.
            #[must_use]
            pub fn schemas() -> Vec<&'static $crate::published::Published> {
                use $crate::record::Record as _;
                vec![$( $record::published() ),*]
            }

            /// The id in the code of the record's schema.
            #[must_use]
            pub fn schema_id(&self) -> u32 {
                use $crate::record::Record as _;
                match self {
                    $( Self::$variant(_) => $record::SCHEMA_ID, )*
                }
            }

            /// Name of the record type.
            #[must_use]
            pub fn type_name(&self) -> &'static str {
                use $crate::record::Record as _;
                match self {
                    $( Self::$variant(_) => $record::NAME, )*
                }
            }
        }

        $( impl From<$record> for $name {
            fn from(record: $record) -> Self {
                Self::$variant(record)
            }
        } )*
    };

    (@get [$(#[$meta:meta])*] { $( $(#[$variant_meta:meta])* $variant:ident($record:ident) ),* $(,)? } $field:ident $type:ty) => {
        $(#[$meta])*
        #[must_use]
        pub fn $field(&self) -> $type {
            match self {
                $( Self::$variant(record) => record.$field, )*
            }
        }
    };
}

pub(crate) use {
    assignment_record, define_record, internal_record, outcome, record_enum, state_record, ticket_command,
    ticket_event, user_command, user_event,
};
