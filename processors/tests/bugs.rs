//! The bugs put in on purpose do what their names say. A process of their own, as a bug is on for all of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]
#![cfg(feature = "injected-bugs")]

mod common;

use common::driver::*;
use common::*;
use processors::bugs::{Bug, set};
use schemas::topics::COMMAND_OUTCOMES;

/// One test, as bugs are on for the whole process.
#[test]
fn should_be_wrong_in_the_way_that_each_bug_says() {
    set(Some(Bug::SequenceOutsideStore));
    let mut driver = with_project().manual_commit();
    send(&mut driver, with_id(create(OWNER, |_| {}), 2), AT);
    driver.abort();
    driver.run().unwrap();
    driver.commit().unwrap();
    set(None);
    assert_eq!(numbers(&driver), [2], "the aborted number is lost");

    let mut driver = with_project();
    register(&mut driver, 2, "new@example.org");
    driver.read(COMMAND_OUTCOMES);
    set(Some(Bug::MemoryForgottenOnReply));
    send(&mut driver, with_id(add_member(OWNER, |_| {}), 3), AT);
    send(&mut driver, with_id(add_member(OWNER, |_| {}), 3), AT);
    set(None);
    assert_eq!(outcomes(&mut driver).len(), 1, "the repetition waits for ever");
}
