//! The real binary, killed and stopped while 64 clients write: numbers stay without gaps, and nothing that was
//! acknowledged is lost. The oracle that says so reads the log and shares no code with what writes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

mod board;
mod command_line;
mod damaged;
mod dlq;
mod full_disk;
mod lag;
#[allow(dead_code, reason = "shared with tests/kafka and others, which use the rest")]
mod load;
mod log;
mod oracle;
#[path = "../support/small_disk.rs"]
mod small_disk;
mod stop;
mod storm;
#[path = "../support/mod.rs"]
mod support;
mod tail;

#[test]
fn should_number_one_project_without_gaps_through_kills() {
    storm::hold_through(&["STORM".to_owned()], 20_000);
}

#[test]
fn should_number_200_projects_without_gaps_through_kills() {
    let projects: Vec<String> = (0..200).map(|n| format!("P{n:03}")).collect();
    storm::hold_through(&projects, 20_000);
}
