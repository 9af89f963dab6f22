//! Holds the plan of every question over a million tickets: none walks through a table, with the values that are asked for and
//! without them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

use std::str::FromStr;

use sqlx::postgres::{PgArguments, PgConnectOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row};
use uuid::Uuid;

use super::queries::{STATUS_COUNTS, users_sql};
use super::ticket_list::ListStatement;
use super::write::{READ_ALL, READ_ONE};
use super::{Grants, PostgresConfig, deliveries, history, mails, migrate, search};
use crate::read_model::{Assignee, Period, TicketOrder, TicketQuery, Words};
use crate::sql::{self, ANY_SEQUENCE, BOARD_COUNTS, DEACTIVATED, OUTCOME, PROJECT_SEQUENCE, UNREAD};

#[path = "../../../tests/support/services.rs"]
mod services;

/// A large project, and ten thousand small ones; each table is large enough that nobody should walk through it.
const FILL: &str = "
    CREATE FUNCTION pg_temp.id(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(kind || n)::uuid $$;
    INSERT INTO projects SELECT pg_temp.id('p', n), 'P' || n, 'Project ' || n, '', pg_temp.id('u', n), FALSE, n, n
        FROM generate_series(0, 10000) n;
    INSERT INTO project_sequences SELECT pg_temp.id('p', n), 1000 FROM generate_series(0, 10000) n;
    INSERT INTO users SELECT pg_temp.id('u', n), n || '@example.org', 'User ' || n, 'member', NULL, NULL, 1, n, '{}', n % 500 = 7
        FROM generate_series(0, 10000) n;
    INSERT INTO members SELECT pg_temp.id('p', n), pg_temp.id('u', (n * 7 + m * 131) % 10001), 'm' || m, 'member', 10, '{rust}', TRUE
        FROM generate_series(0, 10000) n, generate_series(1, 5) m ON CONFLICT DO NOTHING;
    INSERT INTO tickets SELECT pg_temp.id('t', n), pg_temp.id('p', p), n, 'P' || p || '-' || n, 'Ticket ' || n,
            (ARRAY['LOW', 'MEDIUM', 'HIGH'])[1 + n % 3], (ARRAY['OPEN', 'DONE', 'DONE', 'REVIEW', 'DONE'])[1 + n % 5],
            ARRAY['l' || n % 50], pg_temp.id('u', n % 10000), CASE WHEN n % 4 > 0 THEN pg_temp.id('u', n % 20) END, NULL,
            NULL, NULL, NULL, 1, n, FALSE, n, n + n % 1000, repeat('x', 100)
        FROM (SELECT n, CASE WHEN n % 2 = 0 THEN 0 ELSE n % 10000 END AS p FROM generate_series(1, 1000000) n) v;
    INSERT INTO ticket_labels SELECT project_id, labels[1], number FROM tickets;
    INSERT INTO status_counts SELECT project_id, status, count(*) FROM tickets GROUP BY project_id, status;
    INSERT INTO comments SELECT pg_temp.id('c', n), pg_temp.id('p', 0), pg_temp.id('t', n / 3 * 2), pg_temp.id('u', 1), 'text', NULL, n, n
        FROM generate_series(1, 200000) n;
    INSERT INTO watchers SELECT pg_temp.id('p', 0), n / 3 * 2, pg_temp.id('u', n), n FROM generate_series(1, 200000) n;
    INSERT INTO history SELECT pg_temp.id('p', n % 1000), n, (n / 1000 % 50)::text, 'ticket.updated', NULL, n, '[]' FROM generate_series(1, 200000) n;
    INSERT INTO notifications SELECT pg_temp.id('u', n % 5000), n, pg_temp.id('n', n), 'watcher', pg_temp.id('e', n), 'ticket.commented',
            pg_temp.id('p', 0), n, pg_temp.id('t', n), n, 'P0-' || n, 'Ticket', pg_temp.id('u', 1), '', 'ada', '', n, n % 10 > 0
        FROM generate_series(1, 200000) n;
    INSERT INTO mails SELECT pg_temp.id('m', n), pg_temp.id('u', n % 5000), 'notification', n,
            (ARRAY['waiting', 'sent', 'failed'])[1 + n % 3], 1, '', CASE WHEN n % 3 > 0 THEN n END
        FROM generate_series(1, 200000) n;
    INSERT INTO webhook_deliveries SELECT pg_temp.id('d', n), pg_temp.id('h', n % 5000), pg_temp.id('u', n % 5000), pg_temp.id('e', n),
            'ticket.created', (ARRAY['delivered', 'failed', 'retrying'])[1 + n % 3], 1, 200, '', n, n
        FROM generate_series(1, 200000) n;
    INSERT INTO outcomes SELECT pg_temp.id('o', n), n, FALSE, 'outcome' FROM generate_series(1, 200000) n;
    INSERT INTO sink_offsets SELECT 'ticket.events', n, n FROM generate_series(0, 23) n;
";

/// What the program asks, other than lists of tickets.
fn questions() -> Vec<String> {
    let mut questions: Vec<String> =
        [OUTCOME, PROJECT_SEQUENCE, ANY_SEQUENCE, STATUS_COUNTS, BOARD_COUNTS, DEACTIVATED].map(str::to_owned).into();
    questions.extend([sql::all_projects(), sql::projects_of_member(), sql::project(), sql::members(), sql::member()]);
    questions.extend([sql::user(), users_sql(), sql::ticket_by_id(), sql::ticket_by_number(), sql::board_column()]);
    questions.extend([sql::comments(), sql::comment(), sql::watchers()]);
    questions.extend([
        sql::history_of_project(),
        sql::history_of_subject(),
        sql::history_before(),
        history::FORGET.to_owned(),
    ]);
    questions.extend([sql::notifications(), sql::unread_notifications(), sql::notification(), UNREAD.to_owned()]);
    questions.extend([search::in_all(), search::of_member()]);
    questions.extend([sql::mails(), sql::mails_in_state()]);
    questions.extend([sql::deliveries(), sql::deliveries_in_state(), sql::delivery()]);
    questions.extend(
        [READ_ONE, READ_ALL, mails::FORGET, mails::PRUNE, deliveries::FORGET, deliveries::PRUNE].map(str::to_owned),
    );
    questions
}

fn ticket_lists(user: Uuid) -> Vec<TicketQuery> {
    let mut queries = Vec::new();
    for order in [TicketOrder::Number, TicketOrder::Updated] {
        for status in [None, Some("OPEN".to_owned())] {
            for label in [None, Some("l7".to_owned())] {
                for assignee in [None, Some(Assignee::Nobody), Some(Assignee::User(user))] {
                    for priority in [None, Some("LOW".to_owned())] {
                        let (status, label) = (status.clone(), label.clone());
                        queries.push(TicketQuery {
                            status,
                            priority,
                            label,
                            assignee,
                            order,
                            ..TicketQuery::default()
                        });
                    }
                }
            }
        }
    }
    let reporter = Some(user);
    queries.push(TicketQuery { reporter, ..TicketQuery::default() });
    let due = Period { from: Some(1), to: Some(2) };
    queries.push(TicketQuery { due, ..TicketQuery::default() });
    let updated = Period { from: Some(1), to: Some(2) };
    queries.push(TicketQuery { updated, order: TicketOrder::Updated, ..TicketQuery::default() });
    for text in ["ticket", "99", "ticket 123456"] {
        queries.push(TicketQuery { words: Words::parse(text), ..TicketQuery::default() });
    }
    queries
}

/// The plan with these values.
async fn plan(db: &mut PgConnection, sql: &str, arguments: PgArguments) -> Vec<String> {
    let explain = AssertSqlSafe(format!("EXPLAIN {sql}"));
    let rows = sqlx::query_with(explain, arguments).persistent(false).fetch_all(db).await.expect("a plan");
    rows.iter().map(|row| row.get::<String, _>(0)).collect()
}

/// The plan for whatever values, which is what a statement that is often asked may get.
async fn generic_plan(db: &mut PgConnection, sql: &str) -> Vec<String> {
    run(db, &format!("SET plan_cache_mode = force_generic_plan; PREPARE asked AS {sql}")).await;
    let values: i32 =
        sqlx::query_scalar("SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'asked'")
            .fetch_one(&mut *db)
            .await
            .expect("a statement");
    let nulls = vec!["NULL"; usize::try_from(values).expect("a count")].join(", ");
    let nulls = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE asked{nulls}"));
    let rows = sqlx::raw_sql(explain).fetch_all(&mut *db).await.expect("a plan");
    run(db, "DEALLOCATE asked; RESET plan_cache_mode").await;
    rows.iter().map(|row| row.get::<String, _>(0)).collect()
}

fn walks(plan: &[String]) -> bool {
    plan.iter().any(|line| line.contains("Seq Scan"))
}

async fn run(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(db).await.expect("it runs");
}

#[tokio::test]
async fn should_answer_every_question_over_a_million_tickets_without_walking_through_a_table() {
    let server = services::services().postgres.clone();
    let name = services::unique("plans");
    let mut admin = PgConnectOptions::from_str(&server).expect("an address").connect().await.expect("Postgres");
    run(&mut admin, &format!("CREATE DATABASE \"{name}\"")).await;
    let url = format!("{}{name}", server.strip_suffix("postgres").expect("the address ends with the database"));
    let config = PostgresConfig::new(url);
    migrate(&config, &Grants::default()).await.expect("migrated");
    let mut db = config.session("plans", &[]).expect("a session").connect().await.expect("connected");
    run(&mut db, FILL).await;
    run(&mut db, "ANALYZE").await;

    let of = |kind: &str, n: i64| format!("SELECT md5('{kind}{n}')::uuid");
    let id = async |db: &mut PgConnection, kind: &str, n: i64| -> Uuid {
        sqlx::query_scalar(AssertSqlSafe(of(kind, n))).fetch_one(db).await.expect("an id")
    };
    let (large, small, user) = (id(&mut db, "p", 0).await, id(&mut db, "p", 77).await, id(&mut db, "u", 7).await);
    let mut wrong = Vec::new();
    for sql in questions() {
        let plan = generic_plan(&mut db, &sql).await;
        if walks(&plan) {
            wrong.push((sql, plan));
        }
    }
    for project in [large, small] {
        for query in ticket_lists(user) {
            let list = ListStatement::new(project, &query).expect("bound");
            let plans = [plan(&mut db, &list.sql, list.arguments).await, generic_plan(&mut db, &list.sql).await];
            wrong.extend(plans.into_iter().filter(|plan| walks(plan)).map(|plan| (list.sql.clone(), plan)));
        }
    }
    // That one is found which has no index.
    let without = plan(&mut db, "SELECT title FROM tickets t WHERE t.title = 'x'", PgArguments::default()).await;
    drop(db);
    run(&mut admin, &format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(walks(&without), "{without:#?}");
}
