//! A mail server that can be killed, frozen and started again at the same address, and what it has taken.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::support::services::{clone, script, succeeded};

const PATIENCE: Duration = Duration::from_secs(60);

/// How often each mail was taken, by its Message-ID.
type Taken = Arc<Mutex<BTreeMap<String, usize>>>;

/// aiosmtpd, by `tests/python/smtp.py`.
pub(crate) struct Post {
    python: String,
    port: u16,
    child: Child,
    taken: Taken,
}

impl Post {
    pub(crate) fn start() -> Self {
        let python = succeeded(&script("python.sh").output().unwrap(), "python.sh").trim().to_owned();
        let (port, taken) = (free_port(), Taken::default());
        let child = launch(&python, port, &taken);
        Self { python, port, child, taken }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://{}?tls=none", self.address())
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name; does not wait.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// In order, and waits until it is gone.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        self.child.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        self.child = launch(&self.python, self.port, &self.taken);
    }

    pub(crate) fn taken(&self) -> BTreeMap<String, usize> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Comes back when it listens.
fn launch(python: &str, port: u16, taken: &Taken) -> Child {
    let mut command = Command::new(python);
    command.arg(clone().join("tests/python/smtp.py")).arg(port.to_string());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (ready, listens): (Sender<String>, _) = channel();
    let taken = taken.clone();
    std::thread::spawn(move || {
        let mut lines = output.lines().map_while(Result::ok);
        lines.next().into_iter().for_each(|port| drop(ready.send(port)));
        // It says so before it says it to whoever hands the mail over. What was cut off by its death was not taken.
        for mail in lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok()) {
            let id = mail["headers"]["message-id"].as_str().unwrap_or_default().to_owned();
            *taken.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default() += 1;
        }
    });
    assert_eq!(listens.recv_timeout(PATIENCE).unwrap(), port.to_string());
    child
}

/// A port that nobody listens on, below those that the system hands out to clients, so that who is down for a moment keeps its own.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = 20_000 + rand::random::<u16>() % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
