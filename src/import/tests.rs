//! The import as a whole, against a server that answers as the bulk endpoint does, and fails when told to.

mod desk;
mod dry_runs;
mod fake;
mod github;
mod jira;
mod jira_runs;
mod runs;
mod table_runs;
