//! Who is asking: bearer tokens for programs, a cookie for the pages.

mod caller;
mod deactivated;
mod session;
mod token;
mod verified;

pub(crate) use caller::Caller;
pub(crate) use deactivated::Deactivated;
pub(crate) use session::{SESSION_COOKIE, Visitor, session_cookie};
pub use token::{Identity, Secret, TokenError, issue_token, verify_token};
pub(crate) use verified::Verified;
