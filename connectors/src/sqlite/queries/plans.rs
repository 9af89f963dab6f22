//! Holds the plan of every question: none walks through a whole table, and pages are read in their order.

use std::path::Path;

use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::super::apply::Writer;
use super::super::{SqliteReadModel, open_writer};
use super::ticket_list::ListStatement;
use super::tickets::search_sql;
use super::{people, projects};
use crate::read_model::{Assignee, Period, TicketOrder, TicketQuery, Words};
use crate::sql::{self, ANY_SEQUENCE, BOARD_COUNTS, DEACTIVATED, OUTCOME, PROJECT_SEQUENCE, UNREAD};

async fn plan(path: &Path, sql: &str) -> Vec<String> {
    let mut db = open_writer(path).await.expect("the database opens");
    let rows =
        sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut db).await.expect("a plan");
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}

/// Reading every row of something, other than of what one bound value brings along.
fn walks(detail: &str) -> bool {
    let scan = detail.starts_with("SCAN");
    let bound = ["ids", "v", "unread", "json_each", "CONSTANT ROW", "8-ROW", "1 CONSTANT", "VALUES"];
    scan && !bound.iter().any(|name| detail["SCAN ".len()..].starts_with(name))
}

fn ticket_lists() -> Vec<TicketQuery> {
    let mut queries = Vec::new();
    for order in [TicketOrder::Number, TicketOrder::Updated] {
        for status in [None, Some("OPEN".to_owned())] {
            for label in [None, Some("bug".to_owned())] {
                for assignee in [None, Some(Assignee::Nobody), Some(Assignee::User(Uuid::nil()))] {
                    let (status, label) = (status.clone(), label.clone());
                    let priority = Some("LOW".to_owned());
                    queries.push(TicketQuery { status, priority, label, assignee, order, ..TicketQuery::default() });
                }
            }
        }
    }
    let reporter = Some(Uuid::nil());
    queries.push(TicketQuery { reporter, ..TicketQuery::default() });
    let due = Period { from: Some(1), to: Some(2) };
    queries.push(TicketQuery { due, ..TicketQuery::default() });
    let updated = Period { from: Some(1), to: Some(2) };
    queries.push(TicketQuery { updated, order: TicketOrder::Updated, ..TicketQuery::default() });
    queries
}

#[tokio::test]
async fn should_answer_every_question_from_an_index() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("read.db");
    SqliteReadModel::open(&path).await.expect("opened").close().await;
    let mut questions: Vec<String> =
        [OUTCOME, PROJECT_SEQUENCE, ANY_SEQUENCE, projects::COUNTS, BOARD_COUNTS].map(str::to_owned).into();
    questions.extend([sql::projects_of_member(), sql::project()]);
    questions.extend([sql::members(), sql::member(), sql::user(), people::users_sql()]);
    questions.extend([sql::ticket_by_id(), sql::ticket_by_number(), sql::board_column()]);
    questions.extend([sql::comments(), sql::comment(), sql::watchers(), sql::all_projects()]);
    questions.extend([sql::notifications(), sql::unread_notifications(), sql::notification(), UNREAD.to_owned()]);
    questions.extend([sql::history_of_project(), sql::history_of_subject(), sql::history_before()]);
    questions.extend([sql::mails(), sql::mails_in_state()]);
    questions.extend([sql::deliveries(), sql::deliveries_in_state(), sql::delivery()]);
    questions.extend(Writer::new().statements().map(str::to_owned));
    questions.extend(ticket_lists().iter().map(|query| ListStatement::new(Uuid::nil(), query).expect("bound").sql));
    for sql in questions {
        let plan = plan(&path, &sql).await;
        assert!(!plan.iter().any(|detail| walks(detail)), "{sql}\n{plan:#?}");
    }
    // An index has just those that are asked for.
    let plan = plan(&path, DEACTIVATED).await;
    assert!(plan.iter().all(|detail| detail.contains("INDEX users_deactivated")), "{plan:#?}");
}

#[tokio::test]
async fn should_read_pages_in_their_order_without_sorting() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("read.db");
    SqliteReadModel::open(&path).await.expect("opened").close().await;
    let mut pages: Vec<String> =
        vec![sql::board_column(), sql::comments(), sql::all_projects(), sql::unread_notifications()];
    pages.extend([sql::mails(), sql::mails_in_state(), sql::deliveries(), sql::deliveries_in_state()]);
    pages.extend([sql::history_of_project(), sql::history_of_subject(), sql::history_before()]);
    pages.extend(ticket_lists().iter().map(|query| ListStatement::new(Uuid::nil(), query).expect("bound").sql));
    for sql in pages {
        let plan = plan(&path, &sql).await;
        assert!(!plan.iter().any(|detail| detail.contains("USE TEMP B-TREE")), "{sql}\n{plan:#?}");
    }
}

#[tokio::test]
async fn should_find_words_first_and_then_their_tickets() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("read.db");
    SqliteReadModel::open(&path).await.expect("opened").close().await;
    let query = TicketQuery { words: Words::parse("one two"), label: Some("bug".to_owned()), ..TicketQuery::default() };
    let list = ListStatement::new(Uuid::nil(), &query).expect("bound").sql;
    for sql in [list, search_sql(true), search_sql(false)] {
        let plan = plan(&path, &sql).await;
        let scans: Vec<_> = plan.iter().filter(|detail| detail.starts_with("SCAN")).collect();
        assert!(
            matches!(&scans[..], [words, found] if words.starts_with("SCAN words VIRTUAL TABLE INDEX 0:M") && *found == "SCAN f"),
            "{sql}\n{plan:#?}"
        );
        assert!(plan.iter().any(|detail| detail.starts_with("SEARCH t USING INDEX")), "{sql}\n{plan:#?}");
    }
}

#[tokio::test]
async fn should_read_the_history_of_a_ticket_and_not_that_of_its_project() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("read.db");
    SqliteReadModel::open(&path).await.expect("opened").close().await;
    for sql in [sql::history_of_subject(), sql::history_before()] {
        let plan = plan(&path, &sql).await;
        assert!(plan.iter().any(|detail| detail.contains("history_of_subject")), "{sql}\n{plan:#?}");
    }
}

#[tokio::test]
async fn should_notice_a_plan_that_walks_through_a_table() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("read.db");
    SqliteReadModel::open(&path).await.expect("opened").close().await;
    let plan = plan(&path, "SELECT title FROM tickets WHERE title = 'x'").await;
    assert!(plan.iter().any(|detail| walks(detail)), "{plan:#?}");
}
