//! Drives the real binary: servers that end with their test, other commands, and HTTP.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) mod services;
pub(crate) mod turn;

const BINARY: &str = env!("CARGO_BIN_EXE_syncroboard");

/// How long a server may take for what it is waited for: far more than it needs on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a process may take to stop when it is asked to.
pub(crate) const STOPPED: Duration = Duration::from_secs(20);

/// What processes log whose logs are kept when a test fails.
pub(crate) const LOG_FILTER: &str = "warn,syncroboard=info,topology=debug,connectors=debug";

/// The administrator on whose behalf tests speak.
pub(crate) const ADMIN: &str = "root@example.org";

/// A directory of a test's own: the data directory in it, files, and whatever runs there.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The binary with these arguments, to be run here, untouched by the settings of whoever runs the test.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SYNCROBOARD")) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG").current_dir(self.path()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// An administrator's token, made by the binary.
    pub(crate) fn token(&self) -> String {
        let output = self.run(&["token", "--user", ADMIN, "--admin"]);
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap().trim().to_owned()
    }

    /// Starts a server on a port of its own; it is not ready yet.
    pub(crate) fn launch(&self) -> Server {
        Self::spawn(&mut self.command(&["dev", "--listen", "127.0.0.1:0"]))
    }

    /// Starts a command that runs until it is stopped.
    pub(crate) fn spawn(command: &mut Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = lines(child.stdout.take().unwrap());
        let log = lines(child.stderr.take().unwrap());
        Server { child, output, log, logged: Vec::new(), running: false, url: String::new() }
    }

    /// Starts a server and waits until it is ready.
    pub(crate) fn start(&self) -> Server {
        let mut server = self.launch();
        server.wait_until_running();
        server
    }
}

/// Everything that a command said.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Lines as they come; the channel ends with the process.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive): (Sender<String>, _) = channel();
    std::thread::spawn(move || {
        // Read to the end even if no one listens any more: the pipe must not fill up.
        BufReader::new(from).lines().map_while(Result::ok).for_each(|line| drop(send.send(line)));
    });
    receive
}

/// A running `syncroboard dev` or `worker`; it is killed when dropped.
pub(crate) struct Server {
    child: Child,
    output: Receiver<String>,
    log: Receiver<String>,
    logged: Vec<String>,
    /// It has said that it runs.
    running: bool,
    /// Where it listens, if it does; known once it is running.
    pub(crate) url: String,
}

impl Server {
    /// Waits for the line that says that every task has its state.
    pub(crate) fn wait_until_running(&mut self) {
        let line = self.wait_for_output("state=RUNNING");
        self.running = true;
        if let Some(url) = line.split_whitespace().find_map(|word| word.strip_prefix("listen=")) {
            url.trim_end_matches('/').clone_into(&mut self.url);
        }
    }

    /// Waits for a line on standard output.
    pub(crate) fn wait_for_output(&mut self, part: &str) -> String {
        wait_for(&self.output, part, PATIENCE)
            .unwrap_or_else(|why| self.give_up(&format!("no {part:?} on its output: {why}")))
    }

    /// Whether it has said within this time that it runs; once is enough.
    pub(crate) fn runs(&mut self, within: Duration) -> bool {
        self.running = self.running || self.says("state=RUNNING", within);
        self.running
    }

    /// Whether a line comes on standard output within this time.
    pub(crate) fn says(&self, part: &str, within: Duration) -> bool {
        wait_for(&self.output, part, within).is_ok()
    }

