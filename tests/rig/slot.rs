//! A place for one process of the installation: whoever is in it is killed, replaced and started again under the same name.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::kinds::Part;
use crate::pace::last;
use crate::site::Site;
use crate::support::{STOPPED, Server};

/// How often to look whether something was logged.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct Slot {
    pub(crate) part: Part,
    pub(crate) name: String,
    server: Option<Server>,
    /// Where it keeps its stores, if not at the usual place.
    root: Option<PathBuf>,
    /// What those before have logged, with how each ended.
    history: Vec<String>,
}

impl Slot {
    /// An empty one.
    pub(crate) fn new(part: Part, name: &str) -> Self {
        Self { part, name: name.to_owned(), server: None, root: None, history: Vec::new() }
    }

    pub(crate) fn is_filled(&self) -> bool {
        self.server.is_some()
    }

    /// Where this process' stores are.
    pub(crate) fn dir(&self, site: &Site) -> PathBuf {
        let root = match self.part {
            Part::Worker => "workers",
            Part::Sink => "sinks",
            Part::Api => "apis",
            Part::Mailer => "mailers",
            Part::Webhooks => "webhooks",
        };
        self.root.clone().unwrap_or_else(|| site.home.data().join(root)).join(&self.name)
    }

    /// Starts a process here; does not wait.
    pub(crate) fn start(&mut self, site: &Site) {
        self.start_with(site, &[]);
    }

    pub(crate) fn start_with(&mut self, site: &Site, environment: &[(&str, &str)]) {
        assert!(self.server.is_none(), "{} runs already", self.name);
        self.server = Some(self.spawn(site, environment));
    }

    fn spawn(&self, site: &Site, environment: &[(&str, &str)]) -> Server {
        let mut arguments = vec![self.part.command()];
        match self.part {
            Part::Api => arguments.extend(["--listen", &site.api]),
            _ => arguments.extend(["--instance", &self.name]),
        }
        if let Some(root) = &self.root {
            arguments.extend(["--state-dir", root.to_str().unwrap()]);
        }
        let mut server = site.launch(&arguments, environment);
        if self.part == Part::Api {
            server.url = site.url();
        }
        server
    }

    /// Whoever is here; fails if it has ended by itself, which nothing that happens to it is a reason for.
    pub(crate) fn server(&mut self) -> &mut Server {
        let alive = self.server.as_mut().is_some_and(Server::is_alive);
        assert!(alive, "{}", self.why("has ended by itself"));
        self.server.as_mut().unwrap()
    }

    /// SIGKILL; whether that is what it ended by.
    pub(crate) fn kill(&mut self) -> bool {
        let killed = self.server().kill().signal() == Some(9);
        self.empty("killed");
        killed
    }

    /// SIGTERM, and waits until it has ended in order.
    pub(crate) fn stop(&mut self) {
        self.server().terminate();
        let status = self.server.as_mut().unwrap().wait_until_ended(STOPPED);
        assert_eq!(status.code(), Some(0), "{}", self.why("did not stop in order"));
        self.empty("stopped");
    }

    fn empty(&mut self, how: &str) {
        if let Some(mut server) = self.server.take() {
            self.history.extend(server.logged().iter().cloned());
            self.history.push(format!("---- {how}"));
        }
    }

    /// Starts another process with this one's id beside it and its own stores; once the first has ended, for that reason, the other one
    /// takes its place. Whether it did.
    pub(crate) fn replace_by_twin(&mut self, site: &Site, root: PathBuf, within: Duration) -> bool {
        let before = self.root.replace(root);
        let twin = self.spawn(site, &[]);
        let first = self.server.as_mut().unwrap();
        let end = Instant::now() + within;
        while first.is_alive() {
            if Instant::now() > end {
                self.root = before;
                return false;
            }
            last(LOOK);
        }
        let status = first.wait_until_ended(within);
        let said = self.why("has a twin");
        assert_eq!(status.code(), Some(3), "{said}");
        self.empty("fenced by its twin");
        self.server = Some(twin);
        said.contains("give each instance an id of its own")
    }

    /// Whether it has said within this time that it runs; once is enough.
    pub(crate) fn runs(&mut self, within: Duration) -> bool {
        self.server().runs(within)
    }

    /// Whether it is held at a point, within this time.
    pub(crate) fn is_held(&mut self, within: Duration) -> bool {
        self.server().says("state=HELD", within)
    }

    pub(crate) fn signal(&mut self, name: &str) {
        self.server().signal(name);
    }

    /// How much it has logged.
    pub(crate) fn mark(&mut self) -> usize {
        self.server.as_mut().map_or(0, |server| server.logged().len())
    }

    /// Whether it has logged this since a mark.
    pub(crate) fn has_logged(&mut self, part: &str, since: usize) -> bool {
        self.server.as_mut().is_some_and(|server| server.logged()[since..].iter().any(|line| line.contains(part)))
    }

    /// Whether it logs this within this time.
    pub(crate) fn logs(&mut self, part: &str, since: usize, within: Duration) -> bool {
        let end = Instant::now() + within;
        while !self.has_logged(part, since) {
            if Instant::now() > end {
                return false;
            }
            last(LOOK);
        }
        true
    }

    /// All that was logged here.
    pub(crate) fn log(&mut self) -> Vec<String> {
        let now = self.server.as_mut().map(|server| server.logged().to_vec()).unwrap_or_default();
        self.history.iter().cloned().chain(now).collect()
    }

    /// What is wrong with it, and what it has said last.
    pub(crate) fn why(&mut self, what: &str) -> String {
        let log = self.log();
        format!("{} {what}: {}", self.name, log[log.len().saturating_sub(30)..].join("\n"))
    }
}
