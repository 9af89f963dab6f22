//! Bytes that were flipped on the disk of a server that does not run: found, named, and mended where the log says what stood there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::support::{Home, http, text};

const TICKETS: u64 = 200;

/// A server that has made tickets, and was stopped.
fn stopped(home: &Home) {
    let mut server = home.start();
    let token = home.token();
    let post = |path: &str, body: &serde_json::Value| {
        let request = http().post(format!("{}{path}", server.url)).bearer_auth(&token).json(body);
        assert_eq!(request.send().unwrap().status().as_u16(), 201);
    };
    post("/projects", &json!({ "key": "WEB", "name": "The site" }));
    for n in 0..TICKETS {
        post("/projects/WEB/tickets", &json!({ "title": format!("Ticket {n}"), "description": "x".repeat(2_000) }));
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

/// The file's head, so that it cannot be opened; and its pages, so that the sink stumbles.
#[test]
fn should_set_a_damaged_read_model_aside_and_fill_it_anew() {
    for (what, from) in [("head", 0), ("pages", 1)] {
        let home = Home::new();
        stopped(&home);
        let model = home.data().join("read-model.sqlite");
        let pages = std::fs::metadata(&model).unwrap().len() as usize / 4_096;
        let places =
            if from == 0 { (0..16).collect() } else { (pages / 3..pages).map(|page| page * 4_096).collect::<Vec<_>>() };
        flip(&model, places.into_iter());
        let mut server = home.launch();
        server.wait_until_running();
        // What is found at the start is mended there; what the sink finds ends the process.
        if from == 0 {
            server.stop();
        } else {
            let request = http().post(format!("{}/projects/WEB/tickets", server.url)).bearer_auth(home.token());
            // It may end before it has answered.
            let _ = request.json(&json!({ "title": "One more" })).send();
            let ended = server.wait_until_ended(Duration::from_secs(60));
            let said = server.logged().join("\n");
            assert_eq!(ended.code(), Some(3), "{what}: {said}");
            assert!(said.contains("the read model is damaged, and was set aside as"), "{what}: {said}");
        }
        assert!(home.data().join("read-model.sqlite.corrupt-1").exists(), "{what}");
        is_whole(&home);
    }
}
