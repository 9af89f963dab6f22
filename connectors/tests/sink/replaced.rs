//! Roles, versions of the tables, and a read model that is made anew under everyone's eyes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use connectors::live::Live;
use connectors::postgres::{Grants, PostgresConfig, PostgresReadModel, Rebuild, Rebuilt, migrate, rebuild, start_sink};
use connectors::read_model::{ReadError, ReadModel};
use connectors::sink::{SinkError, SinkOptions};
use schemas::{ids, topics};
use topology::broker::{Broker, TopicPartition, partition_for_key};

use crate::cases::failure;
use crate::load::{KEYS, Load};
use crate::oracle;
use crate::support::database::{OwnDatabase, connect, run};
use crate::support::services::unique;
use crate::support::{Log, PARTITIONS, reach};

/// A database with an owner, a sink and a reader, whose passwords are their names.
struct Roles {
    owner: PostgresConfig,
    writer: PostgresConfig,
    reader: PostgresConfig,
    grants: Grants,
    names: [String; 3],
    database: OwnDatabase,
}

impl Roles {
    async fn new() -> Self {
        let database = OwnDatabase::new().await;
        let names = ["owner", "sink", "api"].map(|role| unique(role).replace('-', "_"));
        let mut db = database.connect().await;
        for name in &names {
            run(&mut db, &format!("CREATE ROLE {name} LOGIN PASSWORD '{name}'")).await;
        }
        let base = database.config.url.rsplit('/').next().expect("a name").to_owned();
        run(&mut db, &format!("GRANT CREATE ON DATABASE \"{base}\" TO {}", names[0])).await;
        let config = |name: &String| PostgresConfig::new(database.url_for(name));
        let (owner, writer, reader) = (config(&names[0]), config(&names[1]), config(&names[2]));
        let role = |config: &PostgresConfig| config.role().expect("a role");
        let grants = Grants { write: vec![role(&writer)], read: vec![role(&reader)] };
        Self { owner, writer, reader, grants, names, database }
    }

    /// Roles belong to the server, so they do not go with the database.
    async fn remove(self) {
        let mut db = self.database.connect().await;
        for name in &self.names {
            run(&mut db, &format!("DROP OWNED BY {name}; DROP ROLE {name}")).await;
        }
    }
}

async fn refused(config: &PostgresConfig, sql: &str) {
    let statement = format!("SET search_path TO read_model; {sql}");
    let mut db = connect(&config.url).await;
    let outcome = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut db).await;
    let code = outcome.err().and_then(|error| Some(error.as_database_error()?.code()?.into_owned()));
    assert_eq!(code.as_deref(), Some("42501"), "{sql}");
}

fn fails_to_start(log: &Log, config: &PostgresConfig) -> SinkError {
    let sink = start_sink(log.broker.clone(), config, Arc::new(Live::default()), SinkOptions::default());
    sink.err().expect("it does not start")
}

#[tokio::test]
async fn should_let_each_role_do_its_work_and_no_more() {
    let (log, roles) = (Log::new(), Roles::new().await);
    let (first, second) = (migrate(&roles.owner, &roles.grants).await, migrate(&roles.owner, &roles.grants).await);
    assert_eq!(first.expect("migrated"), second.expect("nothing to do"));
    let mut load = Load::default();
    load.append(&log, 20);
    let sink = start_sink(log.broker.clone(), &roles.writer, Arc::new(Live::default()), SinkOptions::default());
    let sink = sink.expect("the sink starts");
    let model = PostgresReadModel::open(roles.reader.clone(), Arc::new(Live::default())).expect("a read model");
    reach(&*model, KEYS[0], load.sequence).await;
    model.ready().await.expect("ready");
    sink.stop().expect("a clean stop");
    for sql in ["DELETE FROM tickets", "UPDATE sink_offsets SET next_offset = 0", "CREATE TABLE t (a int)"] {
        refused(&roles.reader, sql).await;
    }
    for sql in ["DROP TABLE tickets", "CREATE TABLE t (a int)", "TRUNCATE tickets"] {
        refused(&roles.writer, sql).await;
    }
    load.append(&log, 1);
    let sink = start_sink(log.broker.clone(), &roles.reader, Arc::new(Live::default()), SinkOptions::default());
    let error = failure(&sink.expect("it may read")).await;
    assert!(error.to_string().contains("permission denied"), "{error}");
    model.close().await;
    roles.remove().await;
}

