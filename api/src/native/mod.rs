//! Native commands: JSON in, records out. One object is a whole command in a bulk request, or the body of a REST request
//! whose path gives the rest; both are read by the same code, so that a field means the same everywhere.
//!
//! ```json
//! {"type": "CreateTicket", "project": "WEB", "title": "The board flickers", "assignee": "ada@example.org"}
//! {"type": "MoveTicket", "ticket": "WEB-12", "status": "IN_PROGRESS", "actor": "github:octocat"}
//! ```

mod build;
mod line;
#[cfg(test)]
mod reference;

use schemas::{TicketCommand, UserCommand, ids};
use uuid::Uuid;

pub(crate) use build::{Target, ticket_command, user_command};
pub(crate) use line::{LineError, LineKind, parse_line};

/// What the parts of a command have in common.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) command_id: Uuid,
    pub(crate) actor_id: Uuid,
    pub(crate) actor_admin: bool,
    /// Milliseconds since 1970-01-01T00:00Z.
    pub(crate) issued_at: i64,
    pub(crate) correlation_id: Uuid,
    pub(crate) traceparent: Option<String>,
    /// From `If-Match`, of a ticket.
    pub(crate) expected_version: Option<i64>,
    /// From `If-Match`, of a workflow.
    pub(crate) expected_workflow: Option<Uuid>,
}

/// A command for either topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Ticket(TicketCommand),
    User(UserCommand),
}

impl Command {
    pub(crate) fn command_id(&self) -> Uuid {
        match self {
            Self::Ticket(command) => command.command_id(),
            Self::User(command) => command.command_id(),
        }
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Ticket(command) => command.type_name(),
            Self::User(command) => command.type_name(),
        }
    }
}

/// The id of a project given by id or key; nothing is looked up.
pub(crate) fn project_id(text: &str) -> Uuid {
    hyphenated(text).unwrap_or_else(|| ids::project_id(text))
}

/// The project and number of a ticket given by its code, such as `WEB-12`.
pub(crate) fn parse_code(code: &str) -> Option<(Uuid, i64)> {
    let (key, number) = code.rsplit_once('-')?;
    let digits = number.len() <= 18 && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|&number: &i64| digits && number > 0)?;
    is_key(key).then(|| (ids::project_id(key), number))
}

/// Whether a project could have this key.
fn is_key(text: &str) -> bool {
    (2..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether this could be the id or the key of a project.
pub(crate) fn names_project(text: &str) -> bool {
    hyphenated(text).is_some() || is_key(text)
}

/// An id in the usual form; `None` for the other forms that could be read as one, such as 32 hexadecimal digits.
pub(crate) fn hyphenated(text: &str) -> Option<Uuid> {
    if text.len() == uuid::fmt::Hyphenated::LENGTH { Uuid::try_parse(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_codes_and_nothing_like_them() {
        assert_eq!(parse_code("WEB-12"), Some((ids::project_id("WEB"), 12)));
        assert_eq!(parse_code("A1-999999"), Some((ids::project_id("A1"), 999_999)));
        for junk in
            ["WEB", "WEB-", "WEB-0", "WEB--1", "WEB-+1", "web-1", "-1", "W-1", "WEB-1x", "WEB-9999999999999999999"]
        {
            assert_eq!(parse_code(junk), None, "{junk}");
        }
    }
}
