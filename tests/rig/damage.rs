//! What becomes of the state directory of a process while it is dead.

#[path = "../support/damage.rs"]
#[allow(dead_code, reason = "shared with tests/kafka, which uses the rest")]
mod kinds;

use std::path::{Path, PathBuf};

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

use kinds::Damage;

/// Does something to a task below a directory with stores, and says to which and what; `None` if there was nothing: a process may be killed
/// before it has made any.
pub(crate) fn damage(dir: &Path, random: &mut SmallRng) -> Option<(PathBuf, String)> {
    let mut all = Damage::ALL;
    all.shuffle(random);
    dir.is_dir().then(|| all.iter().find_map(|kind| kinds::damage(dir, *kind, random))).flatten()
}

/// Takes all of it away.
pub(crate) fn delete(dir: &Path) {
    // A process that was killed before it had made it has none.
    let _ = std::fs::remove_dir_all(dir);
}
