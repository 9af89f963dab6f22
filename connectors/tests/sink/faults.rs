//! PostgreSQL goes away, does not answer, is full, has no connection left: afterwards everything is in the tables once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use connectors::live::Live;
use connectors::postgres::{Grants, PostgresConfig, PostgresReadModel, migrate, start_sink};
use connectors::read_model::{ReadError, ReadModel};
use connectors::sink::{SinkHandle, SinkOptions, SinkPoint, SinkStatus};
use schemas::{UserCreated, ids};

use crate::late::Late;
use crate::load::{KEYS, Load};
use crate::oracle;
use crate::proxy::Proxy;
use crate::small_disk::SmallDisk;
use crate::support::database::{OwnDatabase, connect, run};
use crate::support::services::OwnPostgres;
use crate::support::{Log, reach, user_id};

fn open(config: &PostgresConfig) -> Arc<PostgresReadModel> {
    PostgresReadModel::open(config.clone(), Arc::new(Live::default())).expect("a read model")
}

fn start(log: &Log, config: &PostgresConfig, options: SinkOptions) -> SinkHandle {
    start_sink(log.broker.clone(), config, Arc::new(Live::default()), options).expect("the sink starts")
}

async fn migrated() -> OwnDatabase {
    let database = OwnDatabase::new().await;
    migrate(&database.config, &Grants::default()).await.expect("migrated");
    database
}

/// Waits until all projects are there, then holds the tables against the log.
async fn all_is_there(log: &Log, load: &Load, config: &PostgresConfig) {
    let model = open(config);
    for key in KEYS {
        reach(&*model, key, load.sequence).await;
    }
    model.close().await;
    oracle::check(&log.broker, config).await;
}

/// Ends the sink's sessions, and waits until they have ended; on a thread of its own, as whoever asks for it may not wait.
fn cut(url: &str) {
    let url = url.to_owned();
    let done = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let sql = "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity \
                       WHERE application_name = 'syncroboard sink' AND datname = current_database()";
            run(&mut connect(&url).await, sql).await;
        });
    });
    done.join().expect("cut");
}

#[tokio::test]
async fn should_write_each_event_once_when_its_connection_is_cut_in_mid_commit() {
    for point in [SinkPoint::AfterOffsets, SinkPoint::BeforeCommit, SinkPoint::AfterCommit] {
        let (log, database) = (Log::new(), migrated().await);
        let mut load = Load::default();
        load.append(&log, 60);
        let (cuts, url) = (Arc::new(AtomicUsize::new(0)), database.config.url.clone());
        let counted = cuts.clone();
        let fault = move |at| {
            if at == point && counted.fetch_add(1, Ordering::SeqCst) < 3 {
                cut(&url);
            }
            false
        };
        let options = SinkOptions { fault: Some(Arc::new(fault)), ..SinkOptions::default() };
        let sink = start(&log, &database.config, options);
        load.append(&log, 60);
        all_is_there(&log, &load, &database.config).await;
        assert!(cuts.load(Ordering::SeqCst) > 0, "{point:?} was not reached");
        sink.stop().expect("a clean stop");
    }
}

#[tokio::test]
async fn should_keep_partitions_that_it_is_given_while_a_commit_fails() {
    let (log, database) = (Log::new(), migrated().await);
    let mut load = Load::default();
    load.append(&log, 60);
    log.user(UserCreated { user_id: user_id(1), sequence: 1, ..UserCreated::default() });
    let (is_cut, url) = (Arc::new(AtomicBool::new(false)), database.config.url.clone());
    let was_cut = is_cut.clone();
    let fault = move |at| {
        if at == SinkPoint::BeforeCommit && !is_cut.swap(true, Ordering::SeqCst) {
            cut(&url);
        }
        false
    };
    let options = SinkOptions { fault: Some(Arc::new(fault)), ..SinkOptions::default() };
    let broker = Arc::new(Late(log.broker.clone()));
    let sink = start_sink(broker, &database.config, Arc::new(Live::default()), options).expect("the sink starts");
    all_is_there(&log, &load, &database.config).await;
    assert!(was_cut.load(Ordering::SeqCst));
    sink.stop().expect("a clean stop");
}

