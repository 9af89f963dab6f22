//! A file system with little room, in memory. Making one takes root, or `sudo` without a password.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, reason = "a helper of tests")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub(crate) struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// For whoever runs the test.
    pub(crate) fn new(megabytes: u32) -> Self {
        Self::of(&id(&[]), megabytes)
    }

    /// For a Postgres, which runs as a user of its own where the tests run as root.
    pub(crate) fn for_postgres(megabytes: u32) -> Self {
        Self::of(&if id(&[]) == "0" { id(&["postgres"]) } else { id(&[]) }, megabytes)
    }

    fn of(user: &str, megabytes: u32) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().display().to_string();
        let options = format!("size={megabytes}m,mode=0700,uid={user}");
        privileged(&["mount", "-t", "tmpfs", "-o", &options, "tmpfs", &path]);
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Leaves no room, also where some has come back since.
    pub(crate) fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.ballast()).expect("a file");
        while ballast.write_all(&[0; 4 << 10]).is_ok() {}
    }

    /// Gives the room back.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.ballast()).expect("removed");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        privileged(&["umount", "--lazy", &self.path().display().to_string()]);
    }
}

fn id(of: &[&str]) -> String {
    let output = Command::new("id").arg("-u").args(of).output().expect("id runs");
    String::from_utf8(output.stdout).expect("a number").trim().to_owned()
}

fn privileged(command: &[&str]) {
    let mut words = if id(&[]) == "0" { Vec::new() } else { vec!["sudo", "-n"] };
    words.extend(command);
    let done = Command::new(words[0]).args(&words[1..]).status().expect("it runs");
    assert!(done.success(), "{words:?} failed: this test takes root, or sudo without a password");
}
