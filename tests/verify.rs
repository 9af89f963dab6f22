//! `syncroboard verify` through the binary: finds nothing where nothing is wrong, and each damage where it was done.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

#[path = "support/mod.rs"]
mod support;

use processors::stores::PROJECT_STORES;
use processors::{COMMAND_MEMORY, COMMAND_MEMORY_MS, PENDING_COMMANDS};
use schemas::ids;
use schemas::topics::COMMAND_OUTCOMES;
use sqlx::{Connection, SqliteConnection};
use state::{StateMemory, StoreSpec, TaskState};
use support::{Home, text};
use topology::broker::partition_for_key;

const COMMANDS: &str = r#"{"type":"CreateProject","key":"WEB","name":"Web"}
{"type":"CreateTicket","project":"WEB","title":"First"}
{"type":"CreateTicket","project":"WEB","title":"Second"}
{"type":"MoveTicket","ticket":"WEB-2","status":"IN_PROGRESS"}
{"type":"CommentTicket","ticket":"WEB-1","content":"Hello"}
"#;

/// A home with a project of two tickets, and no server.
fn filled() -> Home {
    let home = Home::new();
    let mut server = home.start();
    verified_live(&home, &server, "0 differences");
    let file = home.file("commands.ndjson", COMMANDS.as_bytes());
    let url = server.url.clone();
    let import = home.run(&["import", "--server", &url, "--token", &home.token(), file.to_str().unwrap()]);
    assert!(import.status.success(), "{}", text(&import));
    verified_live(&home, &server, "0 differences");
    server.terminate();
    assert!(server.wait_until_ended(std::time::Duration::from_secs(30)).success());
    home
}

fn verified_live(home: &Home, server: &support::Server, expected: &str) {
    let output = home.run(&["verify", "--server", &server.url, "--token", &home.token()]);
    assert!(output.status.success() && text(&output).contains(expected), "{}", text(&output));
}

fn project_task(home: &Home) -> TaskState {
    let id = ids::project_id("WEB").to_string();
    let task = format!("tickets-by-command-{}", partition_for_key(id.as_bytes(), 4));
    let mut specs: Vec<_> = PROJECT_STORES.iter().map(|name| StoreSpec::new(*name)).collect();
    specs.push(StoreSpec::new(COMMAND_MEMORY).expiring(COMMAND_MEMORY_MS).restored_from(COMMAND_OUTCOMES));
    specs.push(StoreSpec::new(PENDING_COMMANDS));
    let dir = home.data().join("state/syncroboard").join(task);
    assert!(dir.exists(), "{}", dir.display());
    let (state, report) = TaskState::open(&dir, &specs, &StateMemory::default()).unwrap();
    assert!(report.set_aside.is_none());
    state
}

#[test]
fn should_find_a_damaged_store_and_a_damaged_read_model_and_nothing_before() {
    let home = filled();
    let clean = home.run(&["verify"]);
    assert!(clean.status.success(), "{}", text(&clean));

    let mut state = project_task(&home);
    let tickets = state.store_id("tickets").unwrap();
    let mut key = ids::project_id("WEB").as_bytes().to_vec();
    key.extend_from_slice(&2_u64.to_be_bytes());
    assert!(state.get(tickets, &key, |value| value.is_some()).unwrap(), "the ticket is where the test damages it");
    state.delete(tickets, &key);
    state.commit(&[]).unwrap();
    state.flush().unwrap();
    drop(state);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let changed = runtime.block_on(async {
        let url = format!("sqlite://{}", home.data().join("read-model.sqlite").display());
        let mut db = SqliteConnection::connect(&url).await.unwrap();
        let mut changed = Vec::new();
        for damage in [
            "UPDATE tickets SET title = 'Forged' WHERE number = 1",
            "UPDATE outcomes SET decided_at = decided_at + 1 WHERE rowid = 1",
            "DELETE FROM outcomes WHERE rowid = 2",
        ] {
            changed.push(sqlx::query(damage).execute(&mut db).await.unwrap().rows_affected());
        }
        db.close().await.unwrap();
        changed
    });
    assert_eq!(changed, [1, 1, 1]);

    let found = home.run(&["verify"]);
    let said = text(&found);
    assert_eq!(found.status.code(), Some(1), "{said}");
    assert!(said.contains("4 differences"), "{said}");
    assert!(said.lines().any(|l| l.contains("store tickets") && l.contains("missing")), "{said}");
    assert!(said.lines().any(|l| l.contains("read model tickets") && l.contains("Forged")), "{said}");
    assert!(said.lines().any(|l| l.contains("read model outcomes") && l.contains("found OutcomeRow")), "{said}");
    assert!(said.lines().any(|l| l.contains("read model outcomes") && l.contains("missing")), "{said}");
}

#[test]
fn should_rebuild_a_read_model_and_stores_that_were_deleted() {
    let home = filled();
    std::fs::remove_dir_all(home.data().join("state")).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let file = home.data().join(format!("read-model.sqlite{suffix}"));
        if file.exists() {
            std::fs::remove_file(file).unwrap();
        }
    }
    let verified = home.run(&["verify"]);
    assert!(verified.status.success() && text(&verified).contains("0 differences"), "{}", text(&verified));
}

#[test]
fn should_end_with_status_3_where_there_is_nothing_to_verify() {
    let home = Home::new();
    let output = home.run(&["verify", "--data-dir", "nowhere"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
}
