//! `syncroboard import` against `syncroboard dev`: the real binary, twice, on what GitHub's API gives.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_syncroboard");

/// A server with a data directory of its own; killed when the test is over.
struct Server {
    child: Child,
    directory: tempfile::TempDir,
    url: String,
    token: String,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut child = Command::new(BINARY)
            .args(["dev", "--listen", &listen, "--data-dir"])
            .arg(&data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let running = lines.by_ref().map_while(Result::ok).any(|line| line.contains("state=RUNNING"));
        assert!(running, "the server ended before it was ready");
        // Nobody reads on, but the pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        let output = Command::new(BINARY)
            .args(["token", "--user", "root@example.org", "--admin", "--data-dir"])
            .arg(&data)
            .output()
            .unwrap();
        let token = String::from_utf8(output.stdout).unwrap().lines().last().unwrap().trim().to_owned();
        Self { child, directory, url: format!("http://{listen}"), token }
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, file: &Path) -> Command {
        let mut command = Command::new(BINARY);
        command
            .current_dir(self.directory.path())
            .args(["import", "--server", &self.url, "--token", &self.token])
            .arg(file)
            .stdin(Stdio::null());
        command
    }

    fn import(&self, file: &Path) -> Output {
        self.command(file).output().unwrap()
    }

    fn get(&self, path: &str) -> Value {
        let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
        let response = client.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().unwrap()
    }

    /// Status and number of tickets of each column.
    fn columns(&self, project: &str) -> Vec<(String, u64)> {
        let board = self.get(&format!("/projects/{project}/board"));
        let columns = board["columns"].as_array().unwrap();
        columns
            .iter()
            .map(|column| (column["status"].as_str().unwrap().to_owned(), column["count"].as_u64().unwrap()))
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn issue(number: u32) -> Value {
    json!({
        "url": format!("https://api.github.com/repos/octo/hello/issues/{number}"),
        "repository_url": "https://api.github.com/repos/octo/hello",
        "html_url": format!("https://github.com/octo/hello/issues/{number}"),
        "number": number, "title": format!("Issue {number} <script>alert('ñ')</script> 👩‍🚀"), "body": "line\r\nline",
        "user": {"login": format!("User{}", number % 7)}, "labels": [{"name": "bug"}],
        "state": if number % 3 == 0 { "open" } else { "closed" },
        "assignees": if number % 5 == 0 { json!([{"login": "Ann"}]) } else { json!([]) },
        "created_at": "2024-02-29T23:59:59Z", "updated_at": "2024-03-01T00:00:00Z",
    })
}

fn lines(issues: impl IntoIterator<Item = Value>) -> Vec<u8> {
    issues.into_iter().flat_map(|issue| format!("{issue}\n").into_bytes()).collect()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
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

    let rejects = std::fs::read_to_string(server.directory.path().join("issues.rejects.ndjson")).unwrap();
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
    let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
    let is_there = || {
        let ticket = client.get(format!("{}/tickets/HELLO-100", server.url)).bearer_auth(&server.token);
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
    let output = Command::new(BINARY)
        .args(["import", "--sample", "--server", &server.url, "--token", &server.token])
        .current_dir(server.directory.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains(" 0 unchanged, 0 rejected"), "{}", text(&output));
    assert!(server.columns("WEB").iter().all(|(_, count)| *count > 0));
}
