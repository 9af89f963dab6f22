//! The import as a whole, against a server that answers as the bulk endpoint does, and fails when told to.

mod fake;
mod github;
mod runs;
