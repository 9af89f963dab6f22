//! The states of a ticket. One workflow for all projects so far: the default.

/// Every state, in the order of the board's columns.
pub const STATUSES: [&str; 4] = ["OPEN", "IN_PROGRESS", "REVIEW", "DONE"];

/// True if there is still work to do in that state.
#[must_use]
pub fn is_open(status: &str) -> bool {
    status != "DONE"
}
