//! A mail server of a test's own, aiosmtpd (`tests/python/smtp.py`), which says what it has taken.

#![allow(clippy::unwrap_used, reason = "a helper of tests")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::support::services::{clone, script, succeeded};

/// How long a mail may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mail server of the test's own.
pub(crate) struct MailServer {
    child: Child,
    lines: Receiver<String>,
    pub(crate) url: String,
    pub(crate) port: String,
}

impl MailServer {
    pub(crate) fn start() -> Self {
        Self::start_at(None)
    }

    /// At the port that one before it had.
    pub(crate) fn start_at(port: Option<&str>) -> Self {
        let python = succeeded(&script("python.sh").output().unwrap(), "python.sh");
        let mut command = Command::new(python.trim());
        let program = clone().join("tests/python/smtp.py");
        let mut child = command.arg(program).args(port).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let (send, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
        let port = lines.recv_timeout(PATIENCE).unwrap();
        Self { child, lines, url: format!("smtp://127.0.0.1:{port}?tls=none"), port }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it by this signal; the mails that it has taken and nobody has asked for yet.
    pub(crate) fn end(mut self, signal: &str) -> Vec<Value> {
        self.signal(signal);
        self.child.wait().unwrap();
        let lines = std::mem::replace(&mut self.lines, channel().1);
        lines.iter().map(|line| serde_json::from_str(&line).unwrap()).collect()
    }

    /// The next mail that it takes.
    pub(crate) fn next(&self) -> Value {
        self.next_within(PATIENCE).unwrap()
    }

    /// The next mail, if it takes one so soon.
    pub(crate) fn next_within(&self, patience: Duration) -> Option<Value> {
        Some(serde_json::from_str(&self.lines.recv_timeout(patience).ok()?).unwrap())
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
