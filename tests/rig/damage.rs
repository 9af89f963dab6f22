//! What becomes of the state directory of a process while it is dead.

use std::path::Path;

use rand::rngs::SmallRng;

/// Does something to a directory with stores, and says what.
pub(crate) fn damage(dir: &Path, _random: &mut SmallRng) -> String {
    // A process that was killed before it had made it has none.
    let _ = std::fs::remove_dir_all(dir);
    "deleted".to_owned()
}
