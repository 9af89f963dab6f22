//! The statement for a page of tickets that pass a filter.
//!
//! By number, each filter has an index in the page's order. By change, the page is read in the order of changes and
//! filtered on the way. A `+` keeps a condition from being taken for the choice of an index.

use sqlx::Arguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Encode, Sqlite, Type};
use uuid::Uuid;

use super::page_size;
use crate::read_model::{Assignee, TicketOrder, TicketQuery};
use crate::sql::{CARD, TICKET_REST};

/// Labels first, then the tickets that have one: the order of the tables in a cross join is the order of reading.
const FROM_LABELS: &str = "ticket_labels l CROSS JOIN tickets t ON t.project_id = l.project_id AND t.number = l.number \
     WHERE l.project_id = ?";
const FROM_TICKETS: &str = "tickets t WHERE t.project_id = ?";

const HAS_LABEL: &str = " AND EXISTS (SELECT 1 FROM ticket_labels l WHERE l.project_id = t.project_id AND l.label = ? \
     AND l.number = t.number)";

/// A statement put together from constant parts, and its values.
pub(super) struct ListStatement {
    pub(super) sql: String,
    pub(super) arguments: SqliteArguments,
}

impl ListStatement {
    pub(super) fn new(project: Uuid, query: &TicketQuery) -> Result<Self, sqlx::Error> {
        let by_number = query.order == TicketOrder::Number;
        let from_labels = by_number && query.label.is_some();
        let source = if from_labels { FROM_LABELS } else { FROM_TICKETS };
        let mut list =
            Self { sql: format!("SELECT {CARD}, {TICKET_REST} FROM "), arguments: SqliteArguments::default() };
        list.push(source, project)?;
        if let Some(label) = &query.label {
            list.push(if from_labels { " AND l.label = ?" } else { HAS_LABEL }, label.clone())?;
        }
        list.filter(query, by_number && !from_labels)?;
        let after = query.begin();
        match (by_number, from_labels) {
            (true, true) => list.push(" AND l.number < ? ORDER BY l.number DESC", after.number)?,
            (true, false) => list.push(" AND t.number < ? ORDER BY t.number DESC", after.number)?,
            (false, _) => {
                list.push(" AND (t.updated_at, t.number) < (?,", after.updated_at)?;
                list.push(" ?) ORDER BY t.updated_at DESC, t.number DESC", after.number)?;
            }
        }
        list.push(" LIMIT ?", page_size(query.limit) + 1)?;
        Ok(list)
    }

    fn filter(&mut self, query: &TicketQuery, from_their_index: bool) -> Result<(), sqlx::Error> {
        if let Some(status) = query.status.clone() {
            self.push(if from_their_index { " AND t.status = ?" } else { " AND +t.status = ?" }, status)?;
        }
        match query.assignee {
            None => {}
            Some(Assignee::Nobody) if from_their_index => self.sql.push_str(" AND t.assignee_id IS NULL"),
            Some(Assignee::Nobody) => self.sql.push_str(" AND +t.assignee_id IS NULL"),
            Some(Assignee::User(user)) => {
                self.push(if from_their_index { " AND t.assignee_id = ?" } else { " AND +t.assignee_id = ?" }, user)?;
            }
        }
        if let Some(priority) = query.priority.clone() {
            self.push(" AND +t.priority = ?", priority)?;
        }
        if let Some(reporter) = query.reporter {
            self.push(if from_their_index { " AND t.reporter_id = ?" } else { " AND +t.reporter_id = ?" }, reporter)?;
        }
        for (condition, value) in query.times() {
            self.push(condition, value)?;
            self.sql.push('?');
        }
        Ok(())
    }

    fn push<T: for<'t> Encode<'t, Sqlite> + Type<Sqlite>>(&mut self, part: &str, value: T) -> Result<(), sqlx::Error> {
        self.sql.push_str(part);
        self.arguments.add(value).map_err(sqlx::Error::Encode)
    }
}
