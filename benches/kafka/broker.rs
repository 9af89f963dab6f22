//! A broker of a run's own, with Java's best code and memory to keep; those of the tests are made to start soon.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use tempfile::TempDir;

/// It runs where this process is held.
pub(crate) struct OwnBroker {
    dir: TempDir,
    bootstrap: String,
    pid: u32,
}

impl OwnBroker {
    pub(crate) fn start() -> anyhow::Result<Self> {
        // Where `make services-down` finds it if this is killed.
        let all = std::path::absolute(".services/own")?;
        std::fs::create_dir_all(&all)?;
        let dir = tempfile::Builder::new().prefix("kafka-bench").tempdir_in(all)?;
        std::fs::write(dir.path().join("owner"), std::process::id().to_string())?;
        let mut broker = Self { dir, bootstrap: String::new(), pid: 0 };
        let output = broker.script("start").stderr(Stdio::inherit()).output().context("scripts/kafka.sh")?;
        let printed = String::from_utf8(output.stdout)?;
        let bootstrap = printed.lines().find_map(|line| line.strip_prefix("bootstrap="));
        broker.bootstrap = bootstrap.context("the broker did not start")?.to_owned();
        broker.pid = std::fs::read_to_string(broker.dir().join("pid"))?.trim().parse()?;
        Ok(broker)
    }

    /// `host:port`.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn script(&self, verb: &str) -> Command {
        let mut command = Command::new(PathBuf::from("scripts/kafka.sh"));
        command.arg(verb).arg(self.dir()).stdin(Stdio::null()).env_remove("SYNCROBOARD_LOG_DIR");
        command
    }
}

/// Its directory is deleted right after.
impl Drop for OwnBroker {
    fn drop(&mut self) {
        let _ = self.script("kill").status();
    }
}