#[tokio::test]
async fn should_refuse_tables_of_another_version_and_say_what_to_do() {
    let (log, database) = (Log::new(), OwnDatabase::new().await);
    let model = PostgresReadModel::open(database.config.clone(), Arc::new(Live::default())).expect("a read model");
    let wanted = |error: &SinkError, version: i64| {
        assert!(matches!(error, SinkError::NotMigrated { found, .. } if *found == version), "{error}");
        assert!(error.to_string().contains("syncroboard sink migrate"), "{error}");
    };
    wanted(&fails_to_start(&log, &database.config), 0);
    assert!(matches!(model.ready().await, Err(ReadError::Unavailable(why)) if why.contains("sink migrate")));

    let version = migrate(&database.config, &Grants::default()).await.expect("migrated");
    model.ready().await.expect("ready");
    let mut db = database.connect().await;
    run(
        &mut db,
        "INSERT INTO read_model._sqlx_migrations SELECT 9999, description, installed_on, success, checksum, \
        execution_time FROM read_model._sqlx_migrations LIMIT 1",
    )
    .await;
    wanted(&fails_to_start(&log, &database.config), 9999);
    let newer = migrate(&database.config, &Grants::default()).await;
    assert!(matches!(newer, Err(SinkError::Migration(_))), "{newer:?}");

    run(
        &mut db,
        "DELETE FROM read_model._sqlx_migrations WHERE version = 9999; \
        UPDATE read_model._sqlx_migrations SET checksum = '\\x00'",
    )
    .await;
    let altered = migrate(&database.config, &Grants::default()).await;
    assert!(matches!(altered, Err(SinkError::Migration(_))), "{altered:?} at {version}");
}

fn make_anew(broker: &Arc<dyn Broker>, roles: &Roles) -> Result<Rebuilt, SinkError> {
    let options = SinkOptions { group: unique("rebuild"), ..SinkOptions::default() };
    let work =
        Rebuild { owner: &roles.owner, writer: &roles.writer, grants: &roles.grants, options, progress: &|_| {} };
    rebuild(broker, &work)
}

