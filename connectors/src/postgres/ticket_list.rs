//! The statement for a page of tickets that pass a filter.
//!
//! By number, each filter has an index in the page's order. By change, the page is read in the order of changes and
//! filtered on the way. What has words is found first and put in order then.

use sqlx::postgres::PgArguments;
use sqlx::{Arguments, Encode, Postgres, Type};
use uuid::Uuid;

use super::search;
use crate::read_model::{Assignee, TicketOrder, TicketQuery, page_size};
use crate::sql::{CARD, TICKET_REST};

/// A statement put together from constant parts, and its values.
pub(super) struct ListStatement {
    pub(super) sql: String,
    pub(super) arguments: PgArguments,
    values: usize,
}

impl ListStatement {
    pub(super) fn new(project: Uuid, query: &TicketQuery) -> Result<Self, sqlx::Error> {
        let sql = format!("SELECT {CARD}, {TICKET_REST} FROM tickets t WHERE t.project_id = ");
        let mut list = Self { sql, arguments: PgArguments::default(), values: 0 };
        list.push(project)?;
        if let Some(label) = &query.label {
            list.sql
                .push_str(" AND EXISTS (SELECT FROM ticket_labels l WHERE l.project_id = t.project_id AND l.label = ");
            list.push(label.clone())?;
            list.sql.push_str(" AND l.number = t.number)");
        }
        if let Some(status) = &query.status {
            list.sql.push_str(" AND t.status = ");
            list.push(status.clone())?;
        }
        match query.assignee {
            None => {}
            Some(Assignee::Nobody) => list.sql.push_str(" AND t.assignee_id IS NULL"),
            Some(Assignee::User(user)) => {
                list.sql.push_str(" AND t.assignee_id = ");
                list.push(user)?;
            }
        }
        if let Some(priority) = &query.priority {
            list.sql.push_str(" AND t.priority = ");
            list.push(priority.clone())?;
        }
        if let Some(words) = &query.words {
            let place = list.bind(words.as_str().to_owned())?;
            list.sql.push_str(" AND t.id IN (");
            list.sql.push_str(&search::found("ARRAY[$1]", place));
            list.sql.push(')');
        }
        if let Some(reporter) = query.reporter {
            list.sql.push_str(" AND t.reporter_id = ");
            list.push(reporter)?;
        }
        for (condition, value) in query.times() {
            list.sql.push_str(condition);
            list.push(value)?;
        }
        let after = query.begin();
        match query.order {
            TicketOrder::Number => {
                list.sql.push_str(" AND t.number < ");
                list.push(after.number)?;
                list.sql.push_str(" ORDER BY t.number DESC LIMIT ");
            }
            TicketOrder::Updated => {
                list.sql.push_str(" AND (t.updated_at, t.number) < (");
                list.push(after.updated_at)?;
                list.sql.push_str(", ");
                list.push(after.number)?;
                list.sql.push_str(") ORDER BY t.updated_at DESC, t.number DESC LIMIT ");
            }
        }
        list.push(i64::from(page_size(query.limit)) + 1)?;
        Ok(list)
    }

    /// Puts in a value's place, and binds it.
    fn push<T: for<'t> Encode<'t, Postgres> + Type<Postgres>>(&mut self, value: T) -> Result<(), sqlx::Error> {
        let place = self.bind(value)?;
        self.sql.push('$');
        self.sql.push_str(&place.to_string());
        Ok(())
    }

    /// Binds a value. Its place.
    fn bind<T: for<'t> Encode<'t, Postgres> + Type<Postgres>>(&mut self, value: T) -> Result<usize, sqlx::Error> {
        self.values += 1;
        self.arguments.add(value).map_err(sqlx::Error::Encode)?;
        Ok(self.values)
    }
}
