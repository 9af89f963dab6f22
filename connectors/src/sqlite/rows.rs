//! How SQLite's rows become structs.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

crate::sql::row_readers!(SqliteRow, strings);

fn strings(row: &SqliteRow, column: usize) -> Result<Vec<String>, sqlx::Error> {
    serde_json::from_str(row.try_get(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
}
