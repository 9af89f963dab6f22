//! Files of earlier versions.

#![allow(clippy::expect_used, reason = "a test may fail where it stands")]

use sqlx::migrate::Migrator;

use super::{MIGRATIONS, SqliteReadModel, open_writer};
use crate::read_model::{ReadModel, Words};

/// Before the words of tickets had an index.
const WITHOUT_WORDS: i64 = 9;

const ROWS: &str = "
    INSERT INTO tickets (id, project_id, number, code, title, priority, status, labels, reporter_id, version, sequence, imported, created_at, updated_at, description)
        VALUES (zeroblob(16), zeroblob(16), 1, 'WEB-1', 'A zebra', 'LOW', 'OPEN', '[]', zeroblob(16), 1, 2, 0, 1, 1, 'on stripes');
    INSERT INTO comments (id, project_id, ticket_id, author_id, content, sequence, created_at)
        VALUES (zeroblob(16), zeroblob(16), zeroblob(16), zeroblob(16), 'Or an okapi', 3, 1)";

#[tokio::test]
async fn should_find_the_words_of_what_was_there_before_there_was_an_index_of_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("read.db");
    let mut db = open_writer(&path).await.expect("opened");
    let migrations = MIGRATIONS.iter().filter(|migration| migration.version <= WITHOUT_WORDS).cloned();
    let earlier = Migrator { migrations: migrations.collect::<Vec<_>>().into(), ..Migrator::DEFAULT };
    earlier.run(&mut db).await.expect("migrated");
    sqlx::raw_sql(ROWS).execute(&mut db).await.expect("written");
    sqlx::Connection::close(db).await.expect("closed");
    let model = SqliteReadModel::open(&path).await.expect("opened");
    for (text, expected) in [("zebra stripes", 1), ("okapi", 1), ("zebra okapi", 0), ("lion", 0)] {
        let words = Words::parse(text).expect("there are words");
        let found = model.search(None, &words, None, 10).await.expect("an answer");
        assert_eq!(found.items.len(), expected, "{text}");
    }
}
