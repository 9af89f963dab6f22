//! The description of the API, OpenAPI 3.1, from the code: the routes with their handlers' arguments, the types of answers,
//! and the problems as they are made.
//!
//! | module | what |
//! |---|---|
//! | `routes` | a router of which every route is described |
//! | `inputs` | what the arguments of a handler say |
//! | `described` | what is said of each operation, by resource |
//! | `bodies`, `examples` | what requests may have, and examples made by the types |
//! | `problems` | each code: its status and what it means |

mod bodies;
pub(crate) mod described;
mod document;
mod examples;
mod inputs;
mod operation;
mod parameters;
mod problems;
mod routes;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use serde_json::Value;

pub(crate) use problems::meaning;
pub(crate) use routes::{Routes, get, patch, post, put};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document::document(&crate::router::api()));

/// The document that `GET /openapi.json` answers with.
#[must_use]
pub fn openapi() -> &'static Value {
    &DOCUMENT
}
