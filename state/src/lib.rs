//! State stores of one task: key-value stores in RocksDB or in memory, with the open transaction laid over them.
//!
//! Writes stay in an overlay in memory. At the end of the transaction [`TaskState::changes`] tells what belongs into the
//! changelog; after the changelog has been committed, [`TaskState::commit`] writes everything, together with the changelog
//! offsets that it reaches, to the backend in one batch. A crash therefore never costs the whole store: the next start
//! restores the tail of the changelog from [`TaskState::checkpoint`], no more.
//!
//! | file | holds |
//! |---|---|
//! | `task_state.rs`, `transaction.rs` | [`TaskState`]: reads, writes, records; commit, abort, restore, wipe |
//! | `overlay.rs`, `key_index.rs`, `sorted_view.rs` | uncommitted writes of one store |
//! | `rocks.rs`, `rocks_options.rs`, `memory_store.rs` | the two backends |
//! | `merge.rs`, `expiry.rs`, `set_aside.rs` | scans over both, time-ordered expiry, damaged databases |
//!
//! It knows nothing of brokers, serialisation or tickets: keys and values are bytes. It is not a log: what was committed
//! here since the last flush is lost with the process, and comes back from the changelog.
//!
//! ```
//! use state::{StoreSpec, TaskState};
//!
//! let mut state = TaskState::in_memory(&[StoreSpec::new("counts")]);
//! let counts = state.store_id("counts").ok_or("no such store")?;
//!
//! state.begin_record();
//! state.put(counts, b"kafka", b"1");
//! state.begin_record();
//! state.put(counts, b"streams", b"1");
//! state.rollback_record(); // the second record failed: it never happened
//!
//! let mut changelog = Vec::new();
//! state.changes(counts, &mut |key, value, _timestamp| changelog.push((key.to_vec(), value.map(<[u8]>::to_vec))));
//! assert_eq!(changelog, [(b"kafka".to_vec(), Some(b"1".to_vec()))]);
//!
//! state.commit(&[(counts, 1)])?; // offset 0 is in the changelog; restoring would start at 1
//! assert_eq!(state.checkpoint(counts)?, Some(1));
//! assert_eq!(state.get(counts, b"kafka", |value| value.map(<[u8]>::to_vec))?, Some(b"1".to_vec()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod budget;
#[cfg(feature = "injected-bugs")]
pub mod bugs;
mod error;
mod expiry;
mod key_index;
mod memory_store;
mod merge;
mod overlay;
mod rocks;
mod rocks_options;
mod set_aside;
mod sorted_view;
mod spec;
mod step;
mod task_state;
mod transaction;
mod visit;

pub use budget::StateMemory;
pub use error::StateError;
pub use expiry::NO_STREAM_TIME;
pub use set_aside::set_aside;
pub use spec::{StoreId, StoreSpec};
pub use step::{StepHook, StoreStep};
pub use task_state::{OpenReport, StoreSize, TaskState};
pub use visit::{Visit, VisitChange};
