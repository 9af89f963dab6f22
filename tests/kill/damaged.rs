//! Bytes that were flipped on the disk of a server that does not run: found, named, and mended where the log says what stood there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::support::{Home, http, text};

const TICKETS: u64 = 200;
/// Bytes of a page of SQLite's.
const PAGE: usize = 4_096;

/// A server that has made tickets, and was stopped.
fn stopped(home: &Home) {
    let mut server = home.start();
    let token = home.token();
    server.post(&token, "/projects", &json!({ "key": "WEB", "name": "The site" }));
    for n in 0..TICKETS {
        let ticket = json!({ "title": format!("Ticket {n}"), "description": "x".repeat(2_000) });
        server.post(&token, "/projects/WEB/tickets", &ticket);
    }
    server.settle(&token, "WEB");
    server.stop();
}

fn flip(path: &Path, places: impl Iterator<Item = usize>) {
    let mut bytes = std::fs::read(path).unwrap();
    for place in places {
        bytes[place] ^= 0x55;
    }
    std::fs::write(path, bytes).unwrap();
}

fn is_whole(home: &Home) {
    let mut server = home.start();
    let token = home.token();
    server.settle(&token, "WEB");
    let columns = server.columns(&token, "WEB");
    let tickets: u64 = columns.iter().map(|(_, count)| count).sum();
    assert!((TICKETS..=TICKETS + 1).contains(&tickets), "{columns:?}");
    server.stop();
    let verified = home.run(&["verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
}

#[test]
fn should_name_a_flipped_byte_in_the_log_and_leave_all_as_it_is() {
    let home = Home::new();
    stopped(&home);
    let files = std::fs::read_dir(home.data().join("log")).unwrap().flatten().map(|file| file.path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let log: PathBuf = logs.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let middle = std::fs::metadata(&log).unwrap().len() as usize / 2;
    flip(&log, std::iter::once(middle));
    let output = home.run(&["dev", "--listen", "127.0.0.1:0"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the log in data/log is damaged") || said.contains("/data/log is damaged"), "{said}");
    flip(&log, std::iter::once(middle));
    is_whole(&home);
}

/// The read model of a server that does not run, and how many pages it has.
fn read_model(home: &Home) -> (PathBuf, usize) {
    stopped(home);
    let path = home.data().join("read-model.sqlite");
    let pages = std::fs::metadata(&path).unwrap().len() as usize / PAGE;
    (path, pages)
}

fn is_set_aside(home: &Home) -> bool {
    home.data().join("read-model.sqlite.corrupt-1").exists()
}

#[test]
fn should_set_a_read_model_aside_that_cannot_be_opened_and_fill_it_anew() {
    let home = Home::new();
    let (model, _) = read_model(&home);
    flip(&model, 0..16);
    let mut server = home.start();
    server.stop();
    assert!(is_set_aside(&home));
    is_whole(&home);
}

#[test]
fn should_end_and_set_a_read_model_aside_over_which_the_sink_stumbles_and_fill_it_anew() {
    let home = Home::new();
    let (model, pages) = read_model(&home);
    flip(&model, (pages / 3..pages).map(|page| page * PAGE));
    let mut server = home.start();
    let request = http().post(format!("{}/projects/WEB/tickets", server.url)).bearer_auth(home.token());
    // It may end before it has answered.
    let _ = request.json(&json!({ "title": "One more" })).send();
    let ended = server.wait_until_ended(Duration::from_secs(60));
    let said = server.logged().join("\n");
    assert_eq!(ended.code(), Some(3), "{said}");
    assert!(said.contains("the read model is damaged, and was set aside as"), "{said}");
    assert!(is_set_aside(&home));
    is_whole(&home);
}
