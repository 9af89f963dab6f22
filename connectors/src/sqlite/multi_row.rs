//! Statements over many rows at once.
//!
//! Each statement costs a trip to the connection's thread and back, which is more than the row itself costs. So rows go
//! in groups of fixed sizes, each size one prepared statement.

use std::sync::Arc;

use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqliteConnection};

/// Sizes of the groups, largest first; the last is 1.
const SIZES: [usize; 3] = [64, 8, 1];

/// A statement that takes any number of rows.
pub(super) struct MultiRow {
    statements: [(usize, Arc<str>); SIZES.len()],
}

impl MultiRow {
    /// `head (?, ..), (?, ..) tail`, with `columns` values a row.
    pub(super) fn new(head: &str, columns: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(", "));
        Self {
            statements: SIZES
                .map(|size| (size, format!("{head} {} {tail}", vec![row.as_str(); size].join(", ")).into())),
        }
    }

    /// Runs it over all rows, in their order.
    pub(super) async fn run<R>(
        &self,
        connection: &mut SqliteConnection,
        rows: Vec<R>,
        bind: impl Fn(&mut SqliteArguments, R) -> Result<(), BoxDynError>,
    ) -> Result<(), sqlx::Error> {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let left = rows.len();
            let Some((size, sql)) = self.statements.iter().find(|(size, _)| *size <= left) else { break };
            let mut arguments = SqliteArguments::default();
            for row in rows.by_ref().take(*size) {
                bind(&mut arguments, row).map_err(sqlx::Error::Encode)?;
            }
            sqlx::query_with(AssertSqlSafe(sql.clone()), arguments).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// The statement for one row, for tests that look at its plan.
    #[cfg(test)]
    pub(super) fn single(&self) -> &str {
        &self.statements[SIZES.len() - 1].1
    }
}
