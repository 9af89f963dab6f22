//! How PostgreSQL's rows become structs.

use sqlx::Row;
use sqlx::postgres::PgRow;

crate::sql::row_readers!(PgRow, strings);

fn strings(row: &PgRow, column: usize) -> Result<Vec<String>, sqlx::Error> {
    row.try_get(column)
}