    /// Waits for a line in its log.
    pub(crate) fn wait_for_log(&mut self, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.log.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.logged.push(line),
                Err(why) => self.give_up(&format!("no {part:?} in its log: {why}")),
            }
            if let Some(line) = self.logged.last().filter(|line| line.contains(part)) {
                return line.clone();
            }
        }
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// SIGKILL, and waits until the process is gone; what it ended with.
    pub(crate) fn kill(&mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    /// SIGTERM; does not wait.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name; does not wait.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// SIGTERM, and waits until it has ended in order.
    pub(crate) fn stop(&mut self) {
        self.terminate();
        assert_eq!(self.wait_until_ended(STOPPED).code(), Some(0), "{:?}", self.logged());
    }

    /// As [`Self::stop`], of one that may have been started just now: until it knows of signals, one just ends it.
    pub(crate) fn stop_once_running(&mut self) {
        if !self.running {
            self.wait_until_running();
        }
        self.stop();
    }

    /// Waits until it ends by itself: its output ends with it.
    pub(crate) fn wait_until_ended(&mut self, within: Duration) -> ExitStatus {
        let end = Instant::now() + within;
        loop {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().unwrap();
                    // To the end of its log, which another thread reads.
                    self.logged.extend(self.log.iter());
                    return status;
                }
                Err(RecvTimeoutError::Timeout) => self.give_up(&format!("it did not end within {within:?}")),
            }
        }
    }

    /// What it has logged so far.
    pub(crate) fn logged(&mut self) -> &[String] {
        self.logged.extend(self.log.try_iter());
        &self.logged
    }

    fn give_up(&mut self, why: &str) -> ! {
        services::keep_stacks(self.child.id());
        let _ = self.child.kill();
        let status = self.child.wait();
        panic!("the server: {why}; it ended with {status:?}");
    }

    /// GET, as the bearer of `token`.
    pub(crate) fn get(&self, token: &str, path: &str) -> Value {
        let response = http().get(format!("{}{path}", self.url)).bearer_auth(token).send().unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().unwrap()
    }

    /// POST, as the bearer of `token`: something is made.
    pub(crate) fn post(&self, token: &str, path: &str, body: &Value) {
        let response = http().post(format!("{}{path}", self.url)).bearer_auth(token).json(body).send().unwrap();
        assert_eq!(response.status().as_u16(), 201, "{path}");
    }

    /// As [`Self::get`], once the read model shows a project's event of this sequence.
    pub(crate) fn get_since(&self, token: &str, path: &str, project: Uuid, sequence: i64) -> Value {
        let request = http().get(format!("{}{path}", self.url)).bearer_auth(token);
        let response = request.header("syncroboard-sequence", format!("{project}:{sequence}")).send().unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().unwrap()
    }

    /// What `verify` answers once the server has every task: until then it refuses.
    pub(crate) fn verified(&self, home: &Home, token: &str) -> Output {
        let end = Instant::now() + PATIENCE;
        loop {
            let arguments = ["verify", "--server", &self.url];
            let verified = home.command(&arguments).env("SYNCROBOARD_TOKEN", token).output().unwrap();
            if !text(&verified).contains("tasks are here and have their state") || Instant::now() > end {
                return verified;
            }
        }
    }

    /// Waits until the read model shows all that was decided about a project: an update that changes nothing is
    /// answered once what came before it can be read.
    pub(crate) fn settle(&self, token: &str, project: &str) {
        let request = http().patch(format!("{}/projects/{project}", self.url)).bearer_auth(token).json(&json!({}));
        let response = request.send().unwrap();
        assert_eq!(response.status().as_u16(), 200, "{}", response.text().unwrap());
    }

    /// Status and number of tickets of each column of a project's board.
    pub(crate) fn columns(&self, token: &str, project: &str) -> Vec<(String, u64)> {
        let board = self.get(token, &format!("/projects/{project}/board"));
        let columns = board["columns"].as_array().unwrap();
        columns
            .iter()
            .map(|column| (column["status"].as_str().unwrap().to_owned(), column["count"].as_u64().unwrap()))
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() && self.is_alive() {
            services::keep_stacks(self.child.id());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            services::keep_log("server", &self.logged().join("\n"));
        }
    }
}

fn wait_for(lines: &Receiver<String>, part: &str, within: Duration) -> Result<String, RecvTimeoutError> {
    let end = Instant::now() + within;
    loop {
        let line = lines.recv_timeout(end.saturating_duration_since(Instant::now()))?;
        if line.contains(part) {
            return Ok(line);
        }
    }
}

/// A client that goes straight to the server, whatever proxies the environment names.
pub(crate) fn http() -> reqwest::blocking::Client {
    reqwest::blocking::Client::builder().no_proxy().build().unwrap()
}