#[tokio::test]
async fn should_find_out_whether_a_commit_landed_whose_answer_is_lost() {
    let (log, database) = (Log::new(), migrated().await);
    let proxy = Proxy::start(&database.config.url);
    let mut load = Load::default();
    load.append(&log, 60);
    let (swallow, left) = (proxy.swallow.clone(), AtomicUsize::new(3));
    let fault = move |at| {
        let again = |left: usize| left.checked_sub(1);
        if at == SinkPoint::BeforeCommit && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, again).is_ok() {
            swallow.store(true, Ordering::SeqCst);
        }
        false
    };
    let options = SinkOptions { fault: Some(Arc::new(fault)), ..SinkOptions::default() };
    let sink = start(&log, &PostgresConfig::new(proxy.url.clone()), options);
    for _ in 0..5 {
        load.append(&log, 20);
        all_is_there(&log, &load, &database.config).await;
    }
    assert!(proxy.swallowed.load(Ordering::SeqCst) >= 3, "no answer was lost");
    sink.stop().expect("a clean stop");
}

#[tokio::test]
async fn should_go_on_after_postgres_was_killed_under_load() {
    let server = OwnPostgres::new(&[]);
    let database = OwnDatabase::on(server.url()).await;
    migrate(&database.config, &Grants::default()).await.expect("migrated");
    let log = Arc::new(Log::new());
    let sink = start(&log, &database.config, SinkOptions::default());
    let stop = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (log, stop) = (log.clone(), stop.clone());
        move || {
            let mut load = Load::default();
            while !stop.load(Ordering::SeqCst) && load.sequence < 6_000 {
                load.append(&log, 50);
            }
            load
        }
    });
    for sequence in [200, 1_000, 2_000] {
        let model = open(&database.config);
        reach(&*model, KEYS[0], sequence).await;
        drop(model);
        server.kill();
        server.start();
    }
    stop.store(true, Ordering::SeqCst);
    let load = writer.join().expect("written");
    all_is_there(&log, &load, &database.config).await;
    sink.stop().expect("a clean stop");
    drop(database);
}

#[tokio::test]
async fn should_wait_for_room_when_postgres_disk_is_full() {
    let server = OwnPostgres::new(&[]);
    let disk = SmallDisk::for_postgres(64);
    let mut db = connect(server.url()).await;
    run(&mut db, &format!("CREATE TABLESPACE small LOCATION '{}'", disk.path().display())).await;
    let database = OwnDatabase::on(server.url()).await;
    let name = database.config.url.rsplit('/').next().expect("a name");
    run(&mut db, &format!("ALTER DATABASE \"{name}\" SET TABLESPACE small")).await;
    migrate(&database.config, &Grants::default()).await.expect("migrated");
    let log = Log::new();
    let mut load = Load { text: 1_500, ..Load::default() };
    load.append(&log, 30);
    let sink = start(&log, &database.config, SinkOptions::default());
    all_is_there(&log, &load, &database.config).await;

    disk.fill();
    load.append(&log, 1_000);
    let mut status = sink.status();
    let full =
        |status: &SinkStatus| matches!(status, SinkStatus::Retrying(why) if why.to_string().contains("No space left"));
    tokio::time::timeout(Duration::from_secs(60), status.wait_for(full)).await.expect("it is full").expect("a sink");
    let model = open(&database.config);
    assert!(model.board(ids::project_id(KEYS[0])).await.expect("reads go on").is_some());
    model.close().await;

    disk.empty();
    all_is_there(&log, &load, &database.config).await;
    sink.stop().expect("a clean stop");
    drop(db);
    drop(database);
    drop(server);
}

#[tokio::test]
async fn should_refuse_reads_while_the_pool_is_exhausted_and_answer_again_afterwards() {
    let database = migrated().await;
    let mut config = database.config.clone();
    (config.connections, config.acquire_timeout) = (1, Duration::from_secs(3));
    let model = open(&config);
    let id = ids::project_id("WEB");
    assert_eq!(model.sequence(id).await.expect("an answer"), 0);
    let mut db = database.connect().await;
    run(&mut db, "BEGIN; LOCK TABLE read_model.projects IN ACCESS EXCLUSIVE MODE").await;
    let waits = model.project(id);
    let refused = async {
        let looked = loop {
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'syncroboard read' \
                       AND datname = current_database() AND wait_event_type = 'Lock'";
            let waiting: i64 = sqlx::query_scalar(sql).fetch_one(&mut db).await.expect("counted");
            if waiting > 0 {
                break model.sequence(id).await;
            }
        };
        run(&mut db, "ROLLBACK").await;
        looked
    };
    let (waited, refused) = tokio::join!(waits, refused);
    assert!(matches!(refused, Err(ReadError::Unavailable(_))), "{refused:?}");
    assert_eq!(waited.expect("an answer"), None);
    assert_eq!(model.sequence(id).await.expect("an answer"), 0);
}
