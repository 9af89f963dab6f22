//! The contracts of SyncroBoard: what commands, events and outcomes look like on the wire.
//!
//! Each record is an Avro schema (`avro/`) and a Rust struct with the same name and fields, the fields that all records
//! of its kind share coming first. A record on a topic is framed as Confluent's clients do it: 0x00, four bytes of
//! schema id, Avro. Fields may be added, never taken away, and each version that was ever published stays readable.
//!
//! | module | what |
//! |---|---|
//! | [`command`], [`event`], [`outcome`] | the records of the topics, and a closed set of each |
//! | [`notification`] | who must know of what, and the records on the way there |
//! | [`mail`] | mails that are to be sent, and what became of them |
//! | [`webhook`] | deliveries that are to be made again, and what became of each attempt |
//! | [`internal`], [`state`] | what sub-topologies send each other; what state stores hold |
//! | [`frame`] | writing and reading a framed record |
//! | [`registry`] | which schema an id means: a trait, and the registry in the code |
//! | [`subjects`] | what the schemas are called in a registry of its own |
//! | [`compatibility`] | whether two versions of a schema can read each other |
//! | [`ids`], [`topics`] | ids that follow from what they name; names of topics |
//! | [`reader`] | what `verify` reads, behind traits |
//!
//! There are no rules about tickets here, and no IO.
//!
//! ```
//! use schemas::{CreateTicket, TicketCommand, ids};
//!
//! let command = TicketCommand::from(CreateTicket {
//!     project_id: ids::project_id("SYNC"),
//!     title: "The board flickers".to_owned(),
//!     ..CreateTicket::default()
//! });
//! let mut bytes = Vec::new();
//! command.encode(&mut bytes)?;
//! assert_eq!(&bytes[..5], &[0, 0, 0, 0, 6], "0x00, then the schema id of CreateTicket");
//! assert_eq!(TicketCommand::decode(&bytes)?, command);
//! # Ok::<(), schemas::SchemaError>(())
//! ```

pub mod assignment;
pub mod command;
pub mod compatibility;
mod error;
pub mod event;
pub mod frame;
mod history;
pub mod ids;
pub mod internal;
pub mod mail;
pub mod notification;
pub mod outcome;
mod published;
pub mod reader;
mod record;
pub mod registry;
pub mod state;
pub mod subjects;
pub mod topics;
pub mod webhook;
pub mod workflow;

pub use assignment::*;
pub use command::*;
pub use error::SchemaError;
pub use event::*;
pub use internal::*;
pub use mail::{GatheredState, Mail, MailFailed, MailItem, MailRequested, MailResult, MailSent, OutgoingMailState};
pub use notification::*;
pub use outcome::*;
pub use published::{Published, WriterSchema};
pub use record::Record;
pub use registry::{EmbeddedRegistry, Lookup, SchemaRegistry};
pub use state::*;
pub use webhook::{
    DeliveryFailed, DeliveryResult, DeliverySucceeded, KeptDeliveryState, OutgoingDeliveryState, ReplayRequested,
    WebhookCommand,
};
pub use workflow::{Workflow, WorkflowState, WorkflowTransition};