#[tokio::test]
async fn should_make_a_read_model_anew_while_it_is_read_and_written() {
    let (log, roles) = (Arc::new(Log::new()), Arc::new(Roles::new().await));
    migrate(&roles.owner, &roles.grants).await.expect("migrated");
    let mut db = roles.database.connect().await;
    run(&mut db, "CREATE SCHEMA accounts; CREATE TABLE accounts.kept (a int); INSERT INTO accounts.kept VALUES (7)")
        .await;
    let sink = start_sink(log.broker.clone(), &roles.writer, Arc::new(Live::default()), SinkOptions::default());
    let sink = sink.expect("the sink starts");
    let model = PostgresReadModel::open(roles.reader.clone(), Arc::new(Live::default())).expect("a read model");
    let mut load = Load::default();
    load.append(&log, 300);
    reach(&*model, KEYS[0], load.sequence).await;
    run(&mut db, "UPDATE read_model.tickets SET title = 'damaged'").await;
    assert!(!oracle::differences(&log.broker, &roles.owner).await.is_empty(), "the damage is seen");

    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
    // One that writes as fast as it can is never caught up with: it waits for a board each time.
    let (seen, go_on) = std::sync::mpsc::sync_channel(1);
    // Sequences never go back, and a board always fits itself.
    let reader = tokio::spawn({
        let (model, stop, reads) = (model.clone(), stop.clone(), reads.clone());
        async move {
            let mut last = 0;
            while !stop.load(Ordering::SeqCst) {
                let board = model.board(ids::project_id(KEYS[0])).await.expect("an answer").expect("a board");
                assert!(board.project.sequence >= last, "{} after {last}", board.project.sequence);
                last = board.project.sequence;
                for column in &board.columns {
                    assert_eq!(column.tickets.items.len(), usize::try_from(column.count.min(100)).expect("a count"));
                }
                reads.fetch_add(1, Ordering::SeqCst);
                // Full: the writer has not begun to wait yet.
                let _ = seen.try_send(());
            }
        }
    });
    let writer = std::thread::spawn({
        let (log, stop) = (log.clone(), stop.clone());
        move || {
            while !stop.load(Ordering::SeqCst) && go_on.recv().is_ok() {
                load.append(&log, 1);
            }
            load
        }
    });
    for _ in 0..3 {
        let (broker, roles) = (log.broker.clone(), roles.clone());
        let before = reads.load(Ordering::SeqCst);
        let done = tokio::task::spawn_blocking(move || make_anew(&broker, &roles)).await.expect("it ends");
        assert!(done.expect("made anew").records > 0);
        assert!(reads.load(Ordering::SeqCst) > before, "reads went on");
    }
    stop.store(true, Ordering::SeqCst);
    reader.await.expect("boards were whole");
    let load = writer.join().expect("written");
    for key in KEYS {
        reach(&*model, key, load.sequence).await;
    }
    oracle::check(&log.broker, &roles.owner).await;
    sink.stop().expect("the old one's sink has gone on in the new one");
    let kept: i32 = sqlx::query_scalar("SELECT a FROM accounts.kept").fetch_one(&mut db).await.expect("still there");
    assert_eq!(kept, 7);
    let schemas: Vec<String> = sqlx::query_scalar("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'read_model%'")
        .fetch_all(&mut db)
        .await
        .expect("schemas");
    assert_eq!(schemas, ["read_model"]);
    model.close().await;
    drop(db);
    if let Ok(roles) = Arc::try_unwrap(roles).map_err(|_| "someone holds the roles") {
        roles.remove().await;
    }
}

#[tokio::test]
async fn should_refuse_a_second_rebuild_and_keep_the_old_one_if_the_new_one_fails() {
    let (log, roles) = (Log::new(), Roles::new().await);
    migrate(&roles.owner, &roles.grants).await.expect("migrated");
    let mut load = Load::default();
    load.append(&log, 20);
    let sink = start_sink(log.broker.clone(), &roles.writer, Arc::new(Live::default()), SinkOptions::default());
    let model = PostgresReadModel::open(roles.reader.clone(), Arc::new(Live::default())).expect("a read model");
    reach(&*model, KEYS[0], load.sequence).await;
    sink.expect("the sink starts").stop().expect("a clean stop");

    let mut other = connect(&roles.owner.url).await;
    run(&mut other, "SELECT pg_advisory_lock(hashtext('syncroboard rebuild read_model'))").await;
    let roles = Arc::new(roles);
    let again = |roles: &Arc<Roles>| {
        let (broker, roles) = (log.broker.clone(), roles.clone());
        tokio::task::spawn_blocking(move || make_anew(&broker, &roles))
    };
    let second = again(&roles).await.expect("it ends");
    assert!(matches!(second, Err(SinkError::Rebuilding(_))), "{second:?}");
    drop(other);

    // The log has lost what the new one would begin with.
    let key = ids::project_id(KEYS[0]).to_string();
    let partition = TopicPartition::new(topics::TICKET_EVENTS, partition_for_key(key.as_bytes(), PARTITIONS));
    log.broker.delete_records(&partition, 1).expect("deleted");
    let failed = loop {
        match again(&roles).await.expect("it ends") {
            // The session of the other is still ending.
            Err(SinkError::Rebuilding(_)) => tokio::task::yield_now().await,
            done => break done,
        }
    };
    assert!(matches!(failed, Err(SinkError::OffsetOutOfRange { stored: 0, low: 1, .. })), "{failed:?}");
    assert_eq!(model.sequence(ids::project_id(KEYS[0])).await.expect("an answer"), load.sequence, "as it was");
    model.close().await;
    if let Ok(roles) = Arc::try_unwrap(roles) {
        roles.remove().await;
    }
}
