//! REST, authentication and the web pages of SyncroBoard.
//!
//! A thin layer: a write becomes a command on the log and is answered with its outcome, a read is answered from the read
//! model. Webhooks, whose secrets may stand in neither, are written to and read from the accounts database. No rule about
//! tickets is decided here; what may be read is checked here, what may be written in the processors, but for webhooks.
//!
//! | module | what |
//! |---|---|
//! | [`router`](fn@router) | the table of contents: every path |
//! | `resources` | one file per resource, the same verbs in each |
//! | `native` | commands as JSON: the body of a bulk line and of a REST write |
//! | `submit` | a write all the way: log, outcome, read model |
//! | `access` | who may read what |
//! | `boards` | rendered boards, from the cache if it has them |
//! | `cors` | pages of other origins that may read answers |
//! | `etag` | which state of a resource an answer shows |
//! | `prefer` | what a client would rather have, and what was done of it |
//! | [`auth`] | tokens, and the cookie of the pages |
//! | `problem`, `rejection` | what goes wrong, as RFC 9457 |
//! | [`openapi`] | the description of it all, from the code |
//! | `traced` | the span of a request, and the trace that it belongs to |
//! | `pages` | the pages: rendered here, no script |
//!
//! What it does not do: it holds no state that matters, knows no database and no broker, and never imports `processors`.
//!
//! ```
//! use std::time::Duration;
//!
//! use api::auth::{Identity, Secret, issue_token, verify_token};
//!
//! let secret = Secret::generate()?;
//! let ada = Identity::new("Ada@example.org", "Ada", false);
//! let token = issue_token(&secret, &ada, Duration::from_hours(1))?;
//! assert_eq!(verify_token(&secret, &token)?, ada);
//! # Ok::<(), api::auth::TokenError>(())
//! ```

mod access;
mod answer;
pub mod auth;
mod boards;
mod commands;
mod cors;
mod cursor;
mod etag;
mod extract;
mod fields;
mod history;
mod idempotency;
mod layers;
mod limited;
mod metrics;
mod monitoring;
mod native;
mod openapi;
mod outcome_view;
mod pages;
mod prefer;
mod problem;
mod registration;
mod rejection;
mod resources;
mod router;
mod serve;
mod state;
mod submit;
mod traced;
mod version;
mod views;
mod workflow_view;

pub use boards::{load_board, register_redis};
pub use commands::{Commands, Pending};
pub use cors::{NoOrigin, Origins};
pub use monitoring::Monitoring;
pub use openapi::openapi;
pub use problem::Problem;
pub use router::router;
pub use serve::serve;
pub use state::{AppState, Limits, Parts, Readiness, SetupError, Verification};
