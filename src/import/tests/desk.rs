//! Where a whole import is run: a directory, a server, and what is asked for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::super::args::ImportArgs;
use super::super::client::Patience;
use super::super::error::{Exit, ImportError};
use super::super::input::Inputs;
use super::super::runner::Run;
use super::fake::{Fake, TOKEN};

/// Short, so that tests of a server that is away end.
pub(super) const SHORT: Patience = Patience {
    first_contact: Duration::from_millis(250),
    without_progress: Duration::from_secs(2),
    idle: Duration::from_secs(5),
};

pub(super) struct Desk {
    pub(super) directory: tempfile::TempDir,
    pub(super) server: Fake,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), server: Fake::start() }
    }

    pub(super) fn file(&self, content: &str) -> PathBuf {
        let path = self.directory.path().join("input.jsonl");
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(super) fn rejects(&self) -> PathBuf {
        self.directory.path().join("rejects.ndjson")
    }

    pub(super) fn args(&self, file: &Path) -> ImportArgs {
        ImportArgs {
            server: self.server.url(),
            rejects: Some(self.rejects()),
            files: vec![file.to_owned()],
            ..ImportArgs::default()
        }
    }

    pub(super) fn run(&self, content: &str) -> Result<(String, Exit), ImportError> {
        run(&self.args(&self.file(content)))
    }

    pub(super) fn rejected(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.rejects()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

pub(super) fn run(args: &ImportArgs) -> Result<(String, Exit), ImportError> {
    Run::start(args, Inputs::open(&args.files).unwrap(), TOKEN.into(), SHORT)?.finish()
}
