//! `syncroboard import` against `syncroboard dev`: the real binary, twice, on what GitHub's API gives.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use support::{Home, http, text};

/// A running server and a token for it.
struct Server {
    process: support::Server,
    token: String,
    home: Home,
}

impl Server {
    fn start() -> Self {
        let home = Home::new();
        let process = home.start();
        let token = home.token();
        Self { process, token, home }
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        self.home.file(name, content)
    }

    fn command(&self, file: &Path) -> Command {
        let mut command = self.home.command(&["import", "--server", &self.process.url, "--token", &self.token]);
        command.arg(file);
        command
    }

    fn import(&self, file: &Path) -> Output {
        self.command(file).output().unwrap()
    }

    fn get(&self, path: &str) -> Value {
        self.process.get(&self.token, path)
    }

    /// Status and number of tickets of each column.
    fn columns(&self, project: &str) -> Vec<(String, u64)> {
        self.process.settle(&self.token, project);
        self.process.columns(&self.token, project)
    }
}

fn issue(number: u32) -> Value {
    json!({
        "url": format!("https://api.github.com/repos/octo/hello/issues/{number}"),
        "repository_url": "https://api.github.com/repos/octo/hello",
        "html_url": format!("https://github.com/octo/hello/issues/{number}"),
        "number": number, "title": format!("Issue {number} <script>alert('ñ')</script> 👩‍🚀"), "body": "line\r\nline",
        "user": {"login": format!("User{}", number % 7)}, "labels": [{"name": "bug"}],
        "state": if number.is_multiple_of(3) { "open" } else { "closed" },
        "assignees": if number.is_multiple_of(5) { json!([{"login": "Ann"}]) } else { json!([]) },
        "created_at": "2024-02-29T23:59:59Z", "updated_at": "2024-03-01T00:00:00Z",
    })
}

fn lines(issues: impl IntoIterator<Item = Value>) -> Vec<u8> {
    issues.into_iter().flat_map(|issue| format!("{issue}\n").into_bytes()).collect()
}

#[test]
fn should_bring_issues_onto_a_board_and_the_corrected_ones_later() {
    let server = Server::start();
    let mut issues: Vec<Value> = (1..=90).map(issue).collect();
    issues[1]["title"] = json!("x".repeat(280));
    issues[4]["body"] = json!("x".repeat(227_963));
    let mut zipped = GzEncoder::new(Vec::new(), Compression::default());
    zipped.write_all(&lines(issues)).unwrap();
    let file = server.file("issues.jsonl.gz", &zipped.finish().unwrap());

    let first = server.import(&file);
    assert_eq!(first.status.code(), Some(1), "{}", text(&first));
    let told = text(&first);
    assert!(told.contains("line 2: title_too_long") && told.contains("line 5: description_too_long"), "{told}");
    assert!(told.contains("88 created, 0 unchanged, 2 rejected"), "{told}");
    let sum: u64 = server.columns("HELLO").iter().map(|(_, count)| count).sum();
    assert_eq!(sum, 88);
    assert!(server.columns("HELLO").contains(&("OPEN".into(), 30)));
    assert!(server.columns("HELLO").contains(&("DONE".into(), 58)));

    let ticket = server.get("/tickets/HELLO-1");
    assert_eq!(ticket["title"], "Issue 1 <script>alert('ñ')</script> 👩‍🚀");
    assert_eq!((&ticket["status"], &ticket["labels"]), (&json!("DONE"), &json!(["bug"])));
    assert!(ticket["createdAt"].as_str().unwrap().starts_with("2024-02-29T23:59:59"));
    let reporter = server.get(&format!("/users/{}", ticket["reporterId"].as_str().unwrap()));
    assert_eq!(reporter["name"], "User1");

    let again = server.import(&file);
    assert!(text(&again).contains("0 created, 88 unchanged, 2 rejected"), "{}", text(&again));

    let rejects = std::fs::read_to_string(server.home.path().join("issues.rejects.ndjson")).unwrap();
    let corrected = rejects.replace(&"x".repeat(227_963), "short").replace(&"x".repeat(280), "short");
    let last = server.import(&server.file("issues.rejects.ndjson", corrected.as_bytes()));
    assert_eq!(last.status.code(), Some(0), "{}", text(&last));
    let sum: u64 = server.columns("HELLO").iter().map(|(_, count)| count).sum();
    assert_eq!(sum, 90);
}

#[test]
fn should_leave_nothing_twice_when_an_import_is_killed_half_way() {
    let server = Server::start();
    let file = server.file("issues.jsonl", &lines((1..=6_000).map(issue)));
    let mut import = server.command(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let client = http();
    let is_there = || {
        let ticket = client.get(format!("{}/tickets/HELLO-100", server.process.url)).bearer_auth(&server.token);
        ticket.send().is_ok_and(|response| response.status().is_success())
    };
    while !is_there() && import.try_wait().unwrap().is_none() {}
    import.kill().unwrap();
    import.wait().unwrap();

    let rerun = server.import(&file);
    assert_eq!(rerun.status.code(), Some(0), "{}", text(&rerun));
    assert!(text(&rerun).contains("6,000 records"), "{}", text(&rerun));
    let sum: u64 = server.columns("HELLO").iter().map(|(_, count)| count).sum();
    assert_eq!(sum, 6_000);
}

#[test]
fn should_carry_out_every_command_of_the_sample() {
    let server = Server::start();
    let output = server.home.run(&["import", "--sample", "--server", &server.process.url, "--token", &server.token]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains(" 0 unchanged, 0 rejected"), "{}", text(&output));
    assert!(server.columns("WEB").iter().all(|(_, count)| *count > 0));
}
