//! Damage to the stores of a worker that does not run, as a disk, a crash of the machine or a person does it.

#![allow(clippy::unwrap_used, reason = "a helper of tests")]

use std::fs;
use std::path::{Path, PathBuf};

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

/// What is done to the database of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// All of it is gone.
    Deleted,
    /// Files are gone.
    Removed(Part),
    /// Files end somewhere in their middle.
    Truncated(Part),
    /// Bits are flipped all over files.
    Flipped(Part),
    /// Where a write-ahead log would be, which is not used, noise is written.
    Noise,
}

/// Which of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Every table (SST).
    Tables,
    Current,
    Manifest,
    Log,
}

impl Damage {
    pub(crate) const ALL: [Self; 11] = [
        Self::Deleted,
        Self::Removed(Part::Tables),
        Self::Removed(Part::Current),
        Self::Removed(Part::Manifest),
        Self::Truncated(Part::Tables),
        Self::Truncated(Part::Current),
        Self::Truncated(Part::Manifest),
        Self::Flipped(Part::Tables),
        Self::Flipped(Part::Current),
        Self::Flipped(Part::Manifest),
        Self::Noise,
    ];

    /// Whether there must be tables: a task that was restored has none before it stops in order.
    pub(crate) fn needs_tables(self) -> bool {
        matches!(self, Self::Removed(Part::Tables) | Self::Truncated(Part::Tables) | Self::Flipped(Part::Tables))
    }

    /// Whether it is certain that something is found out and set aside. What is gone is only restored.
    pub(crate) fn is_found(self) -> bool {
        !matches!(self, Self::Deleted | Self::Noise)
    }
}

impl Part {
    fn has(self, path: &Path) -> bool {
        let name = path.file_name().unwrap().to_string_lossy();
        match self {
            Self::Tables => name.ends_with(".sst"),
            Self::Current => name == "CURRENT",
            Self::Manifest => name.starts_with("MANIFEST-"),
            Self::Log => name.ends_with(".log"),
        }
    }
}

/// Damages a task that is drawn from those below `dir` that have what is to be damaged, and says which and what was done; `None` if
/// there is none: a fault that is not there proves nothing.
///
/// The changelog is the stores' log; RocksDB's own is not used (`state/src/rocks_options.rs`), and its file is empty.
pub(crate) fn damage(dir: &Path, kind: Damage, random: &mut SmallRng) -> Option<(PathBuf, String)> {
    let struck = |task: &PathBuf| -> Vec<PathBuf> {
        let part = match kind {
            Damage::Deleted => return vec![task.clone()],
            Damage::Removed(part) | Damage::Truncated(part) | Damage::Flipped(part) => part,
            Damage::Noise => Part::Log,
        };
        children(task).into_iter().filter(|file| part.has(file) && (part == Part::Log || size(file) > 0)).collect()
    };
    let tasks = tasks(dir).into_iter().map(|task| (struck(&task), task)).filter(|(files, _)| !files.is_empty());
    let tasks: Vec<_> = tasks.collect();
    let (files, task) = tasks.choose(random)?;
    for path in files {
        match kind {
            Damage::Deleted => fs::remove_dir_all(path).unwrap(),
            Damage::Removed(_) => fs::remove_file(path).unwrap(),
            Damage::Truncated(_) => {
                // Of a manifest, its last record may be half written, which is no damage; its first may not.
                let most = if kind == Damage::Truncated(Part::Manifest) { 8 } else { size(path) };
                let file = fs::OpenOptions::new().write(true).open(path).unwrap();
                file.set_len(random.random_range(0..most)).unwrap();
            }
            Damage::Flipped(_) => flip(path, random),
            Damage::Noise => fs::write(path, random.random::<[u8; 32]>().repeat(20)).unwrap(),
        }
    }
    let what = format!("{kind:?} of {}: {} paths", task.file_name().unwrap().to_string_lossy(), files.len());
    Some((task.clone(), what))
}

/// One bit in each 64 bytes: whatever is read of it is damaged.
fn flip(path: &Path, random: &mut SmallRng) {
    let mut bytes = fs::read(path).unwrap();
    for piece in bytes.chunks_mut(64) {
        let at = random.random_range(0..piece.len());
        piece[at] ^= 1 << random.random_range(0..8);
    }
    fs::write(path, bytes).unwrap();
}

/// Directories with a task's database in use, in the order of their paths.
fn tasks(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for child in children(dir).into_iter().filter(|child| child.is_dir()) {
        if child.to_string_lossy().contains(".corrupt-") {
            continue;
        }
        if child.join("CURRENT").exists() { found.push(child) } else { found.extend(tasks(&child)) }
    }
    found
}

/// Directories that were set aside below `dir`.
pub(crate) fn set_aside(dir: &Path) -> Vec<PathBuf> {
    let (aside, other): (Vec<_>, Vec<_>) = children(dir)
        .into_iter()
        .filter(|child| child.is_dir())
        .partition(|c| c.to_string_lossy().contains(".corrupt-"));
    other.iter().flat_map(|child| set_aside(child)).chain(aside).collect()
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let mut children: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    children.sort();
    children
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}
