//! How far a consumer group is behind, and whether that is bad: for any group of any broker, this application's or not.
//!
//! A [`LagMonitor`] looks at a group from outside: committed offsets, ends of the partitions, the time of the first record
//! that is not consumed yet. What several looks show together is judged by the rules of Burrow ([`evaluate`]), which need
//! no threshold: lag alone says nothing, lag that nobody works off does.
//!
//! | file | what is in it |
//! |---|---|
//! | `burrow` | the rules, as a pure function |
//! | `window` | what consecutive looks at one partition say: commits, trend |
//! | `monitor` | asking the broker |
//! | `unread` | the first record that is not consumed yet |
//! | `report` | what comes out, ready to be printed or serialised |

mod burrow;
mod monitor;
mod report;
mod unread;
mod window;

pub use burrow::{Commit, Status, evaluate};
pub use monitor::LagMonitor;
pub use report::{GroupLag, GroupStatus, PartitionLag};
pub use window::{Look, Trend, Window};
