//! A router of which every route is described: there is no other way to add one.

use axum::Router;
use axum::handler::Handler;
use axum::routing::MethodRouter;

use super::inputs::Inputs;
use super::operation::Operation;
use crate::state::AppState;

/// Describes an operation, as far as its handler's arguments do not.
pub(crate) type Describe = fn() -> Operation;

/// Routes, and what is said of each.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) router: Router<AppState>,
    described: Vec<Described>,
}

/// A method of a path.
pub(super) struct Described {
    pub(super) path: &'static str,
    pub(super) method: &'static str,
    describe: Describe,
    inputs: fn(&mut Operation),
}

impl Described {
    /// All that is said of it.
    pub(super) fn operation(&self) -> Operation {
        let mut operation = (self.describe)();
        (self.inputs)(&mut operation);
        operation
    }
}

impl Routes {
    pub(crate) fn route(mut self, path: &'static str, methods: Methods) -> Self {
        self.router = self.router.route(path, methods.router);
        self.described.extend(methods.described.into_iter().map(|one| Described { path, ..one }));
        self
    }

    pub(super) fn described(&self) -> &[Described] {
        &self.described
    }
}

/// The methods of one path.
pub(crate) struct Methods {
    router: MethodRouter<AppState>,
    described: Vec<Described>,
}

macro_rules! methods {
    ($($name:ident),*) => {
        impl Methods {
            $(
                pub(crate) fn $name<H: Handler<T, AppState>, T: Inputs + 'static>(
                    mut self,
                    handler: H,
                    describe: Describe,
                ) -> Self {
                    let (path, method) = ("", stringify!($name));
                    self.router = self.router.$name(handler);
                    self.described.push(Described { path, method, describe, inputs: T::describe });
                    self
                }
            )*
        }
    };
}

methods!(get, post, put, patch, delete);

/// Defines the functions that a path's methods begin with.
macro_rules! first {
    ($($name:ident),*) => {
        $(
            pub(crate) fn $name<H: Handler<T, AppState>, T: Inputs + 'static>(handler: H, describe: Describe) -> Methods {
                Methods { router: MethodRouter::new(), described: Vec::new() }.$name(handler, describe)
            }
        )*
    };
}

first!(get, post, put, patch);
