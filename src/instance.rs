//! Who a worker, or a sink, is among those of its application, and the directory that is its own.
//!
//! The id names the member of the group and its producers, so two processes must never have the same, and a process should
//! have its own again after a restart, with the stores that belong to it. So an id is a directory with a lock.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use topology::broker::{Broker, BrokerError};

/// How many processes of one application may run on a host without ids of their own.
const SLOTS: u32 = 256;

/// An id that no other process on this host has as long as this is held.
#[derive(Debug)]
pub(crate) struct Instance {
    id: String,
    dir: PathBuf,
    _lock: File,
}

impl Instance {
    /// Takes the given id, or, if that is empty, the host's name with the lowest number that is free.
    pub(crate) fn claim(root: &Path, id: &str) -> anyhow::Result<Self> {
        if !id.is_empty() {
            check(id)?;
            let claimed = Self::try_claim(root, id)?;
            return claimed.with_context(|| {
                let dir = root.join(id);
                format!("another process runs as instance `{id}` with {}: give this one another id", dir.display())
            });
        }
        let host = host();
        for slot in 0..SLOTS {
            if let Some(claimed) = Self::try_claim(root, &format!("{host}-{slot}"))? {
                return Ok(claimed);
            }
        }
        bail!("{SLOTS} processes run with {} already", root.display())
    }

    fn try_claim(root: &Path, id: &str) -> anyhow::Result<Option<Self>> {
        let dir = root.join(id);
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let path = dir.join("lock");
        let file = File::options().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { id: id.to_owned(), dir, _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }

    /// The id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Where this instance keeps its stores.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Refuses stores that were filled from another cluster: offsets of one mean nothing in another, and nobody would notice.
pub(crate) fn keep_to_cluster(dir: &Path, broker: &dyn Broker) -> Result<(), BrokerError> {
    match broker.cluster_id()? {
        Some(cluster) => keep_to(dir, &cluster).map_err(|error| BrokerError::Fatal(format!("{error:#}"))),
        None => Ok(()),
    }
}

fn keep_to(dir: &Path, cluster: &str) -> anyhow::Result<()> {
    let path = dir.join("cluster");
    match fs::read_to_string(&path) {
        Ok(known) if known.trim() == cluster => Ok(()),
        Ok(known) => bail!(
            "the stores in {} belong to Kafka cluster {}, but this is {cluster}: take another worker.state_dir, or delete them",
            dir.display(),
            known.trim()
        ),
        // Written whole under another name first: half an id would lock the stores out.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let draft = dir.join("cluster.new");
            let written = fs::write(&draft, cluster).and_then(|()| fs::rename(&draft, &path));
            written.with_context(|| format!("cannot write {}", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Ids are parts of file names, of member ids and of transactional ids.
fn check(id: &str) -> anyhow::Result<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let named = id.chars().any(|c| c != '.');
    anyhow::ensure!(
        named && id.len() <= 100 && id.chars().all(fine),
        "instance id `{id}`: letters, digits, `-`, `_` and `.` are allowed, 100 at most"
    );
    Ok(())
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let name = name.unwrap_or_default();
    let fine = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let name: String = name.trim().chars().take(60).map(fine).collect();
    if name.is_empty() { "worker".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_give_each_process_the_lowest_number_that_is_free() {
        let root = tempfile::tempdir().unwrap();
        let first = Instance::claim(root.path(), "").unwrap();
        let second = Instance::claim(root.path(), "").unwrap();
        assert!(first.id().ends_with("-0") && second.id().ends_with("-1"), "{first:?} {second:?}");
        let id = first.id().to_owned();
        drop(first);
        assert_eq!(Instance::claim(root.path(), "").unwrap().id(), id, "it comes back as who it was");
    }

    #[test]
    fn should_refuse_an_id_that_another_process_has() {
        let root = tempfile::tempdir().unwrap();
        let _held = Instance::claim(root.path(), "a").unwrap();
        let error = Instance::claim(root.path(), "a").unwrap_err().to_string();
        assert!(error.contains("another process runs as instance `a`"), "{error}");
    }

    #[test]
    fn should_keep_stores_to_the_cluster_that_filled_them() {
        let dir = tempfile::tempdir().unwrap();
        keep_to(dir.path(), "one").unwrap();
        keep_to(dir.path(), "one").unwrap();
        let error = keep_to(dir.path(), "two").unwrap_err().to_string();
        assert!(error.contains("belong to Kafka cluster one, but this is two"), "{error}");
    }

    #[test]
    fn should_refuse_an_id_that_leads_out_of_the_directory() {
        let root = tempfile::tempdir().unwrap();
        for id in ["../a", "a/b", "..", "ä", " "] {
            assert!(Instance::claim(root.path(), id).is_err(), "{id}");
        }
    }
}
