//! Whichever bit of a database is flipped: it is found out, or what is read is what was written.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use state::{StateError, StateMemory, StoreId, StoreSpec, TaskState};

/// Positions in all files that are damaged in turn; all of them if `SYNCROBOARD_FLIPS` is large enough.
const FLIPS: usize = 150;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

fn specs() -> [StoreSpec; 3] {
    [StoreSpec::new("tickets"), StoreSpec::new("memory").expiring(1_000_000), StoreSpec::new("members")]
}

/// Checkpoint and entries of each store.
fn read(state: &TaskState) -> Result<Vec<(i64, Entries)>, StateError> {
    let read = |store| {
        let mut entries = Entries::new();
        state.prefix(store, &[], &mut |key, value| {
            entries.insert(key.to_vec(), value.to_vec());
            ControlFlow::Continue(())
        })?;
        for (key, value) in &entries {
            assert_eq!(state.get(store, key, |found| found.map(<[u8]>::to_vec))?.as_ref(), Some(value));
        }
        Ok((state.checkpoint(store)?.unwrap_or(0), entries))
    };
    (0..specs().len()).map(|store| read(StoreId(store))).collect()
}

/// Closed, of several generations: what lies in it was written between several opens and flushes. What each commit made of it.
fn filled(dir: &Path) -> Vec<Vec<(i64, Entries)>> {
    let mut generations = vec![vec![(0, Entries::new()); specs().len()]];
    for opened in 0..3 {
        let (mut state, _) = TaskState::open(dir, &specs(), &StateMemory::default()).unwrap();
        for flushed in 0..2 {
            let generation = opened * 2 + flushed + 1;
            state.set_stream_time(i64::from(generation));
            for store in 0..specs().len() {
                for n in 0..40u32 {
                    // Some are overwritten by the next generation.
                    let key = (n * generation).to_be_bytes();
                    state.put(StoreId(store), &key, format!("{store} {generation} {n}").repeat(4).as_bytes());
                }
            }
            let checkpoints: Vec<_> = (0..specs().len()).map(|s| (StoreId(s), i64::from(generation))).collect();
            state.commit(&checkpoints).unwrap();
            state.flush().unwrap();
            generations.push(read(&state).unwrap());
        }
    }
    generations
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name == "CURRENT" || name.starts_with("MANIFEST") || name.ends_with(".sst")
    });
    files.sort();
    files
}

#[test]
fn should_never_read_what_was_not_written_whichever_bit_is_flipped() {
    let home = tempfile::tempdir().unwrap();
    let whole = home.path().join("whole");
    let generations = filled(&whole);
    let files = files(&whole);
    let sizes: Vec<usize> = files.iter().map(|path| fs::metadata(path).unwrap().len() as usize).collect();
    let total: usize = sizes.iter().sum();
    let flips = std::env::var("SYNCROBOARD_FLIPS").map_or(FLIPS, |n| n.parse().unwrap());
    let (mut found_at_open, mut found_in_reading, mut older, mut unharmed) = (0, 0, 0, 0);
    let stride = (total / flips).max(1);
    for (turn, position) in (0..total).step_by(stride).enumerate() {
        let (mut file, mut at) = (0, position);
        while at >= sizes[file] {
            at -= sizes[file];
            file += 1;
        }
        let dir = home.path().join(format!("flipped-{turn}"));
        fs::create_dir(&dir).unwrap();
        for (n, path) in fs::read_dir(&whole).unwrap().map(|entry| entry.unwrap().path()).enumerate() {
            let to = dir.join(path.file_name().unwrap());
            if path == files[file] {
                let mut bytes = fs::read(&path).unwrap();
                bytes[at] ^= 1 << (turn % 8);
                fs::write(to, bytes).unwrap();
            } else if path.extension().is_some_and(|kind| kind == "sst") {
                fs::hard_link(&path, to).unwrap();
            } else {
                fs::copy(&path, to).unwrap();
            }
            assert!(n < 1_000);
        }
        let what = format!("bit {} of byte {at} of {}", turn % 8, files[file].display());
        let (state, report) = TaskState::open(&dir, &specs(), &StateMemory::default()).unwrap();
        let seen = read(&state);
        match (seen, report.set_aside) {
            (Ok(seen), Some(_)) => {
                assert_eq!(seen, generations[0], "{what}");
                found_at_open += 1;
            }
            (Err(StateError::Corrupt { .. }), None) => found_in_reading += 1,
            (Ok(seen), None) if Some(&seen) == generations.last() => unharmed += 1,
            // The end of a manifest may be taken for half written: what it is then is what it once was.
            (Ok(seen), None) => {
                assert!(generations.contains(&seen), "{what}: {seen:?}");
                older += 1;
            }
            (Err(error), _) => panic!("{what}: {error}"),
        }
        drop(state);
        fs::remove_dir_all(&dir).unwrap();
        let aside = dir.with_file_name(format!("flipped-{turn}.corrupt-1"));
        if aside.exists() {
            fs::remove_dir_all(aside).unwrap();
        }
    }
    println!("found at open {found_at_open}, in reading {found_in_reading}; older {older}; unharmed {unharmed}");
    assert!(found_at_open > 0 && found_in_reading > 0, "{found_at_open} {found_in_reading}");
}
