//! Notifications: who must know of which event. Two sub-topologies.
//!
//! The **fan-out**, keyed by project, reads `ticket.events` and keeps of them what it must know: members and their handles,
//! tickets with assignee, reporter and whom the description mentions, who watches what. From each event it makes one record
//! per recipient. It does not use the stores of the ticket sub-topology: those belong to another task, and what is told must not
//! hold up what is decided.
//!
//! The **inboxes**, keyed by user, take those records in, drop what the user does not want to hear of, and what they
//! have been told already, give each a place in the user's own order and write it to `notifications`, and to `email.outbox` the mail that
//! tells of it to those who want mail. What users want to hear of they read
//! from `user.events`, as a table.
//!
//! | file | what |
//! |---|---|
//! | `recipients.rs` | who must know of an event, and why: the rules |
//! | `mentions.rs` | `@handle` in a text |
//! | `fold.rs` | what the fan-out keeps of the events |
//! | `fan_out.rs` | the processors of the fan-out; those who watch, a number at a time |
//! | `inbox.rs` | the processors of the inboxes |
//! | `mail.rs` | the mails that a user wants |
//! | `times.rs` | when a user wants them: the rules |
//! | `digest.rs` | what waits until then |
//! | `stores.rs` | the stores of both |
//!
//! # A ticket that thousands watch
//!
//! One record leads to at most [`WATCHERS_AT_ONCE`] notifications of those who watch. What is left stands in a store; a record that
//! the fan-out sends itself leads to the next of them. So other tickets' events come in between, commits stay small, and
//! after a crash it goes on from what was committed.

mod digest;
mod fan_out;
mod fold;
mod inbox;
mod mail;
mod mentions;
mod recipients;
mod stores;
mod times;

pub(crate) use fan_out::{FAN_OUT_REST, FanOutProcessor, RestProcessor};
pub(crate) use inbox::{INBOX_INPUTS, InboxProcessor, MAILS_SINK, NOTIFICATIONS_SINK, PreferencesProcessor};
pub use mail::LOCALES;
pub use recipients::{KINDS, Reason};
pub(crate) use stores::declare;
pub use stores::{FAN_OUT_STORES, GATHERED, INBOX_STORES, INBOXES};
pub use times::EMAIL_MODES;
pub(crate) use times::{are_quiet_hours, is_time_zone};

/// Most of those who watch that one record leads to notifications of.
pub const WATCHERS_AT_ONCE: usize = 256;
