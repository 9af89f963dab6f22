//! The ways between the states of a ticket. One workflow for all projects so far: the default.

pub use schemas::workflow::{STATUSES, is_open};

/// The state of a new ticket.
pub const INITIAL: &str = "OPEN";

/// The states that a ticket may go to from `status`; none from one that the workflow does not have.
#[must_use]
pub fn allowed_from(status: &str) -> &'static [&'static str] {
    match status {
        "OPEN" => &["IN_PROGRESS"],
        "IN_PROGRESS" => &["REVIEW", "OPEN"],
        "REVIEW" => &["DONE", "IN_PROGRESS"],
        "DONE" => &["OPEN"],
        _ => &[],
    }
}

/// True if the workflow has that state.
#[must_use]
pub fn is_status(status: &str) -> bool {
    STATUSES.contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_lead_only_to_its_own_states_and_never_to_the_same() {
        for from in STATUSES {
            assert!(!allowed_from(from).is_empty(), "{from} is a dead end");
            for to in allowed_from(from) {
                assert!(is_status(to) && *to != from, "{from} -> {to}");
            }
        }
    }
}
