//! The statement for a page of tickets that pass a filter.
//!
//! By number, each filter has an index in the page's order. By change, the page is read in the order of changes and
//! filtered on the way. What has words is found first and put in order then. A `+` keeps a condition from being taken for the choice of an index.

use sqlx::Arguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Encode, Sqlite, Type};
use uuid::Uuid;

use super::page_size;
use crate::read_model::{Assignee, TicketOrder, TicketQuery, Words};
use crate::sql::{CARD, TICKET_REST};

/// Labels first, then the tickets that have one: the order of the tables in a cross join is the order of reading.
const FROM_LABELS: &str = "ticket_labels l CROSS JOIN tickets t ON t.project_id = l.project_id AND t.number = l.number \
     WHERE l.project_id = ?";
const FROM_TICKETS: &str = "tickets t WHERE t.project_id = ?";

/// The tickets with words, each once, then what they are.
pub(super) const FROM_WORDS: &str = "(SELECT DISTINCT d.ticket_id FROM words CROSS JOIN documents d ON d.id = words.rowid WHERE words MATCH ?) f \
     CROSS JOIN tickets t ON t.id = f.ticket_id WHERE ";

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
        let from_words = query.words.is_some();
        let from_labels = by_number && query.label.is_some() && !from_words;
        let mut list =
            Self { sql: format!("SELECT {CARD}, {TICKET_REST} FROM "), arguments: SqliteArguments::default() };
        match &query.words {
            Some(words) => {
                list.push(FROM_WORDS, matching(Some(project), words))?;
                list.push("t.project_id = ?", project)?;
            }
            None => list.push(if from_labels { FROM_LABELS } else { FROM_TICKETS }, project)?,
        }
        if let Some(label) = &query.label {
            list.push(if from_labels { " AND l.label = ?" } else { HAS_LABEL }, label.clone())?;
        }
        list.filter(query, by_number && !from_labels && !from_words)?;
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

/// The words, or such as begin with them, as FTS5 takes them: in a project, or in any.
pub(super) fn matching(project: Option<Uuid>, words: &Words) -> String {
    let words: Vec<String> = words.as_str().split(' ').map(|word| format!("\"{word}\" *")).collect();
    let text = format!("text : ({})", words.join(" AND "));
    project.map_or_else(|| text.clone(), |project| format!("project : \"{}\" AND {text}", project.simple()))
}
