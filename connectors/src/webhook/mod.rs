//! Webhooks: what happens is posted to those who asked for it, signed.
//!
//! ```text
//! notifications, ticket.events --deliverer--> outgoing-deliveries --Client--> receiver
//! webhook.commands (again!) --------┘                └──> webhook.results
//! ```
//!
//! - [`Hook`] is where somebody wants to be told; [`HookBook`] has those that there are, as the database says, with their secrets.
//! - [`Policy`] says which addresses are never spoken to: those that are nobody's but ours.
//! - [`sign`] makes the headers by which a receiver knows that it is us.
//! - [`Client`] posts; [`Answer`] says whether to try again.
//! - [`webhooks`] is the topology that does all this, remembers what it has still to deliver, and tries again.

mod client;
mod deliverer;
mod hook;
mod inputs;
mod queue;
mod rounds;
pub mod sign;
mod target;

pub use client::{Answer, Client, ClientConfig, ClientError, Request, Resolve, SystemResolver};
pub use deliverer::{KEPT, OUTGOING, WebhooksConfig, webhooks};
pub use hook::{Hook, HookBook, Hooks};
pub use target::{Policy, TargetError};
