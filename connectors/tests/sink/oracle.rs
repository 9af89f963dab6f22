//! What the log says the tables hold, against what they hold: by the fold that `verify` uses, which shares no code with the
//! sink, and by what the tables must say of one another.

use std::sync::Arc;

use connectors::event_log::BrokerEventLog;
use connectors::postgres::{PostgresConfig, PostgresTables};
use processors::{fold, verify_read_model};
use schemas::EmbeddedRegistry;
use sqlx::AssertSqlSafe;
use topology::broker::Broker;

use crate::support::database::connect;

/// Tables derived from others: each row of either side that has no counterpart.
const DERIVED: [(&str, &str); 2] = [
    (
        "status_counts",
        "SELECT count(*) FROM (SELECT project_id, status, count(*) AS n FROM tickets GROUP BY project_id, status) t \
         FULL JOIN (SELECT * FROM status_counts WHERE tickets <> 0) c USING (project_id, status) \
         WHERE t.n IS DISTINCT FROM c.tickets",
    ),
    (
        "ticket_labels",
        "SELECT count(*) FROM (SELECT DISTINCT project_id, unnest(labels) AS label, number, TRUE AS a FROM tickets) t \
         FULL JOIN (SELECT *, TRUE AS b FROM ticket_labels) l USING (project_id, label, number) WHERE a IS NULL OR b IS NULL",
    ),
];

/// Every difference between the log and the tables, once the sink is at the log's end.
pub(crate) async fn differences(broker: &Arc<dyn Broker>, config: &PostgresConfig) -> Vec<String> {
    let (broker, tables) = (broker.clone(), config.clone());
    // It blocks.
    let found = std::thread::spawn(move || {
        let log = BrokerEventLog::open(broker, Arc::new(EmbeddedRegistry)).expect("the log");
        let tables = PostgresTables::open(&tables).expect("the tables");
        let mut differences = Vec::new();
        for (partition, end) in log.ends() {
            if !tables.offsets().iter().any(|(p, next)| p == partition && next == end) && *end > 0 {
                differences.push(format!("{partition} ends at {end}, the tables are at {:?}", tables.offsets()));
            }
        }
        let expected = fold(&log).expect("a fold");
        verify_read_model(&expected, &tables, &mut |difference| differences.push(difference.to_string()))
            .expect("compared");
        differences
    });
    let mut differences = found.join().expect("compared");
    let mut db = connect(&format!("{}?options=-c%20search_path%3D{}", config.url, config.schema)).await;
    for (table, sql) in DERIVED {
        let wrong: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut db).await.expect("counted");
        if wrong != 0 {
            differences.push(format!("{table}: {wrong} rows are wrong"));
        }
    }
    differences
}

/// Fails with the differences.
pub(crate) async fn check(broker: &Arc<dyn Broker>, config: &PostgresConfig) {
    let differences = differences(broker, config).await;
    assert!(differences.is_empty(), "{differences:#?}");
}
