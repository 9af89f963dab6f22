//! Webhooks: whom to tell of what by HTTP, and where it may go.

mod hook;
mod target;

pub use hook::Hook;
pub use target::{Policy, TargetError};
