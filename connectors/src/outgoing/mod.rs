//! What those who hand things over to somebody outside have in common, the mailer and the deliverer of webhooks: when to try again,
//! when to leave somebody alone, how long a look may take, and what was done already.

mod done;
mod look;
mod pauses;
mod rest;
mod serdes;

pub(crate) use done::Done;
pub(crate) use look::{LOOK_EVERY_MS, Look};
pub(crate) use pauses::{Pauses, millis};
pub(crate) use rest::Rest;
pub(crate) use serdes::{Framed, Ids, decoded, written};

/// Most characters of a reason.
const REASON_CHARS: usize = 400;

/// Why something failed, no longer than it may be.
pub(crate) fn reason(why: &str) -> String {
    why.chars().take(REASON_CHARS).collect()
}
