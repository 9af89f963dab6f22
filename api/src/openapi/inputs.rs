//! What a handler's arguments say of its operation: whoever takes a [`Writer`] needs a token and reads `Idempotency-Key`,
//! and so on. The types of the arguments are those that the router calls the handler with.

use axum::extract::State;
use axum::http::HeaderMap;

use super::operation::Operation;
use super::parameters;
use crate::auth::Caller;
use crate::extract::{Body, Params, Path, Reader, Writer};
use crate::resources::bulk::Sender;

/// An argument of a handler.
pub(crate) trait Input {
    fn describe(operation: &mut Operation);
}

/// All of them.
pub(crate) trait Inputs {
    fn describe(operation: &mut Operation);
}

impl<S> Input for State<S> {
    fn describe(_: &mut Operation) {}
}

/// Handlers that look at headers themselves say so in their description.
impl Input for HeaderMap {
    fn describe(_: &mut Operation) {}
}

/// A body that the handler streams, and describes itself.
impl Input for axum::body::Body {
    fn describe(_: &mut Operation) {}
}

impl<T> Input for Path<T> {
    fn describe(operation: &mut Operation) {
        operation.refuse(&["path_invalid"]);
    }
}

impl Input for Params {
    fn describe(operation: &mut Operation) {
        operation.refuse(&["query_invalid", "query_unknown"]);
    }
}

impl Input for Caller {
    fn describe(operation: &mut Operation) {
        operation.secure();
    }
}

impl Input for Reader {
    fn describe(operation: &mut Operation) {
        operation.secure();
        operation.parameter(parameters::SEQUENCE);
        operation.refuse(&["header_invalid"]);
    }
}

impl Input for Writer {
    fn describe(operation: &mut Operation) {
        operation.secure();
        operation.parameter(parameters::IDEMPOTENCY_KEY);
        operation.refuse(&["header_invalid", "request_in_flight"]);
    }
}

impl Input for Sender {
    fn describe(operation: &mut Operation) {
        operation.secure();
        operation.parameter(parameters::IDEMPOTENCY_KEY);
        operation.refuse(&["header_invalid", "request_in_flight"]);
    }
}

impl Input for Body {
    fn describe(operation: &mut Operation) {
        let codes =
            ["json_invalid", "body_unreadable", "body_too_large", "media_type", "field_invalid", "field_unknown"];
        operation.refuse(&codes);
    }
}

/// A handler without arguments.
impl Inputs for ((),) {
    fn describe(_: &mut Operation) {}
}

/// The first is the router's own, and says how the last is read.
macro_rules! inputs {
    ($($input:ident)*) => {
        impl<M, $($input: Input),*> Inputs for (M, $($input),*) {
            fn describe(operation: &mut Operation) {
                $($input::describe(operation);)*
            }
        }
    };
}

inputs!(A);
inputs!(A B);
inputs!(A B C);
inputs!(A B C D);
inputs!(A B C D E);
